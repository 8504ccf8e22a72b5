"""CSV that spreadsheets open: what it says is somebody else's text, which neither a spreadsheet nor a terminal may obey."""

import csv
import io
import re
from collections.abc import Iterable

from perdure_anchor.visible_text import visible

# what makes a spreadsheet evaluate a cell; East Asian ones take the wide forms too
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# where a semicolon parts cells, whatever is quoted
_HIDDEN_CELL = re.compile('(;[\\s"]*)(?=[=+\\-@\uff1d\uff0b\uff0d\uff20])')


def harmless(cell: str) -> str:
    """The cell's text, so that neither a spreadsheet evaluates it nor a terminal obeys it."""
    text = _HIDDEN_CELL.sub(r"\1'", visible(cell))
    return f"'{text}" if cell.lstrip().startswith(_FORMULA_STARTS) else text


def csv_line(cells: Iterable[object]) -> str:
    """One line; the cells are made `harmless`, and None is an empty one."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(
        ["" if cell is None else harmless(str(cell)) for cell in cells]
    )
    return text.getvalue()
