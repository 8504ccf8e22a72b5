"""Work on many files, spread over processes that are forked with all that is known (`perdure_node.parallel`).

A list is cut into pieces, whose answers are read in the list's order. For few items everything happens in this process, and nothing
of processes is even loaded.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from types import TracebackType
from typing import Final, Self, TypeVar

T = TypeVar("T")
R = TypeVar("R")

# fewer are done before the workers have started
WORTH_SHARING: Final = 200
_PIECE: Final = 32


class Workers:
    """Up to ``jobs`` processes at a time; none is left behind when the ``with`` is left, for whatever reason."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._stack.close()

    def map(self, work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
        """``work`` of each item, in order; raises what it raises, or `WorkerDied` where a process was lost."""
        jobs = min(self._jobs, len(items) // _PIECE)
        if jobs < 2 or len(items) < WORTH_SHARING:
            return map(work, items)
        from perdure_node.parallel import in_order

        def piece(start: int) -> list[R]:
            return list(map(work, items[start : start + _PIECE]))

        pieces = in_order(piece, range(0, len(items), _PIECE), jobs=jobs)
        self._stack.callback(pieces.close)
        return chain.from_iterable(pieces)
