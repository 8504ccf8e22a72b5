"""The clock and the randomness that whoever calls us passes in, so that tests choose them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

Randomness: TypeAlias = Callable[[int], bytes]
"""From a number to as many random bytes, fit for keys: ``os.urandom``."""


@dataclass(frozen=True, slots=True)
class Clock:
    """``now`` in seconds since 1970 is what the site claims; ``monotonic`` and ``sleep``, in seconds, measure waits."""

    now: Callable[[], float]
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]


def system_clock() -> Clock:
    """This machine's clock."""
    return Clock(time.time, time.monotonic, time.sleep)
