"""The header of CSV lists: which character parts the cells, and which slot each column fills."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from perdure_node.errors import ImportRefused
from perdure_node.lists.csv_cells import READERS, CellReader, read_verbatim, refuse_nameless
from perdure_node.lists.rows import PLAIN_SLOTS, SHOWN

SEPARATORS: Mapping[str, str] = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
LEFT_OUT = "-"
_EXTRA = "extra."
_SIGNERS = ("signer", "signers")
_DOCUMENT = ("file", "document_sha256")
_KNOWN = f"file, signer, {', '.join(PLAIN_SLOTS)}, and extra.NAME for fields of your own"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its header as it stands in the list, and what it fills: a slot, or ``field`` within the slot extra.

    Cells of a column without ``read`` are left out.
    """

    header: str
    slot: str
    read: CellReader | None
    field: str | None = None


class HeaderNames:
    """What the columns of a list may be called: our names, and those that the user maps to them."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        self._columns = {_folded(header): (header, target.strip()) for header, target in columns.items()}

    def target(self, header: str) -> str | None:
        """Our name of the column, `LEFT_OUT`, empty for a column without a name, or None for one that nobody knows."""
        folded = _folded(header)
        if not folded:
            return ""
        _, target = self._columns.get(folded, (header, header))
        return target if target == LEFT_OUT else _our_name(target)

    def score(self, cells: Sequence[str]) -> tuple[bool, int, int]:
        """How well the cells fit a header: with a document, with many names that are known, in many cells."""
        targets = [self.target(cell) for cell in cells]
        return any(target in _DOCUMENT for target in targets), sum(map(bool, targets)), len(cells)

    def fit(self, cells: Sequence[str]) -> bool:
        """Whether this is the header of a list that can be imported."""
        return self.score(cells)[0]

    def check_mapping(self, cells: Sequence[str], row: int) -> None:
        """Refuse what the user maps to no column of ours, or from a column that is not there."""
        there = {_folded(cell) for cell in cells}
        for folded, (header, target) in self._columns.items():
            if target != LEFT_OUT and _our_name(target) is None:
                raise ImportRefused(
                    row,
                    header[:SHOWN],
                    f"mapped to {target[:SHOWN]!r}, which is no column of ours",
                    hint=f"columns are {_KNOWN}; {LEFT_OUT} leaves the column out",
                )
            if folded not in there:
                headers = ", ".join(" ".join(cell.split())[:SHOWN] for cell in cells if cell.strip())
                raise ImportRefused(
                    row, header[:SHOWN], "mapped, but not in the list", hint=f"the list has {headers}"
                )


def separator_of(header: str, names: HeaderNames) -> str:
    """The character under which the header's cells fit best; the comma where none parts them."""
    return max(SEPARATORS, key=lambda separator: names.score(header_cells(header, separator)))


def header_cells(header: str, separator: str) -> list[str]:
    """The cells of the first row in a text, forgiving what is not quite CSV."""
    try:
        return next(csv.reader(io.StringIO(header, newline=""), delimiter=separator), [])
    except csv.Error:
        return []


def columns_of(cells: Sequence[str], row: int, names: HeaderNames) -> tuple[Column, ...]:
    """The columns, without those on the right that have no name; raises `ImportRefused`."""
    names.check_mapping(cells, row)
    columns = [_column(cell, row, names) for cell in cells]
    while columns and not columns[-1].header:
        columns.pop()
    filled: dict[str, str] = {}
    for column in columns:
        slot = column.slot if column.field is None else _EXTRA + column.field
        if slot and slot in filled:
            raise ImportRefused(row, column.header, _doubled(filled[slot], column.header, slot))
        filled[slot] = column.header
    if not any(slot in filled for slot in _DOCUMENT):
        raise ImportRefused(
            row,
            None,
            "neither a column file nor a column document_sha256",
            hint='add one of them, or say which it is: --map "COLUMN=document_sha256"',
        )
    return tuple(columns)


def _column(cell: str, row: int, names: HeaderNames) -> Column:
    header = " ".join(cell.split())[:SHOWN]
    target = names.target(cell)
    if target is None:
        raise ImportRefused(
            row,
            header,
            "no such column",
            hint=f'columns are {_KNOWN}; --map "{header}=extra.NAME" takes it in, --map "{header}=-" leaves it out',
        )
    if target in ("", LEFT_OUT):
        return Column(header, "", None if target else refuse_nameless)
    if target.startswith(_EXTRA):
        return Column(header, "extra", read_verbatim, target.removeprefix(_EXTRA))
    return Column(header, target, READERS[target])


def _doubled(first: str, second: str, slot: str) -> str:
    if first == second:
        return "the column stands twice"
    return f"fills {slot}, as the column {first} does"


def _our_name(name: str) -> str | None:
    """A column's name as we write it, None if we have none such."""
    folded = _folded(name)
    if folded in _SIGNERS:
        return "signers"
    if folded.startswith(_EXTRA):
        field = " ".join(name.split())[len(_EXTRA) :].strip()
        return _EXTRA + field if field else None
    return folded if folded in READERS else None


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()
