"""The passing worker: what this node takes in, the other node of the pair gets too."""

from typing import Final

from perdure_contracts.access import EndpointAccess

from perdure_node.by_node.client import NodeClient
from perdure_node.by_node.spool import Spool
from perdure_node.clock import Clock
from perdure_node.gateway.folder import Gateway
from perdure_node.gateway.passing import pass_on
from perdure_node.service.alarms import AlarmName
from perdure_node.service.state import NodeState

WORKER_NAME: Final = "pair"
_PAUSE: Final = 2.0


class PassingWorker:
    """A step hands over what is due."""

    def __init__(self, gateway: Gateway, access: EndpointAccess, state: NodeState, clock: Clock) -> None:
        self._gateway, self._state, self._clock = gateway, state, clock
        self._client = NodeClient(access, monotonic=clock.monotonic)

    def step(self) -> float:
        """Hand over; one that does not answer is an alarm, and is asked again."""
        done = pass_on(self._gateway.database, self._send, self._clock.now)
        message = None if done.fault is None else f"{done.left} bundles wait for it: {done.fault}"
        self._state.alarms.set(
            AlarmName.PEER_UNREACHABLE,
            message,
            str(self._client),
            "see whether the other node of the pair runs",
        )
        return _PAUSE

    def close(self) -> None:
        """Close the connections and the folder."""
        self._client.close()
        self._gateway.close()

    def _send(self, octets: bytes) -> None:
        with Spool(self._gateway.folder, [octets]) as spool:
            self._client.hand_in(spool)
