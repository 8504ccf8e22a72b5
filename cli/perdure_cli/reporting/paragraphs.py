"""A paragraph of plain text, of which nothing is markup."""

from typing import Any, Final

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import Paragraph

from perdure_cli.reporting.fonts import Font
from perdure_cli.reporting.markup import Line, has_right_to_left, markup

INK: Final = HexColor("#1a1a1a")
# what stands close to a line from right to left, such as quotes, needs room on it too
_SHARE: Final = 0.9


def paragraph(
    text: str,
    font: Font,
    size: float,
    colour: Color = INK,
    *,
    space_before: float = 0,
    space_after: float = 0,
    keep: bool = False,
) -> Any:
    """The text in this font and size, in points."""
    style = ParagraphStyle(
        "text",
        fontName=font.name,
        fontSize=size,
        leading=size * 1.32,
        textColor=colour,
        spaceBefore=space_before,
        spaceAfter=space_after,
        keepWithNext=keep,
        splitLongWords=True,
    )
    if not has_right_to_left(text):
        return Paragraph(markup(text, font), style)
    made = _Turned(markup(text, font), style)
    made.source = (text, font)
    return made


class _Turned(Paragraph):  # type: ignore[misc]  # reportlab has no types
    """One with text from right to left, whose lines are broken once it is known how wide they are.

    What reportlab breaks afterwards keeps its order, as its parts have no ``source``.
    """

    source: tuple[str, Font] | None = None

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        if self.source is not None:
            text, font = self.source
            told = markup(text, font, Line(width * _SHARE, self.style.fontSize))
            self._setup(told, self.style, None, None, str)
        size: tuple[float, float] = super().wrap(width, height)
        return size
