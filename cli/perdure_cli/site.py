"""The site that a command works on: its vault, found as git finds a repository, and its passphrase.

A passphrase comes from a file, from ``PERDURE_PASSPHRASE`` or from a prompt: never from the command line, which other
processes can read.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from perdure_anchor.errors import ConfigError
from perdure_node.vault import VAULT_FOLDER, Vault, find_vault, open_vault

from perdure_cli.output import ask_secret

ENVIRONMENT_VARIABLE = "PERDURE_PASSPHRASE"
_MAX_PASSPHRASE = 1024


class NoPassphrase(ConfigError):
    """A key has to be opened, and nothing says with which passphrase."""


def open_site(vault_folder: Path | None) -> Vault:
    """The vault that ``--vault`` names, else the one in this folder or above it."""
    return open_vault(find_vault(Path.cwd(), explicit=vault_folder))


def new_vault_folder(vault_folder: Path | None) -> Path:
    """Where `perdure init` makes a vault."""
    return vault_folder or Path.cwd() / VAULT_FOLDER


def site_passphrase(file: Path | None, environ: Mapping[str, str], *, new: bool = False) -> str:
    """The passphrase of the site's keys; a ``new`` one is asked for twice. Raises `NoPassphrase`."""
    if file is not None:
        return read_passphrase_file(file)
    if ENVIRONMENT_VARIABLE in environ:
        return environ[ENVIRONMENT_VARIABLE]
    text = "Passphrase for the new site's key" if new else "Passphrase of the site's key"
    return ask_passphrase(text, hint=f"use --passphrase-file FILE, or set {ENVIRONMENT_VARIABLE}", twice=new)


def ask_passphrase(text: str, *, hint: str, twice: bool = False) -> str:
    """Ask on the terminal; where there is none, raises `NoPassphrase` with the ``hint``."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise NoPassphrase(
            "a key has to be opened, and there is no terminal to ask for its passphrase", hint=hint
        )
    return ask_secret(text, twice=twice)


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
