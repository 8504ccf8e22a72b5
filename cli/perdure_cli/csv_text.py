"""CSV that spreadsheets open: what it says is somebody else's text, which neither a spreadsheet nor a terminal may obey."""

import csv
import io
from collections.abc import Iterable

from perdure_anchor.visible_text import visible

# what makes a spreadsheet evaluate a cell
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def harmless(cell: str) -> str:
    """The cell's text, so that neither a spreadsheet evaluates it nor a terminal obeys it."""
    text = visible(cell)
    return f"'{text}" if cell.lstrip().startswith(_FORMULA_STARTS) else text


def csv_line(cells: Iterable[object]) -> str:
    """One line; the cells are made `harmless`, and None is an empty one."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(
        ["" if cell is None else harmless(str(cell)) for cell in cells]
    )
    return text.getvalue()
