"""The devnet's SQLite file: one connection a thread, one writer at a time, write-ahead logging.

With ``synchronous=FULL`` a committed transaction survives the process's death and the machine's: a validator that forgot a
block which it has shown would seal another one at the same height.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path

from perdure_devnet.errors import DirectoryNotADevnet

# "pdev": tells our files from other SQLite databases
APPLICATION_ID = 0x70646576
SCHEMA_VERSION = 1
_BUSY_SECONDS = 10.0


class Database:
    """Connections to one file; raises `DirectoryNotADevnet` on opening what is not a devnet's database."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._writing = threading.RLock()
        self._connections: list[sqlite3.Connection] = []
        self._prepare()

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection; each statement outside `transaction` commits by itself."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
        return connection

    def _connect(self) -> sqlite3.Connection:
        # closed by another thread at the end, hence check_same_thread; used by this one alone until then
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        self._connections.append(connection)
        return connection

    def _prepare(self) -> None:
        try:
            (application,) = self.connection.execute("PRAGMA application_id").fetchone()
            (version,) = self.connection.execute("PRAGMA user_version").fetchone()
            (tables,) = self.connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.DatabaseError as error:
            self.close()
            raise DirectoryNotADevnet(f"{self.path}: {error}") from error
        if not tables:
            self._create()
        elif (application, version) != (APPLICATION_ID, SCHEMA_VERSION):
            self.close()
            raise DirectoryNotADevnet(
                f"{self.path}: not a devnet's database of version {SCHEMA_VERSION}",
                hint="found a new devnet in another directory",
            )

    def _create(self) -> None:
        schema = files("perdure_devnet").joinpath("schema.sql").read_text("utf-8")
        marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};"
        self.connection.executescript(f"BEGIN IMMEDIATE; {schema} {marks} COMMIT;")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, on disk once it is left; waits for other writers."""
        with self._writing:
            connection = self.connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close every thread's connection; the last one folds the write-ahead log into the file."""
        for connection in self._connections:
            with suppress(sqlite3.ProgrammingError):
                connection.close()
        self._connections.clear()
        self._local = threading.local()
