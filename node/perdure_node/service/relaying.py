"""The relay worker: brings what sites have submitted to the registry, and evidence home."""

import contextlib
import math
from typing import Final

from perdure_node.clock import Clock
from perdure_node.endpoints.pool import EndpointPool
from perdure_node.gateway.delivery import deliver
from perdure_node.gateway.folder import Gateway, GatewayKeys
from perdure_node.service.state import NodeState

WORKER_NAME: Final = "relay"
# seconds between looks at what others may have done
IDLE_PAUSE = 5.0
# a round waits for a block or two, and lets others at the folder in between
ROUND_PATIENCE = 15.0


class RelayWorker:
    """A step is one round over all that waits."""

    def __init__(
        self, gateway: Gateway, keys: GatewayKeys, pool: EndpointPool, state: NodeState, clock: Clock
    ) -> None:
        self._gateway, self._keys, self._pool = gateway, keys, pool
        self._state, self._clock = state, clock

    def step(self) -> float:
        """One round; what the chain keeps back is raised, and tried again."""
        with self._pool.pinned() as chain:
            head = chain.client.head_number()
            self._state.saw_chain(
                endpoint=str(chain.client.rpc.endpoint),
                head=head,
                head_time=chain.client.newest_timestamp(),
                seen_at=self._clock.now(),
                validators=chain.trust.epochs[-1].validators,
            )
            delivered = deliver(
                self._gateway, chain, self._keys, (), clock=self._clock, wait=min(ROUND_PATIENCE, math.inf)
            )
            # within the round, so that the pool learns of a node's faults
            if delivered.unfinished:
                raise delivered.unfinished[0]
        return IDLE_PAUSE

    def close(self) -> None:
        """Close the folder and the keys."""
        with contextlib.ExitStack() as stack:
            stack.callback(self._gateway.close)
            stack.callback(self._keys.close)
