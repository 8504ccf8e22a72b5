"""The options by which `perdure add` is told how a document is signed, where it cannot see it by itself."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
from perdure_node.signatures.looking import Asked

F = TypeVar("F", bound=Callable[..., object])

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False, readable=True)
_OPTIONS = (
    click.option(
        "--signature",
        "signature_file",
        type=_FILE,
        metavar="FILE",
        help="The detached signature of the document; by default what lies beside it.",
    ),
    click.option("--no-signatures", is_flag=True, help="Do not look for signatures."),
)


def signature_options(command: F) -> F:
    """Give a command the options, for `asked_of`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def asked_of(signature_file: Path | None, no_signatures: bool, *, several: bool) -> Asked:
    """What the options say; raises `click.UsageError`. ``several`` documents have no one signature."""
    if no_signatures and signature_file is not None:
        raise click.UsageError("--signature and --no-signatures exclude each other")
    if several and signature_file is not None:
        raise click.UsageError("--signature is for one document")
    return Asked(signature_file, skip=no_signatures)
