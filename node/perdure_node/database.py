"""The vault's SQLite file: opened so that what is acknowledged stays (WAL, synchronous=FULL), and nothing else.

SQL stands beside what it stores; here are the connection, transactions, and the translation of SQLite's faults into ours.
"""

import contextlib
import mmap
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perdure_node.clock import Clock, system_clock
from perdure_node.errors import (
    NotWritable,
    VaultBusy,
    VaultDamaged,
    VaultStorageFailed,
)
from perdure_node.locks import PATIENCE, WriterLock
from perdure_node.migrations import VAULT, Schema, check_version, migrate

# folded into the database once the log has so many pages (4 MiB), so that neither grows without bound
_CHECKPOINT_PAGES = 1000
# while a long list is imported: the same pages change again and again, and are better folded seldom
_BULK_CHECKPOINT_PAGES = 131_072
# that many byte strings are looked for in the file; where there are more, making it anew takes less
_WORTH_LOOKING = 100
_CACHE_KIB = 8 * 1024
_BULK_CACHE_KIB = 64 * 1024

_Parameters = tuple[Any, ...]
_STORAGE_CODES = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})


class _Faults:
    """Turns what SQLite raises inside of it into what the vault raises; no generator, since each statement is in one."""

    def __init__(self, translated: Callable[[Exception], Exception | None]) -> None:
        self._translated = translated

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Exception):
            translated = self._translated(error)
            if translated is not None:
                raise translated from error


