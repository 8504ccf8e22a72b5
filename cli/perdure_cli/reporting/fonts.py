"""The fonts of a report, embedded in it, and which characters they can draw.

DejaVu Sans 2.37 comes with us (`dejavu`, under the licence beside it) for Latin, Greek, Cyrillic, Armenian and Georgian; its bold
sister of fewer letters, Bitstream Vera Sans Bold, with reportlab. No font of the system is used, so that the bytes are the same everywhere.
"""

import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

# what has to be set from right to left, which reportlab does not do: it would show the letters in the wrong order
_FROM_RIGHT_TO_LEFT: Final = frozenset({"R", "AL", "AN"})


@dataclass(frozen=True, slots=True)
class Font:
    """A registered font by its name; ``characters`` are those that it can draw, ``instead`` draws what it cannot."""

    name: str
    characters: frozenset[int]
    instead: "Font | None" = None

    def for_character(self, character: str) -> "Font | None":
        """Who shows the character as itself: this font or the other one; None if neither does."""
        if unicodedata.bidirectional(character) in _FROM_RIGHT_TO_LEFT:
            return None
        if ord(character) in self.characters:
            return self
        return None if self.instead is None else self.instead.for_character(character)


@dataclass(frozen=True, slots=True)
class Fonts:
    """For running text, and for what is to be seen first."""

    plain: Font
    bold: Font


@cache
def report_fonts() -> Fonts:
    """The fonts, registered with reportlab."""
    import reportlab

    plain = _register("PerdureSans", Path(__file__).parent / "dejavu" / "DejaVuSans.ttf")
    bold = Path(reportlab.__file__).parent / "fonts" / "VeraBd.ttf"
    return Fonts(plain, _register("PerdureSansBold", bold, plain))


def _register(name: str, file: Path, instead: Font | None = None) -> Font:
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    font = TTFont(name, str(file))
    pdfmetrics.registerFont(font)
    pdfmetrics.registerFontFamily(name, normal=name, bold=name, italic=name, boldItalic=name)
    characters = frozenset(
        code for code, glyph in font.face.charToGlyph.items() if glyph and 0x20 <= code <= 0xFFFF
    )
    return Font(name, characters, instead)
