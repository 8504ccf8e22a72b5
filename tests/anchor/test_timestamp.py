"""Times: the accepted profile of RFC 3339, and seconds written as text."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.timestamp import MAX_SECONDS, TimestampError, check_timestamp, format_seconds, told_time

ACCEPTED = (
    "2026-05-04T10:00:00Z",
    "2026-05-04T12:00:00+02:00",
    "2026-05-04T12:00:00-11:30",
    "2026-05-04T10:00:00.5Z",
    "2026-05-04T10:00:00.123456789Z",
    "2024-02-29T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
)
NO_TIME_WITH_A_ZONE = (
    "",
    "2026-05-04",
    "2026-05-04T10:00Z",
    "2026-05-04T10:00:00",
    "2026-05-04 10:00:00Z",
    "2026-05-04t10:00:00z",
    "2026-05-04T10:00:00.Z",
    "2026-05-04T10:00:00.1234567890Z",
    "2026-05-04T10:00:00,5Z",
    "2026-05-04T10:00:00+0200",
    "2026-05-04T10:00:00Z\n",
    " 2026-05-04T10:00:00Z",
    "２026-05-04T10:00:00Z",
    "2026-W19-1T10:00:00Z",
    "20260504T100000Z",
    "2026-05-04T24:00:00Z",
    "9999-12-31T24:00:00Z",
    "2026-05-04T10:60:00Z",
    "2026-05-04T10:00:60Z",
    "2026-05-04T10:00:00+24:00",
    "2026-05-04T10:00:00+99:99",
    "2026-05-04T10:00:00-00:60",
    None,
    1_777_888_800,
)
NO_SUCH_TIME = (
    "2026-02-29T10:00:00Z",
    "2026-13-01T10:00:00Z",
    "2026-00-01T10:00:00Z",
    "0000-01-01T00:00:00Z",
    "2026-04-31T10:00:00Z",
    "2100-02-29T00:00:00Z",
)


@pytest.mark.parametrize("text", ACCEPTED)
def test_accepts(text: str) -> None:
    assert check_timestamp(text, "signed_at") == text


@pytest.mark.parametrize("text", NO_TIME_WITH_A_ZONE)
def test_refuses_other_forms(text: object) -> None:
    with pytest.raises(TimestampError, match="signed_at: not a time with a zone") as caught:
        check_timestamp(text, "signed_at")
    assert caught.value.hint is not None


@pytest.mark.parametrize("text", NO_SUCH_TIME)
def test_refuses_what_no_calendar_has(text: str) -> None:
    with pytest.raises(TimestampError, match="signed_at: no such day or hour in the calendar"):
        check_timestamp(text, "signed_at")


@given(st.integers(0, MAX_SECONDS))
def test_seconds_are_written_as_a_time_that_is_accepted(seconds: int) -> None:
    text = check_timestamp(format_seconds(seconds), "block_time")
    assert datetime.fromisoformat(text) == datetime.fromtimestamp(seconds, UTC)


def test_seconds_have_the_same_width_always() -> None:
    assert format_seconds(0) == "1970-01-01T00:00:00Z"
    assert format_seconds(MAX_SECONDS) == "9999-12-31T23:59:59Z"


@pytest.mark.parametrize("seconds", [-1, MAX_SECONDS + 1, 2**64 - 1])
def test_refuses_seconds_beyond_the_calendar(seconds: int) -> None:
    with pytest.raises(TimestampError, match="no date that can be written"):
        format_seconds(seconds)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (MAX_SECONDS, "9999-12-31T23:59:59Z"),
        (MAX_SECONDS + 1, "second 253402300800 since 1970"),
        (-1, "1969-12-31T23:59:59Z"),
        (-62135596800, "0001-01-01T00:00:00Z"),
        (-62135596801, "second -62135596801 since 1970"),
    ],
)
def test_whatever_somebody_says_of_a_time_can_be_shown(seconds: int, told: str) -> None:
    assert told_time(seconds) == told
