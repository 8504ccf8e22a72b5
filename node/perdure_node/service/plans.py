"""Which workers a node has by its settings; each opens what it needs in its own thread."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from perdure_node.clock import Clock
from perdure_node.endpoints.pool import EndpointPool
from perdure_node.gateway.access import access_of
from perdure_node.gateway.folder import Gateway, GatewayKeys, open_gateway
from perdure_node.gateway.settings import NodeSettings
from perdure_node.service.endpoints import EndpointsWorker
from perdure_node.service.following import WORKER_NAME as FOLLOWER
from perdure_node.service.following import FollowerWorker
from perdure_node.service.keeping import Keeper
from perdure_node.service.passing import WORKER_NAME as PASSING
from perdure_node.service.passing import PassingWorker
from perdure_node.service.placing import PlacingWorker
from perdure_node.service.relaying import WORKER_NAME as RELAY
from perdure_node.service.relaying import RelayWorker
from perdure_node.service.state import NodeState
from perdure_node.service.supervisor import Supervisor
from perdure_node.service.witnessing import open_witness
from perdure_node.service.workers import Step, WorkerPlan


@dataclass(frozen=True, slots=True)
class WorkPlace:
    """What the workers share."""

    folder: Path
    settings: NodeSettings
    passphrase: str = field(repr=False)
    pool: EndpointPool
    state: NodeState
    clock: Clock
    supervisor: Supervisor

    def gateway(self) -> Gateway:
        """The folder, opened for the thread that asks."""
        return open_gateway(self.folder)


def worker_plans(place: WorkPlace) -> list[WorkerPlan]:
    """All workers of the node."""
    opened: dict[str, Callable[[], Step]] = {
        RELAY: lambda: _relay(place),
        "endpoints": lambda: EndpointsWorker(place.pool, place.state, place.settings.alarms.lag_blocks),
        FOLLOWER: lambda: FollowerWorker(place.gateway(), place.pool, place.state, place.clock),
        "keeper": lambda: Keeper(place.gateway(), place.state, place.clock, place.supervisor),
        "witness": lambda: open_witness(place.folder, place.state, place.clock),
        "leaf-places": lambda: PlacingWorker(place.gateway()),
    }
    if place.settings.pair.url:
        opened[PASSING] = lambda: PassingWorker(
            place.gateway(), access_of(place.folder, place.settings.pair), place.state, place.clock
        )
    return [WorkerPlan(name, open_) for name, open_ in opened.items()]


def _relay(place: WorkPlace) -> RelayWorker:
    gateway = place.gateway()
    keys = GatewayKeys(gateway, lambda: place.passphrase)
    return RelayWorker(gateway, keys, place.pool, place.state, place.clock)
