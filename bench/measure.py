"""What every benchmark shares: a row of the table, and timing by the best of interleaved rounds."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


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


def best_seconds(rounds: int, works: Sequence[Callable[[], object]]) -> list[float]:
    """The best time of each over some rounds, taken in turns: a slow spell of the machine hits all alike."""
    times = [[seconds(work) for work in works] for _ in range(rounds)]
    return [min(column) for column in zip(*times, strict=True)]
