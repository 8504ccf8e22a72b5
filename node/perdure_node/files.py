"""Files that are whole or not there: written beside their place, forced to the disk, then put there by a rename.

Documents are read from regular files only: a pipe or a device may never end, or never begin.
"""

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping
from io import BufferedReader
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, Final

from perdure_node.errors import VaultExists, VaultStorageFailed

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
# in bytes: what stays near the processor while it is hashed and looked through
_PIECE: Final = 1 << 18


def write_whole(path: Path, octets: bytes, mode: int = PRIVATE_FILE) -> None:
    """Put ``octets`` at ``path``, in place of what is there; durable when it returns. Raises `VaultStorageFailed`."""
    beside = path.with_name(f".{path.name}.new")
    with storage_failures(path):
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Force the folder's names to the disk: a rename is durable only then."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def build_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Make a folder that only its owner can read, with files by name; raises `VaultStorageFailed`."""
    with storage_failures(folder):
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True)
    for name, octets in contents.items():
        write_whole(folder / name, octets)


def publish_folder(beside: Path, folder: Path) -> None:
    """Give a folder that is whole its name; durable when it returns. Raises `VaultExists` or `VaultStorageFailed`."""
    try:
        beside.rename(folder)
    except OSError as error:
        raise VaultExists(f"{folder} cannot be made: {error.strerror}") from error
    with storage_failures(folder):
        sync_folder(folder.parent)


def open_regular(path: Path) -> BufferedReader:
    """Open a file to read it; raises `OSError` for what is no regular file, and never waits for a pipe's other end."""
    stream = open(path, "rb", opener=_without_waiting)  # noqa: SIM115  # the caller closes it
    if not S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return stream


def pieces_of(stream: BinaryIO) -> Iterator[bytearray]:
    """A stream's bytes to its end, in a buffer that is used again: new memory for each piece would take as long as to read it."""
    room = bytearray(_PIECE)
    while size := stream.readinto(room):  # type: ignore[attr-defined]  # what is opened to be read in bytes has it
        yield room if size == _PIECE else room[:size]


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


@contextlib.contextmanager
def storage_failures(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals into `VaultStorageFailed` that names the file."""
    try:
        yield
    except OSError as error:
        raise VaultStorageFailed(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from error


def named_file(folder: Path, name: str) -> Path | None:
    """The file that settings in a folder name, relative to it or from the root on; None where they name none."""
    return folder / name if name else None
