"""Times in records and verdicts: the profile of RFC 3339 that Perdure writes, and nothing looser.

``2026-05-04T10:00:00Z`` or with an offset as ``+02:00``; fractions of a second are allowed in what others claim. Block times
are whole seconds since 1970, UTC, without leap seconds.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from perdure_anchor.errors import EncodingError

# hours and minutes are bounded here, because `datetime` takes 24:00 or an offset of +10:99 in some of its versions
_HOUR, _SIXTY = r"(?:[01]\d|2[0-3])", r"[0-5]\d"
_RFC3339 = re.compile(
    rf"\d{{4}}-\d\d-\d\dT{_HOUR}:{_SIXTY}:{_SIXTY}(?:\.\d{{1,9}})?(?:Z|[+-]{_HOUR}:{_SIXTY})", re.ASCII
)
# 9999-12-31T23:59:59Z, the last time that the format can write
MAX_SECONDS = 253402300799
# 0001-01-01T00:00:00Z: what was signed before 1970 has a date too
_MIN_TOLD = -62135596800
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # its zone is written by hand


class TimestampError(EncodingError):
    """Text is not a time with a zone."""


def check_timestamp(text: object, what: str) -> str:
    """The text, if it is an RFC 3339 time with a zone; raises `TimestampError`."""
    if not isinstance(text, str) or not _RFC3339.fullmatch(text):
        raise TimestampError(
            f"{what}: not a time with a zone",
            hint="write it as 2026-05-04T10:00:00Z, or with an offset: 2026-05-04T12:00:00+02:00",
        )
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise TimestampError(f"{what}: no such day or hour in the calendar") from None
    return text


# what is recorded together tells the same second again and again
@lru_cache(maxsize=64)
def format_seconds(seconds: int) -> str:
    """Seconds since 1970 as RFC 3339 in UTC; raises `TimestampError` past the year 9999."""
    if not 0 <= seconds <= MAX_SECONDS:
        raise TimestampError(f"time: {seconds} seconds since 1970 is no date that can be written")
    return datetime.fromtimestamp(seconds, UTC).isoformat().removesuffix("+00:00") + "Z"


def parse_seconds(text: object, what: str) -> int:
    """What `format_seconds` wrote, as seconds since 1970; raises `TimestampError` for any other spelling."""
    checked = check_timestamp(text, what)
    seconds = int(datetime.fromisoformat(checked).timestamp())
    if not 0 <= seconds <= MAX_SECONDS or format_seconds(seconds) != checked:
        raise TimestampError(f"{what}: want whole seconds in UTC, as in 2026-05-04T10:00:00Z")
    return seconds


def told_time(seconds: int) -> str:
    """Seconds since 1970 by somebody's word, also before: as `format_seconds`, or the number where no date can be written for it."""
    if not _MIN_TOLD <= seconds <= MAX_SECONDS:
        return f"second {seconds} since 1970"
    return (_EPOCH + timedelta(seconds=seconds)).isoformat() + "Z"
