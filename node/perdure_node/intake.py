"""Intake: from a document and what its owner says about it to the slots of a record.

The site adds two slots itself: when it recorded (by its clock: a claim) and the newest final block that it knew (a lower bound
in time that others can check). Everything else is as given, checked for form only.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from perdure_anchor.hashes import Hash32
from perdure_anchor.late import LateEntry
from perdure_anchor.strict_json import JsonValue

from perdure_node.clock import Clock, Randomness
from perdure_node.details import Signer, parse_time, signer_value
from perdure_node.documents import DocumentFacts, document_slots
from perdure_node.encryption.contents import DATA_KEY_SIZE, DataKey
from perdure_node.errors import IntakeError
from perdure_node.evidence.known_blocks import (
    KnownBlock,
    keep_known_block,
    known_block_id,
    newest_known_block,
)
from perdure_node.keys.data_keys import OWNER
from perdure_node.late import late_value
from perdure_node.operators.attesting import Attestor
from perdure_node.operators.corrections import roles_for_correction
from perdure_node.operators.errors import NobodyNamed, NotAllowed
from perdure_node.operators.in_force import check_in_force
from perdure_node.operators.policy import NO_POLICY, Policy, policy_in_force
from perdure_node.recording import NewRecord, Prepared, Recorder, Stamp
from perdure_node.records import Added, EncryptedRecord, insert_record, knows_leaf, record_by_leaf, recorded
from perdure_node.signatures.material_store import store_material
from perdure_node.signatures.verdicts import DocumentCheck, signature_slot
from perdure_node.traces import Deed, Reason, leave_trace
from perdure_node.vault import Vault

# the field of `extra` that says why an earlier record is corrected
CORRECTION: Final = "correction"
_HASH_SIZE: Final = 32

# encrypts what is looked up and thrown away
_UNUSED_KEY = DataKey(0, bytes(DATA_KEY_SIZE))


@dataclass(frozen=True, slots=True)
class Details:
    """What is said about a document; ``signed_at`` is RFC 3339 text, ``supersedes`` the leaf hash of the corrected record."""

    document_type: str | None = None
    signers: tuple[Signer, ...] = ()
    signed_at: str | None = None
    recorded_by: str | None = None
    supersedes: Hash32 | None = None
    extra: Mapping[str, JsonValue] | None = None
    late: LateEntry | None = None
    # why the earlier record is corrected: for the traces of both, and for ``extra``, where it is the record's own
    reason: str | None = None


def add_document(
    vault: Vault,
    document: DocumentFacts,
    details: Details,
    *,
    clock: Clock,
    randomness: Randomness,
    again: bool = False,
    who: Attestor | None = None,
    check: DocumentCheck | None = None,
) -> Added:
    """Record a signature operation; it is durable when this returns, and waits to be sealed, or for a second person.

    ``who`` records it, and signs that he did. ``check`` is what is known of the document's signatures: it goes into the slot
    `signature`, and what it rests on is kept. The same document in the same words is recorded once. Raises `AlreadyRecorded` if it is there in other words, unless
    ``again`` is set or it is superseded, and `IntakeError` for values that a record cannot hold, or a leaf to supersede that nobody knows.
    """
    slots = document_slots(document) | detail_slots(details)
    check_superseded(vault, details.supersedes)
    key = vault.current_data_key.take(clock, randomness)
    if who is not None and who.asks:
        there = find_recorded(vault, document, details, again=again, recorder=who.name)
        if there is not None:
            return there
    new = seen_document(slots, check, roles_for_correction(vault, details.supersedes))
    signed = sign_ahead(vault, new, key, who, clock=clock, randomness=randomness)
    with vault.database.transaction():
        added = record_new(
            vault, new, key, who=who, signed=signed, again=again, clock=clock, randomness=randomness
        )
        if not added.was_there:
            _note_correction(vault, key, details, added, who, clock=clock, randomness=randomness)
    return added


def check_superseded(vault: Vault, name: Hash32 | None) -> None:
    """Raise `IntakeError` unless the vault knows what is to be corrected: a slip would point at nothing, for ever."""
    # what is no hash at all is told by the record
    if name is None or len(name) != _HASH_SIZE or knows_leaf(vault.database, name):
        return
    raise IntakeError(
        f"supersedes: neither this vault nor its log knows a leaf hash {name.hex()}",
        hint="`perdure show FILE` prints the leaf hash of a document's record; a document's SHA-256 is another number",
    )


def _note_correction(
    vault: Vault,
    key: DataKey,
    details: Details,
    added: Added,
    who: Attestor | None,
    *,
    clock: Clock,
    randomness: Randomness,
) -> None:
    """Leave the reason of a correction in the traces of both records; inside a transaction of the caller's."""
    if details.reason is None or details.supersedes is None:
        return
    by = details.recorded_by or (who.name if who else vault.config.recorded_by)
    reason, now, operator = Reason(by, details.reason), int(clock.now()), OWNER if who is None else who.number
    for record, kind, successor in _corrected(vault, details.supersedes, added):
        deed = Deed(kind, reason, now, operator, successor)
        leave_trace(vault.database, key, record, deed, randomness)


def _corrected(
    vault: Vault, superseded: Hash32, added: Added
) -> Iterator[tuple[EncryptedRecord, str, int | None]]:
    """In whose traces a correction stands, as what, and naming which record in its place."""
    old, new = (record_by_leaf(vault.database, name) for name in (superseded, added.leaf_hash))
    if old is not None:
        yield old, "superseded", added.sequence
    assert new is not None, "just added"
    yield new, "supersedes", None


