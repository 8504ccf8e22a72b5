"""Files that are made and never written over, unless the user says so."""

import os
from pathlib import Path

from perdure_anchor.errors import ConfigError

from perdure_cli.files import write_whole


class FileTaken(ConfigError):
    """A file cannot be made where it is wanted."""


def check_new_file(file: Path) -> None:
    """Raise `FileTaken` if something is there already, or if there is no folder for it."""
    if not file.parent.is_dir():
        raise FileTaken(f"{file}: there is no folder {file.parent}", hint="make it, or choose another place")
    if file.exists() or file.is_symlink():
        raise FileTaken(f"{file}: is there already", hint="choose another name: nothing is written over")


def write_new(file: Path, raw: bytes, *, mode: int = 0o666) -> None:
    """Write a file that is not there yet; durable when it returns. Raises `FileTaken` or `OSError`.

    Who looks at it meanwhile may see a part of it; after an error nothing of it stays.
    """
    check_new_file(file)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError:
        check_new_file(file)
        raise
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(raw)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def write_over(file: Path, raw: bytes) -> None:
    """Write a file, in place of one that is there; raises `FileTaken` if there is no folder for it, or no file is there."""
    if not file.parent.is_dir() or (file.exists() and not file.is_file()):
        raise FileTaken(f"{file}: no file can be made there", hint="choose another place")
    write_whole(file, raw)
