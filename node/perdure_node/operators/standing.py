"""Whether somebody may confirm or reject a record: what the vault says of him, of the record and of its recorder."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from perdure_anchor.confirmation import Attestation, credential_key

from perdure_node.database import Database
from perdure_node.keys.data_keys import OWNER
from perdure_node.operators.alike import look_alike
from perdure_node.operators.attesting import Attestor
from perdure_node.operators.errors import KeyNotSealed, KeyOutOfForce, NotAllowed, NotAwaiting, OwnRecord
from perdure_node.operators.in_force import check_in_force
from perdure_node.records import EncryptedRecord


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody who confirms stands: who he is, his roles, and what the log says of keys.

    ``unsealed`` is the sequence number of the record of his key or roles if no log has it yet, else None; ``gone`` are keys that the
    log says are out of force (see `credential_key`).
    """

    who: Attestor
    roles: frozenset[str]
    unsealed: int | None
    gone: frozenset[bytes]


def standing_of(database: Database, who: Attestor) -> Standing:
    """How he stands now; raises `NotAllowed` if he was removed, or got another key, while he made up his mind."""
    check_in_force(database, who)
    unsealed = database.row(
        "SELECT own_record FROM operator LEFT JOIN entry ON entry.sequence = own_record "
        "WHERE number = ? AND entry.sequence IS NULL",
        who.number,
    )
    gone = database.rows(
        "SELECT public_key FROM credential JOIN operator ON operator.number = credential.operator "
        "JOIN entry ON entry.sequence = own_record WHERE credential.removed_at IS NOT NULL"
    )
    return Standing(
        who,
        _roles_of(database, who.number),
        None if unsealed is None else unsealed[0],
        frozenset(bytes(key) for (key,) in gone),
    )


def check_meant(database: Database, record: EncryptedRecord, standing: Standing) -> None:
    """Raise unless the record waits, and for somebody of his roles who is not its recorder, and whose key the log will have before it.

    It goes into the log by when it was recorded, among all that waits then; whoever checks it holds the indices against each other.
    """
    who = standing.who
    recorder, name, roles = waits(database, record)
    # under his name from before, too: he may have been removed and added anew
    if recorder == who.number or (name is not None and look_alike(name, who.name)):
        raise OwnRecord(
            f"record {record.leaf_hash.hex()}: {who.name} recorded it, and cannot confirm it himself",
            hint="let another confirmer do it: `perdure status` names who can",
        )
    if standing.roles.isdisjoint(roles):
        raise NotAllowed(
            f"record {record.leaf_hash.hex()} wants to be confirmed by a {' or '.join(roles)}, and {who.name} is none",
            hint="`perdure status` names who can",
        )
    if standing.unsealed is not None and standing.unsealed > record.sequence:
        raise KeyNotSealed(
            f"record {record.leaf_hash.hex()} came before {who.name}'s key or roles, which no log has taken in yet",
            hint="`perdure seal`, or `perdure sync`; then confirm it",
        )


def check_recorder(record: EncryptedRecord, recorded: Attestation | None, standing: Standing) -> None:
    """Raise if the log says already that the key with which somebody recorded it is out of force."""
    if recorded is not None and credential_key(recorded.credential) in standing.gone:
        raise KeyOutOfForce(
            f"record {record.leaf_hash.hex()}: the key with which {recorded.statement.name} recorded it was taken out of force, "
            "and the log says so already",
            hint="reject it, and let somebody record the document anew",
        )


def check_may_reject(database: Database, operator: int, roles: tuple[str, ...]) -> None:
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


def waits(database: Database, record: EncryptedRecord) -> tuple[int | None, str | None, tuple[str, ...]]:
    """Who recorded it, his name, and of which roles somebody has to confirm."""
    row = database.row(
        "SELECT awaiting.recorder, name, roles FROM awaiting JOIN record USING (sequence) "
        "LEFT JOIN operator ON operator.number = awaiting.recorder WHERE sequence = ? AND leaf_hash = ?",
        record.sequence,
        record.leaf_hash,
    )
    if row is None:
        raise _not_awaiting(record)
    recorder, name, roles = row
    return recorder, name, _parsed_roles(roles)


def check_once(records: Iterable[EncryptedRecord]) -> None:
    """Raise `NotAwaiting` for a record that comes twice: when its turn comes again it waits no more."""
    seen: set[int] = set()
    for record in records:
        if record.sequence in seen:
            raise _not_awaiting(record)
        seen.add(record.sequence)


def _not_awaiting(record: EncryptedRecord) -> NotAwaiting:
    return NotAwaiting(
        f"record {record.leaf_hash.hex()} does not wait for anybody's confirmation",
        hint=f"`perdure show {record.leaf_hash.hex()}` tells what became of it",
    )


# few lists of roles stand in a policy
@lru_cache(maxsize=64)
def _parsed_roles(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def _roles_of(database: Database, operator: int) -> frozenset[str]:
    return frozenset(
        role for (role,) in database.rows("SELECT role FROM operator_role WHERE operator = ?", operator)
    )
