"""Records in the vault: put in once, found again by document, leaf hash or index.

A record's slots are kept as values, with its seed, encrypted; its disclosures are made from them again when evidence is asked
for, and must then give the stored leaf hash.
"""

import enum
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import leaf_hash
from perdure_anchor.record import (
    SLOTS,
    Record,
    disclosure_digests,
    disclosures,
    leaf_from_digests,
    reread_record,
)

from perdure_node.database import Database
from perdure_node.encryption.contents import DataKey, decrypt_content
from perdure_node.errors import AlreadyRecorded, RecordErased, VaultDamaged
from perdure_node.keys.data_keys import OWNER
from perdure_node.recording import Awaits, Prepared
from perdure_node.stored_lists import split_hashes

# how many records are in memory at a time
PAGE = 1000

_FROM_BACKUP = "restore the vault from a backup"
# records of a list that is still being imported are not recorded yet
FINISHED = (
    "(record.import_run IS NULL OR record.import_run IN "
    "(SELECT number FROM import_run WHERE finished_at IS NOT NULL))"
)
# those that somebody rejected, wherever they are looked for
REJECTED = "(SELECT sequence FROM change WHERE kind = 'rejected')"
_SELECT = (
    "SELECT record.sequence, record.leaf_hash, record.words IS NULL, record.after_block, entry.log_index, content.data_key, content.encrypted, "
    "erased.slot_digests, queued.sequence IS NOT NULL, CASE WHEN record.words IS NULL THEN EXISTS "
    "(SELECT 1 FROM change WHERE change.sequence = record.sequence AND change.kind = 'rejected') ELSE 0 END FROM record "
    "LEFT JOIN queue AS queued ON queued.sequence = record.sequence "
    "LEFT JOIN entry ON entry.sequence = record.sequence "
    "LEFT JOIN content ON content.sequence = record.sequence "
    "LEFT JOIN erased ON erased.sequence = record.sequence "
)


class State(enum.Enum):
    """How far a record has come; awaiting: a second person has to confirm it before it waits to be sealed.

    Withdrawn: taken out before it was sealed, also for an amended one. Rejected: by whom was to confirm it. Neither is in the log, ever.
    """

    AWAITING = "awaiting"
    WAITING = "waiting"
    SEALED = "sealed"
    ANCHORED = "anchored"
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"

    @property
    def is_out(self) -> bool:
        """Whether the record was taken out before it was sealed."""
        return self in (State.WITHDRAWN, State.REJECTED)


class ReadingKeys(Protocol):
    """Whoever can open contents: a `perdure_node.keys.keyring.KeyRing`."""

    def data_key(self, number: int) -> DataKey: ...


@dataclass(frozen=True, slots=True)
class Added:
    """A record that is in the vault; ``was_there`` says that it had been before. ``sequence`` counts records as added."""

    sequence: int
    leaf_hash: Hash32
    was_there: bool


@dataclass(frozen=True, slots=True)
class EncryptedRecord:
    """A record as it is stored; ``index`` is None until it is sealed, ``content`` (data key, ciphertext) once it is erased.

    ``after_block`` is the id of the known block that it names; ``is_withdrawn``: it was taken out before it was sealed, and if
    ``is_rejected``, by whom was to confirm it; ``is_queued``: it waits to be sealed.
    """

    sequence: int
    leaf_hash: Hash32
    index: int | None
    is_withdrawn: bool
    after_block: int | None
    content: tuple[int, bytes] | None
    slot_digests: bytes | None
    is_queued: bool = False
    is_rejected: bool = False

    def state(self, anchored: int) -> State:
        """How far it has come, where the log is anchored up to a size."""
        if self.index is None:
            if self.is_withdrawn:
                return State.REJECTED if self.is_rejected else State.WITHDRAWN
            return State.WAITING if self.is_queued else State.AWAITING
        return State.ANCHORED if self.index < anchored else State.SEALED


@dataclass(frozen=True, slots=True)
class OpenedRecord:
    """A record with the disclosures that open it, in slot order, which were seen to give its leaf hash."""

    record: Record
    disclosures: tuple[str, ...]
    slot_digests: Sequence[Hash32]

    @property
    def document_sha256(self) -> Hash32:
        return Hash32(bytes.fromhex(str(self.record.value("document_sha256"))))

    def text(self, slot: str) -> str | None:
        """The slot's value if it is a text."""
        value = self.record.value(slot)
        return value if isinstance(value, str) else None


