"""Every rule of output, in one place.

Results go to stdout; messages, progress and next steps to stderr, so that a pipe carries results only. An error is one line
``perdure: error: what is wrong`` and maybe a second one with the remedy. Names, answers of a chain and evidence are
untrusted text: whatever could move a cursor or reorder a line is shown as an escape instead. Colour is for terminals only,
and for nobody who sets ``NO_COLOR`` (no-color.org).
"""

import json
import os
import sys
from collections.abc import Mapping

import click

LABEL_WIDTH = 16


def visible(text: str) -> str:
    r"""The text on one line, with control, bidirectional and unassigned characters as escapes such as ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def print_line(text: str = "", *, style: str | None = None) -> None:
    """One line of result; ``style`` is a colour's name, or ``bold``."""
    click.echo(_styled(visible(text), style, to_stderr=False), color=True)


def print_row(label: str, text: str) -> None:
    """An indented line of result with a label in front."""
    print_line(f"  {label:<{LABEL_WIDTH}} {text}".rstrip())


def print_json(members: Mapping[str, object]) -> None:
    """One result as one line of JSON; other than ASCII is escaped, so no terminal can be moved by it."""
    click.echo(json.dumps(members, ensure_ascii=True, allow_nan=False))


def print_raw(octets: bytes) -> None:
    """A result that is a file of its own: bytes as they are."""
    sys.stdout.flush()
    sys.stdout.buffer.write(octets)
    sys.stdout.buffer.flush()


def tell(text: str) -> None:
    """A message: something that is not the result."""
    click.echo(visible(text), err=True)


def tell_next(step: str) -> None:
    """What the user would most likely do now."""
    click.echo(_styled(f"next: {visible(step)}", "cyan", to_stderr=True), err=True, color=True)


def tell_help(text: str) -> None:
    """A command's help, where it was called without what it needs; ours, so its line breaks stay."""
    click.echo(text, err=True)


def tell_warning(text: str) -> None:
    """Something that the user should know, while the command goes on."""
    click.echo(_prefixed("warning", "yellow") + visible(text), err=True, color=True)


def tell_error(message: str, hint: str | None = None) -> None:
    """Why the command failed, and what to do about it."""
    click.echo(_prefixed("error", "red") + visible(message), err=True, color=True)
    if hint:
        click.echo(f"perdure: hint: {visible(hint)}", err=True)


def escape_unprintable_streams() -> None:
    """Let a terminal that cannot show a character show its escape, where Python would raise an error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _prefixed(kind: str, colour: str) -> str:
    return "perdure: " + _styled(f"{kind}:", colour, to_stderr=True) + " "


def _styled(text: str, style: str | None, *, to_stderr: bool) -> str:
    stream = sys.stderr if to_stderr else sys.stdout
    if style is None or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb" or not stream.isatty():
        return text
    return click.style(text, bold=True) if style == "bold" else click.style(text, fg=style)
