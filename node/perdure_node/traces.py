"""The trace of a record: what was done to it after it was added, by whom, when and why. `perdure_node.changes` leaves it."""

import json
from dataclasses import dataclass

from perdure_anchor.hashes import Hash32

from perdure_node.database import Database
from perdure_node.encryption.contents import DataKey
from perdure_node.errors import VaultDamaged
from perdure_node.records import EncryptedRecord, ReadingKeys


@dataclass(frozen=True, slots=True)
class Reason:
    """Who changes a record, and why; both are free text, and are stored encrypted."""

    by: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of a record's trace: ``kind`` is amended, withdrawn or erased; ``successor`` is the amended record's leaf hash."""

    kind: str
    changed_at: int
    reason: Reason
    successor: Hash32 | None


def changes_of(database: Database, record: EncryptedRecord, keys: ReadingKeys) -> list[Change]:
    """A record's trace, oldest first."""
    rows = database.rows(
        "SELECT kind, changed_at, leaf_hash, data_key, encrypted FROM change "
        "LEFT JOIN record ON record.sequence = change.successor WHERE change.sequence = ? ORDER BY number",
        record.sequence,
    )
    return [
        Change(
            kind,
            changed_at,
            _reason(keys.data_key(number), encrypted, record.leaf_hash),
            None if successor is None else Hash32(successor),
        )
        for kind, changed_at, successor, number, encrypted in rows
    ]


def _reason(key: DataKey, encrypted: bytes, name: Hash32) -> Reason:
    match json.loads(key.decrypt(encrypted, name)):
        case {"by": str() | None as by, "why": str(why)}:
            return Reason(by, why)
    raise VaultDamaged("a record's trace is not what it should be", hint="restore the vault from a backup")
