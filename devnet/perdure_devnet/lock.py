"""One process a directory: a lock that the kernel lets go when its holder dies, however it dies."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perdure_devnet.errors import DirectoryInUse

LOCK_NAME = "chain.lock"
# looking at a lock takes it for an instant, which must not look like a running devnet
_ATTEMPTS, _PAUSE = 10, 0.02


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the directory's lock while the context lasts; raises `DirectoryInUse`, naming the holder's process id."""
    descriptor = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(descriptor, directory)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, directory: Path) -> None:
    for attempt in range(_ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if attempt + 1 < _ATTEMPTS:
                time.sleep(_PAUSE)
        else:
            return
    holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    raise DirectoryInUse(
        f"{directory}: a devnet runs here already, process {holder or 'unknown'}",
        hint="stop it with: perdure devnet down",
    )


def holder(directory: Path) -> int | None:
    """The id of the process that holds the directory's lock, or None."""
    try:
        descriptor = os.open(directory / LOCK_NAME, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        written = os.pread(descriptor, 32, 0).strip()
        return int(written) if written.isdigit() else None
    else:
        return None
    finally:
        os.close(descriptor)
