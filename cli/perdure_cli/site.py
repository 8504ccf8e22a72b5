"""The site that a command works on: its vault, found as git finds a repository, and its passphrase.

A passphrase comes from a file, from ``PERDURE_PASSPHRASE`` or from a prompt: never from the command line, which other
processes can read.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from perdure_anchor.errors import ConfigError
from perdure_node.keys.keyring import KeyRing
from perdure_node.vault import VAULT_FOLDER, Vault, find_vault, open_vault

from perdure_cli.output import ask_secret

ENVIRONMENT_VARIABLE = "PERDURE_PASSPHRASE"
NEW_ENVIRONMENT_VARIABLE = "PERDURE_NEW_PASSPHRASE"
_MAX_PASSPHRASE = 1024
# a guess costs a thief a twentieth of a second of one core and 19 MiB (docs/adr/0009)
SHORTEST_PASSPHRASE = 10


class WeakPassphrase(ConfigError):
    """A new passphrase is so short that a thief of the disk would find it."""


class NoPassphrase(ConfigError):
    """The vault has to be opened, and nothing says with which passphrase."""


def open_site(vault_folder: Path | None) -> Vault:
    """The vault that ``--vault`` names, else the one in this folder or above it."""
    return open_vault(find_vault(Path.cwd(), explicit=vault_folder))


def new_vault_folder(vault_folder: Path | None) -> Path:
    """Where `perdure init` makes a vault."""
    return vault_folder or Path.cwd() / VAULT_FOLDER


def key_ring(vault: Vault, passphrase_file: Path | None) -> KeyRing:
    """The vault's keys, opened with the passphrase once one is needed."""
    return KeyRing(vault, lambda: site_passphrase(passphrase_file, os.environ))


def site_passphrase(
    file: Path | None, environ: Mapping[str, str], question: str = "Passphrase of the vault"
) -> str:
    """The passphrase that opens the vault, or an operator's key. Raises `NoPassphrase`."""
    if file is not None:
        return read_passphrase_file(file)
    if ENVIRONMENT_VARIABLE in environ:
        return environ[ENVIRONMENT_VARIABLE]
    return ask_passphrase(question, hint=f"use --passphrase-file FILE, or set {ENVIRONMENT_VARIABLE}")


def new_passphrase(
    file: Path | None, environ: Mapping[str, str], option: str, variable: str, of: str = "vault"
) -> str:
    """A passphrase that somebody chooses now, asked for twice; at least so long that guessing costs. Raises `NoPassphrase`."""
    if file is not None:
        passphrase = read_passphrase_file(file)
    elif variable in environ:
        passphrase = environ[variable]
    else:
        hint = f"use {option} FILE, or set {variable}"
        passphrase = ask_passphrase(f"New passphrase for the {of}", hint=hint, twice=True)
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise WeakPassphrase(
            f"passphrase: got {len(passphrase)} characters, want {SHORTEST_PASSPHRASE} at least",
            hint="take four or five words that nobody would guess together",
        )
    return passphrase


def ask_passphrase(text: str, *, hint: str, twice: bool = False) -> str:
    """Ask on the terminal; where there is none, raises `NoPassphrase` with the ``hint``."""
    want_terminal(text, hint=hint)
    return ask_secret(text, twice=twice)


def want_terminal(text: str, *, hint: str) -> None:
    """Raises `NoPassphrase` with the ``hint`` where there is no terminal to ask for it."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise NoPassphrase(f"{text[0].lower()}{text[1:]}: there is no terminal to ask for it", hint=hint)


def read_passphrase_file(file: Path) -> str:
    """The file's first line; raises `NoPassphrase` if it cannot be read or holds none."""
    try:
        with file.open(encoding="utf-8") as stream:
            passphrase = stream.readline(_MAX_PASSPHRASE + 1).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise NoPassphrase(f"{file}: the passphrase cannot be read from it") from error
    if not passphrase or len(passphrase) > _MAX_PASSPHRASE:
        raise NoPassphrase(
            f"{file}: want a passphrase of 1 to {_MAX_PASSPHRASE} characters in its first line"
        )
    return passphrase
