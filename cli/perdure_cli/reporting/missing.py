"""What a report's fonts cannot draw: of which scripts it is, and what is said of that on the first page."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass

from perdure_cli.reporting.blocks import Answer, Block, Blocks, Caution
from perdure_cli.reporting.fonts import report_fonts, would_be_drawn
from perdure_cli.reporting.markup import not_drawn


@dataclass(frozen=True, slots=True)
class Missing:
    """``scripts`` by Unicode's names, each once; ``example`` is one of the characters; ``font_helps``: a font could draw some of them."""

    scripts: tuple[str, ...]
    example: str
    font_helps: bool


def missing_in(blocks: Blocks) -> Missing | None:
    """What of these blocks is shown as escapes, though it could be seen; None if nothing is."""
    plain = report_fonts().plain
    found = dict.fromkeys(
        character for block in blocks for text in _texts(block) for character in not_drawn(text, plain)
    )
    if not found:
        return None
    scripts = tuple(sorted(set(map(_script, found))))
    return Missing(scripts, next(iter(found)), any(map(would_be_drawn, found)))


def with_note(blocks: Sequence[Block], missing: Missing | None) -> list[Block]:
    """The blocks, and behind the first answer what is to be known of what is not drawn."""
    if missing is None:
        return [*blocks]
    at = next((number for number, block in enumerate(blocks, 1) if isinstance(block, Answer)), 0)
    remedy = (
        " perdure report --font FILE draws them, with a font that has them." if missing.font_helps else ""
    )
    note = Caution(
        f"Some letters are not drawn in this report ({', '.join(missing.scripts)}). Each is shown in red by its number in Unicode, "
        f"such as \\u{{{ord(missing.example):x}}}. The attached evidence has them as they were written.{remedy}"
    )
    return [*blocks[:at], note, *blocks[at:]]


def _texts(value: object) -> Iterator[str]:
    """All texts in a block, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _texts(each)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _texts(getattr(value, field.name))


def _script(character: str) -> str:
    """The first word of its name, which is the script for letters: CJK, HANGUL, DEVANAGARI; else its kind."""
    if not unicodedata.category(character).startswith("L"):
        return "signs"
    return unicodedata.name(character, "letters without a name").split()[0]
