"""Untrusted text made fit to be shown: whatever could move a cursor, reorder a line or hide in it becomes an escape."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

# marks that are put on one letter; scripts in use need three, a column of them would cover the lines above
_MOST_MARKS: Final = 4
# printable by their category, but nothing is seen of them (Unicode's Default_Ignorable_Code_Point)
_UNSEEN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def visible(text: str) -> str:
    r"""The text on one line, with everything as an escape such as ``\x1b`` that moves, reorders, covers or is not seen."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(part for part, _ in visible_parts(text))


def visible_parts(text: str) -> Iterator[tuple[str, bool]]:
    """Each character as `visible` shows it, and whether that is an escape."""
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        plain = character.isprintable() and marks <= _MOST_MARKS and not _UNSEEN.match(character)
        yield (character if plain else character.encode("unicode_escape").decode()), not plain
