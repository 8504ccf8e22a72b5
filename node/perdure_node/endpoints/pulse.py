"""Whether the chain goes on, and whether its clock and ours do.

Pure. A chain's newest block can look old for three reasons, which call for different people: the chain has halted (no block comes
any more), our clock is ahead (blocks come, each as old as the one before was), or all our nodes are still catching up (blocks come
faster than time passes). So growth is watched on a clock that nobody can set.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pulse:
    """What the newest block says; ``number`` and ``block_time`` (seconds since 1970) are its own.

    ``age`` is how old it looks by our clock, ``silent_for`` for how long none has come, both in seconds: as long as we watched, or, while
    none has come since we watch, as old as the newest looks if that is longer.
    ``clock_ahead`` is by how many seconds our clock is ahead of the validators', negative where it is behind; None: within what is
    allowed, or not to be told.
    """

    number: int
    block_time: int
    age: float
    silent_for: float
    is_halted: bool
    clock_ahead: float | None


class PulseWatch:
    """Compares the newest block with the ones before.

    ``silence`` is after how many seconds without a block the chain counts as halted (infinite: never), ``allowance`` by how many
    seconds clocks may differ.
    """

    def __init__(self, silence: float, allowance: float) -> None:
        self._silence, self._allowance = silence, allowance
        self._number = self._block_time = -1
        self._grew_at = self._looked_at = -math.inf
        self._has_grown = False
        self._clock_ahead: float | None = None

    def observe(self, number: int, block_time: int, now: float, monotonic: float) -> Pulse:
        """What the newest block of all nodes says; ``now`` in seconds since 1970, ``monotonic`` in seconds."""
        # a head that falls was a liar's, or that of a node that is gone: what was seen of it says nothing of the others'
        is_first = self._number < 0 or number < self._number
        if is_first or number > self._number:
            elapsed = monotonic - self._looked_at
            self._clock_ahead = None if is_first else self._ahead(block_time, now, elapsed)
            self._has_grown = not is_first
            self._grew_at, self._number, self._block_time = monotonic, number, block_time
        self._looked_at = monotonic
        age, watched = now - self._block_time, monotonic - self._grew_at
        silent_for = watched if self._has_grown else max(watched, age)
        # at the first look it can also be that a node catches up, or that our clock is ahead
        is_halted = watched > 0 and silent_for > self._silence
        ahead = age if age < -self._allowance else self._clock_ahead
        return Pulse(self._number, self._block_time, age, silent_for, is_halted, ahead)

    def _ahead(self, block_time: int, now: float, elapsed: float) -> float | None:
        """By how much our clock must be ahead if a block that is ``elapsed`` seconds old at most looks older."""
        ahead = now - block_time - elapsed
        is_catching_up = block_time - self._block_time > elapsed + self._allowance
        return ahead if ahead > self._allowance and not is_catching_up else None
