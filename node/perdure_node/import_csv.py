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

from perdure_node.errors import DocumentUnreadable, ImportRefused
from perdure_node.import_lines import PLAIN_SLOTS, ImportRow, signers_value, time_value
from perdure_node.intake import document_slots, hash_document

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
    return slots if file is None else _with_file(slots, file, number, folder)


def _cell_value(column: str, cell: str, number: int) -> JsonValue:
    if column == "document_size":
        if not _DIGITS.fullmatch(cell):
            raise ImportRefused(number, column, "want a whole number of bytes")
        return int(cell)
    if column == "signed_at":
        return time_value(cell, number, column)
    return cell.lower() if column in _DIGEST_SLOTS else cell


def _with_file(slots: dict[str, JsonValue], file: str, number: int, folder: Path) -> dict[str, JsonValue]:
    """The slots of the file's bytes, with what the row says beside them; both must agree on digest and size."""
    try:
        path = (folder / file).resolve()
        inside = path.is_relative_to(folder.resolve())
        found = document_slots(hash_document(path)) if inside else {}
    except (DocumentUnreadable, ValueError, OSError, RuntimeError) as error:
        # what is no path at all, or a ring of links, is refused by the system in several ways
        raise ImportRefused(number, "file", str(error)) from None
    if not inside:
        # a list that somebody sent must not make us look at files that they cannot see
        raise ImportRefused(number, "file", "leads out of the folder that the list is in")
    for slot in ("document_sha256", "document_size"):
        if slot in slots and slots[slot] != found[slot]:
            raise ImportRefused(number, slot, f"got {slots[slot]}, but the file has {found[slot]}")
    return found | slots
