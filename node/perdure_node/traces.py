"""The trace of a record: what was done to it after it was added, by whom, when and why. `perdure_node.changes` leaves it."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from perdure_anchor.hashes import Hash32

from perdure_node.clock import Randomness
from perdure_node.database import Database
from perdure_node.encryption.contents import NONCE_SIZE, DataKey
from perdure_node.errors import RecoveryKeyError, VaultDamaged
from perdure_node.keys.data_keys import OWNER
from perdure_node.records import PAGE, EncryptedRecord, ReadingKeys

# what stands in the trace of an erased record where reasons were given before
FORGOTTEN: Final = "(erased with the record)"


@dataclass(frozen=True, slots=True)
class Reason:
    """Who changes a record, and why; both are free text, and are stored encrypted."""

    by: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Deed:
    """What is done to a record, ``at`` which second since 1970, by the ``operator`` of this number.

    ``successor`` is the sequence number of the record that takes its place, or that says that it was erased.
    """

    kind: str
    reason: Reason
    at: int
    operator: int = OWNER
    successor: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of a record's trace: ``kind`` is amended, withdrawn, rejected, erased, ...

    ``successor`` is the leaf hash of the record that took its place, or that says that it was erased. ``number`` counts the vault's;
    ``operator`` is the number of who did it.
    """

    kind: str
    changed_at: int
    reason: Reason
    successor: Hash32 | None
    number: int = 0
    operator: int = OWNER


def changes_of(database: Database, record: EncryptedRecord, keys: ReadingKeys) -> list[Change]:
    """A record's trace, in the order in which the vault learned of it."""
    return _changes(database, record, keys, "change.sequence = ? ORDER BY number", record.sequence)


def change_by_number(database: Database, record: EncryptedRecord, number: int, keys: ReadingKeys) -> Change:
    """One entry of a record's trace; raises `VaultDamaged` where it is gone."""
    found = _changes(database, record, keys, "number = ?", number)
    if not found:
        raise VaultDamaged("a record's trace is gone", hint="restore the vault from a backup")
    return found[0]


def _changes(
    database: Database, record: EncryptedRecord, keys: ReadingKeys, condition: str, value: int
) -> list[Change]:
    # what was noted before it was confirmed goes with the name that it had then
    drafts = []
    if database.has_table("draft"):
        drafts = database.rows("SELECT leaf_hash FROM draft WHERE sequence = ?", record.sequence)
    names = (record.leaf_hash, *(Hash32(name) for (name,) in drafts))
    query = (
        "SELECT kind, changed_at, leaf_hash, data_key, encrypted, number, change.operator FROM change "
        "LEFT JOIN record ON record.sequence = change.successor WHERE "
    )
    rows = database.rows(query + condition, value)
    return [
        Change(
            kind,
            changed_at,
            _reason(keys.data_key(number), encrypted, names),
            None if successor is None else Hash32(successor),
            entry,
            operator,
        )
        for kind, changed_at, successor, number, encrypted, entry, operator in rows
    ]


def notes_of(database: Database, record: EncryptedRecord) -> dict[tuple[str, int, Hash32 | None], list[int]]:
    """The numbers of a record's entries, by what is known of them without a passphrase: kind, time and successor."""
    rows = database.rows(
        "SELECT kind, changed_at, leaf_hash, number FROM change LEFT JOIN record ON record.sequence = change.successor "
        "WHERE change.sequence = ? ORDER BY number",
        record.sequence,
    )
    found: dict[tuple[str, int, Hash32 | None], list[int]] = {}
    for kind, at, successor, number in rows:
        found.setdefault((kind, at, None if successor is None else Hash32(successor)), []).append(number)
    return found


def unreadable_traces(database: Database, keys: ReadingKeys) -> Iterator[tuple[int, Hash32, str]]:
    """Entries of any record's trace that do not decrypt: the number of each, the record's leaf hash, and why."""
    names = "(SELECT group_concat(hex(leaf_hash)) FROM draft WHERE draft.sequence = change.sequence)"
    query = (
        f"SELECT number, leaf_hash, {names if database.has_table('draft') else 'NULL'}, data_key, encrypted FROM change "  # noqa: S608  # constants
        "JOIN record ON record.sequence = change.sequence WHERE number > ? ORDER BY number LIMIT ?"
    )
    last = 0
    while rows := database.rows(query, last, PAGE):
        for last, name, drafts, key, encrypted in rows:
            others = [Hash32(bytes.fromhex(each)) for each in (drafts or "").split(",") if each]
            try:
                _reason(keys.data_key(key), encrypted, (Hash32(name), *others))
            except (VaultDamaged, RecoveryKeyError, ValueError) as error:
                yield last, Hash32(name), str(error)


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


def forget_reasons(
    database: Database, key: DataKey, record: EncryptedRecord, keys: ReadingKeys, *, randomness: Randomness
) -> list[bytes]:
    """Take out of a record's trace what was said in it, and leave who did what and when; inside a transaction of the caller's.

    Returns how the old texts began, which must be in no file any more.
    """
    gone = []
    for change in changes_of(database, record, keys):
        row = database.row(
            "SELECT substr(encrypted, 1, ?) FROM change WHERE number = ?", NONCE_SIZE, change.number
        )
        assert row is not None, "just read"
        gone.append(bytes(row[0]))
        text = json.dumps({"by": change.reason.by, "why": FORGOTTEN}).encode()
        database.execute(
            "UPDATE change SET data_key = ?, encrypted = ? WHERE number = ?",
            key.number,
            key.encrypt(text, record.leaf_hash, randomness),
            change.number,
        )
    return gone


def leave_trace(
    database: Database, key: DataKey, record: EncryptedRecord, deed: Deed, randomness: Randomness
) -> int:
    """Note what is done to a record; inside a transaction of the caller's. Returns the entry's number."""
    text = json.dumps({"by": deed.reason.by, "why": deed.reason.why}).encode()
    return database.insert(
        "INSERT INTO change (sequence, kind, operator, changed_at, successor, data_key, encrypted) VALUES (?, ?, ?, ?, ?, ?, ?)",
        record.sequence,
        deed.kind,
        deed.operator,
        deed.at,
        deed.successor,
        key.number,
        key.encrypt(text, record.leaf_hash, randomness),
    )
