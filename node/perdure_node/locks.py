"""Who works on a vault: locks on files, which the operating system gives back when their holder ends in whatever way.

One process seals and syncs at a time, and one imports (`sealer_lock` and `import_lock`, held for long), and one writes to the database at a time (`WriterLock`, held
for a moment, or a second or two while a list is imported). Whoever waits in vain is told which process it waits for.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from perdure_node.clock import Clock
from perdure_node.errors import VaultBusy
from perdure_node.files import PRIVATE_FILE, storage_failures

SEALER_LOCK_FILE = "sealer.lock"
DELIVERY_LOCK_FILE = "delivery.lock"
IMPORT_LOCK_FILE = "import.lock"
BACKUP_LOCK_FILE = "backup.lock"
NODE_LOCK_FILE = "node.lock"
WRITER_LOCK_FILE = "writer.lock"
TURN_LOCK_FILE = "writer.turn"
PATIENCE = 5.0
# a node that is being restarted gives its folder back after this
NODE_PATIENCE = 1.0
_PAUSE = 0.01


def sealer_lock(
    folder: Path, clock: Clock, *, patience: float = PATIENCE
) -> contextlib.AbstractContextManager[None]:
    """Hold the vault's lock for sealing and relaying; raises `VaultBusy` after ``patience`` seconds, naming the holder."""
    return _held(folder / SEALER_LOCK_FILE, "is sealing or syncing this vault", clock, patience)


def import_lock(
    folder: Path, clock: Clock, *, patience: float = PATIENCE
) -> contextlib.AbstractContextManager[None]:
    """Hold the vault's lock for importing a list; raises as `sealer_lock`."""
    return _held(folder / IMPORT_LOCK_FILE, "is importing a list into this vault", clock, patience)


def delivery_lock(
    folder: Path, clock: Clock, *, patience: float = PATIENCE
) -> contextlib.AbstractContextManager[None]:
    """Hold a gateway's lock for delivering; raises as `sealer_lock`."""
    return _held(folder / DELIVERY_LOCK_FILE, "is delivering at this gateway", clock, patience)


def node_lock(
    folder: Path, clock: Clock, *, patience: float = NODE_PATIENCE
) -> contextlib.AbstractContextManager[None]:
    """Hold a node's lock for serving its folder; raises as `sealer_lock`, soon: who serves goes on until he is stopped."""
    return _held(
        folder / NODE_LOCK_FILE,
        "serves this node",
        clock,
        patience,
        hint="stop it first: one process serves a folder",
    )


def backup_lock(
    folder: Path, clock: Clock, *, patience: float = PATIENCE
) -> contextlib.AbstractContextManager[None]:
    """Hold the vault's lock for backing it up; raises as `sealer_lock`."""
    return _held(folder / BACKUP_LOCK_FILE, "is backing this vault up", clock, patience)


class WriterLock:
    """The right to write to a vault's database; first come, first served.

    Two files make it fair: whoever waits holds the turn, so that a long import cannot take the lock again and again. Both are
    opened once, and closed with the database.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._clock = clock
        self._stack = contextlib.ExitStack()
        self._turn = self._stack.enter_context(_opened(folder / TURN_LOCK_FILE))
        self._lock = self._stack.enter_context(_opened(folder / WRITER_LOCK_FILE))

    def close(self) -> None:
        """Give the lock back, if it is held, and close its files."""
        self._stack.close()

    @contextlib.contextmanager
    def held(self, patience: float = PATIENCE) -> Iterator[None]:
        """Hold the lock; raises `VaultBusy` after ``patience`` seconds, naming the process that has it."""
        deadline = self._clock.monotonic() + patience
        doing = "is writing to this vault"
        _wait_for(self._turn, self._lock, doing, self._clock, deadline)
        try:
            _wait_for(self._lock, self._lock, doing, self._clock, deadline)
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)
        try:
            _sign(self._lock)
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)


@contextlib.contextmanager
def _held(path: Path, doing: str, clock: Clock, patience: float, hint: str | None = None) -> Iterator[None]:
    with _opened(path) as lock:
        _wait_for(lock, lock, doing, clock, clock.monotonic() + patience, hint)
        try:
            _sign(lock)
            yield
        finally:
            # closing it is not enough while a forked process has it open too
            fcntl.flock(lock, fcntl.LOCK_UN)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    with storage_failures(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _sign(descriptor: int) -> None:
    """Say who holds the lock, as a number of fixed width; nobody relies on it, so a full disk does not matter."""
    with contextlib.suppress(OSError):
        os.pwrite(descriptor, b"%-20d" % os.getpid(), 0)


def _wait_for(
    descriptor: int, signed: int, doing: str, clock: Clock, deadline: float, hint: str | None = None
) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if clock.monotonic() >= deadline:
                raise _busy(signed, doing, hint) from None
            clock.sleep(_PAUSE)
        else:
            return


def _busy(signed: int, doing: str, hint: str | None) -> VaultBusy:
    digits = os.pread(signed, 20, 0).strip()
    pid = int(digits) if digits.isdigit() else None
    holder = "another process" if pid is None else f"process {pid}"
    return VaultBusy(f"{holder} {doing}", pid=pid, hint=hint)
