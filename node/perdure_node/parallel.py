"""Work spread over processes, with its results in order: for long lists and many files, where one core is the limit.

Workers are forked, so that they have what the work was made with, and told what to work on through a pipe each. They hold no
file, lock or database of ours that matters, are deaf to Ctrl-C (whoever started them ends them), and end by themselves when their
pipe does: nothing is left of them if their parent is killed. `multiprocessing.Pool` and `concurrent.futures` leave orphans then.
"""

import contextlib
import gc
import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection
from typing import Generic, TypeVar

from perdure_anchor.errors import PerdureError

from perdure_node.errors import WorkerDied

Item = TypeVar("Item")
Result = TypeVar("Result")

# beyond the cores, so that one waits to begin while its siblings' results are taken. A worker is never sent an item before its
# last result was read: two that send to each other what no pipe holds would wait for ever
_SPARE = 1
_NICENESS = 5
_HELD = frozenset({signal.SIGINT, signal.SIGTERM})


class _Worker(Generic[Item, Result]):
    """One process and its pipe."""

    def __init__(self, work: Callable[[Item], Result], siblings: list[Connection]) -> None:
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(work, theirs, [*siblings, self.pipe]), daemon=True
        )
        # what this process does at a signal is not for its workers: none must reach one before it has its own answers
        held = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
        theirs.close()

    def result(self) -> Result:
        """What became of the oldest item; raises what the work raised, or `WorkerDied`."""
        try:
            outcome, error = self.pipe.recv()
        except (EOFError, OSError):
            raise WorkerDied(
                "a process that shared the work was ended from outside, so not all could be done",
                hint="run the command again; if the system ran out of memory, with fewer --jobs",
            ) from None
        if error is not None:
            raise error
        result: Result = outcome
        return result

    def end(self) -> None:
        """No more work: the process is gone when this returns."""
        self.pipe.close()
        self._process.terminate()
        self._process.join()


class Results(Iterator[Result], Generic[Item, Result]):
    """``work`` of each item, in the items' order. Close it if you leave it early: its processes end then."""

    def __init__(self, work: Callable[[Item], Result], items: Iterable[Item], jobs: int) -> None:
        self._work, self._items, self._jobs = work, iter(items), jobs
        self._stack = contextlib.ExitStack()
        self._idle: deque[_Worker[Item, Result]] = deque()
        # each item goes to the worker that was idle for longest, so the oldest result is the first one's
        self._busy: deque[_Worker[Item, Result]] = deque()
        self._has_begun = False
        self._end: Exception = StopIteration()
        self._last = 0.0

    def __next__(self) -> Result:
        try:
            return self._worked_here() if self._jobs <= 1 else self._worked_there()
        except BaseException:
            self.close()
            raise

    def soon(self, seconds: float) -> bool:
        """Whether the next result will be there within a moment; where the work is done here, whether the last one was."""
        if self._jobs <= 1:
            return self._last < seconds
        return not self._busy or self._busy[0].pipe.poll(seconds)

    def close(self) -> None:
        """End the processes; nothing more comes."""
        self._items = iter(())
        self._idle.clear()
        self._busy.clear()
        self._stack.close()

    def _worked_here(self) -> Result:
        begin = time.monotonic()
        result = self._work(next(self._items))
        self._last = time.monotonic() - begin
        return result

    def _worked_there(self) -> Result:
        if not self._has_begun:
            self._start()
        self._hand_out()
        if not self._busy:
            raise self._end
        worker = self._busy.popleft()
        result = worker.result()
        self._idle.append(worker)
        self._hand_out()
        return result

    def _start(self) -> None:
        self._has_begun = True
        pipes: list[Connection] = []
        for _ in range(self._jobs + _SPARE):
            worker = _Worker(self._work, pipes)
            self._stack.callback(worker.end)
            pipes.append(worker.pipe)
            self._idle.append(worker)

    def _hand_out(self) -> None:
        while self._idle:
            try:
                item = next(self._items)
            except Exception as end:  # noqa: BLE001  # its turn comes when the results before it were taken
                self._end = self._end if isinstance(end, StopIteration) else end
                self._items = iter(())
                return
            worker = self._idle.popleft()
            with contextlib.suppress(BrokenPipeError):  # its result tells
                worker.pipe.send(item)
            self._busy.append(worker)


def in_order(work: Callable[[Item], Result], items: Iterable[Item], *, jobs: int) -> Results[Item, Result]:
    """``work`` of each item, in the items' order, on ``jobs`` cores; one job does it here.

    Items and results are pickled, so hand over many small ones at a time.
    """
    return Results(work, items, jobs)


def _serve(work: Callable[[Item], Result], pipe: Connection, others: list[Connection]) -> None:
    """A worker's life. The parent's ends of all pipes are closed here: while one is open somewhere, its worker hears no end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # by which its parent ends it
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)
    # who hands out and takes in is one, and the others wait for him
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)
    gc.freeze()  # what the parent knows stays shared with it
    for other in others:
        other.close()
    with contextlib.suppress(EOFError, OSError):
        while True:
            item = pipe.recv()
            pipe.send(_answer(work, item))


def _answer(work: Callable[[Item], Result], item: Item) -> tuple[Result | None, Exception | None]:
    try:
        return work(item), None
    except (PerdureError, OSError) as error:
        return None, error
    except Exception as error:  # noqa: BLE001  # a fault of ours, which not every exception could tell on its way
        return None, RuntimeError(f"{type(error).__name__}: {error}")
