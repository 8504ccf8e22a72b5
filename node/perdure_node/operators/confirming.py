"""Confirming: a second person signs what somebody recorded, or rejects it. Until then the record is in no queue.

A confirmed record keeps its seed, so that the digests of its other slots stay as they were signed; its leaf hash is a new one, and
the old one goes on finding it. Everything happens in one transaction: of two who confirm at once, one is told that it is done.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from perdure_anchor.confirmation import (
    CONFIRMED,
    RECORDED,
    Confirmation,
    OnePersonTwice,
    content_digest,
    credential_key,
    encode_confirmation,
    parse_confirmation,
    statement_digest,
    verify_confirmation,
)
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import leaf_hash
from perdure_anchor.record import (
    Record,
    disclosure_digests,
    disclosures,
    encode_record,
    leaf,
    reread_record,
)
from perdure_anchor.strict_json import JsonValue

from perdure_node.clock import Clock, Randomness
from perdure_node.data_keys import OWNER
from perdure_node.database import Database
from perdure_node.encryption.contents import NONCE_SIZE, DataKey, decrypt_content, encrypt_content
from perdure_node.errors import RecordErased
from perdure_node.known_blocks import KnownBlock, keep_known_block, newest_known_block
from perdure_node.operators.alike import look_alike
from perdure_node.operators.attesting import Attestor
from perdure_node.operators.errors import KeyNotSealed, KeyOutOfForce, NotAllowed, NotAwaiting, OwnRecord
from perdure_node.operators.in_force import check_in_force
from perdure_node.operators.people import operators
from perdure_node.operators.policy import policy_in_force
from perdure_node.operators.roles import Role
from perdure_node.records import (
    FINISHED,
    EncryptedRecord,
    ReadingKeys,
    note_queue_change,
    select_records,
)
from perdure_node.traces import Reason, leave_trace
from perdure_node.vault import Vault


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

    ``after`` is the newest block that the site knew when it was signed.
    """

    record: EncryptedRecord
    complete: Record
    seed: bytes
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
    signed = sign_confirmation(vault, record, keys, who, saw_document=saw_document, clock=clock)
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
    who: Attestor,
    *,
    saw_document: bool,
    clock: Clock,
) -> Signed:
    """Sign what was recorded; nothing is stored. Raises as `confirm`."""
    _check_meant(vault.database, record, who, _roles_in_force(vault.database, who))
    draft, seed = _reread(record, keys)
    _check_holds_in_log(vault.database, record, who, draft)
    known = newest_known_block(vault.database)
    after = None if known is None else known.hash
    confirmation = _confirmed(draft, seed, who, int(clock.now()), after, saw_document)
    complete = draft.filled("confirmation", encode_confirmation(confirmation))
    return Signed(record, complete, seed, known)


def store_confirmed(
    vault: Vault, signed: Sequence[Signed], who: Attestor, *, clock: Clock, randomness: Randomness
) -> list[Hash32]:
    """Put what somebody signed into the queue, all of it or nothing; returns the leaf hashes from now on. Raises as `confirm`."""
    key = vault.current_data_key.take(clock, randomness)
    with vault.database.transaction():
        his = _roles_in_force(vault.database, who)
        names = [_store(vault.database, each, who, his, key, randomness) for each in signed]
        # they come into the middle of the queue, which a seal that is under way has to notice
        note_queue_change(vault.database)
    return names


def _store(
    database: Database,
    signed: Signed,
    who: Attestor,
    his: frozenset[str],
    key: DataKey,
    randomness: Randomness,
) -> Hash32:
    record = signed.record
    # its draft's name stands for all that it says: what was amended meanwhile waits under another one
    _check_meant(database, record, who, his)
    _check_holds_in_log(database, record, who, signed.complete)
    database.execute("DELETE FROM awaiting WHERE sequence = ?", record.sequence)
    name = leaf_hash(leaf(signed.complete, signed.seed))
    content = encrypt_content(key, encode_record(signed.complete), signed.seed, name, randomness)
    complete(database, record.sequence, record.leaf_hash, name, (key.number, content), signed.after)
    return name


def complete(
    database: Database,
    sequence: int,
    draft: Hash32,
    name: Hash32,
    content: tuple[int, bytes],
    after: KnownBlock | None,
) -> None:
    """Put what somebody confirmed in the place of its draft, and let it be sealed; inside a transaction of the caller's.

    ``content`` is the number of its data key, and the ciphertext; ``after`` the block that its confirmation names.
    """
    database.execute("DELETE FROM awaiting WHERE sequence = ?", sequence)
    database.execute(
        "INSERT INTO draft (leaf_hash, sequence, nonce) SELECT ?, sequence, substr(encrypted, 1, ?) FROM content WHERE sequence = ?",
        draft,
        NONCE_SIZE,
        sequence,
    )
    database.execute(
        "UPDATE record SET leaf_hash = ?, confirmed_block = ? WHERE sequence = ?",
        name,
        keep_known_block(database, after),
        sequence,
    )
    database.execute("UPDATE content SET data_key = ?, encrypted = ? WHERE sequence = ?", *content, sequence)
    database.execute("INSERT INTO queue (sequence) VALUES (?)", sequence)


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
        _, roles = _waits(vault.database, record)
        _check_may_reject(vault.database, operator, roles)
        vault.database.execute("DELETE FROM awaiting WHERE sequence = ?", record.sequence)
        vault.database.execute("UPDATE record SET words = NULL WHERE sequence = ?", record.sequence)
        leave_trace(
            vault.database,
            key,
            record,
            "rejected",
            reason,
            operator=operator,
            clock=clock,
            randomness=randomness,
        )


