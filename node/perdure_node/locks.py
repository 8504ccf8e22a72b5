"""One sealer at a time: a lock on a file, which the operating system gives back when its holder ends in whatever way."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from perdure_node.clock import Clock
from perdure_node.errors import VaultBusy
from perdure_node.files import PRIVATE_FILE, storage_failures

LOCK_FILE = "sealer.lock"
PATIENCE = 5.0
_PAUSE = 0.05


@contextlib.contextmanager
def sealer_lock(folder: Path, clock: Clock, *, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the vault's lock for sealing and relaying; raises `VaultBusy` after ``patience`` seconds, naming the holder."""
    path = folder / LOCK_FILE
    with storage_failures(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        _wait_for(descriptor, clock, patience)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, clock: Clock, patience: float) -> None:
    deadline = clock.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if clock.monotonic() >= deadline:
                raise _busy(descriptor) from None
            clock.sleep(_PAUSE)
        else:
            return


def _busy(descriptor: int) -> VaultBusy:
    digits = os.pread(descriptor, 20, 0)
    pid = int(digits) if digits.isdigit() else None
    holder = "another process" if pid is None else f"process {pid}"
    return VaultBusy(f"{holder} is sealing or syncing this vault", pid=pid)
