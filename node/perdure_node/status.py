"""Status: what waits, what is sealed, what is anchored, and what to do next. Reads the vault only; asks no chain, and no passphrase."""

import enum
from dataclasses import dataclass
from pathlib import Path

from perdure_anchor.checkpoint import Origin
from perdure_anchor.log import Gaps
from perdure_contracts.endpoint import parse_endpoint

from perdure_node.adopting.past_adoptions import PastAdoption, last_adoption
from perdure_node.backup.history import Remembered, last_backup, records_ever
from perdure_node.by_node.contacts import Contact, contacts
from perdure_node.chain.relay_transactions import RelayTransaction, open_transaction
from perdure_node.clock import Clock, system_clock
from perdure_node.clock_doubts import ClockNote, Doubt, clock_doubts, clock_notes, count_clock_notes
from perdure_node.courier.out import RegistryView, bundles_out, registry_view
from perdure_node.courier.outlook import Outlook, outlook
from perdure_node.database import Database
from perdure_node.evidence.known_blocks import KnownBlock, newest_known_block
from perdure_node.keys.data_keys import has_recovery_key
from perdure_node.log.gaps import log_gaps
from perdure_node.log.queue_state import read_queue
from perdure_node.log.reconciliation import Reconciliation, open_reconciliation
from perdure_node.operators.confirming import Awaiting, awaiting_records, count_awaiting
from perdure_node.operators.policy import PolicyState, policy_state
from perdure_node.records import anchored_size, registered_size
from perdure_node.seal_policy import Due, Occasion, SealPolicy, due_at
from perdure_node.site_keys.standing import (
    RegistryKeys,
    StoredRotation,
    last_known_keys,
    stored_rotations_under_way,
)
from perdure_node.vault import Vault

# the newest notes on the clock that are told of; there may be more
MOST_NOTES = 10


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node of the settings by what may be shown of its URL, and what is known of it; ``contact`` None: it was never asked."""

    node: str
    contact: Contact | None


# so many of those that wait for a second person are told one by one
MOST_AWAITING = 5


class NextStep(enum.Enum):
    """What the site's owner may do next."""

    POLICY = "put the old policy.toml back, or let a site keeper put one in force: `perdure policy set FILE --as NAME`"
    ADD = "record a document: `perdure add FILE`"
    IMPORT_AGAIN = "go on with the import that was broken off: run the same `perdure import` again"
    COMPARE = "compare the log with the registry: `perdure sync`, or `perdure courier pack` and `receive`"
    CONFIRM = "let a second person confirm: `perdure confirm --all --as NAME`"
    SEAL = "seal what waits: `perdure seal`"
    SYNC = "seal and anchor: `perdure sync`"
    PACK = "seal and send: `perdure courier pack`, or with a network `perdure sync`"
    AWAIT = "a courier is under way: `perdure courier receive` what it brings back"
    PACK_AGAIN = "what is out is overdue: `perdure courier pack` once more"
    ANCHOR = "anchor what is sealed: `perdure sync`"
    SEND = "send what is sealed: `perdure courier pack`, or with a network `perdure sync`"
    WAIT = "record more: a seal is not due yet; `perdure seal` seals all the same"
    SYNC_AGAIN = "bring the evidence home: `perdure sync`"
    SYNC_ROTATION = "let the registry hear of the new key: `perdure sync`, or `perdure courier pack`"
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
    """Counts are of records; times are seconds since 1970. ``withdrawn`` has the amended ones, and not those that were ``rejected``.

    A record is awaiting, waiting, sealed, anchored, claimed, withdrawn or rejected.

    ``awaiting`` ones wait for a second person's confirmation, ``awaiting_first`` are the oldest of them.

    ``claimed`` ones somebody (a sheet, another vault) has said to be anchored; no evidence of it is at home, and the registry was
    not asked yet.

    ``open_transaction`` carries a checkpoint whose anchor is not at home; one that has become pointless is not shown.
    ``time_runs_open`` counts anchors whose time is, so far, one proposer's word. ``waiting_since`` is when the key of the oldest
    waiting record was made, some minutes before it at most. ``seal_due`` says why what waits should be sealed now, without a sync;
    ``seal_due_at`` when it will be, if nothing is recorded until then. Of ``unanchored_checkpoints`` the newest one is enough.
    ``clock_doubts`` speak against the clock now, ``clock_notes`` did before, the newest first. ``unfinished_imports`` counts lists
    that were broken off. ``rotations`` of the site's key are on their way to the registry, which has ``registry_keys`` as last
    known. ``records_since_backup`` counts what was added after ``last_backup``.
    """

    origin: Origin
    folder: Path
    waiting: int
    awaiting: int
    awaiting_first: tuple[Awaiting, ...]
    sealed: int
    anchored: int
    claimed: int
    withdrawn: int
    rejected: int
    erased: int
    waiting_since: int | None
    seal_policy: SealPolicy
    seal_due: Due | None
    seal_due_at: int | None
    unanchored_checkpoints: int
    open_transaction: RelayTransaction | None
    time_runs_open: int
    unfinished_imports: int
    last_sync_at: int | None
    known_block: KnownBlock | None
    rotations: tuple[StoredRotation, ...]
    registry_keys: RegistryKeys | None
    has_recovery_key: bool
    clock_doubts: tuple[Doubt, ...]
    clock_notes: tuple[ClockNote, ...]
    clock_note_count: int
    is_writable: bool
    reconciliation: Reconciliation | None
    registry: RegistryView | None
    courier: Outlook
    last_backup: Remembered | None
    records_since_backup: int
    losses: Losses
    nodes: tuple[NodeView, ...]
    policy: PolicyState

    @property
    def total(self) -> int:
        return self.awaiting + self.waiting + self.log_size

    @property
    def log_size(self) -> int:
        return self.sealed + self.claimed + self.anchored

    @property
    def next_step(self) -> NextStep:
        if self.policy not in (PolicyState.NONE, PolicyState.IN_FORCE):
            # without it nobody may act
            return NextStep.POLICY
        if self.unfinished_imports:
            return NextStep.IMPORT_AGAIN
        if self.reconciliation is not None:
            return NextStep.COMPARE
        if self.awaiting and not (self.waiting or self.sealed):
            return NextStep.CONFIRM
        if self.seal_due or (self.waiting and self.seal_policy.by_hand):
            return NextStep.SEAL
        return self._step_of_the_log()

    def _step_of_the_log(self) -> NextStep:
        """What to do with what waits for a sync, with what is sealed, and with what is anchored."""
        has_couriers = self.courier.out or (self.registry is not None and not self.nodes)
        if self.waiting and self.seal_policy.on_sync:
            return NextStep.PACK if has_couriers else NextStep.SYNC
        if self.sealed and self.courier.out:
            return NextStep.PACK_AGAIN if self.courier.is_due else NextStep.AWAIT
        if self.rotations and not self.sealed:
            return NextStep.SYNC_ROTATION
        if self.sealed and self.open_transaction is None:
            return NextStep.SEND if has_couriers else NextStep.ANCHOR
        if self.waiting and not (self.sealed or self.time_runs_open):
            return NextStep.WAIT
        if self.sealed or self.time_runs_open:
            return NextStep.SYNC_AGAIN
        return NextStep.PROVE if self.anchored else NextStep.ADD


