"""The relay worker: brings what sites have submitted to the registry, and evidence home."""

import contextlib
import logging
from typing import Final

from perdure_anchor.hashes import Address, parse_hex
from perdure_contracts.refused import SendFault, SendRefused

from perdure_node.clock import Clock
from perdure_node.endpoints.pool import EndpointPool
from perdure_node.gateway.folder import Gateway, GatewayKeys
from perdure_node.gateway.pair import ALONE, Pair
from perdure_node.gateway.rounds import RelayRounds, RelayState, RelayTerms
from perdure_node.gateway.settings import NodeSettings
from perdure_node.service.alarms import AlarmName
from perdure_node.service.state import NodeState

WORKER_NAME: Final = "relay"
# seconds between looks at what others may have done, and between rounds while something is under way
IDLE_PAUSE, BUSY_PAUSE = 5.0, 0.5
_log = logging.getLogger("perdure.relay")


class RelayWorker:
    """A step is one round over all that waits."""

    def __init__(
        self, gateway: Gateway, keys: GatewayKeys, pool: EndpointPool, state: NodeState, clock: Clock
    ) -> None:
        self._gateway, self._keys, self._pool = gateway, keys, pool
        self._state, self._clock = state, clock
        signer = keys.relay()
        self._rounds = RelayRounds(
            gateway, signer, clock, relay_terms(gateway.settings, bytes(signer.address))
        )

    def step(self) -> float:
        """One round; raises what keeps all of it back, and tells of what keeps back some."""
        with self._pool.pinned() as chain:
            done = self._rounds.run(chain)
            endpoint = str(chain.client.rpc.endpoint)
        self._state.saw_chain(
            endpoint=endpoint, head=done.block_number, head_time=done.block_time, seen_at=self._clock.now()
        )
        self._state.saw_relay(done)
        self._tell(done)
        return IDLE_PAUSE if done.is_idle else BUSY_PAUSE

    def close(self) -> None:
        """Close the folder and the keys."""
        with contextlib.ExitStack() as stack:
            stack.callback(self._gateway.close)
            stack.callback(self._keys.close)

    def _tell(self, done: RelayState) -> None:
        refusal = done.refusal or next((each for each in done.faults if isinstance(each, SendRefused)), None)
        poor = refusal is not None and refusal.fault is SendFault.NO_FUNDS
        alarms, hint = self._state.alarms, None if refusal is None else refusal.hint
        alarms.set(AlarmName.NO_FUNDS, str(refusal) if poor else None, remedy=hint)
        alarms.set(
            AlarmName.RELAY_REFUSED, str(refusal) if refusal is not None and not poor else None, remedy=hint
        )
        for error in done.faults:
            _log.warning("%s", error, extra={"error": type(error).__name__, "hint": error.hint})


def relay_terms(settings: NodeSettings, account: bytes) -> RelayTerms:
    """How the node with this relay account relays by its settings; raises `HexError` for the pair's account."""
    relay, pair = settings.relay, ALONE
    if settings.pair.url:
        other = parse_hex(settings.pair.account, 20, "account of the pair")
        pair = Pair((Address(account), Address(other)), settings.pair.patience)
    return RelayTerms(ceiling=relay.ceiling, replace_after=relay.replace_after, pair=pair)
