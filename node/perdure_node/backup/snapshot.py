"""A vault's files as they were at one moment, while it is in use.

The database is copied by SQLite's backup in one step, which reads under a transaction of its own: in WAL mode no writer waits for it.
The copy has no name from its first byte on, so that nothing of it stays behind when the process is killed. It needs as much room on
the vault's disk as the database has.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from perdure_node.backup.keys import BACKUP_KEY_FILE
from perdure_node.backup.manifest import FILE_NAME
from perdure_node.errors import VaultBusy, VaultDamaged, VaultStorageFailed
from perdure_node.files import PRIVATE_FILE, open_regular, storage_failures
from perdure_node.places import DATABASE_FILE
from perdure_node.vault import Vault

# what belongs to processes, to this machine or to SQLite, and is made anew
_LEFT_OUT = (".lock", ".turn", "-wal", "-shm", "-journal", ".new", ".part")
_COPY = ".backup-copy"
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The database's copy, open to be read; the other files by name; and what is counted in the copy."""

    database: IO[bytes]
    size: int
    files: dict[str, bytes]
    records: int
    log_size: int


@contextlib.contextmanager
def snapshot(vault: Vault) -> Iterator[Snapshot]:
    """The vault as it is now; raises `VaultStorageFailed` if the disk is full, `VaultBusy`, or `VaultDamaged`."""
    for _ in range(_ATTEMPTS):
        files = _other_files(vault.folder)
        with _database_copy(vault.folder) as (copy, records, log_size):
            # a passphrase that was changed meanwhile, say: both shall be of one moment
            if _other_files(vault.folder) == files:
                yield Snapshot(copy, os.fstat(copy.fileno()).st_size, files, records, log_size)
                return
    raise VaultBusy(f"{vault.folder}: its files change all the time")


def _other_files(folder: Path) -> dict[str, bytes]:
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if _is_kept(name) and path.is_file() and not path.is_symlink():
            with contextlib.suppress(FileNotFoundError), storage_failures(path), open_regular(path) as file:
                found[name] = file.read()
    return found


def _is_kept(name: str) -> bool:
    return (
        name not in (DATABASE_FILE, BACKUP_KEY_FILE)
        and not name.endswith(_LEFT_OUT)
        and FILE_NAME.fullmatch(name) is not None
    )


@contextlib.contextmanager
def _database_copy(folder: Path) -> Iterator[tuple[IO[bytes], int, int]]:
    path = folder / _COPY
    with storage_failures(path):
        path.unlink(missing_ok=True)
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE), "rb")
    with file:
        try:
            counts = _copy_into(path, folder / DATABASE_FILE)
        finally:
            path.unlink(missing_ok=True)
        yield file, *counts


def _copy_into(path: Path, source: Path) -> tuple[int, int]:
    uri = source.absolute().as_uri()
    try:
        with (
            contextlib.closing(sqlite3.connect(path, isolation_level=None)) as target,
            contextlib.closing(sqlite3.connect(f"{uri}?mode=rw", uri=True, isolation_level=None)) as database,
        ):
            # nobody needs the copy after a crash, and it must need no other file beside it
            target.execute("PRAGMA journal_mode=OFF")
            target.execute("PRAGMA synchronous=OFF")
            target.execute("SELECT count(*) FROM sqlite_master").fetchone()
            path.unlink()
            # the counts begin the transaction in which all is read
            database.execute("BEGIN")
            counts = _counts(database)
            database.backup(target)
            return counts
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise VaultStorageFailed(
                f"{path.parent}: {error}: a backup needs as much room there as the vault's database has",
                hint="make room on the vault's disk; the vault itself is untouched",
            ) from error
        raise VaultDamaged(f"{source}: {error}", hint="restore the vault from an earlier backup") from error


def _counts(database: sqlite3.Connection) -> tuple[int, int]:
    records = database.execute("SELECT coalesce(max(sequence), 0) FROM record").fetchone()[0]
    return int(records), int(database.execute("SELECT coalesce(max(size), 0) FROM checkpoint").fetchone()[0])
