"""What may happen to a record after it was added: amended or withdrawn while it waits, and erased at any time.

Each leaves a trace of who, when and why. Nothing that is in the log changes: a sealed record is corrected by another one that
supersedes it, and an erased one keeps its leaf, of which nobody can tell any more what it said.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from perdure_anchor.errors import VerificationError
from perdure_anchor.hashes import Hash32
from perdure_anchor.strict_json import JsonValue

from perdure_node.audit.stored import take_audit_notes
from perdure_node.clock import Clock, Randomness
from perdure_node.database import Database
from perdure_node.encryption.contents import NONCE_SIZE
from perdure_node.encryption.lookup import DIGEST_SIZE
from perdure_node.erasures import Category, erasure_members, record_erasure
from perdure_node.errors import AlreadySealed, NoSuchRecord
from perdure_node.holds import check_not_held
from perdure_node.intake import check_superseded, record_new, sign_ahead
from perdure_node.keys.data_keys import OWNER
from perdure_node.operators.attesting import Attestor
from perdure_node.operators.confirming import roles_to_confirm
from perdure_node.operators.corrections import roles_for_correction
from perdure_node.recording import NewRecord
from perdure_node.records import (
    Added,
    EncryptedRecord,
    ReadingKeys,
    anchored_size,
    note_queue_change,
    open_record,
    record_by_sequence,
)
from perdure_node.searching.stored import take_former_nonces
from perdure_node.signatures.material_store import copy_material, forget_material
from perdure_node.traces import Deed, Reason, forget_reasons, leave_trace
from perdure_node.vault import Vault

# what the site adds to a record by itself
_STAMPED = ("recorded_at", "after")
# what it found out then, of a document that is still the same
_FOUND = ("signature",)


class OwnRecordStays(VerificationError):
    """The site's own record of what was done is not taken back."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure left: the record of it, by its leaf hash.

    ``overwritten`` False: another process is reading, and until it ends the old bytes stay in the database's log; `finish_erasing`
    removes them.
    """

    erasure: Hash32
    overwritten: bool


def withdraw(
    vault: Vault,
    record: EncryptedRecord,
    reason: Reason,
    operator: int = OWNER,
    *,
    clock: Clock,
    randomness: Randomness,
) -> None:
    """Take a waiting record out of the queue; it stays readable, with the reason. Raises `AlreadySealed` or `NoSuchRecord`."""
    key = vault.current_data_key.take(clock, randomness)
    with vault.database.transaction():
        _leave_queue(vault, record)
        withdrawn = Deed("withdrawn", reason, int(clock.now()), operator)
        leave_trace(vault.database, key, record, withdrawn, randomness)


def amend(
    vault: Vault,
    record: EncryptedRecord,
    changes: Mapping[str, JsonValue],
    reason: Reason,
    keys: ReadingKeys,
    *,
    clock: Clock,
    randomness: Randomness,
    who: Attestor | None = None,
) -> Added:
    """Put another record in the place of a waiting one: its slots with the changes, None empties one.

    The old one is withdrawn and stays readable. Raises `AlreadySealed`, `NoSuchRecord`, `IntakeError` or `AlreadyRecorded`.
    """
    given = changes.get("supersedes")
    corrected = None if given is None else Hash32(bytes.fromhex(str(given)))
    check_superseded(vault, corrected)
    old = open_record(record, keys).record.values
    slots = {slot: value for slot, value in old.items() if slot not in (*_STAMPED, *_FOUND)} | dict(changes)
    found = {slot: old[slot] for slot in _FOUND if old[slot] is not None}
    key = vault.current_data_key.take(clock, randomness)
    # saying something else of it lets nobody off who had to confirm
    roles = roles_to_confirm(vault, record, old) or roles_for_correction(vault, corrected)
    new = NewRecord(slots, found, confirmed_by=roles)
    signed = sign_ahead(vault, new, key, who, clock=clock, randomness=randomness)
    with vault.database.transaction():
        _leave_queue(vault, record, "amended")
        # beside the old record there may be others of the same document, which this one leaves as they are
        added = record_new(
            vault, new, key, who=who, signed=signed, again=True, clock=clock, randomness=randomness
        )
        copy_material(vault.database, record.sequence, added.sequence)
        operator = OWNER if who is None else who.number
        amended = Deed("amended", reason, int(clock.now()), operator, added.sequence)
        leave_trace(vault.database, key, record, amended, randomness)
    return added


def erase(
    vault: Vault,
    record: EncryptedRecord,
    reason: Reason,
    keys: ReadingKeys,
    category: Category = Category.OTHER,
    operator: int = OWNER,
    *,
    clock: Clock,
    randomness: Randomness,
) -> Erased:
    """Destroy what a record says and its seed, for good, and record that this was done; its leaf stays in the log.

    A waiting record leaves the queue as well. Copies elsewhere, such as backups and evidence that was handed out, are out of reach.
    Raises `RecordErased`, or `RecordHeld` while a hold stands.
    """
    # whatever keys ask for they ask now, before anybody has to wait for us
    open_record(record, keys)
    key = vault.current_data_key.take(clock, randomness)
    database, now = vault.database, int(clock.now())
    was_clean = _is_clean(database)
    with database.transaction():
        record = _as_it_is_now(database, record)
        digests = b"".join(open_record(record, keys).slot_digests)
        check_not_held(database, record, keys)
        _check_not_own(database, record, "erased")
        state = record.state(anchored_size(database)).value
        remains = _destroy(database, record, digests, randomness)
        if record.index is None and not record.is_withdrawn:
            _leave_queue(vault, record, "erased")
        remains += forget_reasons(database, key, record, keys, randomness=randomness)
        members = erasure_members(record.leaf_hash, state, now, reason.by, category)
        added = record_erasure(vault, key, members, clock=clock, randomness=randomness)
        leave_trace(database, key, record, Deed("erased", reason, now, operator, added.sequence), randomness)
        database.execute("INSERT INTO unclean (only, since) VALUES (1, ?) ON CONFLICT DO NOTHING", now)
    # what was overwritten is so far in the log only; now also in the database, and the log ends
    return Erased(added.leaf_hash, _forget(database, remains) if was_clean else finish_erasing(database))


def _as_it_is_now(database: Database, record: EncryptedRecord) -> EncryptedRecord:
    """The record again: whoever looked at it may have taken his time, and others confirmed, sealed or erased it meanwhile."""
    now = record_by_sequence(database, record.sequence)
    if now is None:
        raise NoSuchRecord(f"record {record.leaf_hash.hex()} is gone")
    return now


def _destroy(
    database: Database, record: EncryptedRecord, digests: bytes, randomness: Randomness
) -> list[bytes]:
    """Put the digests of its slots in the place of what a record says, inside a transaction of the caller's.

    Returns what must be in no file any more.
    """
    remains = _remains(database, record)
    # the segment that a search looks through goes with it
    database.execute("DELETE FROM content WHERE sequence = ?", record.sequence)
    remains += forget_material(database, record.sequence)
    take_audit_notes(database, record.sequence)
    remains += take_former_nonces(database, record.sequence)
    database.execute("INSERT INTO erased (sequence, slot_digests) VALUES (?, ?)", record.sequence, digests)
    # what finds it by its document would tell whose document it was
    database.execute(
        "UPDATE record SET document = ?, words = NULL WHERE sequence = ?",
        randomness(DIGEST_SIZE),
        record.sequence,
    )
    database.execute("UPDATE draft SET nonce = NULL WHERE sequence = ?", record.sequence)
    return remains


def finish_erasing(database: Database) -> bool:
    """Clean the files of what was erased, where that was interrupted or another process was reading; False: it still is."""
    if _is_clean(database):
        return True
    # what to look for went with the process that knew it, so the file is made anew
    with database.writing():
        database.execute("VACUUM")
    return _forget(database, [])


def _is_clean(database: Database) -> bool:
    return not database.has_table("unclean") or not database.number("SELECT count(*) FROM unclean")


def _forget(database: Database, remains: list[bytes]) -> bool:
    if not database.forget(*remains):
        return False
    with database.transaction():
        database.execute("DELETE FROM unclean")
    return True


def _remains(database: Database, record: EncryptedRecord) -> list[bytes]:
    """What must be in no file once a record is erased: what finds it, and the nonces, without which no ciphertext opens."""
    found = database.row(
        "SELECT words, substr(encrypted, 1, ?), "
        "CASE WHEN (SELECT count(*) FROM record AS other WHERE other.document = record.document) = 1 THEN document END "
        "FROM record LEFT JOIN content USING (sequence) WHERE sequence = ?",
        NONCE_SIZE,
        record.sequence,
    )
    drafts = database.rows("SELECT nonce FROM draft WHERE sequence = ?", record.sequence)
    everything = (*(found or ()), *(nonce for (nonce,) in drafts))
    return [bytes(octets) for octets in everything if octets is not None]


def _check_not_own(database: Database, record: EncryptedRecord, doing: str) -> None:
    """Raise `OwnRecordStays` for what the site has recorded of itself. Needs no passphrase."""
    if database.number(
        "SELECT count(*) FROM change WHERE successor = ? AND kind = 'erased'", record.sequence
    ) or (
        doing != "erased"
        and database.number(
            "SELECT (SELECT count(*) FROM policy WHERE own_record = ?1) + (SELECT count(*) FROM operator WHERE own_record = ?1)",
            record.sequence,
        )
    ):
        raise OwnRecordStays(
            f"record {record.leaf_hash.hex()} is the site's own: it says what was done here, and cannot be {doing}"
        )


def _leave_queue(vault: Vault, record: EncryptedRecord, doing: str = "withdrawn") -> None:
    database = vault.database
    _check_not_own(database, record, doing)
    left = database.execute("DELETE FROM queue WHERE sequence = ?", record.sequence)
    if not left + database.execute("DELETE FROM awaiting WHERE sequence = ?", record.sequence):
        now = record_by_sequence(database, record.sequence)
        if now is None or now.index is None:
            was = "rejected" if now is not None and now.is_rejected else "withdrawn already"
            raise NoSuchRecord(
                f"record {record.leaf_hash.hex()} does not wait: it is {was}",
                hint=f"`perdure show {record.leaf_hash.hex()}` tells what became of it",
            )
        raise AlreadySealed(
            f"record {record.leaf_hash.hex()} is sealed: its place in the log is {now.index}",
            hint=f"correct it with a new record: `perdure add FILE --supersedes {record.leaf_hash.hex()} --reason WHY`",
        )
    database.execute("UPDATE record SET words = NULL WHERE sequence = ?", record.sequence)
    note_queue_change(database)
