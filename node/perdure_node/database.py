"""The vault's SQLite file: opened so that what is acknowledged stays (WAL, synchronous=FULL), and nothing else.

SQL stands beside what it stores; here are the connection, transactions, the schema's version, and the translation of SQLite's
faults into ours.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from perdure_node.errors import NewerVault, VaultBusy, VaultDamaged, VaultStorageFailed

SCHEMA_VERSION = 1
# how long a writer waits for another one; transactions are short but for imports
BUSY_TIMEOUT = 10.0

_Parameters = Iterable[Any]
_STORAGE_CODES = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
)


class Database:
    """One connection, used from one thread."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self._path = path
        mode = "rwc" if create else "rw"
        with self._faults():
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}",
                uri=True,
                isolation_level=None,
                timeout=BUSY_TIMEOUT,
            )
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF"):
                self._connection.execute(f"PRAGMA {pragma}")
            if create:
                self._create_tables()
        self._check_version()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a query, all at once: an open cursor would hold back the log's folding. Ask for large ones in pages."""
        with self._faults():
            return self._connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, *parameters: Any) -> tuple[Any, ...] | None:
        """The first row of a query, None if there is none."""
        with self._faults():
            found: tuple[Any, ...] | None = self._connection.execute(sql, parameters).fetchone()
            return found

    def execute(self, sql: str, *parameters: Any) -> int:
        """Run a statement that changes something; returns how many rows it changed."""
        with self._faults():
            return self._connection.execute(sql, parameters).rowcount

    def insert(self, sql: str, *parameters: Any) -> int:
        """Run a statement that adds a row; returns the row's number."""
        with self._faults():
            return self._connection.execute(sql, parameters).lastrowid or 0

    def execute_each(self, sql: str, parameters: Iterable[_Parameters]) -> None:
        """Run a statement for each set of parameters."""
        with self._faults():
            self._connection.executemany(sql, (tuple(each) for each in parameters))

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; what is in it is durable when the block is left. The only writer from its start on."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise

    def _create_tables(self) -> None:
        script = files("perdure_node").joinpath("schema.sql").read_text(encoding="utf-8")
        self._connection.executescript(f"BEGIN;{script};PRAGMA user_version={SCHEMA_VERSION};COMMIT;")

    def _check_version(self) -> None:
        found = self.row("PRAGMA user_version")
        version = found[0] if found else 0
        if version > SCHEMA_VERSION:
            self.close()
            raise NewerVault(
                f"vault: its tables are of version {version}, this Perdure knows {SCHEMA_VERSION}",
                hint="use the newer Perdure that has written it",
            )
        if version != SCHEMA_VERSION:
            self.close()
            raise VaultDamaged(f"{self._path}: not a vault's database")

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError:
            raise  # a broken rule of the schema is our mistake, unless the caller expects it
        except sqlite3.DatabaseError as error:
            raise self._translated(error) from error

    def _translated(self, error: sqlite3.DatabaseError) -> VaultBusy | VaultStorageFailed | VaultDamaged:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return VaultBusy(
                f"{self._path} is being written by another process for over {BUSY_TIMEOUT:.0f} s"
            )
        if code in _STORAGE_CODES:
            return VaultStorageFailed(f"{self._path}: {error}")
        return VaultDamaged(f"{self._path}: {error}", hint="restore the vault from a backup")
