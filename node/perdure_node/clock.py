"""The clock and the randomness that whoever calls us passes in, so that tests choose them."""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Randomness: TypeAlias = Callable[[int], bytes]
"""From a number to as many random bytes, fit for keys: ``os.urandom``."""

# Linux makes a random UUID at each start
_BOOT_SIZE = 16
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Uptime:
    """``seconds`` since the machine's start, those asleep included; ``boot`` (16 bytes) tells one start from another."""

    boot: bytes
    seconds: float


def _unknown() -> Uptime | None:
    return None


@dataclass(frozen=True, slots=True)
class Clock:
    """``now`` in seconds since 1970 is what the site claims; ``monotonic`` and ``sleep``, in seconds, measure waits.

    ``uptime`` is what nobody can set: it shows when ``now`` jumps. None where the system does not tell.
    """

    now: Callable[[], float]
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    uptime: Callable[[], Uptime | None] = _unknown


def system_clock() -> Clock:
    """This machine's clock."""
    return Clock(time.time, time.monotonic, time.sleep, _uptime)


def _uptime() -> Uptime | None:
    boot = _boot()
    return None if boot is None else Uptime(boot, time.clock_gettime(time.CLOCK_BOOTTIME))


@functools.cache
def _boot() -> bytes | None:
    try:
        boot = bytes.fromhex(_BOOT_ID.read_text("ascii").strip().replace("-", ""))
    except (OSError, ValueError):
        return None
    return boot if len(boot) == _BOOT_SIZE else None
