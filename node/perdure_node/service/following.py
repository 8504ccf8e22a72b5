"""The follower worker: keeps up with everybody's anchors, and tells the operator of a chain that is not the pinned one."""

from typing import Final

from perdure_anchor.errors import PerdureError
from perdure_contracts.transactions import WrongChain

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.errors import BlocksNotVerified, BlocksReplaced, WithoutContracts
from perdure_node.clock import Clock
from perdure_node.endpoints.pool import EndpointPool
from perdure_node.follower.errors import EventsNotVerified
from perdure_node.follower.following_chain import Doing, Follower, FollowStep
from perdure_node.follower.reading import epoch_in_force
from perdure_node.gateway.folder import Gateway
from perdure_node.service.alarms import AlarmName
from perdure_node.service.state import NodeState

WORKER_NAME: Final = "follower"
# seconds between looks at a chain that has nothing new
_PAUSE: Final = 1.0
# seconds of catching up in one step, so that a stop is not waited for
_STEP_SECONDS: Final = 5.0
# what a node says that no node of the pinned chain can say truly
_STRANGE: Final = (WrongChain, WithoutContracts)
_CONTRADICTIONS: Final = (BlocksNotVerified, BlocksReplaced, EventsNotVerified)


class FollowerWorker:
    """A step is a few seconds of catching up, or one look."""

    def __init__(self, gateway: Gateway, pool: EndpointPool, state: NodeState, clock: Clock) -> None:
        self._gateway, self._pool, self._state, self._clock = gateway, pool, state, clock
        self._follower: Follower | None = None
        self._chain: AnchorChain | None = None

    def step(self) -> float:
        """Follow; raises what cannot be followed, after it has become an alarm where it is more than a moment's."""
        try:
            with self._pool.pinned() as chain:
                done = self._follow(chain)
        except PerdureError as error:
            self._forget()
            self._tell(error)
            raise
        self._tell(None)
        self._state.saw_chain(
            followed=done.next_block - 1,
            validators=epoch_in_force(self._gateway.database, self._gateway.trust).validators,
        )
        return _PAUSE if done.doing is Doing.WAITING else 0.0

    def close(self) -> None:
        """End what is under way, and close the folder."""
        self._forget()
        self._gateway.close()

    def _follow(self, chain: AnchorChain) -> FollowStep:
        if self._follower is None or self._chain is not chain:
            self._forget()
            self._chain = chain
            follow = self._gateway.settings.follow
            self._follower = Follower(
                self._gateway,
                chain,
                self._clock,
                widest=follow.blocks_at_once,
                relayed_only=follow.evidence == "relayed",
            )
        until = self._clock.monotonic() + _STEP_SECONDS
        done = self._follower.step()
        while done.doing is not Doing.WAITING and self._clock.monotonic() < until:
            self._state.beat(WORKER_NAME)
            done = self._follower.step()
        return done

    def _forget(self) -> None:
        if self._follower is not None:
            self._follower.close()
        self._follower = self._chain = None

    def _tell(self, error: PerdureError | None) -> None:
        strange = error if isinstance(error, _STRANGE) else None
        contradiction = error if isinstance(error, _CONTRADICTIONS) else None
        for name, found in ((AlarmName.WRONG_CHAIN, strange), (AlarmName.DISAGREEMENT, contradiction)):
            message, remedy = (None, None) if found is None else (str(found), found.hint)
            self._state.alarms.set(name, message, "follower", remedy)
