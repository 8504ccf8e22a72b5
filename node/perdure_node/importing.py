"""Import: many records from one list, all in one transaction. A bad row names itself, and nothing of the list is taken."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perdure_node.clock import Clock, Randomness
from perdure_node.errors import AlreadyRecorded, EmptyList, ImportRefused, IntakeError, UnknownImportFormat
from perdure_node.import_csv import read_csv
from perdure_node.import_digests import parse_digest_line, read_digests
from perdure_node.import_jsonl import read_jsonl
from perdure_node.import_lines import ImportRow, RowReader, decoded_lines
from perdure_node.intake import stamp_of
from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.records import Stamp, insert_record
from perdure_node.vault import Vault

FORMATS: Final[dict[str, RowReader]] = {"csv": read_csv, "jsonl": read_jsonl, "digests": read_digests}
_SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
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
            lines = decoded_lines(file, _seldom(progress))
            first = next(lines, None)
            if first is None:
                raise _empty(path)
            name = format or _SUFFIXES.get(path.suffix.lower()) or _recognised(first, path)
            if name not in FORMATS:
                raise UnknownImportFormat(f"format: got {name!a}, want one of {', '.join(FORMATS)}")
            rows = FORMATS[name](itertools.chain([first], lines), path.parent)
            imported = _import_rows(vault, rows, name, clock, randomness, again=again)
    except OSError as error:
        raise UnknownImportFormat(f"{path}: {error.strerror}") from error
    if not imported.rows:
        raise _empty(path)
    return imported


def _import_rows(
    vault: Vault, rows: Iterator[ImportRow], name: str, clock: Clock, randomness: Randomness, *, again: bool
) -> Imported:
    count = added = 0
    with vault.database.transaction():
        stamp = stamp_of(vault, clock)
        for row in rows:
            with _naming_row(row.number):
                was_there = _was_there(
                    vault, row, stamp, randomness, again=again, digests_only=name == "digests"
                )
            count += 1
            added += not was_there
    return Imported(count, added, count - added, name)


def _was_there(
    vault: Vault, row: ImportRow, stamp: Stamp, randomness: Randomness, *, again: bool, digests_only: bool
) -> bool:
    """Whether the row's record was there; otherwise it is now."""
    try:
        return insert_record(vault.database, row.slots, stamp, randomness, again=again).was_there
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


def _empty(path: Path) -> EmptyList:
    return EmptyList(
        f"there is no record in {path}", hint="see whether it is the right file, and was written to its end"
    )


def _recognised(first: str, path: Path) -> str:
    if parse_digest_line(first.rstrip("\r\n")) is not None:
        return "digests"
    if first.lstrip().startswith("{"):
        return "jsonl"
    if {"file", "document_sha256"} & {cell.strip().strip('"') for cell in first.split(",")}:
        return "csv"
    raise UnknownImportFormat(
        f"{path.name}: neither CSV with a header, nor JSON lines, nor a list as sha256sum prints it",
        hint="name it .csv or .jsonl, or see `perdure import --help`",
    )


def _seldom(progress: Progress) -> Callable[[int], None]:
    """Progress by bytes, told at most once a step."""
    told = 0

    def advance(done: int) -> None:
        nonlocal told
        if done - told >= _STEP:
            told = done
            progress.advance(done)

    return advance
