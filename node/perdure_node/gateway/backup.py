"""A copy of a node's folder as it was at one moment, while the node runs: a folder that can be served in its place.

The database is copied by SQLite's backup in one transaction, which keeps no writer waiting; the other files change only by hand. What
settings name outside of the folder is not in it. The copy holds the keys, under the node's passphrase.
"""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from perdure_node.clock import Randomness
from perdure_node.errors import VaultDamaged, VaultExists, VaultNotFound, VaultStorageFailed
from perdure_node.files import PRIVATE_FILE, build_folder, publish_folder, storage_failures, sync_folder
from perdure_node.gateway.folder import DATABASE_FILE, GATEWAY
from perdure_node.migrations import check_version

# what belongs to processes or to SQLite, and is made anew
_LEFT_OUT: Final = (".lock", ".turn", "-wal", "-shm", "-journal", ".new")


def back_up(folder: Path, target: Path, randomness: Randomness) -> int:
    """Copy a node's folder to ``target``, whole or not at all; how many bytes it has.

    Raises `VaultNotFound`, `VaultExists`, `VaultDamaged` if the database is not whole, or `VaultStorageFailed`.
    """
    if not (folder / DATABASE_FILE).is_file():
        raise VaultNotFound(f"no node in {folder}", hint="say which with --gateway DIR")
    if target.exists():
        raise VaultExists(f"{target} is there already", hint="give the name of a new folder")
    beside = target.with_name(f"{target.name}.new-{randomness(4).hex()}")
    try:
        build_folder(beside, dict(_other_files(folder)))
        with storage_failures(beside):
            (beside / DATABASE_FILE).touch(mode=PRIVATE_FILE)
        _copy_database(folder / DATABASE_FILE, beside / DATABASE_FILE)
        with storage_failures(beside):
            sync_folder(beside)
        publish_folder(beside, target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return sum(path.stat().st_size for path in target.iterdir())


def _other_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.iterdir()):
        if path.name != DATABASE_FILE and not path.name.endswith(_LEFT_OUT) and path.is_file():
            with storage_failures(path):
                yield path.name, path.read_bytes()


def _copy_database(source: Path, target: Path) -> None:
    try:
        with (
            contextlib.closing(
                sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)
            ) as database,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            check_version(database, source, GATEWAY)
            database.backup(copy)
            faults = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise VaultStorageFailed(f"{target}: {error}", hint="make room there") from error
        raise VaultDamaged(
            f"{source}: {error}", hint="restore the node's folder from an earlier backup"
        ) from error
    if faults != "ok":
        raise VaultDamaged(f"{source}: {faults}", hint="restore the node's folder from an earlier backup")
