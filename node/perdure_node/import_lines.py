"""What the formats of imported lists share: a row of slots, lines of bounded length, and the slots that a list may fill."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from perdure_anchor.strict_json import JsonValue

from perdure_node.details import parse_signer, parse_time, signer_value
from perdure_node.errors import ImportRefused, IntakeError

# a record's slots take 32 KiB at most, and no list says the same much longer
MAX_LINE_SIZE = 256 * 1024

# the others are added by the site itself, or made by steps of their own
PLAIN_SLOTS = (
    "document_sha256",
    "document_size",
    "document_name",
    "media_type",
    "document_type",
    "signed_at",
    "recorded_by",
    "supersedes",
)


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One record of a list; ``number`` counts as in a spreadsheet: the first line, header or not, is row 1."""

    number: int
    slots: dict[str, JsonValue]


RowReader: TypeAlias = Callable[[Iterator[str], Path], Iterator[ImportRow]]
"""From a list's lines, and the folder that it lies in, to its rows; raises `ImportRefused`."""


def decoded_lines(file: BinaryIO, advance: Callable[[int], None]) -> Iterator[str]:
    """The lines of a UTF-8 file with their ends, a byte order mark left out; ``advance`` hears how many bytes are read."""
    number, done = 0, 0
    while line := file.readline(MAX_LINE_SIZE + 1):
        number += 1
        if len(line) > MAX_LINE_SIZE:
            raise ImportRefused(number, None, f"the line is longer than {MAX_LINE_SIZE} bytes")
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise ImportRefused(number, None, f"not UTF-8 at byte {error.start + 1} of the line") from None
        done += len(line)
        advance(done)


def signers_value(texts: list[str], row: int, column: str) -> JsonValue:
    """The slot ``signers`` from texts as `parse_signer` reads them."""
    try:
        return [signer_value(parse_signer(text)) for text in texts]
    except IntakeError as error:
        raise ImportRefused(row, column, str(error)) from None


def time_value(text: str, row: int, column: str) -> JsonValue:
    """A slot that holds a time."""
    try:
        return parse_time(text, column)
    except IntakeError as error:
        raise ImportRefused(row, column, str(error).removeprefix(f"{column}: "), hint=error.hint) from None
