"""What every benchmark shares: a row of the table, and timing by the best of interleaved rounds."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; ``ratio`` compares it with the peer or limit beside it: more is better."""

    stage: str
    measured: str
    beside: str
    ratio: float
    required: float | None = None

    @property
    def ok(self) -> bool:
        return self.required is None or self.ratio >= self.required


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one run."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def best_processor_seconds(
    rounds: int, works: Sequence[Callable[[Item], object]], items: Sequence[Item]
) -> list[float]:
    """The processor time of each over all items: of each item the best of some rounds, the works in turns for each item."""
    totals = [0.0] * len(works)
    for item in items:
        times = [[processor_seconds(work, item) for work in works] for _ in range(rounds)]
        totals = [total + min(column) for total, column in zip(totals, zip(*times, strict=True), strict=True)]
    return totals


def processor_seconds(work: Callable[[Item], object], item: Item) -> float:
    """What one run needs of this process's processor time."""
    start = time.process_time()
    work(item)
    return time.process_time() - start


def best_seconds(rounds: int, works: Sequence[Callable[[], object]]) -> list[float]:
    """The best time of each over some rounds, taken in turns: a slow spell of the machine hits all alike."""
    times = [[seconds(work) for work in works] for _ in range(rounds)]
    return [min(column) for column in zip(*times, strict=True)]
