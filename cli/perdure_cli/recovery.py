"""The recovery key on its way to paper: a text file that says what it is, made once and readable by its owner only."""

import os
import sys
from pathlib import Path

import click
from perdure_anchor.errors import ConfigError

from perdure_cli.output import tell, tell_error

_DEFAULT_FILE = "perdure-recovery-key.txt"
_TEXT = """\
{key}

This is the recovery key of the Perdure vault of {site}.

Whoever has it and a copy of the vault reads all records, and signs for the
site. When the passphrase is lost, type the first line of this page into a
file, and choose a new passphrase:

    perdure key passphrase --recovery-key FILE

Print this page, keep it where the vault is not, and delete its file. There
are no zeros and ones in the key: these are the letters O and I.
"""


class FileTaken(ConfigError):
    """A file cannot be made where it is wanted."""


def check_new_file(file: Path) -> None:
    """Raise `FileTaken` if something is there already, or if there is no folder for it."""
    if not file.parent.is_dir():
        raise FileTaken(f"{file}: there is no folder {file.parent}", hint="make it, or choose another place")
    if file.exists():
        raise FileTaken(f"{file}: is there already", hint="choose another name: nothing is written over")


def wanted_recovery_file(file: Path | None, *, no_recovery_key: bool) -> Path | None:
    """Where a new vault's recovery key shall go: as the user says, or as he answers on a terminal; None for nowhere."""
    if file is not None or no_recovery_key:
        return file
    tell("without a recovery key, who loses the passphrase loses for good what the records say")
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        tell("none is made now: `perdure key recovery FILE` makes one, at any time before")
        return None
    if not click.confirm("Make a recovery key now?", default=True, err=True):
        return None
    while True:
        answer = Path(click.prompt("Write it to", default=_DEFAULT_FILE, err=True))
        try:
            check_new_file(answer)
        except FileTaken as error:
            tell_error(str(error), error.hint)
        else:
            return answer


def write_recovery_key(file: Path, site: str, key: str) -> None:
    """Write the key's page; durable when it returns. Raises `FileTaken` or `OSError`."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        check_new_file(file)
        raise
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(_TEXT.format(key=key, site=site))
        stream.flush()
        os.fsync(stream.fileno())
