"""Workers: threads that each repeat one bounded step, until the node stops.

A step that fails with a `PerdureError` is tried again after growing pauses, and is an alarm once it has failed a few times. Any other
exception is a fault of ours: it ends the process, whose supervisor starts it again, since every step can be repeated.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from perdure_anchor.errors import PerdureError

from perdure_node.service.alarms import AlarmName
from perdure_node.service.state import NodeState, WorkerView

_log = logging.getLogger("perdure.node")
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
# one failure may be a moment's: a chain client that restarts
FAILURES_TO_ALARM = 3


class Step(Protocol):
    """One bounded piece of work; it is called from one thread only."""

    def step(self) -> float:
        """Do it; returns after how many seconds to do it again. Raises `PerdureError` if it should be tried again."""
        ...

    def close(self) -> None:
        """Close what it has opened."""
        ...


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """A worker by name; ``open`` is called in its thread, as SQLite's connections belong to one."""

    name: str
    open: Callable[[], Step]


class Workers:
    """The threads; ``wake`` ends their pauses, ``stop`` ends them."""

    def __init__(
        self, plans: list[WorkerPlan], state: NodeState, on_fault: Callable[[BaseException], None]
    ) -> None:
        self._state, self._on_fault = state, on_fault
        self._stopping = threading.Event()
        self._wakes = {plan.name: threading.Event() for plan in plans}
        self._threads = [
            threading.Thread(target=self._run, args=(plan,), name=f"perdure-{plan.name}", daemon=True)
            for plan in plans
        ]

    @contextlib.contextmanager
    def running(self) -> Iterator["Workers"]:
        """Let them run while the context lasts."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self.stop()

    def stop(self) -> None:
        """Let each end its step, and wait for that."""
        self._stopping.set()
        for event in self._wakes.values():
            event.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def wake(self, name: str) -> None:
        """Let a worker begin its next step now; nothing where there is none of this name."""
        if (event := self._wakes.get(name)) is not None:
            event.set()

    def _run(self, plan: WorkerPlan) -> None:
        try:
            self._repeat(plan)
        except BaseException as error:  # noqa: BLE001  # whatever it is, the process must not go on without this worker
            self._on_fault(error)

    def _repeat(self, plan: WorkerPlan) -> None:
        view = WorkerView(plan.name)
        step: Step | None = None
        try:
            while not self._stopping.is_set():
                self._wakes[plan.name].clear()
                self._state.beat(plan.name)
                try:
                    step = step or plan.open()
                    pause = step.step()
                    view = WorkerView(plan.name, self._state.clock.now())
                except PerdureError as error:
                    view = self._failed(view, error)
                    pause = min(FIRST_PAUSE * 2 ** (view.failures - 1), LONGEST_PAUSE)
                self._note(view)
                self._state.beat(plan.name, pause)
                self._wakes[plan.name].wait(pause)
        finally:
            self._state.stop_beating(plan.name)
            if step is not None:
                step.close()

    def _failed(self, view: WorkerView, error: PerdureError) -> WorkerView:
        _log.warning(
            "%s: %s",
            view.name,
            error,
            extra={"worker": view.name, "error": type(error).__name__, "hint": error.hint},
        )
        return WorkerView(view.name, view.last_step_at, view.failures + 1, str(error))

    def _note(self, view: WorkerView) -> None:
        self._state.note_worker(view)
        failing = view.failures >= FAILURES_TO_ALARM
        self._state.alarms.set(
            AlarmName.WORKER_FAILING, f"{view.name} fails: {view.error}" if failing else None, view.name
        )
