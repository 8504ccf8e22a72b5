"""The help topics' Markdown as a terminal shows it best: wrapped to its width, headings bold, commands coloured.

Only what the topics use: headings, paragraphs, lists with hyphens, fenced blocks, tables as they are, ``code`` and **bold**.
"""

import re
import textwrap
from collections.abc import Callable, Iterator

# how a piece of text is shown in a style, such as `perdure_cli.output.style`
Style = Callable[[str, str], str]

_SPAN = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*")


def render(text: str, columns: int, style: Style) -> str:
    """The text for a terminal of so many columns."""
    blocks = [_block(block, columns, style) for block in _blocks(text)]
    return "\n\n".join(blocks) + "\n"


def _blocks(text: str) -> Iterator[list[str]]:
    """Pieces between blank lines; a fenced block is one, whatever is in it."""
    block: list[str] = []
    fenced = False
    for line in text.splitlines():
        if line or fenced:
            block.append(line)
        elif block:
            yield block
            block = []
        fenced ^= line.startswith("```")
    if block:
        yield block


def _block(lines: list[str], columns: int, style: Style) -> str:
    first = lines[0]
    if first.startswith("#"):
        return style(first.lstrip("# "), "bold")
    if first.startswith("```"):
        return "\n".join(style(f"    {line}".rstrip(), "cyan") for line in lines[1:-1])
    if first.startswith("|"):
        return "\n".join(lines)
    if first.startswith("- "):
        return "\n".join(_wrapped(item, columns, style, indent="  ") for item in _items(lines))
    return _wrapped(" ".join(lines), columns, style)


def _items(lines: list[str]) -> Iterator[str]:
    """A list's items; lines that go on with one are indented."""
    return (item.replace("\n", " ") for item in re.sub(r"\n +", " ", "\n".join(lines)).split("\n"))


def _wrapped(text: str, columns: int, style: Style, indent: str = "") -> str:
    """Wrapped before it is styled, since escape sequences take no room; a span stays on one line."""
    held = _SPAN.sub(lambda span: span[0].replace(" ", "\0"), text)
    lines = textwrap.wrap(
        held, columns, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return _SPAN.sub(lambda span: _span(span, style), "\n".join(lines).replace("\0", " "))


def _span(span: re.Match[str], style: Style) -> str:
    return style(span[1], "cyan") if span[1] else style(span[2], "bold")
