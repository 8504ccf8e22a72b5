"""The fonts of a report, embedded in it, and which characters they can draw."""

import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# what has to be set from right to left, which reportlab does not do: it would show the letters in the wrong order
_FROM_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})


@dataclass(frozen=True, slots=True)
class Font:
    """A registered font by its name; ``characters`` are those that it can draw."""

    name: str
    characters: frozenset[int]

    def draws(self, character: str) -> bool:
        """Whether the character is seen as itself."""
        return (
            ord(character) in self.characters
            and unicodedata.bidirectional(character) not in _FROM_RIGHT_TO_LEFT
        )


@dataclass(frozen=True, slots=True)
class Fonts:
    """For running text, for what is to be seen, and for what is to be typed or compared."""

    plain: Font
    bold: Font
    mono: Font


@cache
def report_fonts() -> Fonts:
    """The fonts, registered with reportlab."""
    return Fonts(
        _register("PerdureSans", "Vera.ttf"),
        _register("PerdureSansBold", "VeraBd.ttf"),
        _register("PerdureMono", "Vera.ttf"),
    )


def _register(name: str, file: str) -> Font:
    import reportlab
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    font = TTFont(name, str(Path(reportlab.__file__).parent / "fonts" / file))
    pdfmetrics.registerFont(font)
    pdfmetrics.registerFontFamily(name, normal=name, bold=name, italic=name, boldItalic=name)
    return Font(
        name, frozenset(code for code, glyph in font.face.charToGlyph.items() if glyph and code >= 0x20)
    )