def insert_record(
    database: Database, prepared: Prepared, after_block: int | None, *, again: bool = False
) -> Added:
    """Put a record into the vault, inside a transaction of the caller's; see `perdure_node.intake.add_document`."""
    earlier = recorded(database, prepared, again=again)
    if earlier is not None:
        _claim(database, earlier.sequence)
        return earlier
    sequence = store_record(database, prepared, after_block)
    if prepared.awaits is None:
        database.execute("INSERT INTO queue (sequence) VALUES (?)", sequence)
    else:
        store_awaiting(database, sequence, prepared.awaits)
    return Added(sequence, prepared.leaf_hash, was_there=False)


def store_awaiting(database: Database, sequence: int, awaits: Awaits) -> None:
    """Let a record wait for a second person; inside a transaction of the caller's."""
    database.execute(
        "INSERT INTO awaiting (sequence, recorder, since, roles) VALUES (?, ?, ?, ?)",
        sequence,
        awaits.recorder,
        awaits.since,
        _roles_text(awaits.roles),
    )


# few lists of roles stand in a policy
@lru_cache(maxsize=64)
def _roles_text(roles: tuple[str, ...]) -> str:
    return json.dumps(roles)


def store_supersession(database: Database, sequence: int, superseded: Hash32) -> None:
    """Note which leaf a record says that it corrects; inside a transaction of the caller's."""
    database.execute(
        "INSERT INTO supersession (sequence, superseded) VALUES (?, ?) ON CONFLICT DO NOTHING",
        sequence,
        superseded,
    )


def recorded(database: Database, prepared: Prepared, *, again: bool = False) -> Added | None:
    """The record of the same document in the same words, None if there is none.

    Raises `AlreadyRecorded` if it is there in other words, unless ``again`` is set or another record is superseded.
    """
    row = database.row(
        "SELECT sequence, leaf_hash FROM record WHERE document = ? AND words = ?",
        prepared.document,
        prepared.words,
    )
    if row is not None:
        return Added(row[0], Hash32(row[1]), was_there=True)
    if not again and not prepared.supersedes and is_recorded(database, prepared.document):
        raise already_recorded()
    return None


def store_record(
    database: Database, prepared: Prepared, after_block: int | None, import_run: int | None = None
) -> int:
    """Store a record and its content, without a place in the queue; returns its sequence number."""
    sequence = database.insert(
        "INSERT INTO record (document, words, leaf_hash, operator, after_block, import_run) VALUES (?, ?, ?, ?, ?, ?)",
        prepared.document,
        prepared.words,
        prepared.leaf_hash,
        OWNER if prepared.recorder is None else prepared.recorder,
        after_block,
        import_run,
    )
    database.execute(
        "INSERT INTO content (sequence, data_key, encrypted) VALUES (?, ?, ?)",
        sequence,
        prepared.data_key,
        prepared.encrypted,
    )
    if prepared.supersedes is not None:
        store_supersession(database, sequence, prepared.supersedes)
    return sequence


def is_recorded(database: Database, document: bytes) -> bool:
    """Whether a document (by its look-up digest) has a record that was not withdrawn."""
    found = database.row("SELECT 1 FROM record WHERE document = ? AND words IS NOT NULL LIMIT 1", document)
    return found is not None


def is_decided_on(database: Database, document: bytes) -> bool:
    """Whether a document (by its look-up digest) has a record, also one that was withdrawn, but not one of an unfinished import."""
    condition = f"WHERE record.document = ? AND (record.words IS NULL OR {FINISHED}) LIMIT 1"
    return _first(database, condition, document) is not None


def already_recorded() -> AlreadyRecorded:
    """The error for a document that is recorded in other words."""
    return AlreadyRecorded(
        "the document is recorded already, with other details",
        hint="--again records it a second time, --supersedes LEAF_HASH corrects the earlier record; both records stay",
    )


def anchored_size(database: Database) -> int:
    """How many of the log's records are covered by an anchor that is at home."""
    return database.number("SELECT max(size) FROM anchor")


def registered_size(database: Database) -> int:
    """How many of the log's records the registry is known to have; of some of them no evidence may be at home."""
    elsewhere = 0
    if database.has_table("anchored_elsewhere"):
        elsewhere = database.number("SELECT max(size) FROM anchored_elsewhere")
    return max(elsewhere, anchored_size(database))


def note_queue_change(database: Database) -> None:
    """Let a seal that is under way notice that the queue is no longer what it read."""
    database.execute("UPDATE queue_change SET count = count + 1")


def record_by_leaf(database: Database, name: Hash32) -> EncryptedRecord | None:
    """The record with this leaf hash, or that had it before it was confirmed."""
    found = _first(database, f"WHERE record.leaf_hash = ? AND {FINISHED}", name)
    if found is None and database.has_table("draft"):
        condition = f"JOIN draft ON draft.sequence = record.sequence WHERE draft.leaf_hash = ? AND {FINISHED}"
        return _first(database, condition, name)
    return found


