"""When a site seals what waits: at a sync, every so many records, after a while, or by hand only. Pure: no vault, no clock.

A policy is a list of occasions, any of which is enough. It decides when a checkpoint is signed, never what is in it: a seal takes
all that waits. Nothing depends on the clock but how soon a seal comes: see `seal_due`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

from perdure_node.errors import SettingsError

ON_SYNC: Final = "on-sync"
BY_HAND: Final = "by-hand"

# the log's largest size (SPEC.md, section 3): no queue can be longer
_MOST_RECORDS: Final = (1 << 48) - 1
# a hundred years, in seconds
_LONGEST: Final = 36_525 * 86_400
_UNITS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_SHORT: Final = {"s": "second", "min": "minute", "h": "hour", "d": "day"}
_AMOUNT: Final = re.compile(r"(?:every )?(\d{1,15}) ?([a-z]+)", re.ASCII)
_HINT: Final = f"want {ON_SYNC}, {BY_HAND}, or every so much: 1000 records, 30 minutes, 12 hours, 7 days"
# seconds: clocks that a time server keeps are put back by less
_TOLERANCE: Final = 5


class Occasion(Enum):
    """Who asks whether a seal is due."""

    SYNC = "sync"
    """A sync, or whoever packs a courier bundle: what is sealed now can leave the site."""
    ALONE = "alone"
    """`perdure seal --if-due` or `perdure watch`, with no network about."""


class Due(StrEnum):
    """Why a seal is due."""

    ON_SYNC = "on_sync"
    RECORDS = "records"
    TIME = "time"
    CLOCK = "clock"
    """How long the records have waited cannot be told, since the clock was put back."""


@dataclass(frozen=True, slots=True)
class SealPolicy:
    """The occasions to seal; none of them: by hand only. ``seconds`` is how long the oldest record waits at most."""

    on_sync: bool = True
    records: int | None = None
    seconds: int | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """As `parse_seal_policy` takes it, and as it stands in config.toml."""
        texts = [ON_SYNC] if self.on_sync else []
        if self.records is not None:
            texts.append(f"{self.records} record{'' if self.records == 1 else 's'}")
        if self.seconds is not None:
            texts.append(duration_text(self.seconds))
        return tuple(texts or [BY_HAND])

    @property
    def by_hand(self) -> bool:
        """Whether nothing seals but who is told to."""
        return self == _BY_HAND

    @property
    def acts_alone(self) -> bool:
        """Whether a seal can be due without a sync."""
        return self.records is not None or self.seconds is not None


DEFAULT_POLICY: Final = SealPolicy()
_BY_HAND: Final = SealPolicy(on_sync=False)


def seal_due(
    policy: SealPolicy,
    waiting: int,
    oldest_waiting_since: int | None,
    now: float,
    *,
    occasion: Occasion = Occasion.SYNC,
) -> Due | None:
    """Why what waits should be sealed now, None if it should not; times are seconds since 1970, both as the site's clock said.

    A clock that jumps can bring a seal forward once for each jump, which costs a checkpoint that nobody has to send, and it can put
    one off by no more than it was put back. Where the oldest record is of a later time than now, how long it has waited is not
    known, and it could be for ever: so a seal is due.
    """
    if not waiting:
        return None
    if policy.on_sync and occasion is Occasion.SYNC:
        return Due.ON_SYNC
    if policy.records is not None and waiting >= policy.records:
        return Due.RECORDS
    if policy.seconds is None or oldest_waiting_since is None:
        return None
    age = now - oldest_waiting_since
    if age >= policy.seconds:
        return Due.TIME
    return Due.CLOCK if age < -_TOLERANCE else None


def due_at(policy: SealPolicy, oldest_waiting_since: int | None) -> int | None:
    """When time alone makes a seal due, in seconds since 1970; None: never."""
    if policy.seconds is None or oldest_waiting_since is None:
        return None
    return oldest_waiting_since + policy.seconds


def parse_seal_policy(texts: Sequence[str]) -> SealPolicy:
    """A policy from its occasions, such as ``on-sync``, ``1000 records``, ``12 hours``; raises `SettingsError`."""
    words = [" ".join(text.lower().split()) for text in texts]
    if BY_HAND in words:
        if len(words) > 1:
            raise SettingsError(f"{BY_HAND} is said beside others", hint=f"{BY_HAND} stands alone")
        return _BY_HAND
    if not words:
        raise SettingsError("no occasion is given", hint=_HINT)
    on_sync, records, seconds = False, None, None
    for word in words:
        if word == ON_SYNC:
            on_sync = True
            continue
        number, unit = _amount(word)
        if unit == "record":
            records = _once(records, number, _MOST_RECORDS, word)
        else:
            seconds = _once(seconds, number * _UNITS[unit], _LONGEST, word)
    return SealPolicy(on_sync, records, seconds)


def duration_text(seconds: int) -> str:
    """A duration in the largest unit that gives a whole number: ``12 hours``."""
    unit = next(name for name in reversed(_UNITS) if seconds % _UNITS[name] == 0)
    number = seconds // _UNITS[unit]
    return f"{number} {unit}{'' if number == 1 else 's'}"


def _amount(word: str) -> tuple[int, str]:
    match = _AMOUNT.fullmatch(word)
    if match is not None:
        unit = match[2].removesuffix("s") or match[2]
        unit = _SHORT.get(match[2], _SHORT.get(unit, unit))
        if unit == "record" or unit in _UNITS:
            return int(match[1]), unit
    raise SettingsError(f"got {word[:40]!a}", hint=_HINT)


def _once(earlier: int | None, number: int, most: int, word: str) -> int:
    if earlier is not None:
        raise SettingsError(f"got {word[:40]!a} beside another of its kind", hint=_HINT)
    if not 1 <= number <= most:
        raise SettingsError(f"got {word[:40]!a}, want 1 at least, and a hundred years at most")
    return number
