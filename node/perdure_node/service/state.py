"""What the workers of a running node know at the moment, for whoever asks: the API, the pages, the metrics. In memory only."""

import threading
from dataclasses import dataclass, field, replace
from typing import Any

from perdure_anchor.hashes import Address

from perdure_node.clock import Clock
from perdure_node.gateway.rounds import RelayState
from perdure_node.service.alarms import AlarmBoard


@dataclass(frozen=True, slots=True)
class ChainView:
    """The chain as last seen: the endpoint's newest block and its time, up to where it is followed, and the validators that are in force.

    None before anything was seen; ``seen_at`` is when ``head`` and ``head_time`` were asked for.
    """

    endpoint: str | None = None
    head: int | None = None
    head_time: int | None = None
    seen_at: float | None = None
    validators: tuple[Address, ...] = ()
    followed: int | None = None

    @property
    def lag(self) -> int | None:
        """How many blocks are not followed yet; None if one of both is not known."""
        return None if self.head is None or self.followed is None else max(self.head - self.followed, 0)


@dataclass(frozen=True, slots=True)
class WorkerView:
    """One worker: when it last ended a step well (seconds since 1970), and what stopped it since."""

    name: str
    last_step_at: float | None = None
    failures: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class EndpointView:
    """A node of the chain, by what of its URL may be shown; ``error`` None: it answered when it was asked last."""

    endpoint: str
    head: int | None = None
    error: str | None = None


@dataclass(slots=True)
class NodeState:
    """Shared by the threads of one process; views are replaced as a whole, never changed."""

    clock: Clock
    started_at: float
    alarms: AlarmBoard
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _chain: ChainView = field(default_factory=ChainView)
    _workers: dict[str, WorkerView] = field(default_factory=dict)
    _endpoints: dict[str, EndpointView] = field(default_factory=dict)
    _relay: RelayState | None = None
    _beats: dict[str, float] = field(default_factory=dict)

    @property
    def chain(self) -> ChainView:
        return self._chain

    def saw_chain(self, **changes: Any) -> None:
        """Note what was seen of the chain, as fields of `ChainView`."""
        with self._lock:
            self._chain = replace(self._chain, **changes)

    @property
    def relay(self) -> RelayState | None:
        """How the relay stood after its newest round."""
        return self._relay

    def saw_relay(self, relay: RelayState) -> None:
        """Note how the relay stands."""
        with self._lock:
            self._relay = relay

    @property
    def workers(self) -> list[WorkerView]:
        with self._lock:
            return [*self._workers.values()]

    def note_worker(self, view: WorkerView) -> None:
        """Replace what is known of a worker."""
        with self._lock:
            self._workers[view.name] = view

    @property
    def endpoints(self) -> list[EndpointView]:
        with self._lock:
            return [*self._endpoints.values()]

    def note_endpoint(self, view: EndpointView) -> None:
        """Replace what is known of an endpoint."""
        with self._lock:
            self._endpoints[view.endpoint] = view

    def beat(self, worker: str, pause: float = 0.0) -> None:
        """Note that a worker goes on, or pauses for so many seconds; a step that takes minutes calls it now and then."""
        with self._lock:
            self._beats[worker] = self.clock.monotonic() + pause

    def stop_beating(self, worker: str) -> None:
        """Note that a worker has ended."""
        with self._lock:
            self._beats.pop(worker, None)

    def hanging_workers(self, monotonic: float, patience: float) -> list[str]:
        """Those that have been in one step for longer than ``patience``, in seconds."""
        with self._lock:
            return sorted(name for name, until in self._beats.items() if monotonic - until > patience)


def new_state(clock: Clock) -> NodeState:
    """The state of a node that begins."""
    return NodeState(clock, clock.now(), AlarmBoard(clock.now))
