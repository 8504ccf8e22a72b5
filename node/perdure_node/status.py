"""Status: what waits, what is sealed, what is anchored, and what to do next. Reads the vault only; asks no chain, and no passphrase."""

import enum
from dataclasses import dataclass
from pathlib import Path

from perdure_anchor.checkpoint import Origin

from perdure_node.backup.history import Remembered, last_backup, records_ever
from perdure_node.data_keys import has_recovery_key
from perdure_node.database import Database
from perdure_node.known_blocks import KnownBlock, newest_known_block
from perdure_node.records import anchored_size
from perdure_node.relay_transactions import RelayTransaction, open_transaction
from perdure_node.vault import Vault


class NextStep(enum.Enum):
    """What the site's owner may do next."""

    ADD = "record a document: `perdure add FILE`"
    IMPORT_AGAIN = "go on with the import that was broken off: run the same `perdure import` again"
    SYNC = "seal and anchor: `perdure sync`"
    SYNC_AGAIN = "bring the evidence home: `perdure sync`"
    PROVE = "everything is anchored: `perdure prove FILE` gives evidence"

    @property
    def text(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Status:
    """Counts are of records; times are seconds since 1970. Each record is waiting, sealed, anchored or withdrawn.

    ``open_transaction`` carries a checkpoint whose anchor is not at home; one that has become pointless is not shown.
    ``time_runs_open`` counts anchors whose time is, so far, one proposer's word. ``waiting_since`` is when the key of the oldest
    waiting record was made, some minutes before it at most. ``unfinished_imports`` counts lists that were broken off.
    ``records_since_backup`` counts what was added after ``last_backup``.
    """

    origin: Origin
    folder: Path
    waiting: int
    sealed: int
    anchored: int
    withdrawn: int
    erased: int
    waiting_since: int | None
    open_transaction: RelayTransaction | None
    time_runs_open: int
    unfinished_imports: int
    last_sync_at: int | None
    known_block: KnownBlock | None
    has_recovery_key: bool
    is_writable: bool
    last_backup: Remembered | None
    records_since_backup: int

    @property
    def total(self) -> int:
        return self.waiting + self.sealed + self.anchored

    @property
    def log_size(self) -> int:
        return self.sealed + self.anchored

    @property
    def next_step(self) -> NextStep:
        if self.unfinished_imports:
            return NextStep.IMPORT_AGAIN
        if self.waiting:
            return NextStep.SYNC
        if self.sealed or self.time_runs_open:
            return NextStep.SYNC_AGAIN
        return NextStep.PROVE if self.anchored else NextStep.ADD


def read_status(vault: Vault) -> Status:
    """How the vault stands."""
    database = vault.database
    log_size, anchored = vault.log_size, anchored_size(database)
    backup = last_backup(database)
    return Status(
        origin=vault.origin,
        folder=vault.folder,
        waiting=database.number("SELECT count(*) FROM queue"),
        sealed=log_size - anchored,
        anchored=anchored,
        withdrawn=database.number("SELECT count(*) FROM change WHERE kind IN ('amended', 'withdrawn')"),
        erased=database.number("SELECT count(*) FROM erased"),
        waiting_since=_waiting_since(database),
        open_transaction=_awaited_transaction(database, anchored),
        time_runs_open=database.number("SELECT count(*) FROM anchor WHERE time_run_open"),
        unfinished_imports=database.number("SELECT count(*) FROM import_run WHERE finished_at IS NULL"),
        last_sync_at=_time(database, "SELECT finished_at FROM last_sync"),
        known_block=newest_known_block(database),
        has_recovery_key=has_recovery_key(vault.database),
        is_writable=database.is_writable,
        last_backup=backup,
        records_since_backup=records_ever(database) - (0 if backup is None else backup.records),
    )


def _awaited_transaction(database: Database, anchored: int) -> RelayTransaction | None:
    transaction = open_transaction(database)
    return None if transaction is None or transaction.size <= anchored else transaction


def _waiting_since(database: Database) -> int | None:
    return _time(
        database,
        "SELECT made_at FROM queue JOIN content ON content.sequence = queue.sequence "
        "JOIN data_key ON data_key.number = content.data_key ORDER BY queue.sequence LIMIT 1",
    )


def _time(database: Database, sql: str) -> int | None:
    row = database.row(sql)
    return None if row is None else int(row[0])
