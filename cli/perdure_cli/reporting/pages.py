"""Blocks as pages of a PDF, by reportlab: the same bytes for the same blocks, attachments and time."""

import io
from collections.abc import Iterator, Sequence
from typing import Any, Final

from perdure_anchor.visible_text import visible
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    LongTable,
    PageBreak,
    PageTemplate,
    Spacer,
    TableStyle,
)

from perdure_cli.progress import Progress
from perdure_cli.reporting.blocks import (
    Answer,
    Block,
    Blocks,
    Caution,
    Code,
    Heading,
    Rows,
    Steps,
    Subject,
    Table,
    Text,
)
from perdure_cli.reporting.contents import Attachment, Report
from perdure_cli.reporting.embedding import embed, mark, set_time
from perdure_cli.reporting.fonts import report_fonts
from perdure_cli.reporting.markup import pieces
from perdure_cli.reporting.paragraphs import INK, paragraph
from perdure_cli.reporting.recognising import report_maker, report_subject
from perdure_cli.reporting.steps import State

_MARGIN: Final = 20 * mm
_WIDTH: Final = A4[0] - 2 * _MARGIN
_GREY, _LINE, _SHADE = (
    HexColor("#555555"),
    HexColor("#bbbbbb"),
    HexColor("#f3f3f3"),
)
_GREEN, _RED, _AMBER = HexColor("#14652a"), HexColor("#a3001b"), HexColor("#8a5a00")
_STATE_COLOURS: Final = {
    State.PASSED: _GREEN,
    State.FAILED: _RED,
    State.FELL_SHORT: _AMBER,
    State.NOT_REACHED: _GREY,
    State.NOT_ASKED: _GREY,
}
# characters in a row of a table, which must fit a page
_PIECE: Final = 1200
_PADDING: Final[list[Any]] = [
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LEFTPADDING", (0, 0), (-1, -1), 4),
    ("RIGHTPADDING", (0, 0), (-1, -1), 4),
    ("TOPPADDING", (0, 0), (-1, -1), 2.5),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
]


def report_pdf(report: Report, blocks: Blocks, title: str, progress: Progress) -> bytes:
    """The report's bytes; raises `ReportTooLarge`."""
    attachments = report.attachments()
    progress.stage("draw", len(report.pieces))
    stream = io.BytesIO()
    template = BaseDocTemplate(
        stream,
        pagesize=A4,
        invariant=1,
        pageCompression=1,
        lang="en",
        title=title,
        author=report_maker(report.version),
        subject=report_subject(report.identifier),
        creator=report_maker(report.version),
    )
    frame = Frame(_MARGIN, 24 * mm, _WIDTH, A4[1] - 42 * mm, 0, 0, 0, 0)
    template.addPageTemplates(PageTemplate(frames=[frame]))

    def canvas(*arguments: Any, **options: Any) -> "_Canvas":
        made = _Canvas(*arguments, **options)
        made.report, made.attachments, made.progress = report, attachments, progress
        set_time(made._doc, report.made_at, report.identifier)  # noqa: SLF001  # reportlab has no other way
        return made

    template.build([flowable for block in blocks for flowable in _flowables(block)], canvasmaker=canvas)
    return mark(stream.getvalue())


class _Canvas(Canvas):  # type: ignore[misc]  # reportlab has no types
    """Holds all pages until their number is known, for the foot of each."""

    report: Report
    attachments: tuple[Attachment, ...]
    progress: Progress
    subject: str | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._pages: list[dict[str, Any]] = []
        self._outline: list[tuple[int, str]] = []
        self._begun = 0

    def showPage(self) -> None:  # noqa: N802  # reportlab's name
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def begin(self, sha256: str | None) -> None:
        """From here on the pages are about this piece of evidence."""
        self.subject = sha256
        self._begun += 1
        self.progress.advance(min(self._begun, len(self.report.pieces)))

    def bookmark(self, text: str) -> None:
        """Let an entry of the outline lead to this page."""
        self._outline.append((len(self._pages), text))

    def save(self) -> None:
        pages, outline = self._pages, dict(self._outline)
        embed(self._doc, self.attachments, self.report.made_at)
        for number, page in enumerate(pages):
            self.__dict__.update(page)
            if number in outline:
                self.bookmarkPage(f"page{number}")
                self.addOutlineEntry(outline[number], f"page{number}")
            self._draw_foot(number + 1, len(pages))
            super().showPage()
        super().save()

    def _draw_foot(self, number: int, total: int) -> None:
        fonts = report_fonts()
        self.setStrokeColor(_LINE)
        self.line(_MARGIN, 19 * mm, A4[0] - _MARGIN, 19 * mm)
        self.setFillColor(_GREY)
        self.setFont(fonts.plain.name, 7)
        made = f"report {self.report.identifier}, made {self.report.made_at_text} with perdure {self.report.version}"
        self.drawString(_MARGIN, 15.5 * mm, made)
        self.drawRightString(A4[0] - _MARGIN, 15.5 * mm, f"page {number} of {total}")
        about = f"evidence SHA-256 {self.subject}" if self.subject else _about_all(self.report)
        self.drawString(_MARGIN, 12 * mm, about)


def _about_all(report: Report) -> str:
    if len(report.pieces) == 1 and report.pieces[0].sha256:
        return f"evidence SHA-256 {report.pieces[0].sha256}"
    return f"on {len(report.pieces)} pieces of evidence"


