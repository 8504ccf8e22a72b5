r"""Lists in CSV (RFC 4180 with a header row, and what spreadsheets make of it): a row is a record, a column a slot.

Columns, of which ``file`` or ``document_sha256`` has to be there; a row's empty cells leave their slots empty:

* ``file``: a path below the list's own folder. The file is read: its digest, size, name and media type are recorded. What the
  row says of digest and size must agree with it; a name or media type in the row goes before the file's.
* ``document_sha256``: the document's SHA-256, 64 hexadecimal digits. Upper case, blanks, and ``0x`` or ``sha256:`` in front are
  taken too.
* ``document_size``: a whole number of bytes, in digits alone.
* ``document_name``, ``media_type``, ``document_type``, ``recorded_by``: text, without the blanks around it.
* ``signer`` or ``signers``: names, each maybe with an id, parted by semicolons: ``Ada Example <ada@acme.example>; Bob``.
* ``signed_at``: a time with a zone, ``2026-05-04T10:00Z`` or ``2026-05-04 12:00:30+02:00``. A time without a zone is refused,
  and so is a local date such as 04.05.2026, whose day and month can be taken for each other.
* ``supersedes``: the leaf hash of the record that this one corrects, written like a digest.
* ``extra.NAME``: a field of your own, kept as text as it stands in the cell.

Upper and lower case of the columns' names do not matter, nor do blanks around them; in extra.NAME the NAME is kept as written.
Other columns are mapped to one of these, or to ``-`` to be left out; a mapping goes before the column's own name. A column that
nobody knows is refused, so that nothing is lost by a slip, and so are two columns that fill one slot. Columns without a name
have to be empty. Empty rows are skipped, and a row may have empty cells too many on its right, but no cells too few.

Cells are parted by commas, semicolons, tabs or bars: by the one under which the header has columns that are known; or by what
the line ``sep=;`` says that may come before the header. A cell with the separator, a quotation mark or a line break in it is
quoted, and its quotation marks are doubled. Lines end in CRLF, LF or CR. The text is UTF-8 or UTF-16 with a byte order mark, or
UTF-8 without; where the whole list is not UTF-8, Windows-1252 is assumed, and said. Cells are text: formulas are not computed,
and an apostrophe in front is kept, except before digests, numbers and times. A number that a spreadsheet has rounded to
``1,23E+12`` is refused. A row is 256 KiB at most. Rows are counted as a spreadsheet does: the header is row 1, a row with line
breaks in its cells is one, and a line ``sep=;`` is none.
"""

import csv
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from perdure_anchor.strict_json import JsonValue

from perdure_node.errors import ImportRefused, IntakeError
from perdure_node.lists.csv_header import (
    SEPARATORS,
    Column,
    HeaderNames,
    columns_of,
    header_cells,
    separator_of,
)
from perdure_node.lists.listed_files import with_file
from perdure_node.lists.rows import MAX_LINE_SIZE, ListOptions, ListRow, RecordList, csv_text, empty_list
from perdure_node.lists.text import WINDOWS, ListText

_SEPARATOR_LINE = re.compile(r"\"?sep=([^\r\n\"])\"?[\r\n]*", re.IGNORECASE)
_IN_EMPTY_ROWS = ' \r\n"' + "".join(SEPARATORS)
_FAULTS = {
    "unexpected end of data": "the list ends within a quoted cell",
    "field larger than field limit": "a cell is longer than 128 KiB",
}
_QUOTATION_HINT = 'quote the whole cell, and double each quotation mark in it: "the ""first"" of May"'


@dataclass(frozen=True, slots=True)
class CsvInterpreter:
    """Reads rows of cells; ``folder`` is where files are looked for."""

    columns: tuple[Column, ...]
    folder: Path

    def slots(self, row: ListRow) -> dict[str, JsonValue]:
        """The slots of a row; raises `ImportRefused`."""
        slots: dict[str, JsonValue] = {}
        extra: dict[str, JsonValue] = {}
        column = self.columns[0]
        try:
            for column, cell in zip(self.columns, self._fitting(row), strict=True):
                if column.read is None or not cell or cell.isspace():
                    continue
                if column.field is None:
                    slots[column.slot] = column.read(cell)
                else:
                    extra[column.field] = column.read(cell)
        except IntakeError as error:
            reason = str(error).removeprefix("signer: ")
            raise ImportRefused(row.number, column.header, reason, hint=error.hint) from None
        if extra:
            slots["extra"] = extra
        return self._of_document(slots, row.number)

    def _of_document(self, slots: dict[str, JsonValue], number: int) -> dict[str, JsonValue]:
        file = slots.pop("file", None)
        if file is not None:
            return with_file(slots, str(file), number, self.folder)
        if "document_sha256" not in slots:
            raise ImportRefused(number, "document_sha256", "the row names no document, by digest or by file")
        return slots

    def _fitting(self, row: ListRow) -> tuple[str, ...]:
        """As many cells as there are columns."""
        cells, want = row.cells, len(self.columns)
        assert isinstance(cells, tuple), "a row of CSV is cells"
        if len(cells) == want or (len(cells) > want and not any(map(str.strip, cells[want:]))):
            return cells[:want]
        got = len(cells)
        while got > want and not cells[got - 1].strip():
            got -= 1
        raise ImportRefused(row.number, None, f"got {got} cells, want {want}", hint=_count_hint(got, want))


