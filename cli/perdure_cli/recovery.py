"""The recovery key on its way to paper: a text file that says what it is, made once and readable by its owner only."""

import sys
from pathlib import Path

import click

from perdure_cli.new_files import FileTaken, check_new_file, write_new
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
    write_new(file, _TEXT.format(key=key, site=site).encode(), mode=0o600)
