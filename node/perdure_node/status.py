"""Status: what waits, what is sealed, what is anchored, and what to do next. Reads the vault only; asks no chain."""

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perdure_anchor.checkpoint import Origin
from perdure_anchor.hashes import Hash32
from perdure_anchor.strict_json import JsonValue

from perdure_node.anchors import StoredAnchor, anchored_size, first_anchor_over
from perdure_node.known_blocks import KnownBlock, newest_known_block
from perdure_node.records import PAGE, State, StoredRecord
from perdure_node.relay_transactions import RelayTransaction, open_transaction
from perdure_node.selectors import Selector, find_records
from perdure_node.site_log import StoredCheckpoint, checkpoint_of_size, first_checkpoint_over
from perdure_node.vault import Vault

_LIST = (
    "SELECT sequence, log_index, leaf_hash, document_sha256, json_extract(slots, '$.document_name'), "
    "json_extract(slots, '$.document_type'), json_extract(slots, '$.recorded_at') FROM record WHERE "
)
_CONDITIONS = {
    None: "?1 = ?1",
    State.WAITING: "?1 = ?1 AND log_index IS NULL",
    State.SEALED: "log_index >= ?1",
    State.ANCHORED: "log_index < ?1",
}
_OLDEST_FIRST = " AND sequence > ?2 ORDER BY sequence LIMIT ?3"
_NEWEST_FIRST = " AND sequence < ?2 ORDER BY sequence DESC LIMIT ?3"
_PAST_ALL = 2**63 - 1


class NextStep(enum.Enum):
    """What the site's owner may do next."""

    ADD = "record a document: `perdure add FILE`"
    SYNC = "seal and anchor: `perdure sync`"
    SYNC_AGAIN = "bring the evidence home: `perdure sync`"
    PROVE = "everything is anchored: `perdure prove FILE` gives evidence"

    @property
    def text(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Status:
    """Counts are of records; times are seconds since 1970. Each record is waiting, sealed or anchored.

    ``open_transaction`` carries a checkpoint whose anchor is not at home; one that has become pointless is not shown.
    ``time_runs_open`` counts anchors whose time is, so far, one proposer's word.
    """

    origin: Origin
    folder: Path
    waiting: int
    sealed: int
    anchored: int
    oldest_waiting_at: str | None
    open_transaction: RelayTransaction | None
    time_runs_open: int
    last_sync_at: int | None
    known_block: KnownBlock | None

    @property
    def total(self) -> int:
        return self.waiting + self.sealed + self.anchored

    @property
    def log_size(self) -> int:
        return self.sealed + self.anchored

    @property
    def next_step(self) -> NextStep:
        if self.waiting:
            return NextStep.SYNC
        if self.sealed or self.time_runs_open:
            return NextStep.SYNC_AGAIN
        return NextStep.PROVE if self.anchored else NextStep.ADD


@dataclass(frozen=True, slots=True)
class RecordSummary:
    """One line of a list; ``index`` is None while the record waits."""

    sequence: int
    index: int | None
    state: State
    leaf_hash: Hash32
    document_sha256: Hash32
    document_name: str | None
    document_type: str | None
    recorded_at: str | None


@dataclass(frozen=True, slots=True)
class RecordDetails:
    """All that the vault knows of a record; ``others`` are records of the same document, the newest first."""

    summary: RecordSummary
    values: Mapping[str, JsonValue]
    checkpoint: StoredCheckpoint | None
    anchor: StoredAnchor | None
    others: tuple[RecordSummary, ...]


def read_status(vault: Vault) -> Status:
    """How the vault stands."""
    database = vault.database
    log_size, anchored = vault.log_size, anchored_size(database)
    return Status(
        origin=vault.origin,
        folder=vault.folder,
        waiting=_number(vault, "SELECT count(*) FROM record WHERE log_index IS NULL"),
        sealed=log_size - anchored,
        anchored=anchored,
        oldest_waiting_at=_oldest_waiting(vault),
        open_transaction=_awaited_transaction(vault, anchored),
        time_runs_open=_number(vault, "SELECT count(*) FROM anchor WHERE time_run_open"),
        last_sync_at=_last_sync(vault),
        known_block=newest_known_block(database),
    )


def _awaited_transaction(vault: Vault, anchored: int) -> RelayTransaction | None:
    transaction = open_transaction(vault.database)
    return None if transaction is None or transaction.size <= anchored else transaction


def list_records(
    vault: Vault, *, state: State | None = None, newest_first: bool = False, limit: int | None = None
) -> Iterator[RecordSummary]:
    """Records in the order in which they were added, or from the newest; ``limit`` None: all."""
    anchored = anchored_size(vault.database)
    sql = _LIST + _CONDITIONS[state] + (_NEWEST_FIRST if newest_first else _OLDEST_FIRST)
    last, left = _PAST_ALL if newest_first else 0, _PAST_ALL if limit is None else limit
    while rows := vault.database.rows(sql, anchored, last, min(left, PAGE)):
        for row in rows:
            yield _summary_of_row(row, anchored)
        last, left = rows[-1][0], left - len(rows)


def show_record(vault: Vault, selector: Selector) -> RecordDetails:
    """Everything about one record, the newest of those that are meant; raises `NoSuchRecord`."""
    record, *others = find_records(vault.database, selector)
    anchored = anchored_size(vault.database)
    anchor = checkpoint = None
    if record.index is not None:
        anchor = first_anchor_over(vault.database, record.index)
        checkpoint = (
            first_checkpoint_over(vault, record.index)
            if anchor is None
            else checkpoint_of_size(vault, anchor.size)
        )
    return RecordDetails(
        _summary(record, anchored),
        record.record.values,
        checkpoint,
        anchor,
        tuple(_summary(other, anchored) for other in others),
    )


def _state(index: int | None, anchored: int) -> State:
    if index is None:
        return State.WAITING
    return State.ANCHORED if index < anchored else State.SEALED


def _summary_of_row(row: tuple[Any, ...], anchored: int) -> RecordSummary:
    sequence, index, leaf, document, name, kind, recorded_at = row
    return RecordSummary(
        sequence, index, _state(index, anchored), Hash32(leaf), Hash32(document), name, kind, recorded_at
    )


def _summary(record: StoredRecord, anchored: int) -> RecordSummary:
    texts = (record.record.value(slot) for slot in ("document_name", "document_type", "recorded_at"))
    name, kind, recorded_at = (text if isinstance(text, str) else None for text in texts)
    return RecordSummary(
        record.sequence,
        record.index,
        _state(record.index, anchored),
        record.leaf_hash,
        record.document_sha256,
        name,
        kind,
        recorded_at,
    )


def _number(vault: Vault, sql: str) -> int:
    row = vault.database.row(sql)
    return 0 if row is None else int(row[0])


def _oldest_waiting(vault: Vault) -> str | None:
    row = vault.database.row(
        "SELECT json_extract(slots, '$.recorded_at') FROM record WHERE log_index IS NULL ORDER BY sequence LIMIT 1"
    )
    return None if row is None else row[0]


def _last_sync(vault: Vault) -> int | None:
    row = vault.database.row("SELECT finished_at FROM last_sync")
    return None if row is None else row[0]
