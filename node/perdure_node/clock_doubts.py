"""Doubts about this machine's clock: what the vault knows of time, and what the machine's uptime says, contradicts it.

Nothing is ordered by the clock: records have their order from the vault, and the time that counts from the chain. So a clock that
goes wrong is told of, a note is kept, and everything goes on. Times that it gave are claims, which stay as they are: a record or a
checkpoint with a wrong time is no worse evidence, and whoever reads it finds the chain's time beside it.

A clock that is behind contradicts a block that is known or an earlier use of the vault. One that is ahead shows when it is put
forward while the machine runs (or the machine was halted from outside, as virtual ones are), when a checkpoint says that it was sealed after its anchor's block, or when the vault seems not to
have been used for over a year.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from perdure_anchor.timestamp import format_seconds

from perdure_node.clock import Clock, Uptime
from perdure_node.database import Database

# seconds: clocks that are kept by a time server still differ a little from the validators'
_TOLERANCE = 5
# seconds by which a time server may set a clock without a word
_JUMP = 60
# seconds: who leaves a vault alone for so long can bear a note
_YEAR = 366 * 86_400
# the oldest notes go when there are more: a broken clock must not fill a disk
_MOST_NOTES = 1000
# seconds after which it is worth a write to remember what the clock says
_SEEN_AGAIN = 60


class Kind(StrEnum):
    """How it is known that the clock is or was wrong."""

    BEHIND_BLOCK = "behind_block"
    BEHIND_USE = "behind_use"
    AHEAD_OF_BLOCK = "ahead_of_block"
    FAR_AHEAD = "far_ahead"
    PUT_BACK = "put_back"
    PUT_FORWARD = "put_forward"


_TEXTS = {
    Kind.BEHIND_BLOCK: "the clock says {said}, but a block of {expected} is known",
    Kind.BEHIND_USE: "the clock says {said}, but this vault was used at {expected}",
    Kind.AHEAD_OF_BLOCK: "the clock said {said} when the log was sealed, but the block that anchored it later is of {expected}",
    Kind.FAR_AHEAD: "the clock says {said}, but this vault was used last at {expected}, over a year before",
    Kind.PUT_BACK: "the clock was put back: it says {said}, and {expected} is expected",
    Kind.PUT_FORWARD: "the clock was put forward: it says {said}, and {expected} is expected",
}


@dataclass(frozen=True, slots=True)
class Doubt:
    """What the clock says or ``said``, and what is ``expected`` at least (of a clock that is ahead: at most); in seconds."""

    kind: Kind
    expected: int
    said: int

    @property
    def text(self) -> str:
        return _TEXTS[self.kind].format(
            said=format_seconds(self.said), expected=format_seconds(self.expected)
        )


@dataclass(frozen=True, slots=True)
class ClockNote:
    """A doubt that was noted when ``sequence`` records had been added, and ``times`` in all; ``last_said`` the last time."""

    doubt: Doubt
    sequence: int
    times: int
    last_said: int


def clock_doubts(database: Database, clock: Clock) -> list[Doubt]:
    """Why the clock must be wrong, or have been wrong lately; none if nothing speaks against it."""
    return list(_doubts(database, int(clock.now()), clock.uptime()))


def note_clock(database: Database, clock: Clock) -> list[Doubt]:
    """As `clock_doubts`, and keep a note of each; remembers what the clock says, so that a jump is told of once.

    Where the vault cannot be written to, nothing is kept.
    """
    now, uptime = clock.now(), clock.uptime()
    doubts = list(_doubts(database, int(now), uptime))
    if database.is_writable and (doubts or _is_news(database, uptime)):
        with database.transaction():
            for doubt in doubts:
                _note(database, doubt)
            _remember(database, now, uptime)
    return doubts


def clock_notes(database: Database, most: int) -> list[ClockNote]:
    """The newest notes, the last one first; a vault from before them that cannot be written to has none."""
    if not _keeps_notes(database):
        return []
    rows = database.rows(
        "SELECT kind, expected, said, sequence, times, last_said FROM clock_note ORDER BY number DESC LIMIT ?",
        most,
    )
    return [ClockNote(Doubt(Kind(kind), expected, said), *rest) for kind, expected, said, *rest in rows]


def count_clock_notes(database: Database) -> int:
    """How many notes there are."""
    return database.number("SELECT count(*) FROM clock_note") if _keeps_notes(database) else 0


def _doubts(database: Database, now: int, uptime: Uptime | None) -> Iterator[Doubt]:
    block = database.number("SELECT max(time) FROM known_block")
    used = _last_use(database)
    if now < block - _TOLERANCE:
        yield Doubt(Kind.BEHIND_BLOCK, block, now)
    elif now < used - _TOLERANCE:
        yield Doubt(Kind.BEHIND_USE, used, now)
    elif used and now > max(used, block) + _YEAR:
        yield Doubt(Kind.FAR_AHEAD, max(used, block), now)
    yield from _jumps(database, now, uptime)
    yield from _sealed_ahead(database)


def _last_use(database: Database) -> int:
    """When the vault was last added to or sealed: not the latest time of all, which a clock that was ahead has left for good."""
    key = database.number("SELECT made_at FROM data_key ORDER BY number DESC LIMIT 1")
    sealed = database.number("SELECT sealed_at FROM checkpoint ORDER BY size DESC LIMIT 1")
    return max(key, sealed)


def _jumps(database: Database, now: int, uptime: Uptime | None) -> Iterator[Doubt]:
    """What the clock was set by since it was last looked at, as long as the machine has run without a restart."""
    if uptime is None or not _keeps_notes(database):
        return
    row = database.row("SELECT uptime, said FROM clock_seen WHERE boot = ?", uptime.boot)
    if row is None:
        return
    expected = int(row[1] + uptime.seconds - row[0])
    if abs(now - expected) > _JUMP:
        yield Doubt(Kind.PUT_BACK if now < expected else Kind.PUT_FORWARD, expected, now)


def _sealed_ahead(database: Database) -> Iterator[Doubt]:
    """The newest anchored checkpoint, if it claims to be younger than its block; told of once."""
    row = database.row(
        "SELECT block_time, sealed_at FROM anchor JOIN checkpoint USING (size) ORDER BY size DESC LIMIT 1"
    )
    if row is None or row[1] <= row[0] + _TOLERANCE or not _keeps_notes(database):
        return
    doubt = Doubt(Kind.AHEAD_OF_BLOCK, *row)
    if (
        database.row(
            "SELECT 1 FROM clock_note WHERE kind = ? AND expected = ? AND said = ?", doubt.kind, *row
        )
        is None
    ):
        yield doubt


def _keeps_notes(database: Database) -> bool:
    return database.row("SELECT 1 FROM sqlite_master WHERE name = 'clock_note'") is not None


def _is_news(database: Database, uptime: Uptime | None) -> bool:
    """Whether what was remembered of the clock is old, or of an earlier start of the machine."""
    if uptime is None:
        return False
    row = database.row("SELECT uptime FROM clock_seen WHERE boot = ?", uptime.boot)
    return row is None or not 0 <= uptime.seconds - row[0] < _SEEN_AGAIN


def _note(database: Database, doubt: Doubt) -> None:
    again = database.execute(
        "UPDATE clock_note SET times = times + 1, last_said = ? WHERE kind = ? AND expected = ? "
        "AND number = (SELECT max(number) FROM clock_note)",
        doubt.said,
        doubt.kind.value,
        doubt.expected,
    )
    if again:
        return
    number = database.insert(
        "INSERT INTO clock_note (kind, sequence, expected, said, last_said) "
        "VALUES (?, (SELECT coalesce(max(sequence), 0) FROM record), ?, ?, ?)",
        doubt.kind.value,
        doubt.expected,
        doubt.said,
        doubt.said,
    )
    database.execute("DELETE FROM clock_note WHERE number <= ?", number - _MOST_NOTES)


def _remember(database: Database, now: float, uptime: Uptime | None) -> None:
    if uptime is None:
        return
    database.execute(
        "INSERT OR REPLACE INTO clock_seen (only, boot, uptime, said) VALUES (1, ?, ?, ?)",
        uptime.boot,
        uptime.seconds,
        now,
    )
