"""Status: what waits, what is sealed, what is anchored, and what to do next. Reads the vault only; asks no chain, and no passphrase."""

import enum
from dataclasses import dataclass
from pathlib import Path

from perdure_anchor.checkpoint import Origin
from perdure_anchor.log import Gaps

from perdure_node.clock import Clock, system_clock
from perdure_node.courier.out import RegistryView, bundles_out, registry_view
from perdure_node.courier.outlook import Outlook, outlook
from perdure_node.data_keys import has_recovery_key
from perdure_node.database import Database
from perdure_node.known_blocks import KnownBlock, newest_known_block
from perdure_node.log_gaps import log_gaps
from perdure_node.past_adoptions import PastAdoption, last_adoption
from perdure_node.reconciliation import Reconciliation, open_reconciliation
from perdure_node.records import anchored_size, registered_size
from perdure_node.relay_transactions import RelayTransaction, open_transaction
from perdure_node.vault import Vault


class NextStep(enum.Enum):
    """What the site's owner may do next."""

    ADD = "record a document: `perdure add FILE`"
    IMPORT_AGAIN = "go on with the import that was broken off: run the same `perdure import` again"
    COMPARE = "compare the log with the registry: `perdure sync`, or `perdure courier pack` and `receive`"
    SYNC = "seal and anchor: `perdure sync`"
    PACK = "seal and send: `perdure courier pack`, or with a network `perdure sync`"
    AWAIT = "a courier is under way: `perdure courier receive` what it brings back"
    PACK_AGAIN = "what is out is overdue: `perdure courier pack` once more"
    SYNC_AGAIN = "bring the evidence home: `perdure sync`"
    PROVE = "everything is anchored: `perdure prove FILE` gives evidence"

    @property
    def text(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Losses:
    """What the log lacks: ``known_by_hash`` leaves without a record here, ``gaps`` whose hashes are lost too.

    ``without_evidence``: so many leaves are anchored by anchors alone whose evidence is not at home (any more).
    """

    known_by_hash: int
    gaps: Gaps
    without_evidence: int
    last_adoption: PastAdoption | None


@dataclass(frozen=True, slots=True)
class Status:
    """Counts are of records; times are seconds since 1970. Each record is waiting, sealed, anchored or withdrawn.

    ``open_transaction`` carries a checkpoint whose anchor is not at home; one that has become pointless is not shown.
    ``time_runs_open`` counts anchors whose time is, so far, one proposer's word. ``waiting_since`` is when the key of the oldest
    waiting record was made, some minutes before it at most. ``unfinished_imports`` counts lists that were broken off.
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
    reconciliation: Reconciliation | None
    registry: RegistryView | None
    courier: Outlook
    losses: Losses

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
        if self.reconciliation is not None:
            return NextStep.COMPARE
        if self.waiting:
            has_couriers = self.courier.out or self.registry is not None
            return NextStep.PACK if has_couriers else NextStep.SYNC
        if self.sealed and self.courier.out:
            return NextStep.PACK_AGAIN if self.courier.is_due else NextStep.AWAIT
        if self.sealed or self.time_runs_open:
            return NextStep.SYNC_AGAIN
        return NextStep.PROVE if self.anchored else NextStep.ADD


def read_status(vault: Vault, clock: Clock = system_clock()) -> Status:  # noqa: B008  # functions, no time yet
    """How the vault stands."""
    database = vault.database
    log_size, anchored = vault.log_size, registered_size(database)
    waiting = database.number("SELECT count(*) FROM queue")
    view = registry_view(database)
    return Status(
        origin=vault.origin,
        folder=vault.folder,
        waiting=waiting,
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
        reconciliation=open_reconciliation(database),
        registry=view,
        courier=outlook(
            bundles_out(database),
            view,
            recorded=log_size + waiting,
            log_size=log_size,
            anchored=anchored,
            now=int(clock.now()),
        ),
        losses=_losses(database, log_size),
    )


def _losses(database: Database, log_size: int) -> Losses:
    gaps = log_gaps(database)
    without_record = log_size - database.number("SELECT count(*) FROM entry")
    return Losses(
        known_by_hash=without_record - gaps.width,
        gaps=gaps,
        without_evidence=registered_size(database) - anchored_size(database),
        last_adoption=last_adoption(database),
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