def read_status(vault: Vault, clock: Clock = system_clock()) -> Status:  # noqa: B008  # functions, no time yet
    """How the vault stands."""
    database, policy = vault.database, vault.config.seal
    queue = read_queue(database)
    log_size, anchored = vault.log_size, registered_size(database)
    reconciliation = open_reconciliation(database)
    claimed = 0 if reconciliation is None else anchored - anchored_size(database)
    view = registry_view(database)
    backup = last_backup(database)
    return Status(
        origin=vault.origin,
        folder=vault.folder,
        waiting=queue.waiting,
        awaiting=count_awaiting(database),
        awaiting_first=tuple(awaiting_records(database, MOST_AWAITING)),
        sealed=log_size - anchored,
        anchored=anchored - claimed,
        claimed=claimed,
        withdrawn=database.number("SELECT count(*) FROM change WHERE kind IN ('amended', 'withdrawn')"),
        rejected=database.number("SELECT count(*) FROM change WHERE kind = 'rejected'"),
        erased=database.number("SELECT count(*) FROM erased"),
        waiting_since=queue.oldest_since,
        seal_policy=policy,
        seal_due=queue.due(policy, clock, Occasion.ALONE),
        seal_due_at=due_at(policy, queue.counted_from),
        unanchored_checkpoints=database.number("SELECT count(*) FROM checkpoint WHERE size > ?", anchored),
        open_transaction=_awaited_transaction(database, anchored),
        time_runs_open=database.number("SELECT count(*) FROM anchor WHERE time_run_open"),
        unfinished_imports=database.number("SELECT count(*) FROM import_run WHERE finished_at IS NULL"),
        last_sync_at=_time(database, "SELECT finished_at FROM last_sync"),
        known_block=newest_known_block(database),
        rotations=tuple(stored_rotations_under_way(database)),
        registry_keys=last_known_keys(database),
        has_recovery_key=has_recovery_key(vault.database),
        clock_doubts=tuple(clock_doubts(database, clock)),
        clock_notes=tuple(clock_notes(database, MOST_NOTES)),
        clock_note_count=count_clock_notes(database),
        is_writable=database.is_writable,
        last_backup=backup,
        records_since_backup=records_ever(database) - (0 if backup is None else backup.records),
        reconciliation=reconciliation,
        registry=view,
        courier=outlook(
            bundles_out(database),
            view,
            recorded=log_size + queue.waiting,
            log_size=log_size,
            anchored=anchored,
            now=int(clock.now()),
        ),
        losses=_losses(database, log_size),
        nodes=_nodes(vault),
        policy=policy_state(vault.folder, database),
    )


def _nodes(vault: Vault) -> tuple[NodeView, ...]:
    known = contacts(vault.database)
    names = dict.fromkeys(str(parse_endpoint(url, "node url")) for url in vault.config.node_urls)
    return tuple(NodeView(name, known.get(name)) for name in names)


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
    if transaction is None or (transaction.size is not None and transaction.size <= anchored):
        return None
    return transaction


def _time(database: Database, sql: str) -> int | None:
    row = database.row(sql)
    return None if row is None else int(row[0])
