"""Plain text as reportlab's markup: escaped, and with all that the fonts cannot draw as an escape in another colour."""

from html import escape
from typing import Final

from perdure_anchor.visible_text import visible_parts

from perdure_cli.reporting.fonts import Font

_ESCAPED: Final = '<font color="#b00020">{}</font>'


def markup(text: str, font: Font) -> str:
    r"""The text on one line, as nothing but text: what cannot be drawn is shown like ``\u{4e2d}``, in another colour."""
    if text.isascii() and text.isprintable():
        return escape(text, quote=False)
    drawn: list[str] = []
    for part, is_escape in visible_parts(text):
        if is_escape:
            drawn.append(_ESCAPED.format(escape(part)))
        else:
            drawn += [_character(character, font) for character in part]
    return "".join(drawn)


def _character(character: str, font: Font) -> str:
    if font.draws(character):
        return escape(character, quote=False)
    return _ESCAPED.format(f"\\u{{{ord(character):x}}}")
