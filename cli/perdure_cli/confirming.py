"""Asking before something is done that cannot be undone."""

import sys

import click
from perdure_anchor.errors import ConfigError

from perdure_cli.output import tell


class NotConfirmed(ConfigError):
    """What cannot be undone was not confirmed."""


def confirm(consequences: list[str], question: str, word: str, undone: str) -> None:
    """Say what cannot be undone, a line each, and let ``word`` be typed; raises `NotConfirmed`.

    ``question`` names the word; ``undone`` says what did not happen then.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise NotConfirmed(
            "it cannot be undone, and there is no terminal to ask", hint="--yes says that you mean it"
        )
    for each in consequences:
        tell(each)
    typed = click.prompt(question, err=True, default="", show_default=False)
    if typed.strip().lower() != word.lower():
        raise NotConfirmed(f"not confirmed, so {undone}")
