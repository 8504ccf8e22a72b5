"""What all formats of lists share: a row as it stands in the list, and what makes slots of it.

Rows and interpreters are pickled on their way to other processes, so they are plain values.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from perdure_anchor.strict_json import JsonValue

from perdure_node.errors import EmptyList

# a record's slots take 32 KiB at most, and no list says the same much longer
MAX_LINE_SIZE = 256 * 1024
# as much of a list's own words as a message repeats
SHOWN = 40

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
class ListOptions:
    """What the user says of a list; None and empty where the list speaks for itself."""

    format: str | None = None
    """``csv``, ``jsonl`` or ``digests``."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """CSV: from a header cell to the column that it stands for, or to ``-`` to leave it out."""
    keep_paths: bool = False
    """Lists of digests: record the whole path, not only the name of the file."""
    encoding: str | None = None
    """A name that Python knows, such as ``cp1250``."""
    folder: Path | None = None
    """Where the paths of a column ``file`` begin; the list's own folder if None."""


# made once a row of lists with millions: a frozen dataclass would take as long as all the rest
class ListRow(NamedTuple):
    """One record as it stands in the list; ``number`` counts as in a spreadsheet, the first line being row 1."""

    number: int
    cells: str | tuple[str, ...]
    """A line without its end, or the cells of a CSV row."""


class RowInterpreter(Protocol):
    """Makes slots of rows, a frozen dataclass for each format that can be pickled."""

    def slots(self, row: ListRow) -> dict[str, JsonValue]:
        """The slots that the row fills, not yet checked as a record's; raises `ImportRefused`."""


@dataclass
class RecordList:
    """An open list: its rows are read from the stream as they are asked for, in bounded memory."""

    format: str
    interpreter: RowInterpreter
    rows: Iterator[ListRow]
    """Raises `ImportRefused` for what cannot be parted into rows; nothing can be read behind it."""
    notes: tuple[str, ...] = ()
    """What was assumed and the user may want to know."""
    head: str = ""
    separator: str = ","

    def reject_head(self) -> str:
        """What a file of rejected rows begins with, to be written as UTF-8; may begin with a byte order mark."""
        return self.head

    def reject_text(self, row: ListRow) -> str:
        """The row as text of the list's format: behind the head it can be mended and imported with the same options."""
        return row.cells + "\n" if isinstance(row.cells, str) else csv_text(row.cells, self.separator)


def empty_list(name: str) -> EmptyList:
    """The refusal of a list that lists nothing."""
    return EmptyList(
        f"there is no record in {name}", hint="see whether it is the right file, and was written to its end"
    )


def csv_text(cells: tuple[str, ...], separator: str) -> str:
    """The cells as a row of CSV, with its end."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator).writerow(cells)
    return text.getvalue()
