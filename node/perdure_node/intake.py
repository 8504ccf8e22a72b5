"""Intake: from a document and what its owner says about it to the slots of a record.

The site adds two slots itself: when it recorded (by its clock: a claim) and the newest final block that it knew (a lower bound
in time that others can check). Everything else is as given, checked for form only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from perdure_anchor.hashes import Hash32, parse_hex, to_hex
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.timestamp import format_seconds

from perdure_node.clock import Clock, Randomness
from perdure_node.details import Signer, parse_time, signer_value
from perdure_node.documents import DocumentFacts, document_slots
from perdure_node.encryption.contents import DATA_KEY_SIZE, DataKey
from perdure_node.known_blocks import known_block_id, newest_known_block
from perdure_node.operators.attesting import Attestor
from perdure_node.operators.errors import NobodyNamed
from perdure_node.operators.policy import NO_POLICY, policy_in_force
from perdure_node.recording import Recorder, Stamp
from perdure_node.records import Added, insert_record, recorded
from perdure_node.signatures.material_store import store_material
from perdure_node.signatures.verdicts import DocumentCheck, signature_slot
from perdure_node.vault import Vault

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
    ``again`` is set or it is superseded, and `IntakeError` for values that a record cannot hold.
    """
    slots = document_slots(document) | detail_slots(details)
    key = vault.current_data_key.take(clock, randomness)
    with vault.database.transaction():
        return record_slots(
            vault,
            slots,
            key,
            clock=clock,
            randomness=randomness,
            again=again,
            who=who,
            saw_document=True,
            check=check,
        )


def find_recorded(
    vault: Vault, document: DocumentFacts, details: Details, *, again: bool = False
) -> Added | None:
    """What `add_document` would find: the record of the document in these words, None for a new one. Stores nothing."""
    slots = document_slots(document) | detail_slots(details)
    prepared = Recorder(
        Stamp("2000-01-01T00:00:00Z", vault.config.recorded_by, None), vault.lookup_key, _UNUSED_KEY
    ).prepare(slots, bytes)
    return recorded(vault.database, prepared, again=again)


def record_slots(
    vault: Vault,
    slots: Mapping[str, JsonValue],
    key: DataKey,
    *,
    clock: Clock,
    randomness: Randomness,
    again: bool = False,
    who: Attestor | None = None,
    saw_document: bool = False,
    own: bool = False,
    check: DocumentCheck | None = None,
    found: Mapping[str, JsonValue] = MappingProxyType({}),
) -> Added:
    """Record slots with the site's stamp, inside a transaction of the caller's; raises as `add_document`.

    ``found`` are slots that the site found out, such as what an earlier ``check`` gave.
    """
    stamp = stamp_of(vault, clock)
    if check is not None:
        found = {"signature": signature_slot(check)}
    recorder = recorder_of(vault, stamp, key, who, own=own)
    prepared = recorder.prepare(slots, randomness, saw_document=saw_document, found=found)
    added = insert_record(vault.database, prepared, stamped_block(vault, stamp), again=again)
    if check is not None and not added.was_there:
        store_material(vault.database, vault.lookup_key, key, added.sequence, check.material, randomness)
    return added


def recorder_of(
    vault: Vault, stamp: Stamp, key: DataKey, who: Attestor | None = None, *, own: bool = False
) -> Recorder:
    """What makes records for this vault now, by its policy; raises `NobodyNamed` where that wants to know who records."""
    policy = NO_POLICY if own else policy_in_force(vault.folder, vault.database)
    if policy.recording.recorders_sign and who is None and not own:
        raise NobodyNamed(
            "to record: this site's policy wants to know who records, and have it signed",
            hint="--as NAME, or PERDURE_OPERATOR",
        )
    return Recorder(stamp, vault.lookup_key, key, policy, who, own)


def detail_slots(details: Details) -> dict[str, JsonValue]:
    """The slots that `Details` fill; raises `IntakeError` for a time that is none."""
    return {
        "document_type": details.document_type,
        "signers": [signer_value(signer) for signer in details.signers] or None,
        "signed_at": None if details.signed_at is None else parse_time(details.signed_at, "signed_at"),
        "recorded_by": details.recorded_by,
        "supersedes": None if details.supersedes is None else details.supersedes.hex(),
        "extra": dict(details.extra) if details.extra else None,
    }


def stamp_of(vault: Vault, clock: Clock) -> Stamp:
    """What the site adds to each record now; read inside the transaction that adds it, for the known block to stay."""
    known = newest_known_block(vault.database)
    return Stamp(
        recorded_at=format_seconds(int(clock.now())),
        recorded_by=vault.config.recorded_by,
        after=None if known is None else to_hex(known.hash),
    )


def stamped_block(vault: Vault, stamp: Stamp) -> int | None:
    """The known block that a stamp names, as the vault's tables name it."""
    return known_block_id(
        vault.database, None if stamp.after is None else Hash32(parse_hex(stamp.after, 32, "after"))
    )