def _count_hint(got: int, want: int) -> str:
    if got > want:
        return "quote cells that have the separator in them"
    return "Excel leaves out the last columns where many rows have them empty: put a column that is always filled to the right"


def open_csv(text: ListText, folder: Path, options: ListOptions) -> RecordList:
    """The list behind a text; reads its header. Raises `ImportRefused`, and `EmptyList` if there is none."""
    names = HeaderNames(options.columns)
    lines = _Lines(text)
    asked, header = lines.separator_and_header()
    guessed = separator_of(header, names)
    separator = asked or guessed
    rows = lines.rows(separator)
    first = next(rows, None)
    if first is None:
        raise empty_list("the list")
    assert isinstance(first.cells, tuple), "a row of CSV is cells"
    interpreter = CsvInterpreter(columns_of(first.cells, first.number, names), folder)
    # with the line sep=; spreadsheets forget that the text is UTF-8, so it is written only where it is needed
    line = f"sep={separator}\r\n" if separator != guessed else ""
    head = "\ufeff" + line + csv_text(first.cells, separator)
    return RecordList("csv", interpreter, rows, _notes(text, separator), head, separator)


def is_csv_header(line: str, options: ListOptions) -> bool:
    """Whether a list's first line is a header that can be imported, or says how cells are parted."""
    names = HeaderNames(options.columns)
    return bool(_SEPARATOR_LINE.fullmatch(line)) or names.fit(header_cells(line, separator_of(line, names)))


def _notes(text: ListText, separator: str) -> tuple[str, ...]:
    notes = []
    if text.encoding.codec == WINDOWS and text.encoding.guessed:
        notes.append("read as Windows-1252, since it is not UTF-8")
    if separator != ",":
        notes.append(f"{SEPARATORS.get(separator, repr(separator))} part the cells")
    return tuple(notes)


class _Lines:
    """The lines of a text on their way to the CSV reader; a row may take many of them, but only so much text."""

    def __init__(self, text: ListText) -> None:
        self._text = text
        self._taken = 0
        self._read: list[str] = []

    def separator_and_header(self) -> tuple[str | None, str]:
        """What a line ``sep=;`` asks for, and the text of the header row, which is read again as the first row."""
        first = self._text.line()
        asked = _SEPARATOR_LINE.fullmatch(first)
        line = self._text.line() if asked else first
        while line and not line.strip(_IN_EMPTY_ROWS) and line.count('"') % 2 == 0:
            self._text.row += 1
            line = self._text.line()
        if not line:
            raise empty_list("the list")
        self._read = [line]
        quotes, size = line.count('"'), len(line)
        # a line break in a quoted cell does not end the row
        while quotes % 2 and size <= MAX_LINE_SIZE and (line := self._text.line()):
            self._read.append(line)
            quotes, size = quotes + line.count('"'), size + len(line)
        return asked[1] if asked else None, "".join(self._read)

    def rows(self, separator: str) -> Iterator[ListRow]:
        """The rows that are not empty, the header first; raises `ImportRefused`."""
        text = self._text
        reader = csv.reader(self._counted(), delimiter=separator, strict=True)
        try:
            for cells in reader:
                text.row += 1
                self._taken = 0
                if any(map(str.strip, cells)):
                    yield ListRow(text.row, tuple(cells))
        except csv.Error as error:
            raise ImportRefused(text.row + 1, None, _fault(str(error)), hint=_QUOTATION_HINT) from None

    def _counted(self) -> Iterator[str]:
        for line in itertools.chain(self._read, iter(self._text.line, "")):
            self._taken += len(line)
            if self._taken > MAX_LINE_SIZE:
                raise self._text.too_long()
            yield line


def _fault(error: str) -> str:
    known = [reason for begin, reason in _FAULTS.items() if error.startswith(begin)]
    return known[0] if known else f"not CSV: {error}"
