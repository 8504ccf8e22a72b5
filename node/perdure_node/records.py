"""Records in the vault: put in once, found again by document, leaf hash or index.

A record's slots are kept as values, with its seed; its disclosures are made from them again when evidence is asked for, and
must then give the stored leaf hash.
"""

import enum
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Hash32, parse_hex
from perdure_anchor.log import leaf_hash
from perdure_anchor.record import (
    SEED_SIZE,
    SLOTS,
    Record,
    disclosure_digest,
    disclosures,
    leaf,
    leaf_from_digests,
    make_record,
)
from perdure_anchor.strict_json import JsonValue, encode_compact, parse_json

from perdure_node.clock import Randomness
from perdure_node.database import Database
from perdure_node.errors import AlreadyRecorded, IntakeError, VaultDamaged

_SELECT = (
    "SELECT sequence, document_sha256, slots, seed, leaf_hash, after_block, log_index FROM record WHERE "
)

# how many records are in memory at a time
PAGE = 1000


class State(enum.Enum):
    """How far a record has come."""

    WAITING = "waiting"
    SEALED = "sealed"
    ANCHORED = "anchored"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the site adds to a record: see `perdure_node.intake`. ``after`` is a block hash in hexadecimal."""

    recorded_at: str
    recorded_by: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Added:
    """A record that is in the vault; ``was_there`` says that it had been before. ``sequence`` counts records as added."""

    sequence: int
    leaf_hash: Hash32
    document_sha256: Hash32
    was_there: bool


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record with the disclosures that open it, in slot order, which were seen to give its leaf hash.

    ``index`` is None while it waits, ``after`` the hash of a known block.
    """

    sequence: int
    document_sha256: Hash32
    record: Record
    disclosures: tuple[str, ...]
    leaf_hash: Hash32
    after: Hash32 | None
    index: int | None


def insert_record(
    database: Database,
    slots: Mapping[str, JsonValue],
    stamp: Stamp,
    randomness: Randomness,
    *,
    again: bool = False,
) -> Added:
    """Put a record into the vault, inside a transaction of the caller's; see `perdure_node.intake.add_document`."""
    given = {"recorded_by": stamp.recorded_by} | {
        slot: value for slot, value in slots.items() if value is not None
    }
    fingerprint = _fingerprint(given)
    record = _checked({**given, "recorded_at": stamp.recorded_at, "after": stamp.after})
    document = Hash32(bytes.fromhex(str(given["document_sha256"])))
    earlier = {
        row[0]: row[1:]
        for row in database.rows(
            "SELECT fingerprint, sequence, leaf_hash FROM record WHERE document_sha256 = ?", document
        )
    }
    if fingerprint in earlier:
        sequence, leaf_of_earlier = earlier[fingerprint]
        return Added(sequence, Hash32(leaf_of_earlier), document, was_there=True)
    if earlier and not again and given.get("supersedes") is None:
        raise AlreadyRecorded(
            f"document {document.hex()} is recorded already, with other details",
            hint="--again records it a second time; both records stay",
        )
    return _insert(database, record, document, fingerprint, randomness(SEED_SIZE))


def _insert(database: Database, record: Record, document: Hash32, fingerprint: bytes, seed: bytes) -> Added:
    name = leaf_hash(leaf(record, seed))
    after = record.value("after")
    filled: JsonValue = {slot: value for slot, value in record.values.items() if value is not None}
    sequence = database.insert(
        "INSERT INTO record (document_sha256, fingerprint, slots, seed, leaf_hash, after_block) VALUES (?, ?, ?, ?, ?, ?)",
        document,
        fingerprint,
        encode_compact(filled),
        seed,
        name,
        None if after is None else parse_hex(after, 32, "after"),
    )
    return Added(sequence, name, document, was_there=False)


def _checked(slots: Mapping[str, JsonValue]) -> Record:
    if slots.get("document_sha256") is None:
        raise IntakeError("document_sha256: a record is about a document, and none is given")
    try:
        return make_record(slots)
    except EncodingError as error:
        raise IntakeError(str(error), hint=error.hint) from error


def _fingerprint(given: Mapping[str, JsonValue]) -> bytes:
    filled = {slot: value for slot, value in given.items() if value is not None}
    return hashlib.sha256(json.dumps(filled, sort_keys=True).encode()).digest()


def record_by_leaf(database: Database, name: Hash32) -> StoredRecord | None:
    """The record with this leaf hash."""
    return _first(database, "leaf_hash = ?", name)


def record_by_index(database: Database, index: int) -> StoredRecord | None:
    """The record at this index of the log."""
    return _first(database, "log_index = ?", index)


def records_of_document(database: Database, document: Hash32) -> Iterator[StoredRecord]:
    """All records of a document, the newest first."""
    return map(
        _stored,
        database.rows(_SELECT + "document_sha256 = ? ORDER BY sequence DESC", document),
    )


def records_in_log(database: Database, begin: int, end: int) -> Iterator[StoredRecord]:
    """The records with the indices begin to end - 1, in order."""
    for first in range(begin, end, PAGE):
        last = min(first + PAGE, end)
        yield from map(
            _stored,
            database.rows(_SELECT + "log_index >= ? AND log_index < ? ORDER BY log_index", first, last),
        )


def _first(database: Database, condition: str, value: Any) -> StoredRecord | None:
    row = database.row(_SELECT + condition, value)
    return None if row is None else _stored(row)


def _stored(row: tuple[Any, ...]) -> StoredRecord:
    sequence, document, slots, seed, name, after, index = row
    record = _reread(sequence, slots)
    texts = disclosures(record, seed)
    # whatever was changed on the disk shows here, so the values need no other check
    if leaf_hash(leaf_from_digests(list(map(disclosure_digest, texts)))) != name:
        raise VaultDamaged(
            f"record {sequence}: its slots no longer give its leaf hash",
            hint="restore the vault from a backup",
        )
    return StoredRecord(
        sequence,
        Hash32(document),
        record,
        texts,
        Hash32(name),
        None if after is None else Hash32(after),
        index,
    )


def _reread(sequence: int, slots: str) -> Record:
    try:
        values = parse_json(slots.encode(), f"record {sequence}")
    except EncodingError as error:
        raise VaultDamaged(f"record {sequence}: {error}", hint="restore the vault from a backup") from error
    if not isinstance(values, dict):
        raise VaultDamaged(
            f"record {sequence}: its slots are no object", hint="restore the vault from a backup"
        )
    return Record(MappingProxyType({slot: values.get(slot) for slot in SLOTS}))