def find_recorded(
    vault: Vault,
    document: DocumentFacts,
    details: Details,
    *,
    again: bool = False,
    recorder: str | None = None,
) -> Added | None:
    """What `add_document` would find: the record of the document in these words, None for a new one. Stores nothing.

    ``recorder`` is the name of who would record it, None where nobody is named.
    """
    slots = document_slots(document) | detail_slots(details)
    check_superseded(vault, details.supersedes)
    prepared = Recorder(
        Stamp(0, recorder or vault.config.recorded_by, None),
        vault.lookup_key,
        _UNUSED_KEY,
    ).prepare(NewRecord(slots), bytes)
    return recorded(vault.database, prepared, again=again)


def seen_document(
    slots: Mapping[str, JsonValue], check: DocumentCheck | None, confirmed_by: tuple[str, ...] = ()
) -> NewRecord:
    """A record of a document that is at hand; ``check`` is what is known of its signatures."""
    if check is None:
        return NewRecord(slots, saw_document=True, confirmed_by=confirmed_by)
    found = {"signature": signature_slot(check)}
    return NewRecord(slots, found, check.material, saw_document=True, confirmed_by=confirmed_by)


@dataclass(frozen=True, slots=True)
class Signed:
    """A record that somebody has signed before the database had to wait for him; ``after`` is the block that it names."""

    prepared: Prepared
    who: Attestor
    policy: Policy
    after: KnownBlock | None


def sign_ahead(
    vault: Vault,
    new: NewRecord,
    key: DataKey,
    who: Attestor | None,
    *,
    clock: Clock,
    randomness: Randomness,
) -> Signed | None:
    """Let somebody sign who has to be asked, outside of any transaction; None for all others. Raises as `add_document`."""
    if who is None or not who.asks:
        return None
    after = newest_known_block(vault.database)
    recorder = recorder_of(vault, _stamp(vault, clock, after), key, who)
    return Signed(recorder.prepare(new, randomness), who, recorder.policy, after)


def record_new(
    vault: Vault,
    new: NewRecord,
    key: DataKey,
    *,
    who: Attestor | None = None,
    signed: Signed | None = None,
    again: bool = False,
    clock: Clock,
    randomness: Randomness,
) -> Added:
    """Record it with the site's stamp, or as it was ``signed`` ahead, inside a transaction of the caller's; raises as `add_document`.

    And `NotAllowed` if who records, or the policy, changed since it was signed.
    """
    if signed is None:
        stamp = stamp_of(vault, clock)
        prepared = recorder_of(vault, stamp, key, who, own=new.own).prepare(new, randomness)
        block = stamped_block(vault, stamp)
    else:
        check_still_holds(vault, signed.who, signed.policy)
        prepared, block = signed.prepared, keep_known_block(vault.database, signed.after)
    added = insert_record(vault.database, prepared, block, again=again)
    if not added.was_there:
        store_material(vault.database, vault.lookup_key, key, added.sequence, new.material, randomness)
    return added


def check_still_holds(vault: Vault, who: Attestor | None, policy: Policy) -> None:
    """Raise `NotAllowed` unless what was prepared outside of this transaction would be the same in it: who records, and the policy."""
    if who is not None:
        check_in_force(vault.database, who)
    if policy_in_force(vault.folder, vault.database) != policy:
        raise NotAllowed("the site's policy was changed meanwhile", hint="do it once more")


def recorder_of(
    vault: Vault, stamp: Stamp, key: DataKey, who: Attestor | None = None, *, own: bool = False
) -> Recorder:
    """What makes records for this vault now, by its policy; raises `NobodyNamed` where that wants to know who records.

    And `NotAllowed` where he was removed, or his credentials changed, since he said who he is.
    """
    if who is not None:
        check_in_force(vault.database, who)
    policy = NO_POLICY if own else policy_in_force(vault.folder, vault.database)
    if policy.recording.recorders_sign and who is None and not own:
        raise NobodyNamed(
            "to record: this site's policy wants to know who records, and have it signed",
            hint="--as NAME, or PERDURE_OPERATOR",
        )
    return Recorder(stamp, vault.lookup_key, key, policy, who)


def detail_slots(details: Details) -> dict[str, JsonValue]:
    """The slots that `Details` fill; raises `IntakeError` for a time that is none."""
    return {
        "document_type": details.document_type,
        "signers": [signer_value(signer) for signer in details.signers] or None,
        "signed_at": None if details.signed_at is None else parse_time(details.signed_at, "signed_at"),
        "recorded_by": details.recorded_by,
        "late": None if details.late is None else late_value(details.late),
        "supersedes": None if details.supersedes is None else details.supersedes.hex(),
        "extra": _extra(details),
    }


def _extra(details: Details) -> dict[str, JsonValue] | None:
    extra = dict(details.extra or {})
    if details.reason is not None:
        if CORRECTION in extra:
            raise IntakeError(f"extra: the field {CORRECTION} is for the reason of a correction")
        extra[CORRECTION] = {"v": 1, "reason": details.reason}
    return extra or None


def stamp_of(vault: Vault, clock: Clock) -> Stamp:
    """What the site adds to each record now; read inside the transaction that adds it, for the known block to stay."""
    return _stamp(vault, clock, newest_known_block(vault.database))


def _stamp(vault: Vault, clock: Clock, known: KnownBlock | None) -> Stamp:
    return Stamp(
        at=int(clock.now()),
        recorded_by=vault.config.recorded_by,
        after=None if known is None else known.hash,
    )


def stamped_block(vault: Vault, stamp: Stamp) -> int | None:
    """The known block that a stamp names, as the vault's tables name it."""
    return known_block_id(vault.database, stamp.after)
