"""Checks in processes with limits, since what strangers signed may be made to exhaust whoever parses it.

A process has a bound on memory and, for each file, on CPU time and time. One that a file ends is replaced, and that file's result is
that nobody could find out. The processes live on from file to file: loading the parsers takes longer than a check. They end by
themselves when their pipe does.
"""

import contextlib
import gc
import multiprocessing
import multiprocessing.connection
import resource
import signal
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Final

from perdure_anchor.errors import PerdureError

from perdure_node.signatures.checking import CheckRequest, check_here, opened, undecided
from perdure_node.signatures.recognising import recognise_stream
from perdure_node.signatures.trust import TrustAnchors
from perdure_node.signatures.verdicts import DocumentCheck, Format, Material

# beyond what the process has when it starts
_MEMORY: Final = 1 << 30
_CPU_SECONDS: Final = 60
# a slow disk may take long over a large file
_SECONDS: Final = 300.0
# for each process, how many documents may be asked about or answered before their turn: all of them are in memory
_AHEAD: Final = 2
_BY_THE_SYSTEM: Final = frozenset({signal.SIGINT, signal.SIGTERM})

Answer = DocumentCheck | PerdureError | OSError


def check_document(
    document: Path | bytes,
    signature: bytes | None,
    trust: TrustAnchors,
    moment: datetime,
    extra_material: Sequence[Material] = (),
    existed_by: datetime | None = None,
) -> DocumentCheck:
    """One document's check, in a process with limits, without a network.

    ``moment`` is the time for which it is checked; ``existed_by`` one by which the document is proven to have existed. For many
    documents use `Checkers`. Raises `NotSigned`, and `OSError` for a file that cannot be read.
    """
    with Checkers(trust, jobs=1) as checkers:
        return checkers.check(CheckRequest(document, signature, moment, tuple(extra_material), existed_by))


class Checkers:
    """Processes that check, one for each job; they are started with the first file."""

    def __init__(self, trust: TrustAnchors, *, jobs: int = 1) -> None:
        self._trust, self._jobs = trust, jobs
        self._all: list[_Child] = []
        self._idle: deque[_Child] = deque()

    def __enter__(self) -> "Checkers":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._all:
            child.end()
        self._all.clear()
        self._idle.clear()

    def check(self, request: CheckRequest) -> DocumentCheck:
        """One document's check. Raises as `check_document` does."""
        (answer,) = self.each([request])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def each(self, requests: Iterable[CheckRequest]) -> Iterator[Answer]:
        """The checks in the requests' order; what would be raised for one is given in its place."""
        asked: deque[_Asked] = deque()
        for request in requests:
            while self._all_busy() or len(asked) >= self._jobs * _AHEAD:
                yield from self._heard(asked)
            child = self._idle.popleft() if self._idle else self._started()
            child.ask(request)
            asked.append(_Asked(request, child))
        while asked:
            yield from self._heard(asked)

    def _all_busy(self) -> bool:
        return not self._idle and len(self._all) >= self._jobs

    def _heard(self, asked: deque["_Asked"]) -> Iterator[Answer]:
        """Wait until one process answers at least, or is late, and give the answers whose turn it is."""
        unanswered = [each for each in asked if each.answer is None]
        next_late = min(each.child.late_at for each in unanswered)
        pipes = [each.child.pipe for each in unanswered]
        ready = multiprocessing.connection.wait(pipes, max(0.0, next_late - time.monotonic()))
        for each in unanswered:
            if each.child.pipe in ready or time.monotonic() >= each.child.late_at:
                each.answer = self._taken(each.child, each.request)
        while asked and (answer := asked[0].answer) is not None:
            asked.popleft()
            yield answer

    def _started(self) -> "_Child":
        child = _Child(self._trust, [each.pipe for each in self._all])
        self._all.append(child)
        return child

    def _taken(self, child: "_Child", request: CheckRequest) -> Answer:
        try:
            answer = child.answer()
        except _Ended as ended:
            self._all.remove(child)
            child.end()
            return _given_up(request, str(ended))
        self._idle.append(child)
        return answer


@dataclass(slots=True)
class _Asked:
    """A request whose turn has not come; ``answer`` None until it is there."""

    request: CheckRequest
    child: "_Child"
    answer: Answer | None = None


class _Ended(Exception):
    """A process was ended by a file; says how."""


class _Child:
    def __init__(self, trust: TrustAnchors, siblings: list[Connection]) -> None:
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(trust, theirs, [*siblings, self.pipe]), daemon=True
        )
        # a signal to this process is not for a child that has no answer to it yet
        held = signal.pthread_sigmask(signal.SIG_BLOCK, _BY_THE_SYSTEM)
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
        theirs.close()
        # on the monotonic clock, in seconds
        self.late_at = 0.0

    def ask(self, request: CheckRequest) -> None:
        self.late_at = time.monotonic() + _SECONDS
        with contextlib.suppress(BrokenPipeError):  # its answer tells
            self.pipe.send(request)

    def answer(self) -> Answer:
        """One that is there, or comes before it is late; raises `_Ended`."""
        try:
            if not self.pipe.poll(max(0.0, self.late_at - time.monotonic())):
                raise _Ended(f"it took longer than {_SECONDS:.0f} s")
            answer: Answer = self.pipe.recv()
        except (EOFError, OSError) as error:
            raise _Ended("it needs more time or memory than a check may take") from error
        return answer

    def end(self) -> None:
        self.pipe.close()
        self._process.kill()
        self._process.join()


def _given_up(request: CheckRequest, reason: str) -> DocumentCheck:
    form: Format | None = Format.CADES
    # a file may be gone meanwhile
    with contextlib.suppress(OSError):
        if request.signature is None:
            with opened(request.document) as stream:
                form = recognise_stream(stream)
    at = f"{request.moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return DocumentCheck(form or Format.CADES, (undecided(reason),), at, None, ())


def _serve(trust: TrustAnchors, pipe: Connection, others: list[Connection]) -> None:
    """A child's life. The parent's ends of all pipes are closed here: while one is open, its child hears no end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _BY_THE_SYSTEM)
    gc.freeze()
    for other in others:
        other.close()
    _limit_memory()
    # without memory it ends, which its parent hears
    with contextlib.suppress(EOFError, OSError, MemoryError):
        while True:
            request = pipe.recv()
            _limit_time()
            pipe.send(_answer(request, trust))


def _answer(request: CheckRequest, trust: TrustAnchors) -> Answer:
    try:
        return check_here(request, trust)
    except (PerdureError, OSError) as error:
        return error


def _limit_memory() -> None:
    with open("/proc/self/statm", encoding="ascii") as sizes:  # noqa: PTH123  # no path of a user
        used = int(sizes.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY, used + _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_time() -> None:
    """Only the soft limit, which may be moved on for the next file."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(spent.ru_utime + spent.ru_stime) + _CPU_SECONDS, hard))
