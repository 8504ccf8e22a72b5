"""Plain text as reportlab's markup: escaped, and with all that the fonts cannot draw as an escape in another colour."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Final, NamedTuple

from perdure_anchor.visible_text import visible_parts

from perdure_cli.reporting import right_to_left
from perdure_cli.reporting.fonts import Font

_ESCAPED: Final = '<font name="{}" color="#b00020">{}</font>'
_LONGEST_ESCAPE: Final = len("\\U0010ffff")
_OTHER: Final = '<font name="{}">{}</font>'
# at which reportlab breaks no line
_NO_BREAK: Final = "\u00a0"


@dataclass(frozen=True, slots=True)
class Line:
    """How wide lines may be, in points, and of which size their letters are."""

    width: float
    size: float


class _Shown(NamedTuple):
    """What is shown of a character, and the name of its font; None for an escape."""

    text: str
    font: str | None


def markup(text: str, font: Font, line: Line | None = None) -> str:
    r"""The text on one line, as nothing but text: what cannot be drawn is shown like ``\u{4e2d}``, in another colour.

    What is written from right to left is broken into lines here, where ``line`` says how wide they are: later it stands as it is drawn.
    """
    if text.isascii() and text.isprintable():
        return escape(text, quote=False)
    told = []
    for turned, run in _runs([*_shown(text, font)]):
        if turned:
            told += ["<br/>".join(_drawn(part, font) for part in _lines(_text(run), font, line))]
        else:
            told += _told(run, font)
    return "".join(told)


def has_right_to_left(text: str) -> bool:
    """Whether some of it is written from right to left."""
    return not text.isascii() and any(map(right_to_left.is_letter, text))


def not_drawn(text: str, font: Font) -> Iterator[str]:
    """The characters that are shown as escapes for no other reason than that no font draws them."""
    if not text.isascii():
        for part, is_escape in visible_parts(text):
            if not is_escape and font.for_character(part) is None:
                yield part


def pieces(text: str, font: Font, most: int) -> Iterator[str]:
    """The text in pieces, of which none is shown longer than ``most`` characters; at least one."""
    begin = length = 0
    for at, character in enumerate(text):
        shown = 1 if character.isprintable() and font.for_character(character) else _LONGEST_ESCAPE
        if length + shown > most:
            yield text[begin:at]
            begin, length = at, 0
        length += shown
    yield text[begin:]


def _shown(text: str, font: Font) -> Iterator[_Shown]:
    for part, is_escape in visible_parts(text):
        drawing = None if is_escape else font.for_character(part)
        if drawing is not None:
            yield _Shown(part, drawing.name)
        else:
            yield _Shown(part if is_escape else f"\\u{{{ord(part):x}}}", None)


def _runs(shown: Sequence[_Shown]) -> Iterator[tuple[bool, Sequence[_Shown]]]:
    """What is written from right to left, from its first letter to its last, and what stands between."""
    begin = at = 0
    while at < len(shown):
        if not _is_turned(shown[at]):
            at += 1
            continue
        end = ahead = at + 1
        while ahead < len(shown) and shown[ahead].font and right_to_left.may_be_inside(shown[ahead].text):
            marked = end == ahead and right_to_left.is_mark(shown[ahead].text)
            ahead += 1
            if marked or _is_turned(shown[ahead - 1]):
                end = ahead
        while end < len(shown) and right_to_left.closes(_text(shown[at:end]), shown[end].text):
            end += 1
        yield False, shown[begin:at]
        yield True, shown[at:end]
        begin = at = end
    yield False, shown[begin:]


def _text(shown: Sequence[_Shown]) -> str:
    return "".join(each.text for each in shown)


def _is_turned(shown: _Shown) -> bool:
    return shown.font is not None and right_to_left.is_letter(shown.text)


def _told(run: Sequence[_Shown], font: Font) -> list[str]:
    return [_marked(_text([*same]), name, font) for name, same in groupby(run, key=lambda each: each.font)]


def _drawn(text: str, font: Font) -> str:
    """A line of what is written from right to left, as it is drawn: nothing in it may be broken or moved any more."""
    found = _fonts_of(_visual(text, font), font)
    return "".join(_told([_Shown(each, drawing.name) for each, drawing in found], font))


def _visual(text: str, font: Font) -> str:
    seen = right_to_left.as_drawn(text, lambda each: font.drawing(each) is not None)
    return seen.replace(" ", _NO_BREAK if font.drawing(_NO_BREAK) else "_")


def _fonts_of(text: str, font: Font) -> list[tuple[str, Font]]:
    return [(each, font.drawing(each) or font) for each in text]


def _lines(text: str, font: Font, line: Line | None) -> Iterator[str]:
    """The text in lines that fit, in the order in which they are read."""
    if line is None:
        yield text
        return
    now = ""
    for word in text.split(" "):
        for part in _parts(word, font, line):
            longer = f"{now} {part}" if now else part
            if now and not _fits(longer, font, line):
                yield now
                now = part
            else:
                now = longer
    yield now


def _parts(word: str, font: Font, line: Line) -> Iterator[str]:
    """A word, in parts if no line holds it."""
    if len(word) == 1 or _fits(word, font, line):
        yield word
        return
    half = len(word) // 2
    yield from _parts(word[:half], font, line)
    yield from _parts(word[half:], font, line)


def _fits(text: str, font: Font, line: Line) -> bool:
    from reportlab.pdfbase.pdfmetrics import stringWidth

    found = _fonts_of(_visual(text, font), font)
    width: float = sum(stringWidth(each, drawing.name, line.size) for each, drawing in found)
    return width <= line.width


def _marked(text: str, name: str | None, font: Font) -> str:
    if name is None:
        return _ESCAPED.format(font.name, escape(text, quote=False))
    if name == font.name:
        return escape(text, quote=False)
    return _OTHER.format(name, escape(text, quote=False))
