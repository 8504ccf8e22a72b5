"""What the workers of a running node know at the moment, for whoever asks: the API, the pages, the metrics. In memory only."""

import threading
from dataclasses import dataclass, field, replace
from typing import Any

from perdure_anchor.hashes import Address

from perdure_node.clock import Clock
from perdure_node.service.alarms import AlarmBoard


@dataclass(frozen=True, slots=True)
class ChainView:
    """The chain as last seen: the endpoint's newest block and its time, and the validators that are in force; None before."""

    endpoint: str | None = None
    head: int | None = None
    head_time: int | None = None
    seen_at: float | None = None
    validators: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkerView:
    """One worker: when it last ended a step well (seconds since 1970), and what stopped it since."""

    name: str
    last_step_at: float | None = None
    failures: int = 0
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

    @property
    def chain(self) -> ChainView:
        return self._chain

    def saw_chain(self, **changes: Any) -> None:
        """Note what was seen of the chain, as fields of `ChainView`."""
        with self._lock:
            self._chain = replace(self._chain, **changes)

    @property
    def workers(self) -> list[WorkerView]:
        with self._lock:
            return [*self._workers.values()]

    def note_worker(self, view: WorkerView) -> None:
        """Replace what is known of a worker."""
        with self._lock:
            self._workers[view.name] = view


def new_state(clock: Clock) -> NodeState:
    """The state of a node that begins."""
    return NodeState(clock, clock.now(), AlarmBoard(clock.now))
