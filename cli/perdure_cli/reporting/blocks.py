"""What a report consists of, as plain text: `pages` draws it, and nothing here knows how.

Each kind of evidence gives a list of blocks; another kind needs another such list and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from perdure_cli.reporting.steps import Step


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 begins a page."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph of running text."""

    text: str
    small: bool = False


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to be typed as they stand."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """Labels with their lines."""

    rows: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer in large letters, and what it is about; ``ok`` None: it could not be found out."""

    ok: bool | None
    word: str
    text: str


@dataclass(frozen=True, slots=True)
class Caution:
    """What nobody must overlook, in a frame."""

    text: str


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps and what became of them."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a head that each page repeats; ``widths`` are shares of the page's."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Subject:
    """From here on the page's foot names this evidence by its SHA-256; None for what is of all of it."""

    sha256: str | None


Block = Heading | Text | Code | Rows | Answer | Caution | Steps | Table | Subject
Blocks = Sequence[Block]
