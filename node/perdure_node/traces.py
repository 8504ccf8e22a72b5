"""The trace of a record: what was done to it after it was added, by whom, when and why. `perdure_node.changes` leaves it."""

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from perdure_anchor.hashes import Hash32

from perdure_node.clock import Clock, Randomness
from perdure_node.data_keys import OWNER
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
    """One entry of a record's trace: ``kind`` is amended, withdrawn, rejected, erased, ...; ``successor`` is the amended record's leaf hash."""

    kind: str
    changed_at: int
    reason: Reason
    successor: Hash32 | None


def changes_of(database: Database, record: EncryptedRecord, keys: ReadingKeys) -> list[Change]:
    """A record's trace, oldest first."""
    # what was noted before it was confirmed goes with the name that it had then
    drafts = []
    if database.has_table("draft"):
        drafts = database.rows("SELECT leaf_hash FROM draft WHERE sequence = ?", record.sequence)
    names = (record.leaf_hash, *(Hash32(name) for (name,) in drafts))
    rows = database.rows(
        "SELECT kind, changed_at, leaf_hash, data_key, encrypted FROM change "
        "LEFT JOIN record ON record.sequence = change.successor WHERE change.sequence = ? ORDER BY number",
        record.sequence,
    )
    return [
        Change(
            kind,
            changed_at,
            _reason(keys.data_key(number), encrypted, names),
            None if successor is None else Hash32(successor),
        )
        for kind, changed_at, successor, number, encrypted in rows
    ]


def _reason(key: DataKey, encrypted: bytes, names: Sequence[Hash32]) -> Reason:
    match json.loads(_opened(key, encrypted, names)):
        case {"by": str() | None as by, "why": str(why)}:
            return Reason(by, why)
    raise VaultDamaged("a record's trace is not what it should be", hint="restore the vault from a backup")


def _opened(key: DataKey, encrypted: bytes, names: Sequence[Hash32]) -> bytes:
    *others, last = names
    for name in others:
        with contextlib.suppress(VaultDamaged):
            return key.decrypt(encrypted, name)
    return key.decrypt(encrypted, last)


def leave_trace(
    database: Database,
    key: DataKey,
    record: EncryptedRecord,
    kind: str,
    reason: Reason,
    *,
    clock: Clock,
    randomness: Randomness,
    successor: int | None = None,
    operator: int = OWNER,
) -> None:
    """Note what is done to a record; inside a transaction of the caller's. ``successor`` is a sequence number."""
    text = json.dumps({"by": reason.by, "why": reason.why}).encode()
    database.insert(
        "INSERT INTO change (sequence, kind, operator, changed_at, successor, data_key, encrypted) VALUES (?, ?, ?, ?, ?, ?, ?)",
        record.sequence,
        kind,
        operator,
        int(clock.now()),
        successor,
        key.number,
        key.encrypt(text, record.leaf_hash, randomness),
    )
