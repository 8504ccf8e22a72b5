"""Plain text as reportlab's markup: escaped, and with all that the fonts cannot draw as an escape in another colour."""

from collections.abc import Iterator
from html import escape
from itertools import groupby
from typing import Final

from perdure_anchor.visible_text import visible_parts

from perdure_cli.reporting.fonts import Font

_ESCAPED: Final = '<font name="{}" color="#b00020">{}</font>'
_LONGEST_ESCAPE: Final = len("\\U0010ffff")
_OTHER: Final = '<font name="{}">{}</font>'


def markup(text: str, font: Font) -> str:
    r"""The text on one line, as nothing but text: what cannot be drawn is shown like ``\u{4e2d}``, in another colour."""
    if text.isascii() and text.isprintable():
        return escape(text, quote=False)
    return "".join(
        _run("".join(shown for shown, _ in run), style, font)
        for style, run in groupby(_styled(text, font), key=lambda each: each[1])
    )


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


def _styled(text: str, font: Font) -> Iterator[tuple[str, str | None]]:
    """Each character as it is shown, with the name of its font; None for an escape."""
    for part, is_escape in visible_parts(text):
        drawing = None if is_escape else font.for_character(part)
        if drawing is not None:
            yield part, drawing.name
        else:
            yield part if is_escape else f"\\u{{{ord(part):x}}}", None


def _run(text: str, name: str | None, font: Font) -> str:
    if name is None:
        return _ESCAPED.format(font.name, escape(text, quote=False))
    if name == font.name:
        return escape(text, quote=False)
    return _OTHER.format(name, escape(text, quote=False))
