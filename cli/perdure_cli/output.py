"""Every rule of output, in one place.

Results go to stdout; messages, progress and next steps to stderr, so that a pipe carries results only. An error is one line
``perdure: error: what is wrong`` and maybe a second one with the remedy. ``--quiet`` leaves results, warnings and errors;
``--verbose`` adds details. Names, answers of a chain and evidence are untrusted text: whatever could move a cursor, reorder a
line or hide in it is shown as an escape instead. Colour is for terminals only, and for nobody who sets ``NO_COLOR``
(no-color.org).
"""

import json
import os
import sys
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from enum import Enum, auto

import click
from perdure_anchor.visible_text import visible

from perdure_cli.status_line import LINE

LABEL_WIDTH = 16


class Verbosity(Enum):
    """How much is told besides results, warnings and errors."""

    QUIET = auto()
    NORMAL = auto()
    VERBOSE = auto()


_verbosity = ContextVar("verbosity", default=Verbosity.NORMAL)


def set_verbosity(verbosity: Verbosity) -> None:
    """From now on tell this much."""
    _verbosity.set(verbosity)


def is_quiet() -> bool:
    """Whether the user wants results, warnings and errors only."""
    return _verbosity.get() is Verbosity.QUIET


def is_verbose() -> bool:
    """Whether the user wants details; `tell_detail` asks it itself."""
    return _verbosity.get() is Verbosity.VERBOSE


def line(text: str = "", *, style: str | None = None) -> str:
    """One line of result, as it is printed; ``style`` is a colour's name, or ``bold``."""
    return _styled(visible(text), style, to_stderr=False) + "\n"


def row(label: str, text: str) -> str:
    """An indented line of result with a label in front."""
    return line(f"  {label:<{LABEL_WIDTH}} {text}".rstrip())


def json_line(members: Mapping[str, object]) -> str:
    """One result as one line of JSON; other than ASCII is escaped, so no terminal can be moved by it."""
    return json.dumps(members, ensure_ascii=True, allow_nan=False) + "\n"


def print_lines(lines: str) -> None:
    """Lines that the functions above made; nothing else, since nothing is escaped any more."""
    _echo(lines.removesuffix("\n"), to_stderr=False)


def write_lines(lines: str) -> None:
    """As `print_lines`, but many in a row are sent together; where a terminal reads them, each at once."""
    with LINE:
        sys.stdout.write(lines)


def print_line(text: str = "", *, style: str | None = None) -> None:
    """Print one `line` of result."""
    print_lines(line(text, style=style))


def print_row(label: str, text: str) -> None:
    """Print one `row` of result."""
    print_lines(row(label, text))


def print_rows(label: str, texts: Iterable[str]) -> None:
    """Print the `row` s of what takes several lines, with the label before the first."""
    for text in texts:
        print_row(label, text)
        label = ""


def print_json(members: Mapping[str, object]) -> None:
    """Print one `json_line`."""
    print_lines(json_line(members))


def print_raw(octets: bytes) -> None:
    """A result that is a file of its own: bytes as they are."""
    with LINE:
        sys.stdout.flush()
        sys.stdout.buffer.write(octets)
        sys.stdout.buffer.flush()


def print_pages(text: str) -> None:
    """A long text of our own, styled or not: through the user's pager where it does not fit the terminal."""
    if not sys.stdout.isatty() or text.count("\n") < os.get_terminal_size(sys.stdout.fileno()).lines:
        _echo(text.rstrip("\n"), to_stderr=False)
        return
    with LINE:
        click.echo_via_pager(text, color=True)


def tell(text: str) -> None:
    """A message: something that is not the result."""
    if not is_quiet():
        _echo(visible(text), to_stderr=True)


def tell_detail(text: str) -> None:
    """A message for those who asked for more with ``--verbose``."""
    if is_verbose():
        _echo(visible(text), to_stderr=True)


def tell_next(step: str) -> None:
    """What the user would most likely do now."""
    if not is_quiet():
        _echo(_styled(f"next: {visible(step)}", "cyan", to_stderr=True), to_stderr=True)


def tell_help(text: str) -> None:
    """A command's help, where it was called without what it needs; ours, so its line breaks stay."""
    _echo(text, to_stderr=True)


def tell_warning(text: str) -> None:
    """Something that the user should know, while the command goes on."""
    _echo(_prefixed("warning", "yellow") + visible(text), to_stderr=True)


def tell_error(message: str, hint: str | None = None) -> None:
    """Why the command failed, and what to do about it."""
    _echo(_prefixed("error", "red") + visible(message), to_stderr=True)
    if hint:
        _echo(f"perdure: hint: {visible(hint)}", to_stderr=True)


def tell_ended(how: str) -> None:
    """That a signal ended the command, and what that means; on a terminal below the ``^C`` that it shows."""
    below = "\n" if sys.stderr.isatty() else ""
    _echo(f"{below}perdure: {how}: nothing is lost: run the same command again", to_stderr=True)


def ask_secret(text: str, *, twice: bool = False) -> str:
    """Ask on the terminal for what must not be shown; ``twice`` until both are the same."""
    while True:
        secret = _ask_hidden(text)
        if not twice or _ask_hidden("The same again") == secret:
            return secret
        tell_error("the two are not the same", "type both once more, or end with Ctrl-C")


def _ask_hidden(text: str) -> str:
    with LINE:
        return str(click.prompt(visible(text), hide_input=True, err=True))


def style(text: str, name: str) -> str:
    """A piece of a result in a colour or ``bold``, where stdout shows it; `print_pages` takes it."""
    return _styled(text, name, to_stderr=False)


def escape_unprintable_streams() -> None:
    """Let a terminal that cannot show a character show its escape, where Python would raise an error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _echo(text: str, *, to_stderr: bool) -> None:
    with LINE:
        click.echo(text, err=to_stderr, color=True)


def _prefixed(kind: str, colour: str) -> str:
    return "perdure: " + _styled(f"{kind}:", colour, to_stderr=True) + " "


def _styled(text: str, style: str | None, *, to_stderr: bool) -> str:
    stream = sys.stderr if to_stderr else sys.stdout
    if style is None or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty():
        return text
    return click.style(text, bold=True) if style == "bold" else click.style(text, fg=style)