class Database:
    """One connection, used from one thread. Where the folder cannot be written to, it can be read all the same.

    With ``outlives_thread`` another thread may close it, once the one that used it has ended.
    """

    def __init__(
        self,
        path: Path,
        schema: Schema = VAULT,
        *,
        create: bool = False,
        clock: Clock | None = None,
        outlives_thread: bool = False,
    ) -> None:
        self._path = path
        self._one_thread = not outlives_thread
        self._schema = schema
        self.is_writable = create or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))
        self._faults = _Faults(self._translated)
        self._tables: set[str] = set()
        with self._faults:
            self._connection = self._connect("rwc" if create else "rw")
            try:
                self._set_up(create)
            except BaseException:
                self._connection.close()
                raise
        self._writer = WriterLock(path.parent, clock or system_clock()) if self.is_writable else None

    def close(self) -> None:
        """Close the connection."""
        if self._writer is not None:
            self._writer.close()
        self._connection.close()

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a query, all at once: an open cursor would hold back the log's folding. Ask for large ones in pages."""
        with self._faults:
            return self._connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, *parameters: Any) -> tuple[Any, ...] | None:
        """The first row of a query, None if there is none."""
        with self._faults:
            found: tuple[Any, ...] | None = self._connection.execute(sql, parameters).fetchone()
            return found

    def number(self, sql: str, *parameters: Any) -> int:
        """The integer that a query gives, 0 where it gives none."""
        found = self.row(sql, *parameters)
        if found is None or found[0] is None:
            return 0
        if not isinstance(found[0], int):
            raise VaultDamaged(f"{self._path}: no number where one is kept", hint=self._schema.remedy)
        return found[0]

    def version(self) -> int:
        """A number that is another one whenever somebody else has written since it was asked for before."""
        return self.number("PRAGMA data_version")

    def has_table(self, name: str) -> bool:
        """Whether there is such a table: a vault of an older version that cannot be written to lacks the newer ones."""
        if name not in self._tables and self.row("SELECT 1 FROM sqlite_master WHERE name = ?", name):
            self._tables.add(name)
        return name in self._tables

    def execute(self, sql: str, *parameters: Any) -> int:
        """Run a statement that changes something, inside a `transaction`; returns how many rows it changed."""
        with self._faults:
            return self._connection.execute(sql, parameters).rowcount

    def insert(self, sql: str, *parameters: Any) -> int:
        """Run a statement that adds a row, inside a `transaction`; returns the row's number."""
        with self._faults:
            return self._connection.execute(sql, parameters).lastrowid or 0

    def execute_each(self, sql: str, parameters: Iterable[_Parameters]) -> None:
        """Run a statement for each set of parameters, inside a `transaction`."""
        with self._faults:
            self._connection.executemany(sql, parameters)

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """All that is read in the block is of one state, and the file is locked for it once; nothing is written, nobody waited for."""
        self.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.rollback()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; what is in it is durable when the block is left. The only writer from its start on.

        Raises `VaultBusy` if another process writes for over five seconds, and `NotWritable`.
        """
        with self.writing():
            self.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.rollback()
                raise

    def writing(self) -> contextlib.AbstractContextManager[None]:
        """The right to write, for what cannot be in a `transaction`; raises as that."""
        if self._writer is None:
            raise NotWritable(
                f"{self._path.parent}: this vault can be read, but not written to",
                hint="use it as the user who made it, in a place that can be written to",
            )
        return self._writer.held()

    @contextlib.contextmanager
    def in_bulk(self) -> Iterator[None]:
        """For many large transactions that are acknowledged together: none of them is durable before the block is left.

        More memory for pages, the log is folded seldom and at the end, and the disk is waited for only then. After a power cut the
        last transactions may be gone, never one without those after it.
        """
        self._set(
            cache_size=-_BULK_CACHE_KIB, wal_autocheckpoint=_BULK_CHECKPOINT_PAGES, synchronous="NORMAL"
        )
        try:
            yield
        finally:
            self._set(cache_size=-_CACHE_KIB, wal_autocheckpoint=_CHECKPOINT_PAGES, synchronous="FULL")
            self.fold()

    @contextlib.contextmanager
    def folding_late(self) -> Iterator[None]:
        """For a few large transactions of which each is durable: the log is folded when all of them are over.

        So pages that they write again get into the database once. More memory for pages.
        """
        self._set(cache_size=-_BULK_CACHE_KIB, wal_autocheckpoint=_BULK_CHECKPOINT_PAGES)
        try:
            yield
        finally:
            self._set(cache_size=-_CACHE_KIB, wal_autocheckpoint=_CHECKPOINT_PAGES)
            self.fold()

    def fold(self) -> bool:
        """Bring the log's pages into the database and empty the log: nothing that was deleted stays in it.

        A reader that is busy at the moment holds the last of them back: False, and they go with the next fold.
        """
        row = self.row("PRAGMA wal_checkpoint(TRUNCATE)")
        return row is not None and row[0] == 0

    def forget(self, *remains: bytes) -> bool:
        """Bring what was deleted out of the files for good: `fold`, and make the file anew if it still holds any of ``remains``.

        SQLite overwrites what it deletes, but not the copies of it that stayed behind where rows had moved between pages.
        """
        if not self.fold():
            return False
        if len(remains) > _WORTH_LOOKING or self._holds(remains):
            with self.writing():
                self.execute("VACUUM")
            return self.fold() and not self._holds(remains[:_WORTH_LOOKING])
        return True

    def _holds(self, remains: tuple[bytes, ...]) -> bool:
        # in a process of its own: whoever closes the file gives back all locks that his process has on it, SQLite's too
        from perdure_node.parallel import in_order

        with contextlib.closing(in_order(_Search(remains), [self._path], jobs=2)) as found:
            return any(found)

    def _connect(self, mode: str) -> sqlite3.Connection:
        uri = self._path.absolute().as_uri()
        if not self.is_writable:
            # without a log nothing is newer than the file; with one, SQLite says what is missing to read it
            mode = "ro" if self._log.exists() else "ro&immutable=1"
        return sqlite3.connect(
            f"{uri}?mode={mode}",
            uri=True,
            isolation_level=None,
            timeout=PATIENCE,
            check_same_thread=self._one_thread,
        )

    @property
    def _log(self) -> Path:
        return self._path.with_name(f"{self._path.name}-wal")

    def _set_up(self, create: bool) -> None:
        self._set(foreign_keys="ON", trusted_schema="OFF", cache_size=-_CACHE_KIB)
        if self.is_writable:
            # deleted content is overwritten: an erased record is gone from the file too
            self._set(journal_mode="WAL", synchronous="FULL", secure_delete="ON")
            self._set(wal_autocheckpoint=_CHECKPOINT_PAGES)
        if not create:
            check_version(self._connection, self._path, self._schema)
        if self.is_writable:
            migrate(self._connection, self._schema)

    def _set(self, **pragmas: str | int) -> None:
        with self._faults:
            for name, value in pragmas.items():
                self._connection.execute(f"PRAGMA {name}={value}").fetchall()

    def _translated(self, error: Exception) -> Exception | None:
        """What is raised in the place of a fault of SQLite's; None for a fault of somebody else's."""
        if isinstance(error, UnicodeDecodeError):
            # SQLite tells of a damaged schema in the schema's own bytes
            return VaultDamaged(
                f"{self._path}: its tables' definitions are no text", hint=self._schema.remedy
            )
        return self._of_sqlite(error) if isinstance(error, sqlite3.DatabaseError) else None

    def _of_sqlite(
        self, error: sqlite3.DatabaseError
    ) -> VaultBusy | NotWritable | VaultStorageFailed | VaultDamaged:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return VaultBusy(f"another program has held {self._path} for over {PATIENCE:.0f} s")
        if code == sqlite3.SQLITE_READONLY:
            return NotWritable(f"{self._path}: {error}", hint="use the vault as the user who made it")
        if code == sqlite3.SQLITE_CANTOPEN and not self.is_writable and self._log.exists():
            return NotWritable(
                f"{self._path}: its newest records are in {self._log.name}, which cannot be read without writing",
                hint="open it once as the user who made it, or copy its folder",
            )
        if code in _STORAGE_CODES:
            return VaultStorageFailed(
                f"{self._path}: {error}",
                hint="see whether the disk is full or fails; nothing that was acknowledged is lost",
            )
        return VaultDamaged(f"{self._path}: {error}", hint=self._schema.remedy)


@dataclass(frozen=True, slots=True)
class _Search:
    """Whether a file holds any of some byte strings, wherever in it."""

    wanted: tuple[bytes, ...]

    def __call__(self, path: Path) -> bool:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as octets:
            return any(octets.find(each) >= 0 for each in self.wanted)
