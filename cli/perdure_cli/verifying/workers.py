"""Processes that share the work on many files: forked, so that they start at once with all that is known.

Each takes every so-manieth piece of a list and writes its answers into a pipe of its own; they are read in the list's order, so
that a worker which is ahead waits, and nobody holds more than some pieces. A worker that ends early is an error: what it would
have said is never taken for granted. Where a system cannot fork, and for few items, everything happens in this process.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from types import TracebackType
from typing import Any, Final, NoReturn, TypeVar

from perdure_cli.exit_codes import Unfinished

T = TypeVar("T")
R = TypeVar("R")

# fewer are done before the workers have started
WORTH_SHARING: Final = 200
_PIECE: Final = 32


def usable_cores() -> int:
    """How many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return (os.cpu_count() or 1) if affinity is None else len(affinity(0))


class Workers:
    """Up to ``jobs`` processes at a time; none is left behind when the ``with`` is left, for whatever reason."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs if hasattr(os, "fork") else 1
        self._running: list[_Worker] = []

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._end()

    def map(self, work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
        """``work`` of each item, in order; raises what it raises, or `Unfinished` where a process was lost."""
        jobs = min(self._jobs, len(items) // _PIECE)
        if jobs < 2 or len(items) < WORTH_SHARING:
            return map(work, items)
        return self._shared(work, items, jobs)

    def _shared(self, work: Callable[[T], R], items: Sequence[T], jobs: int) -> Iterator[R]:
        import signal

        self._end()
        starts = range(0, len(items), _PIECE)
        # an interrupt belongs to this process, which ends its workers; until it knows them all, it is held back
        held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            for number in range(jobs):
                self._running.append(self._fork(work, items, starts[number::jobs]))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
        for piece in range(len(starts)):
            yield from self._running[piece % jobs].receive()
        self._end()

    def _fork(self, work: Callable[[T], R], items: Sequence[T], starts: range) -> "_Worker":
        readable, writable = os.pipe()
        pid = os.fork()
        if pid == 0:
            for descriptor in (readable, *(other.answers.fileno() for other in self._running)):
                os.close(descriptor)
            _work_and_exit(work, items, starts, writable)
        os.close(writable)
        return _Worker(pid, os.fdopen(readable, "rb"))

    def _end(self) -> None:
        while self._running:
            self._running.pop().end()


@dataclass(frozen=True, slots=True)
class _Worker:
    """A process of ours, and the pipe from it."""

    pid: int
    answers: BufferedReader

    def receive(self) -> list[Any]:
        """The answers to its next piece."""
        import pickle

        try:
            fault, answers = pickle.load(self.answers)  # noqa: S301  # from a process that we forked
        except (EOFError, pickle.UnpicklingError):
            raise Unfinished(
                "a process that shared the work was ended from outside, so not all could be found out",
                hint="if the system ran out of memory, try fewer at a time with --jobs",
            ) from None
        if fault is not None:
            raise RuntimeError(fault)
        assert isinstance(answers, list)
        return answers

    def end(self) -> None:
        """End the process, if it has not ended by itself, and wait until it has."""
        import signal

        self.answers.close()
        # whoever started us may have chosen that children are never waited for: then it is gone, and its number may be another's
        with suppress(ChildProcessError, ProcessLookupError):
            if os.waitpid(self.pid, os.WNOHANG) == (0, 0):
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)


def _work_and_exit(work: Callable[[T], R], items: Sequence[T], starts: range, writable: int) -> NoReturn:
    """What a worker does: its pieces, and nothing of what its parent would do at its end, such as to write what is buffered."""
    import gc
    import pickle
    import signal

    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        gc.freeze()  # what the parent knows stays shared
        with os.fdopen(writable, "wb") as answers:
            for start in starts:
                pickle.dump(_answers(work, items[start : start + _PIECE]), answers)
                answers.flush()
    finally:
        os._exit(0)


def _answers(work: Callable[[T], R], items: Sequence[T]) -> tuple[str | None, list[R]]:
    """The answers, or what fault of ours came in the way; not every exception can be sent."""
    try:
        return None, list(map(work, items))
    except Exception as error:  # noqa: BLE001  # told where the answers are read
        return f"{type(error).__name__}: {error}", []
