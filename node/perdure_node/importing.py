"""Import: many records from one list, all in one transaction. A bad row names itself, and nothing of the list is taken."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from perdure_anchor.strict_json import JsonValue

from perdure_node.clock import Clock, Randomness
from perdure_node.errors import AlreadyRecorded, ImportRefused, IntakeError, UnknownImportFormat
from perdure_node.intake import stamp_of
from perdure_node.lists.reading import open_list
from perdure_node.lists.rows import ListOptions, RecordList, empty_list
from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.records import Stamp, insert_record
from perdure_node.vault import Vault

# progress is told once in so many bytes
_STEP = 1 << 16


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a list's rows: ``rows`` = ``added`` + ``was_there``."""

    rows: int
    added: int
    was_there: int
    format: str


def import_file(
    vault: Vault,
    path: Path,
    *,
    clock: Clock,
    randomness: Randomness,
    again: bool = False,
    progress: Progress = NO_PROGRESS,
    format: str | None = None,
) -> Imported:
    """Record every row of a list, or nothing; all are durable when this returns.

    Where a document has a record already, in whatever words, a list of digests adds nothing to it, and its row was there. A row
    of the other formats has to say the same, unless ``again`` is set.

    The format is known by the file's suffix, else by its first line. Raises `UnknownImportFormat`, `EmptyList`, and
    `ImportRefused` naming the row.
    """
    try:
        with path.open("rb") as file:
            progress.stage("import", path.stat().st_size)
            options = ListOptions(format=format)
            listed = open_list(file, path.name, path.parent, options, _seldom(progress))
            imported = _import_rows(vault, listed, clock, randomness, again=again)
    except OSError as error:
        raise UnknownImportFormat(f"{path}: {error.strerror}") from error
    if not imported.rows:
        raise empty_list(str(path))
    return imported


def _import_rows(
    vault: Vault, listed: RecordList, clock: Clock, randomness: Randomness, *, again: bool
) -> Imported:
    count = added = 0
    with vault.database.transaction():
        stamp = stamp_of(vault, clock)
        for row in listed.rows:
            slots = listed.interpreter.slots(row)
            with _naming_row(row.number):
                was_there = _was_there(
                    vault, slots, stamp, randomness, again=again, digests_only=listed.format == "digests"
                )
            count += 1
            added += not was_there
    return Imported(count, added, count - added, listed.format)


def _was_there(
    vault: Vault,
    slots: dict[str, JsonValue],
    stamp: Stamp,
    randomness: Randomness,
    *,
    again: bool,
    digests_only: bool,
) -> bool:
    """Whether the row's record was there; otherwise it is now."""
    try:
        return insert_record(vault.database, slots, stamp, randomness, again=again).was_there
    except AlreadyRecorded:
        # that the document exists is all that a list of digests has to say: under which name, sha256sum was told
        if digests_only:
            return True
        raise


@contextlib.contextmanager
def _naming_row(number: int) -> Iterator[None]:
    try:
        yield
    except AlreadyRecorded as error:
        raise ImportRefused(number, None, str(error), hint=error.hint) from error
    except IntakeError as error:
        column, separator, reason = str(error).partition(": ")
        raise ImportRefused(
            number, column if separator else None, reason or column, hint=error.hint
        ) from error


def _seldom(progress: Progress) -> Callable[[int], None]:
    """Progress by bytes, told at most once a step."""
    told = 0

    def advance(done: int) -> None:
        nonlocal told
        if done - told >= _STEP:
            told = done
            progress.advance(done)

    return advance
