"""Confirming: a second person signs what somebody recorded, or rejects it. Until then the record is in no queue.

A confirmed record keeps its seed, so that the digests of its other slots stay as they were signed; its leaf hash is a new one, and
the old one goes on finding it. Everything happens in one transaction: of two who confirm at once, one is told that it is done.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

from perdure_anchor.confirmation import (
    CONFIRMED,
    RECORDED,
    Attestation,
    Confirmation,
    OnePersonTwice,
    check_two_people,
    content_digest,
    encode_confirmation,
    parse_confirmation,
    verify_attestation,
)
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import leaf_hash
from perdure_anchor.record import (
    Record,
    digests_filled,
    encode_record,
    leaf_from_digests,
    reread_record,
    slot_digests,
)
from perdure_anchor.strict_json import JsonValue

from perdure_node.clock import Clock, Randomness
from perdure_node.database import Database
from perdure_node.encryption.contents import NONCE_SIZE, DataKey, decrypt_content, encrypt_content
from perdure_node.errors import RecordErased
from perdure_node.evidence.known_blocks import KnownBlock, keep_known_block, newest_known_block
from perdure_node.operators.alike import look_alike
from perdure_node.operators.attesting import Attestor
from perdure_node.operators.errors import OwnRecord
from perdure_node.operators.people import operators
from perdure_node.operators.policy import policy_in_force
from perdure_node.operators.roles import Role
from perdure_node.operators.standing import (
    Standing,
    check_may_reject,
    check_meant,
    check_once,
    check_recorder,
    standing_of,
    waits,
)
from perdure_node.records import (
    FINISHED,
    EncryptedRecord,
    ReadingKeys,
    note_queue_change,
    select_records,
)
from perdure_node.traces import Deed, Reason, leave_trace
from perdure_node.vault import Vault

_Item = TypeVar("_Item")
_Done = TypeVar("_Done")


@dataclass(frozen=True, slots=True)
class Awaiting:
    """A record that waits for somebody. ``recorder`` is the name of who recorded it, None if nobody said.

    ``since`` in seconds is by the site's clock; ``roles`` are those of which one person has to confirm, ``people`` who could.
    """

    record: EncryptedRecord
    recorder: str | None
    since: int
    roles: tuple[str, ...]
    people: tuple[str, ...]


def awaiting_records(database: Database, limit: int = -1) -> list[Awaiting]:
    """What waits for a second person, the oldest first, all of it or the first ``limit``. Needs no passphrase."""
    if not database.has_table("awaiting"):
        return []
    condition = f"JOIN awaiting ON awaiting.sequence = record.sequence WHERE {FINISHED} ORDER BY record.sequence LIMIT ?"
    people = operators(database)
    found = []
    for record in select_records(database, condition, limit):
        row = database.row(
            "SELECT recorder, name, since, roles FROM awaiting "
            "LEFT JOIN operator ON operator.number = recorder WHERE awaiting.sequence = ?",
            record.sequence,
        )
        assert row is not None, "joined above"
        number, recorder, since, roles = row
        wanted = tuple(json.loads(roles))
        able = tuple(
            each.name
            for each in people
            if each.number != number
            and not look_alike(recorder or "", each.name)
            and {role.value for role in each.roles} & set(wanted)
        )
        found.append(Awaiting(record, recorder, since, wanted, able))
    return found


def awaits(database: Database, sequence: int) -> bool:
    """Whether a record waits for a second person. Needs no passphrase."""
    return database.has_table("awaiting") and bool(
        database.number("SELECT count(*) FROM awaiting WHERE sequence = ?", sequence)
    )


def count_awaiting(database: Database) -> int:
    """How many wait for a second person."""
    if not database.has_table("awaiting"):
        return 0
    return database.number(
        f"SELECT count(*) FROM awaiting JOIN record ON record.sequence = awaiting.sequence WHERE {FINISHED}"  # noqa: S608  # no values
    )


@dataclass(frozen=True, slots=True)
class Signed:
    """A record with its confirmation, which is not stored yet: whoever signs with a passkey takes his time over it.

    ``name`` is its leaf hash from now on; ``after`` is the newest block that the site knew when it was signed; ``recorded`` is how its
    recorder signed.
    """

    record: EncryptedRecord
    complete: Record
    seed: bytes
    name: Hash32
    recorded: Attestation | None
    after: KnownBlock | None


def confirm(
    vault: Vault,
    record: EncryptedRecord,
    keys: ReadingKeys,
    who: Attestor,
    *,
    saw_document: bool,
    clock: Clock,
    randomness: Randomness,
) -> Hash32:
    """Sign what was recorded, and let it be sealed; returns its leaf hash from now on.

    Raises `NotAwaiting`, `OwnRecord`, `NotAllowed`, `KeyNotSealed`, `KeyOutOfForce`, or what opening the record does.
    """
    standing = standing_of(vault.database, who)
    signed = sign_confirmation(vault, record, keys, standing, saw_document=saw_document, clock=clock)
    return store_confirmed(vault, [signed], who, clock=clock, randomness=randomness)[0]


def roles_to_confirm(
    vault: Vault, record: EncryptedRecord, values: Mapping[str, JsonValue]
) -> tuple[str, ...]:
    """Of which roles somebody has to confirm a record, or had to; ``values`` is what it says. Raises as `policy_in_force`."""
    database = vault.database
    row = database.row("SELECT roles FROM awaiting WHERE sequence = ?", record.sequence)
    if row is not None:
        return tuple(json.loads(row[0]))
    confirmation = values.get("confirmation")
    if not isinstance(confirmation, dict) or confirmation.get("confirmed") is None:
        return ()
    kind = values.get("document_type")
    rule = policy_in_force(vault.folder, database).rule_for(kind if isinstance(kind, str) else None)
    return rule.confirmed_by or (Role.CONFIRMER.value,)


def sign_confirmation(
    vault: Vault,
    record: EncryptedRecord,
    keys: ReadingKeys,
    standing: Standing,
    *,
    saw_document: bool,
    clock: Clock,
) -> Signed:
    """Sign what was recorded; nothing is stored. Raises as `confirm`; how he stands when it is stored is asked again then."""
    (signed,) = sign_confirmations(vault, [(record, saw_document)], keys, standing, clock=clock)
    if isinstance(signed, PerdureError):
        raise signed
    return signed


def sign_confirmations(
    vault: Vault,
    wanted: Sequence[tuple[EncryptedRecord, bool]],
    keys: ReadingKeys,
    standing: Standing,
    *,
    clock: Clock,
) -> list[Signed | PerdureError]:
    """`sign_confirmation` for records and whether their documents were seen: of each what was signed, or what it raised.

    Step by step for all of them: one record after another takes a sixth longer, and each step then finds the processor's caches
    full of what the others need.
    """
    database = vault.database
    with database.reading():
        known = newest_known_block(database)
        meant = _each(partial(_meant, database, standing), wanted)
    drafts = _each(partial(_draft, keys, standing), meant)
    confirmed = _each(partial(_confirmed, standing.who, clock, None if known is None else known.hash), drafts)
    return _each(partial(_signed, known), confirmed)


def _each(
    step: Callable[[_Item], _Done], items: Sequence[_Item | PerdureError]
) -> list[_Done | PerdureError]:
    """A step for all that came so far, and what it raised in the place of what it did not do."""
    done: list[_Done | PerdureError] = []
    for item in items:
        try:
            done.append(item if isinstance(item, PerdureError) else step(item))
        except PerdureError as error:
            done.append(error)
    return done


class _Draft(NamedTuple):
    """A record that is to be confirmed, opened; ``others`` are its slots without the confirmation, with their ``digests``."""

    record: EncryptedRecord
    saw_document: bool
    values: Mapping[str, JsonValue]
    others: Record
    seed: bytes
    digests: list[Hash32]
    recorded: Attestation | None


def _meant(
    database: Database, standing: Standing, wanted: tuple[EncryptedRecord, bool]
) -> tuple[EncryptedRecord, bool]:
    check_meant(database, wanted[0], standing)
    return wanted


def _draft(keys: ReadingKeys, standing: Standing, wanted: tuple[EncryptedRecord, bool]) -> _Draft:
    record, saw_document = wanted
    draft, seed = _reread(record, keys)
    earlier = parse_confirmation(draft.value("confirmation"))
    recorded = None if earlier is None else earlier.recorded
    check_recorder(record, recorded, standing)
    # what is signed covers these
    others = draft.emptied("confirmation")
    return _Draft(record, saw_document, draft.values, others, seed, slot_digests(others, seed), recorded)


def _signed(known: KnownBlock | None, confirmed: tuple[_Draft, Confirmation]) -> Signed:
    draft, confirmation = confirmed
    complete = draft.others.filled("confirmation", encode_confirmation(confirmation))
    digests = digests_filled(draft.digests, complete, draft.seed, "confirmation")
    name = leaf_hash(leaf_from_digests(digests))
    return Signed(draft.record, complete, draft.seed, name, draft.recorded, known)


def store_confirmed(
    vault: Vault, signed: Sequence[Signed], who: Attestor, *, clock: Clock, randomness: Randomness
) -> list[Hash32]:
    """Put what somebody signed into the queue, all of it or nothing; returns the leaf hashes from now on. Raises as `confirm`."""
    key = vault.current_data_key.take(clock, randomness)
    with vault.database.transaction():
        standing = standing_of(vault.database, who)
        check_once(each.record for each in signed)
        completed = [_completed(vault.database, each, standing, key, randomness) for each in signed]
        replace_drafts(vault.database, completed)
        # they come into the middle of the queue, which a seal that is under way has to notice
        note_queue_change(vault.database)
    return [each.name for each in signed]


class Completed(NamedTuple):
    """What takes the place of a draft, by what somebody confirmed.

    ``content`` is the number of its data key, and the ciphertext; ``after`` the block that its confirmation names.
    """

    sequence: int
    draft: Hash32
    name: Hash32
    content: tuple[int, bytes]
    after: KnownBlock | None


def _completed(
    database: Database, signed: Signed, standing: Standing, key: DataKey, randomness: Randomness
) -> Completed:
    record = signed.record
    # its draft's name stands for all that it says: what was amended meanwhile waits under another one
    check_meant(database, record, standing)
    check_recorder(record, signed.recorded, standing)
    content = encrypt_content(key, encode_record(signed.complete), signed.seed, signed.name, randomness)
    return Completed(record.sequence, record.leaf_hash, signed.name, (key.number, content), signed.after)


def replace_drafts(database: Database, completed: Sequence[Completed]) -> None:
    """Put what somebody confirmed in the place of its drafts, and let it be sealed; inside a transaction of the caller's.

    Each record once. A statement for all of them at a time.
    """
    blocks = {block: keep_known_block(database, block) for block in {each.after for each in completed}}
    sequences = [(each.sequence,) for each in completed]
    database.execute_each("DELETE FROM awaiting WHERE sequence = ?", sequences)
    database.execute_each(
        "INSERT INTO draft (leaf_hash, sequence, nonce) SELECT ?, sequence, substr(encrypted, 1, ?) FROM content WHERE sequence = ?",
        [(each.draft, NONCE_SIZE, each.sequence) for each in completed],
    )
    database.execute_each(
        "UPDATE record SET leaf_hash = ?, confirmed_block = ? WHERE sequence = ?",
        [(each.name, blocks[each.after], each.sequence) for each in completed],
    )
    database.execute_each(
        "UPDATE content SET data_key = ?, encrypted = ? WHERE sequence = ?",
        [(*each.content, each.sequence) for each in completed],
    )
    database.execute_each("INSERT INTO queue (sequence) VALUES (?)", sequences)


def reject(
    vault: Vault,
    record: EncryptedRecord,
    reason: Reason,
    operator: int,
    *,
    clock: Clock,
    randomness: Randomness,
) -> None:
    """Keep what was recorded out of the log, with the reason; it stays readable. Raises `NotAwaiting` or `NotAllowed`."""
    key = vault.current_data_key.take(clock, randomness)
    with vault.database.transaction():
        _, _, roles = waits(vault.database, record)
        check_may_reject(vault.database, operator, roles)
        vault.database.execute("DELETE FROM awaiting WHERE sequence = ?", record.sequence)
        vault.database.execute("UPDATE record SET words = NULL WHERE sequence = ?", record.sequence)
        rejected = Deed("rejected", reason, int(clock.now()), operator)
        leave_trace(vault.database, key, record, rejected, randomness)


def _reread(record: EncryptedRecord, keys: ReadingKeys) -> tuple[Record, bytes]:
    if record.content is None:
        raise RecordErased(f"record {record.leaf_hash.hex()} was erased: there is nothing to confirm")
    number, encrypted = record.content
    text, seed = decrypt_content(keys.data_key(number), encrypted, record.leaf_hash)
    return reread_record(text), seed


def _confirmed(
    who: Attestor, clock: Clock, after: Hash32 | None, draft: _Draft
) -> tuple[_Draft, Confirmation]:
    """The draft with its confirmation, checked by the steps of a verifier (see `verify_confirmation`) before it is stored.

    The recorder's part first: nobody signs behind a signature that counts for nothing.
    """
    content, first = content_digest(draft.digests), draft.recorded
    recorded = None if first is None else verify_attestation(first, who.domain, who.site, content, RECORDED)
    second = who.attest(
        CONFIRMED,
        content,
        draft.values,
        at=int(clock.now()),
        after=after,
        saw_document=draft.saw_document,
        recorded=recorded,
    )
    verify_attestation(second, who.domain, who.site, content, CONFIRMED, recorded)
    confirmation = Confirmation(first, second)
    try:
        check_two_people(confirmation)
    except OnePersonTwice as error:
        raise OwnRecord(str(error), hint=error.hint) from None
    return draft, confirmation