class _Subject(Flowable):  # type: ignore[misc]  # reportlab has no types
    """Nothing to see: tells the canvas what the pages are about from here on."""

    def __init__(self, sha256: str | None) -> None:
        super().__init__()
        self._sha256 = sha256

    def wrap(self, _: float, __: float) -> tuple[float, float]:
        return 0, 0

    def draw(self) -> None:
        self.canv.begin(self._sha256)


class _Bookmark(Flowable):  # type: ignore[misc]  # reportlab has no types
    """Nothing to see: an entry of the outline that PDF readers show beside the pages."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def wrap(self, _: float, __: float) -> tuple[float, float]:
        return 0, 0

    def draw(self) -> None:
        self.canv.bookmark(self._text)


def _flowables(block: Block) -> Iterator[Any]:
    fonts = report_fonts()
    match block:
        case Subject(sha256):
            yield _Subject(sha256)
        case Heading(text, 1):
            yield PageBreak()
            yield _Bookmark(visible(_clipped(text, 80)))
            yield paragraph(_clipped(text, 200), fonts.bold, 15, space_after=4)
        case Heading(text):
            yield paragraph(_clipped(text, 200), fonts.bold, 10.5, space_before=9, space_after=3, keep=True)
        case Text(text, small):
            yield paragraph(text, fonts.plain, 7.5 if small else 9, _GREY if small else INK, space_after=3)
        case _:
            yield from _composed(block)


def _composed(block: Block) -> Iterator[Any]:
    """What is made as a table."""
    fonts = report_fonts()
    match block:
        case Code(lines):
            yield _boxed([[paragraph(line, fonts.plain, 8)] for line in lines], _SHADE)
            yield Spacer(0, 4)
        case Rows(rows):
            yield from _rows(rows)
        case Answer():
            yield from _answer(block)
        case Caution(text):
            yield _framed([[paragraph(text, fonts.bold, 9)]], _RED)
            yield Spacer(0, 4)
        case Steps(steps):
            yield from _steps(steps)
        case Table(head, rows, widths):
            yield from _table(head, rows, widths)


def _rows(rows: Sequence[tuple[str, tuple[str, ...]]]) -> Iterator[Any]:
    fonts = report_fonts()
    cells: list[list[Any]] = []
    commands = list(_PADDING)
    for label, lines in rows:
        for number, text in enumerate(
            part for line in lines or ("",) for part in pieces(line, fonts.plain, _PIECE)
        ):
            if number:
                commands.append(("TOPPADDING", (0, len(cells)), (-1, len(cells)), 0))
            told = paragraph(label if number == 0 else "", fonts.plain, 8.5, _GREY)
            cells.append([told, paragraph(text, fonts.plain, 8.5)])
    if cells:
        yield LongTable(cells, colWidths=[36 * mm, _WIDTH - 36 * mm], style=TableStyle(commands))
        yield Spacer(0, 3)


def _clipped(text: str, most: int) -> str:
    """What is told in full elsewhere, where there is no room for it."""
    first = next(pieces(text, report_fonts().plain, most))
    return text if len(first) == len(text) else f"{first} [... {len(text) - len(first)} more characters]"


def _answer(block: Answer) -> Iterator[Any]:
    fonts = report_fonts()
    colour = _AMBER if block.ok is None else _GREEN if block.ok else _RED
    cells = [
        [paragraph(block.word, fonts.bold, 22, colour)],
        [paragraph(_clipped(block.text, _PIECE), fonts.plain, 10)],
    ]
    yield _framed(cells, colour)
    yield Spacer(0, 6)


def _steps(steps: Sequence[Any]) -> Iterator[Any]:
    fonts = report_fonts()
    cells = []
    for step in steps:
        said = [paragraph(step.title, fonts.plain, 8.5)]
        if step.found:
            said.append(paragraph(_clipped(step.found, _PIECE), fonts.plain, 7.5, _GREY))
        cells.append(
            [
                paragraph(str(step.number), fonts.plain, 8.5, _GREY),
                said,
                paragraph(step.state.value, fonts.bold, 8.5, _STATE_COLOURS[step.state]),
            ]
        )
    style = TableStyle([*_PADDING, ("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE)])
    yield LongTable(cells, colWidths=[9 * mm, _WIDTH - 43 * mm, 34 * mm], style=style)
    yield Spacer(0, 4)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], widths: tuple[int, ...]) -> Iterator[Any]:
    fonts = report_fonts()
    cells = [[paragraph(text, fonts.bold, 8) for text in head]]
    cells += [[paragraph(_clipped(text, 200), fonts.plain, 8) for text in row] for row in rows]
    style = TableStyle(
        [
            *_PADDING,
            ("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE),
            ("BACKGROUND", (0, 0), (-1, 0), _SHADE),
        ]
    )
    total = sum(widths)
    yield LongTable(cells, colWidths=[_WIDTH * share / total for share in widths], style=style, repeatRows=1)
    yield Spacer(0, 4)


def _boxed(cells: list[list[Any]], colour: Color) -> Any:
    return LongTable(
        cells, colWidths=[_WIDTH], style=TableStyle([*_PADDING, ("BACKGROUND", (0, 0), (-1, -1), colour)])
    )


def _framed(cells: list[list[Any]], colour: Color) -> Any:
    style = TableStyle(
        [*_PADDING, ("BOX", (0, 0), (-1, -1), 1.2, colour), ("LEFTPADDING", (0, 0), (-1, -1), 8)]
    )
    return LongTable(cells, colWidths=[_WIDTH], style=style)
