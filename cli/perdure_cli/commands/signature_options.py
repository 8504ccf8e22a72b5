"""The options by which `perdure add` and `perdure check` are told how a document is signed, where they cannot see it by themselves."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
from perdure_node.signatures.looking import Asked

from perdure_cli.option_groups import with_options

F = TypeVar("F", bound=Callable[..., object])

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False, readable=True)
_DETACHED = (
    click.option(
        "--signature",
        "signature_file",
        type=_FILE,
        metavar="FILE",
        help="The detached signature of the document; by default what lies beside it.",
    ),
    click.option(
        "--certificate",
        "certificate_file",
        type=_FILE,
        metavar="FILE",
        help="The certificate of a detached signature that is nothing but numbers (RSA, ECDSA, Ed25519).",
    ),
)
_OTHERS = (
    click.option("--wet-ink", is_flag=True, help="It is a scan of ink on paper: a person attests it."),
    click.option("--attested-by", metavar="WHO", help="Who attests a scan of ink on paper."),
    click.option("--no-signatures", is_flag=True, help="Do not look for signatures."),
)


def signature_options(command: F) -> F:
    """Give a command all the options, for `take_asked`."""
    return with_options((*_DETACHED, *_OTHERS))(command)


def detached_options(command: F) -> F:
    """Give a command those that name a detached signature: ``signature_file`` and ``certificate_file``."""
    return with_options(_DETACHED)(command)


def take_asked(said: dict[str, object], *, several: bool) -> Asked:
    """What the options say, which are taken out of ``said``; raises `click.UsageError`. ``several`` documents have no one signature."""
    return _asked(*(said.pop(name) for name in _NAMES), several=several)  # type: ignore[arg-type]  # click gives what the options ask for


_NAMES = ("signature_file", "certificate_file", "wet_ink", "attested_by", "no_signatures")


def _asked(
    signature_file: Path | None,
    certificate_file: Path | None,
    wet_ink: bool,
    attested_by: str | None,
    no_signatures: bool,
    *,
    several: bool,
) -> Asked:
    ways = {
        "--signature": signature_file is not None,
        "--wet-ink": wet_ink,
        "--no-signatures": no_signatures,
    }
    given = [name for name, is_given in ways.items() if is_given]
    if len(given) > 1:
        raise click.UsageError(f"{given[0]} and {given[1]} exclude each other")
    if several and (signature_file or certificate_file):
        raise click.UsageError("--signature and --certificate are for one document, in a file")
    if wet_ink != bool(attested_by):
        raise click.UsageError("--wet-ink and --attested-by WHO belong together")
    return Asked(signature_file, certificate_file, attested_by or None, skip=no_signatures)
