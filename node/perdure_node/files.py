"""Files that are whole or not there: written beside their place, forced to the disk, then put there by a rename."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from perdure_node.errors import VaultStorageFailed

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


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


@contextlib.contextmanager
def storage_failures(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals into `VaultStorageFailed` that names the file."""
    try:
        yield
    except OSError as error:
        raise VaultStorageFailed(f"cannot write {path}: {error.strerror or error}") from error
