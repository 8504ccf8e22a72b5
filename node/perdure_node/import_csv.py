"""Lists in CSV (RFC 4180, UTF-8, a header line): a row is a record, a column a slot.

Columns: the plain slots by their names; ``file``, a path below the list's own folder, which is read and hashed; ``signer`` or
``signers``, parted by semicolons; ``extra.NAME``. An empty cell leaves its slot empty. Slots with an inner structure are for
JSON lines.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from perdure_anchor.strict_json import JsonValue

from perdure_node.errors import ImportRefused
from perdure_node.import_files import with_file
from perdure_node.import_lines import PLAIN_SLOTS, ImportRow, signers_value, time_value

_EXTRA = "extra."
_SIGNER_COLUMNS = ("signer", "signers")
_DIGEST_SLOTS = ("document_sha256", "supersedes")
_DIGITS = re.compile(r"[0-9]{1,16}", re.ASCII)


def read_csv(lines: Iterator[str], folder: Path) -> Iterator[ImportRow]:
    """The rows of a CSV list; raises `ImportRefused`."""
    reader = csv.reader(lines, strict=True)
    number = 0
    columns: list[str] = []
    try:
        for number, cells in enumerate(reader, 1):
            if not columns:
                columns = _checked_columns(cells)
            elif cells:
                yield ImportRow(number, _slots(columns, cells, number, folder))
    except csv.Error as error:
        raise ImportRefused(number + 1, None, f"not CSV: {error}") from None


def _checked_columns(cells: list[str]) -> list[str]:
    columns = [cell.strip() for cell in cells]
    for column in columns:
        if columns.count(column) > 1:
            raise ImportRefused(1, column, "the column stands twice")
        known = column in PLAIN_SLOTS or column == "file" or column in _SIGNER_COLUMNS
        if not known and not (column.startswith(_EXTRA) and len(column) > len(_EXTRA)):
            raise ImportRefused(
                1,
                column[:40],
                "no such column",
                hint=f"columns are file, signer, {', '.join(PLAIN_SLOTS)}, and extra.NAME for fields of your own",
            )
    if not {"file", "document_sha256"} & set(columns):
        raise ImportRefused(
            1, None, "neither a column file nor a column document_sha256", hint="add one of them"
        )
    return columns


def _slots(columns: list[str], cells: list[str], number: int, folder: Path) -> dict[str, JsonValue]:
    if len(cells) != len(columns):
        raise ImportRefused(number, None, f"got {len(cells)} cells, want {len(columns)}")
    slots: dict[str, JsonValue] = {}
    extra: dict[str, JsonValue] = {}
    file = None
    for column, cell in zip(columns, cells, strict=True):
        if not cell.strip():
            continue
        if column == "file":
            file = cell
        elif column.startswith(_EXTRA):
            extra[column.removeprefix(_EXTRA)] = cell
        elif column in _SIGNER_COLUMNS:
            slots["signers"] = signers_value(
                [part for part in cell.split(";") if part.strip()], number, column
            )
        else:
            slots[column] = _cell_value(column, cell.strip(), number)
    if extra:
        slots["extra"] = extra
    return slots if file is None else with_file(slots, file, number, folder)


def _cell_value(column: str, cell: str, number: int) -> JsonValue:
    if column == "document_size":
        if not _DIGITS.fullmatch(cell):
            raise ImportRefused(number, column, "want a whole number of bytes")
        return int(cell)
    if column == "signed_at":
        return time_value(cell, number, column)
    return cell.lower() if column in _DIGEST_SLOTS else cell