def knows_leaf(database: Database, name: Hash32) -> bool:
    """Whether the vault has a record of this leaf hash, or its log at least the hash: a recovered log has leaves without records."""
    if record_by_leaf(database, name) is not None:
        return True
    found = database.row(
        "SELECT 1 FROM tile WHERE level = 0 AND instr(octets, ?) % 32 = 1 LIMIT 1",
        bytes(name),
    )
    return found is not None


def record_by_index(database: Database, index: int) -> EncryptedRecord | None:
    """The record at this index of the log."""
    return _first(database, "WHERE entry.log_index = ?", index)


def record_by_sequence(database: Database, sequence: int) -> EncryptedRecord | None:
    """The record that was added as this one."""
    return _first(database, "WHERE record.sequence = ?", sequence)


def records_of_document(database: Database, document: bytes) -> list[EncryptedRecord]:
    """All records of a document (by its look-up digest), the newest first."""
    condition = f"WHERE record.document = ? AND {FINISHED} ORDER BY record.sequence DESC"
    return [_record(row) for row in database.rows(_SELECT + condition, document)]


def records_in_log(database: Database, begin: int, end: int) -> Iterator[EncryptedRecord]:
    """The records with the indices begin to end - 1, in order; leaves that have no record here are passed over."""
    condition = "WHERE entry.log_index >= ? AND entry.log_index < ? ORDER BY entry.log_index LIMIT ?"
    while rows := database.rows(_SELECT + condition, begin, end, PAGE):
        for row in rows:
            record = _record(row)
            yield record
        assert record.index is not None, "read by its index"
        begin = record.index + 1


def records_in_range(database: Database, begin: int, end: int) -> int:
    """How many of the leaves begin to end - 1 have a record here: all of them, but in a log that was recovered."""
    return database.number("SELECT count(*) FROM entry WHERE log_index >= ? AND log_index < ?", begin, end)


def select_records(database: Database, condition: str, *parameters: Any) -> list[EncryptedRecord]:
    """Records by a condition of SQL over ``record``, ``entry`` and what the condition joins itself."""
    return [_record(row) for row in database.rows(_SELECT + condition, *parameters)]


def open_record(stored: EncryptedRecord, keys: ReadingKeys) -> OpenedRecord:
    """Decrypt a record; raises `RecordErased`, `VaultDamaged`, or what ``keys`` raise."""
    if stored.content is None:
        raise RecordErased(f"record {stored.leaf_hash.hex()} was erased: what it said is gone for good")
    number, encrypted = stored.content
    json, seed = decrypt_content(keys.data_key(number), encrypted, stored.leaf_hash)
    try:
        record = reread_record(json)
    except EncodingError as error:
        raise VaultDamaged(str(error), hint=_FROM_BACKUP) from error
    texts = disclosures(record, seed)
    digests = disclosure_digests(texts)
    # whatever was changed before it was encrypted shows here, so the values need no other check
    _check_leaf(stored.leaf_hash, digests)
    return OpenedRecord(record, texts, digests)


def erased_digests(stored: EncryptedRecord) -> tuple[Hash32, ...]:
    """The slot digests of an erased record; raises `VaultDamaged`."""
    digests = split_hashes(stored.slot_digests or b"")
    if len(digests) != len(SLOTS):
        raise VaultDamaged("an erased record has lost the digests of its slots", hint=_FROM_BACKUP)
    _check_leaf(stored.leaf_hash, digests)
    return digests


def _check_leaf(name: Hash32, digests: Sequence[Hash32]) -> None:
    if leaf_hash(leaf_from_digests(digests)) != name:
        raise VaultDamaged(f"record {name.hex()}: its slots no longer give its leaf hash", hint=_FROM_BACKUP)


def _claim(database: Database, sequence: int) -> None:
    """Record by itself what so far only a list has brought that is still being imported."""
    if database.execute(
        "UPDATE record SET import_run = NULL WHERE sequence = ? "
        "AND import_run IN (SELECT number FROM import_run WHERE finished_at IS NULL)",
        sequence,
    ):
        if not database.number("SELECT 1 FROM awaiting WHERE sequence = ?", sequence):
            database.execute("INSERT INTO queue (sequence) VALUES (?)", sequence)
        note_queue_change(database)


def _first(database: Database, condition: str, value: Any) -> EncryptedRecord | None:
    row = database.row(_SELECT + condition, value)
    return None if row is None else _record(row)


def _record(row: tuple[Any, ...]) -> EncryptedRecord:
    sequence, name, is_withdrawn, after_block, index, data_key, encrypted, digests, *rest = row
    content = None if encrypted is None else (data_key, encrypted)
    return EncryptedRecord(
        sequence, Hash32(name), index, bool(is_withdrawn), after_block, content, digests, *map(bool, rest)
    )
