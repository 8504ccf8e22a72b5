"""What the commands about backups share: which backup is meant, and with which key it is opened."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click
from perdure_anchor.errors import PerdureError
from perdure_node.backup.choosing import Opener, WithKeys, WithPassphrase
from perdure_node.encryption.age import parse_identities
from perdure_node.encryption.recovery import parse_recovery_key
from perdure_node.keys.keyring import KeyRing, RecoveryKeyRing
from perdure_node.vault import Vault

from perdure_cli.files import read_bounded
from perdure_cli.options import READABLE_FILE, OriginType, passphrase_option
from perdure_cli.output import tell_warning
from perdure_cli.site import ENVIRONMENT_VARIABLE, read_passphrase_file, site_passphrase

F = TypeVar("F", bound=Callable[..., object])

_MAX_IDENTITY_FILE = 1 << 20

folder_argument = click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")

at_option = click.option(
    "--at",
    "which",
    metavar="WHICH",
    help="Which backup: its number, a time such as 2026-11-03 (the newest of that day), or how its file's name begins; "
    "by default the newest.",
)

site_option = click.option(
    "--site",
    "origin",
    type=OriginType(),
    metavar="NAME",
    help="Whose backup, where DIR holds those of several sites.",
)

recovery_key_option = click.option(
    "--recovery-key",
    "recovery_file",
    type=READABLE_FILE,
    metavar="FILE",
    help="Open it with the recovery key in this file, in place of the passphrase.",
)

identity_option = click.option(
    "--identity",
    "identity_file",
    type=READABLE_FILE,
    metavar="FILE",
    help="Open it with an age identity file, of a recipient that was named with --recipient.",
)


def opening_options(command: F) -> F:
    """The passphrase, the recovery key, or the identity of an extra recipient."""
    return passphrase_option(recovery_key_option(identity_option(command)))


@dataclass(frozen=True, slots=True)
class Opening:
    """How a backup is opened, and what reads its records: nothing with an extra recipient's identity."""

    opener: Opener
    keys_of: Callable[[Vault], KeyRing] | None
    recovery_file: Path | None = None


def opening(passphrase_file: Path | None, recovery_file: Path | None, identity_file: Path | None) -> Opening:
    """What the options say; the passphrase is asked for once, and only when it is needed. Raises `click.UsageError`."""
    if sum(file is not None for file in (passphrase_file, recovery_file, identity_file)) > 1:
        raise click.UsageError("want one of --passphrase-file, --recovery-key and --identity")
    if identity_file is not None:
        text = read_bounded(identity_file, _MAX_IDENTITY_FILE).decode(errors="replace")
        return Opening(WithKeys(tuple(parse_identities(text))), None)
    if recovery_file is not None:
        key = parse_recovery_key(read_passphrase_file(recovery_file))
        return Opening(WithKeys((key,)), lambda vault: RecoveryKeyRing(vault, key), recovery_file)
    asked: list[str] = []

    def ask() -> str:
        if not asked:
            asked.append(site_passphrase(passphrase_file, os.environ))
        return asked[0]

    return Opening(WithPassphrase(ask), lambda vault: KeyRing(vault, ask))


def warn_left_aside(files: Iterable[tuple[Path, PerdureError]]) -> None:
    """Name the files that were not taken, and why."""
    for path, error in files:
        tell_warning(f"left aside: {error}" if str(path) in str(error) else f"left aside: {path}: {error}")


def given_opening(
    passphrase_file: Path | None, recovery_file: Path | None, identity_file: Path | None
) -> Opening | None:
    """As `opening`, but None if nothing was given: nobody is asked."""
    given = passphrase_file or recovery_file or identity_file or os.environ.get(ENVIRONMENT_VARIABLE)
    return opening(passphrase_file, recovery_file, identity_file) if given else None
