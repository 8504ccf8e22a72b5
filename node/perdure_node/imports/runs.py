"""Runs of imports in the vault: what a list has brought so far, which counts only once the list is finished.

The records of an unfinished run are stored, but wait in no queue and are in no list. So an import of a million rows commits many
times, goes on where it was killed, and is all or nothing all the same. A list is known again by its bytes.
"""

from dataclasses import dataclass, replace

from perdure_node.database import Database
from perdure_node.records import note_queue_change


@dataclass(frozen=True, slots=True)
class ImportRun:
    """An unfinished run; the counts are of rows, ``rejects_size`` is the size of the file of rejects, in bytes.

    ``was_broken_off`` says that it was begun before.
    """

    number: int
    rows_done: int = 0
    added: int = 0
    was_there: int = 0
    rejected: int = 0
    rejects_size: int = 0
    was_broken_off: bool = False


def open_run(database: Database, list_digest: bytes, after_block: int | None, now: int) -> ImportRun:
    """The unfinished run of a list, or a new one; inside a transaction of the caller's.

    The records that it stores from now on name ``after_block``, which stays known for them.
    """
    row = database.row(
        "SELECT number, rows_done, added, was_there, rejected, rejects_size FROM import_run "
        "WHERE list = ? AND finished_at IS NULL",
        list_digest,
    )
    if row is not None:
        # another run that was forgotten meanwhile may have freed sequence numbers below this one's first
        database.execute(
            "UPDATE import_run SET after_block = ?, first_sequence = min(first_sequence, "
            "(SELECT coalesce(max(sequence), 0) + 1 FROM record)) WHERE number = ?",
            after_block,
            row[0],
        )
        return replace(ImportRun(*row), was_broken_off=True)
    number = database.insert(
        "INSERT INTO import_run (list, after_block, began_at, first_sequence) "
        "VALUES (?, ?, ?, (SELECT coalesce(max(sequence), 0) + 1 FROM record))",
        list_digest,
        after_block,
        now,
    )
    return ImportRun(number)


def store_progress(database: Database, run: ImportRun) -> None:
    """Remember how far a run is; inside the transaction that stores its records."""
    database.execute(
        "UPDATE import_run SET rows_done = ?, added = ?, was_there = ?, rejected = ?, rejects_size = ? WHERE number = ?",
        run.rows_done,
        run.added,
        run.was_there,
        run.rejected,
        run.rejects_size,
        run.number,
    )


def finish_run(database: Database, run: ImportRun, now: int) -> None:
    """From now on the run's records are recorded, and wait to be sealed; inside a transaction of the caller's."""
    database.execute(
        "INSERT INTO queue (sequence) SELECT sequence FROM record WHERE sequence >= "
        "(SELECT first_sequence FROM import_run WHERE number = ?1) AND import_run = ?1 "
        "AND NOT EXISTS (SELECT 1 FROM awaiting WHERE awaiting.sequence = record.sequence) ORDER BY sequence",
        run.number,
    )
    # others may have been added behind them meanwhile
    note_queue_change(database)
    database.execute(
        "UPDATE import_run SET finished_at = ?, after_block = NULL WHERE number = ?", now, run.number
    )


def count_awaiting_of(database: Database, number: int) -> int:
    """How many of a run's records wait for a second person."""
    return database.number(
        "SELECT count(*) FROM awaiting JOIN record ON record.sequence = awaiting.sequence WHERE import_run = ?",
        number,
    )


def abandon_run(database: Database, number: int) -> int:
    """Forget a run and what it stored; returns how many records that were. Inside a transaction of the caller's."""
    first = database.number("SELECT first_sequence FROM import_run WHERE number = ?", number)
    database.execute(
        "DELETE FROM awaiting WHERE sequence IN (SELECT sequence FROM record WHERE sequence >= ? AND import_run = ?)",
        first,
        number,
    )
    database.execute(
        "DELETE FROM supersession WHERE sequence IN (SELECT sequence FROM record WHERE sequence >= ? AND import_run = ?)",
        first,
        number,
    )
    database.execute(
        "DELETE FROM content WHERE sequence IN (SELECT sequence FROM record WHERE sequence >= ? AND import_run = ?)",
        first,
        number,
    )
    count = database.execute("DELETE FROM record WHERE sequence >= ? AND import_run = ?", first, number)
    database.execute("DELETE FROM import_run WHERE number = ?", number)
    return count


def unfinished_runs(database: Database) -> list[int]:
    """The numbers of the runs that were broken off, or are under way."""
    return [row[0] for row in database.rows("SELECT number FROM import_run WHERE finished_at IS NULL")]
