"""Reconciliation: a vault that was restored or rebuilt seals nothing until its log has been compared with the registry's.

Its log may be older than what it signed before, and a checkpoint over it would be a rival of the true one. The registry would refuse
that, and the records would be adopted again; but who signs two histories looks like a cheat. By wire the comparison is made at
once; by courier a return bundle must hold the challenge, so that none from before the fire counts.
"""

import enum
from dataclasses import dataclass

from perdure_anchor.timestamp import format_seconds

from perdure_node.clock import Randomness
from perdure_node.database import Database
from perdure_node.errors import NotReconciled

_CHALLENGE_SIZE = 16


class Reason(enum.Enum):
    """Why a vault's log may be older than the registry's."""

    RESTORED = "restored"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What is still to be compared: ``since`` in seconds, ``challenge`` 16 random bytes."""

    reason: Reason
    since: int
    challenge: bytes


def open_reconciliation(database: Database) -> Reconciliation | None:
    """The comparison that is due, None if there is none; a vault from before them that cannot be written to has none."""
    if database.row("SELECT 1 FROM sqlite_master WHERE name = 'reconciliation'") is None:
        return None
    row = database.row("SELECT reason, since, challenge FROM reconciliation")
    return None if row is None else Reconciliation(Reason(row[0]), row[1], bytes(row[2]))


def require_reconciliation(database: Database, reason: Reason, now: int, randomness: Randomness) -> None:
    """Let the vault seal nothing until it is compared, with a new challenge; inside a transaction of the caller's."""
    database.execute(
        "INSERT OR REPLACE INTO reconciliation (only, reason, since, challenge) VALUES (1, ?, ?, ?)",
        reason.value,
        now,
        randomness(_CHALLENGE_SIZE),
    )


def settle_reconciliation(database: Database) -> None:
    """The log was compared, and the registry's head is in it; inside a transaction of the caller's."""
    database.execute("DELETE FROM reconciliation")


def check_reconciled(database: Database) -> None:
    """Raise `NotReconciled` if the comparison is due."""
    due = open_reconciliation(database)
    if due is not None:
        raise NotReconciled(
            f"this vault was {due.reason.value} on {format_seconds(due.since)}, and has not been compared with the registry "
            "since: it seals nothing, since its log may be older than what is anchored",
            hint="`perdure sync` compares; without a network: `perdure courier pack`, and `receive` what comes back",
        )
