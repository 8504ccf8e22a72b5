"""The relay of a node as a test runs it: round after round, while blocks come."""

from collections.abc import Callable, Sequence

from perdure_node.gateway.intake import TakenIn, take_in
from perdure_node.gateway.rounds import DEFAULT_TERMS, RelayRounds, RelayState, RelayTerms
from tools.gateway_desk import GatewayDesk
from tools.light_site import LightSite

ROUNDS = 200


class RelayDesk:
    """A gateway that is served; ``state`` is what the last round said."""

    def __init__(self, desk: GatewayDesk, terms: RelayTerms = DEFAULT_TERMS) -> None:
        self.desk, self.network, self.terms = desk, desk.network, terms
        self.chain = self.network.anchor_chain()
        self.state: RelayState | None = None
        self._begin()

    def _begin(self) -> None:
        signer = self.desk.keys.relay()
        self.rounds = RelayRounds(self.desk.gateway, signer, self.network.clock, self.terms)

    def begin_again(self) -> None:
        """As the next process finds it."""
        self.desk.reopen()
        self.chain = self.network.anchor_chain()
        self._begin()

    def take_in(self, site: LightSite, *, per_hour: int | None = None, to_pass: bool = False) -> TakenIn:
        bundle = site.bundle()
        return take_in(
            self.desk.gateway, self.chain, bundle, self.network.clock, per_hour=per_hour, to_pass=to_pass
        )

    def round(self, seconds: float = 1.0) -> RelayState:
        """A round, and some time after it."""
        self.state = self.rounds.run(self.chain)
        self.network.pass_time(seconds)
        return self.state

    def until(self, done: Callable[[RelayState], bool], seconds: float = 1.0) -> RelayState:
        """Rounds until one says that it is done."""
        for _ in range(ROUNDS):
            state = self.round(seconds)
            if done(state):
                return state
        raise AssertionError(f"not done after {ROUNDS} rounds: {self.state}")

    def drain(self) -> RelayState:
        return self.until(lambda state: state.is_idle)


def sealed(sites: Sequence[LightSite], records: int = 2) -> Sequence[LightSite]:
    for site in sites:
        site.seal(records)
    return sites
