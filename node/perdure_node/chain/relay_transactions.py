"""Signed transactions in the vault: stored before they are sent, so that after a kill the same bytes are sent again.

At most one is open, which means that it may still be on its way; the next one is signed only after it has come to an end.
"""

import enum
from dataclasses import dataclass
from typing import Any

from perdure_anchor.hashes import Hash32

from perdure_node.database import Database


class Outcome(enum.Enum):
    """How a transaction ended."""

    MINED = "mined"
    REVERTED = "reverted"
    REPLACED = "replaced"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class RelayTransaction:
    """A signed transaction; ``stored_at`` in seconds.

    It carries the checkpoint of ``size`` or, if that is None, the rotation of the site's key with the number ``rotation``.
    """

    size: int | None
    nonce: int
    hash: Hash32
    raw: bytes
    stored_at: int
    rotation: int | None = None


def open_transaction(database: Database) -> RelayTransaction | None:
    """The transaction that may be on its way."""
    return _transaction(
        database.row(
            "SELECT size, nonce, hash, raw, stored_at, rotation FROM relay_transaction WHERE outcome IS NULL"
        )
    )


def store_transaction(database: Database, transaction: RelayTransaction) -> None:
    """Keep a signed transaction; it may be sent once this has returned.

    What a node refused before may be signed again in the same bytes, and is open again then.
    """
    with database.transaction():
        database.execute(
            "INSERT INTO relay_transaction (size, nonce, hash, raw, stored_at, rotation) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (hash) DO UPDATE SET stored_at = excluded.stored_at, outcome = NULL",
            transaction.size,
            transaction.nonce,
            transaction.hash,
            transaction.raw,
            transaction.stored_at,
            transaction.rotation,
        )


def close_transaction(database: Database, transaction: RelayTransaction, outcome: Outcome) -> None:
    """Remember how the transaction ended."""
    with database.transaction():
        database.execute(
            "UPDATE relay_transaction SET outcome = ? WHERE hash = ?", outcome.value, transaction.hash
        )


def submitted_sizes(database: Database, above: int) -> list[int]:
    """The sizes over ``above`` of checkpoints that transactions have carried, ascending."""
    rows = database.rows("SELECT DISTINCT size FROM relay_transaction WHERE size > ? ORDER BY size", above)
    return [row[0] for row in rows]


def _transaction(row: tuple[Any, ...] | None) -> RelayTransaction | None:
    if row is None:
        return None
    size, nonce, name, raw, stored_at, rotation = row
    return RelayTransaction(size, nonce, Hash32(name), raw, stored_at, rotation)