def _check_may_reject(database: Database, operator: int, roles: tuple[str, ...]) -> None:
    """Raise `NotAllowed` if he was removed, or is of none of these roles any more; who has the vault alone is not asked."""
    if operator == OWNER:
        return
    if database.row("SELECT 1 FROM operator WHERE number = ? AND removed_at IS NULL", operator) is None:
        raise NotAllowed("whoever rejects it was removed meanwhile, and rejects nothing any more")
    if _roles_of(database, operator).isdisjoint(roles):
        raise NotAllowed(
            f"it wants a {' or '.join(roles)}, and whoever rejects it is none any more",
            hint="`perdure status` names who can",
        )


def _roles_in_force(database: Database, who: Attestor) -> frozenset[str]:
    """His roles; raises `NotAllowed` if he was removed, or got another key, while he made up his mind."""
    check_in_force(database, who)
    return _roles_of(database, who.number)


def _roles_of(database: Database, operator: int) -> frozenset[str]:
    return frozenset(
        role for (role,) in database.rows("SELECT role FROM operator_role WHERE operator = ?", operator)
    )


def _check_meant(database: Database, record: EncryptedRecord, who: Attestor, his: frozenset[str]) -> None:
    """Raise unless the record waits, and for somebody of ``his`` roles who is not its recorder."""
    recorder, roles = _waits(database, record)
    row = database.row("SELECT name FROM operator WHERE number = ? AND name IS NOT NULL", recorder)
    # under his name from before, too: he may have been removed and added anew
    if recorder == who.number or (row is not None and look_alike(row[0], who.name)):
        raise OwnRecord(
            f"record {record.leaf_hash.hex()}: {who.name} recorded it, and cannot confirm it himself",
            hint="let another confirmer do it: `perdure status` names who can",
        )
    if his.isdisjoint(roles):
        raise NotAllowed(
            f"record {record.leaf_hash.hex()} wants to be confirmed by a {' or '.join(roles)}, and {who.name} is none",
            hint="`perdure status` names who can",
        )


def _check_holds_in_log(database: Database, record: EncryptedRecord, who: Attestor, text: Record) -> None:
    """Raise unless the log will have it between the records that put both keys in force and those that took them out again.

    It goes into the log by when it was recorded, among all that waits then; whoever checks it holds the indices against each other.
    """
    own = database.row(
        "SELECT 1 FROM operator LEFT JOIN entry ON entry.sequence = own_record "
        "WHERE number = ? AND own_record > ? AND entry.sequence IS NULL",
        who.number,
        record.sequence,
    )
    if own is not None:
        raise KeyNotSealed(
            f"record {record.leaf_hash.hex()} came before {who.name}'s key or roles, which no log has taken in yet",
            hint="`perdure seal`, or `perdure sync`; then confirm it",
        )
    confirmation = parse_confirmation(text.value("confirmation"))
    first = None if confirmation is None else confirmation.recorded
    if first is None:
        return
    gone = database.row(
        "SELECT 1 FROM credential JOIN operator ON operator.number = credential.operator "
        "JOIN entry ON entry.sequence = own_record WHERE public_key = ? AND credential.removed_at IS NOT NULL",
        credential_key(first.credential),
    )
    if gone is not None:
        raise KeyOutOfForce(
            f"record {record.leaf_hash.hex()}: the key with which {first.statement.name} recorded it was taken out of force, "
            "and the log says so already",
            hint="reject it, and let somebody record the document anew",
        )


def _waits(database: Database, record: EncryptedRecord) -> tuple[int | None, tuple[str, ...]]:
    """Who recorded it, and of which roles somebody has to confirm."""
    row = database.row(
        "SELECT recorder, roles FROM awaiting JOIN record USING (sequence) WHERE sequence = ? AND leaf_hash = ?",
        record.sequence,
        record.leaf_hash,
    )
    if row is None:
        raise NotAwaiting(
            f"record {record.leaf_hash.hex()} does not wait for anybody's confirmation",
            hint=f"`perdure show {record.leaf_hash.hex()}` tells what became of it",
        )
    return row[0], tuple(json.loads(row[1]))


def _reread(record: EncryptedRecord, keys: ReadingKeys) -> tuple[Record, bytes]:
    if record.content is None:
        raise RecordErased(f"record {record.leaf_hash.hex()} was erased: there is nothing to confirm")
    number, encrypted = record.content
    text, seed = decrypt_content(keys.data_key(number), encrypted, record.leaf_hash)
    return reread_record(text), seed


def _confirmed(
    draft: Record,
    seed: bytes,
    who: Attestor,
    now: int,
    after: Hash32 | None,
    saw_document: bool,
) -> Confirmation:
    """The confirmation, checked as a verifier will check it before it is stored."""
    digests = disclosure_digests(disclosures(draft, seed))
    content = content_digest(digests)
    earlier = parse_confirmation(draft.value("confirmation"))
    first = None if earlier is None else earlier.recorded
    recorded = (
        None
        if first is None
        else statement_digest(who.domain, who.site, content, RECORDED, first.statement, first.credential)
    )
    second = who.attest(
        CONFIRMED, content, draft.values, at=now, after=after, saw_document=saw_document, recorded=recorded
    )
    confirmation = Confirmation(first, second)
    try:
        verify_confirmation(confirmation, who.domain, who.site, digests)
    except OnePersonTwice as error:
        raise OwnRecord(str(error), hint=error.hint) from None
    return confirmation
