"""The fonts of a report, embedded in it, and which characters they can draw.

DejaVu Sans 2.37 comes with us (`dejavu`, under the licence beside it) for Latin, Greek, Cyrillic, Armenian, Georgian, Hebrew and Arabic;
its bold sister of fewer letters, Bitstream Vera Sans Bold, with reportlab. For other scripts a user gives files of his own, of
which what is drawn is embedded. No font of the system is used, so that the bytes are the same everywhere.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from perdure_anchor.errors import ConfigError

from perdure_cli.reporting import right_to_left

# scripts whose characters are drawn otherwise beside each other, which reportlab does not do: of India and its neighbours, and Syriac,
# Thaana and N'Ko. A few of them would be right, and nobody could tell which
_COMPOSED: Final = (
    range(0x0700, 0x0800),
    range(0x0840, 0x0870),
    range(0x0900, 0x0E00),
    range(0x0F00, 0x10A0),
    range(0x1700, 0x18B0),
    range(0x1900, 0x1B80),
    range(0xA840, 0xA880),
    range(0xA980, 0xAAE0),
    range(0xABC0, 0xAC00),
)
_RIGHT_TO_LEFT: Final = ("R", "AL")
# beyond it reportlab writes wrongly of which characters the glyphs are
_LAST: Final = 0xFFFF
_LARGEST_FONT: Final = 64 * 1024 * 1024


class FontUnusable(ConfigError):
    """A file is no font that a report can be set in."""


@dataclass(frozen=True, slots=True)
class Font:
    """A registered font by its name; ``characters`` are those that it can draw, ``instead`` draws what it cannot."""

    name: str
    characters: frozenset[int]
    instead: "Font | None" = None

    def for_character(self, character: str) -> "Font | None":
        """Who shows the character as itself, wherever it stands: this font or another one; None if none does."""
        if any(ord(character) in block for block in _COMPOSED):
            return None
        needed = frozenset({character})
        if unicodedata.bidirectional(character) in _RIGHT_TO_LEFT:
            forms = right_to_left.drawn_as(character)
            if forms is None:
                return None
            needed = forms
        return self._drawing(frozenset(map(ord, needed)))

    def drawing(self, character: str) -> "Font | None":
        """Which font draws this very character; None if none does."""
        return self._drawing(frozenset({ord(character)}))

    def _drawing(self, needed: frozenset[int]) -> "Font | None":
        font: Font | None = self
        while font is not None and not needed <= font.characters:
            font = font.instead
        return font


@dataclass(frozen=True, slots=True)
class Fonts:
    """For running text, and for what is to be seen first."""

    plain: Font
    bold: Font


def would_be_drawn(character: str) -> bool:
    """Whether it would be, with a font that has it."""
    known = unicodedata.bidirectional(character) not in _RIGHT_TO_LEFT or right_to_left.drawn_as(character)
    return bool(known) and ord(character) <= _LAST and not any(ord(character) in block for block in _COMPOSED)


_GIVEN: ContextVar[tuple[Path, ...]] = ContextVar("_GIVEN", default=())


@contextmanager
def with_fonts(files: Sequence[Path]) -> Iterator[None]:
    """Within this `report_fonts` draw with these files too what ours cannot; raises `FontUnusable`."""
    token = _GIVEN.set(tuple(files))
    try:
        report_fonts()
        yield
    finally:
        _GIVEN.reset(token)


def report_fonts() -> Fonts:
    """The fonts, registered with reportlab."""
    return _fonts(_GIVEN.get())


@lru_cache(maxsize=4)
def _fonts(given: tuple[Path, ...]) -> Fonts:
    import reportlab

    instead: Font | None = None
    for number, file in reversed([*enumerate(given, 1)]):
        instead = _given(f"PerdureGiven{number}", file, instead)
    plain = _register("PerdureSans", Path(__file__).parent / "dejavu" / "DejaVuSans.ttf", instead)
    bold = Path(reportlab.__file__).parent / "fonts" / "VeraBd.ttf"
    return Fonts(plain, _register("PerdureSansBold", bold, plain))


def _given(name: str, file: Path, instead: Font | None) -> Font:
    """A user's font: what is wrong with it is told in words."""
    from reportlab.pdfbase.ttfonts import TTFError

    try:
        size = file.stat().st_size
        font = None if size > _LARGEST_FONT else _register(name, file, instead)
    except OSError as error:
        raise FontUnusable(f"{file}: {error.strerror or error}") from None
    except TTFError as error:
        raise FontUnusable(
            f"{file}: not a font that can be embedded ({_reason(str(error))})",
            hint="want TrueType outlines: a .ttf, or the first font of a .ttc; of an .otf with PostScript outlines there mostly is a .ttf too",
        ) from None
    except Exception as error:  # noqa: BLE001  # a reader of fonts raises anything for what is none
        raise FontUnusable(f"{file}: cannot be read as a font ({type(error).__name__})") from None
    if font is None:
        raise FontUnusable(f"{file}: {size} bytes, and a font is read up to {_LARGEST_FONT // 1024**2} MiB")
    return font


def _reason(text: str) -> str:
    return (
        "postscript outlines"
        if "postscript outlines" in text
        else "not as TrueType is, or not to be embedded"
    )


def _register(name: str, file: Path, instead: Font | None = None) -> Font:
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    font = TTFont(name, str(file))
    pdfmetrics.registerFont(font)
    pdfmetrics.registerFontFamily(name, normal=name, bold=name, italic=name, boldItalic=name)
    characters = frozenset(
        code for code, glyph in font.face.charToGlyph.items() if glyph and 0x20 <= code <= _LAST
    )
    return Font(name, characters, instead)
