"""A gateway's signed transactions: stored before they are sent, many at a time, with consecutive nonces of one account."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from perdure_anchor.hashes import Hash32

from perdure_node.database import Database
from perdure_node.relay_transactions import Outcome


@dataclass(frozen=True, slots=True)
class GatewayTransaction:
    """A signed transaction that carries a checkpoint (by its digest) or a rotation (by its number)."""

    digest: Hash32 | None
    rotation: int | None
    nonce: int
    hash: Hash32
    raw: bytes
    stored_at: int


def open_transactions(database: Database) -> list[GatewayTransaction]:
    """Those that may be on their way, in the order of their nonces."""
    rows = database.rows(
        "SELECT digest, rotation, nonce, hash, raw, stored_at FROM relay_transaction WHERE outcome IS NULL ORDER BY nonce"
    )
    return [_transaction(row) for row in rows]


def store_transactions(database: Database, transactions: Iterable[GatewayTransaction]) -> None:
    """Keep signed transactions; they may be sent once this has returned.

    What a node refused before may be signed again in the same bytes, and is open again then.
    """
    with database.transaction():
        database.execute_each(
            "INSERT INTO relay_transaction (digest, rotation, nonce, hash, raw, stored_at) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (hash) DO UPDATE SET stored_at = excluded.stored_at, outcome = NULL",
            (
                (each.digest, each.rotation, each.nonce, each.hash, each.raw, each.stored_at)
                for each in transactions
            ),
        )


def close_transactions(database: Database, ended: Sequence[tuple[GatewayTransaction, Outcome]]) -> None:
    """Remember how transactions ended."""
    if not ended:
        return
    with database.transaction():
        database.execute_each(
            "UPDATE relay_transaction SET outcome = ? WHERE hash = ?",
            ((outcome.value, each.hash) for each, outcome in ended),
        )


def has_reverted(database: Database, digest: Hash32) -> bool:
    """Whether the registry turned down a transaction with this checkpoint."""
    return (
        database.row("SELECT 1 FROM relay_transaction WHERE digest = ? AND outcome = 'reverted'", digest)
        is not None
    )


def _transaction(row: tuple[Any, ...]) -> GatewayTransaction:
    digest, rotation, nonce, name, raw, stored_at = row
    return GatewayTransaction(
        None if digest is None else Hash32(digest), rotation, nonce, Hash32(name), bytes(raw), stored_at
    )
