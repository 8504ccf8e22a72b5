"""Confirming: a second person signs what somebody recorded, or rejects it. Until then the record is in no queue.

A confirmed record keeps its seed, so that the digests of its other slots stay as they were signed; its leaf hash is a new one, and
the old one goes on finding it. Everything happens in one transaction: of two who confirm at once, one is told that it is done.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from perdure_anchor.confirmation import (
    CONFIRMED,
    RECORDED,
    Confirmation,
    OnePersonTwice,
    content_digest,
    encode_confirmation,
    parse_confirmation,
    statement_digest,
    verify_confirmation,
)
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import leaf_hash
from perdure_anchor.record import (
    disclosure_digests,
    disclosures,
    encode_record,
    leaf,
    make_record,
    reread_record,
)
from perdure_anchor.strict_json import JsonValue

from perdure_node.clock import Clock, Randomness
from perdure_node.database import Database
from perdure_node.encryption.contents import decrypt_content, encrypt_content
from perdure_node.errors import RecordErased
from perdure_node.known_blocks import known_block_id, newest_known_block
from perdure_node.operators.attesting import Attestor
from perdure_node.operators.errors import NotAllowed, NotAwaiting, OwnRecord
from perdure_node.operators.people import operators
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
            if each.number != number and {role.value for role in each.roles} & set(wanted)
        )
        found.append(Awaiting(record, recorder, since, wanted, able))
    return found


def count_awaiting(database: Database) -> int:
    """How many wait for a second person."""
    if not database.has_table("awaiting"):
        return 0
    return database.number(
        f"SELECT count(*) FROM awaiting JOIN record ON record.sequence = awaiting.sequence WHERE {FINISHED}"  # noqa: S608  # no values
    )


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

    Raises `NotAwaiting`, `OwnRecord`, `NotAllowed`, or what opening the record does.
    """
    key = vault.current_data_key.take(clock, randomness)
    database = vault.database
    with database.transaction():
        recorder = _take_out(database, record)
        if recorder == who.number:
            raise OwnRecord(
                f"record {record.leaf_hash.hex()}: {who.name} recorded it, and cannot confirm it himself",
                hint="let another confirmer do it: `perdure status` names who can",
            )
        _check_in_force(database, who)
        slots, seed = _reread(record, keys)
        known = newest_known_block(database)
        after = None if known is None else known.hash
        confirmation = _confirmed(slots, seed, who, int(clock.now()), after, saw_document)
        complete = make_record({**slots, "confirmation": encode_confirmation(confirmation)})
        name = leaf_hash(leaf(complete, seed))
        content = encrypt_content(key, encode_record(complete), seed, name, randomness)
        database.execute(
            "UPDATE record SET leaf_hash = ?, confirmed_block = ? WHERE sequence = ?",
            name,
            known_block_id(database, after),
            record.sequence,
        )
        database.execute(
            "UPDATE content SET data_key = ?, encrypted = ? WHERE sequence = ?",
            key.number,
            content,
            record.sequence,
        )
        database.execute(
            "INSERT INTO draft (leaf_hash, sequence) VALUES (?, ?)", record.leaf_hash, record.sequence
        )
        database.execute("INSERT INTO queue (sequence) VALUES (?)", record.sequence)
        # it comes into the middle of the queue, which a seal that is under way has to notice
        note_queue_change(database)
    return name


def reject(
    vault: Vault,
    record: EncryptedRecord,
    reason: Reason,
    operator: int,
    *,
    clock: Clock,
    randomness: Randomness,
) -> None:
    """Keep what was recorded out of the log, with the reason; it stays readable. Raises `NotAwaiting`."""
    key = vault.current_data_key.take(clock, randomness)
    with vault.database.transaction():
        _take_out(vault.database, record)
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


def _check_in_force(database: Database, who: Attestor) -> None:
    """Raise `NotAllowed` if he was removed, or got another key, while he made up his mind."""
    own = next((each.own_record for each in operators(database) if each.number == who.number), None)
    if own is None:
        raise NotAllowed(f"{who.name} was removed, and can confirm nothing any more")
    if own != who.operator:
        raise NotAllowed(f"{who.name}'s roles or credentials were changed meanwhile", hint="do it once more")


def _take_out(database: Database, record: EncryptedRecord) -> int | None:
    """Let it wait no more; returns who recorded it."""
    row = database.row("SELECT recorder FROM awaiting WHERE sequence = ?", record.sequence)
    if row is None:
        raise NotAwaiting(
            f"record {record.leaf_hash.hex()} does not wait for anybody's confirmation",
            hint=f"`perdure show {record.leaf_hash.hex()}` tells what became of it",
        )
    database.execute("DELETE FROM awaiting WHERE sequence = ?", record.sequence)
    return None if row[0] is None else int(row[0])


def _reread(record: EncryptedRecord, keys: ReadingKeys) -> tuple[dict[str, JsonValue], bytes]:
    if record.content is None:
        raise RecordErased(f"record {record.leaf_hash.hex()} was erased: there is nothing to confirm")
    number, encrypted = record.content
    text, seed = decrypt_content(keys.data_key(number), encrypted, record.leaf_hash)
    return dict(reread_record(text).values), seed


def _confirmed(
    slots: Mapping[str, JsonValue],
    seed: bytes,
    who: Attestor,
    now: int,
    after: Hash32 | None,
    saw_document: bool,
) -> Confirmation:
    """The confirmation, checked as a verifier will check it before it is stored."""
    digests = disclosure_digests(disclosures(make_record(slots), seed))
    content = content_digest(digests)
    earlier = parse_confirmation(slots.get("confirmation"))
    first = None if earlier is None else earlier.recorded
    recorded = (
        None
        if first is None
        else statement_digest(who.domain, who.site, content, RECORDED, first.statement, first.credential)
    )
    second = who.attest(CONFIRMED, content, at=now, after=after, saw_document=saw_document, recorded=recorded)
    confirmation = Confirmation(first, second)
    try:
        verify_confirmation(confirmation, who.domain, who.site, digests)
    except OnePersonTwice as error:
        raise OwnRecord(str(error), hint=error.hint) from None
    return confirmation
