"""A gateway's signed transactions: stored before they are sent, many at a time, with consecutive nonces of one account.

Several may have one nonce: versions of one transaction that carry the same call at a growing price. All of them are kept open until the
nonce is used up, since any of them may be the one that a block takes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perdure_anchor.hashes import Address, Hash32

from perdure_node.chain.relay_transactions import Outcome
from perdure_node.database import Database


@dataclass(frozen=True, slots=True)
class GatewayTransaction:
    """A signed transaction that carries a checkpoint (by its digest) or a rotation (by its number)."""

    digest: Hash32 | None
    rotation: int | None
    nonce: int
    hash: Hash32
    raw: bytes
    stored_at: int


_TAKEN_BACK = "nonce >= ? AND account = ? AND outcome IN ('mined', 'reverted')"
_IS_TAKEN_BACK = f"SELECT 1 FROM relay_transaction WHERE {_TAKEN_BACK} LIMIT 1"  # noqa: S608  # a constant
_OPEN_AGAIN = f"UPDATE relay_transaction SET outcome = NULL WHERE {_TAKEN_BACK}"  # noqa: S608  # a constant
_SELECT = "SELECT digest, rotation, nonce, hash, raw, stored_at FROM relay_transaction WHERE "


def open_transactions(database: Database) -> list[GatewayTransaction]:
    """Those that may be on their way, in the order of their nonces; of one nonce the newest version last."""
    return [
        _transaction(row)
        for row in database.rows(_SELECT + "outcome IS NULL ORDER BY nonce, stored_at, number")
    ]


def newest_versions(transactions: Iterable[GatewayTransaction]) -> list[GatewayTransaction]:
    """Of each nonce the last one."""
    return list({each.nonce: each for each in transactions}.values())


def versions_of(
    database: Database, account: Address, transaction: GatewayTransaction
) -> list[GatewayTransaction]:
    """All that were ever signed by the account with the same nonce for the same purpose, refused ones too, in order."""
    rows = database.rows(
        _SELECT + "nonce = ? AND account = ? AND digest IS ? AND rotation IS ? ORDER BY stored_at, number",
        transaction.nonce,
        account,
        transaction.digest,
        transaction.rotation,
    )
    return [_transaction(row) for row in rows]


def store_transactions(
    database: Database, transactions: Iterable[GatewayTransaction], account: Address | None = None
) -> None:
    """Keep signed transactions of an account; they may be sent once this has returned.

    What a node refused before may be signed again in the same bytes, and is open again then.
    """
    with database.transaction():
        database.execute_each(
            "INSERT INTO relay_transaction (digest, rotation, nonce, hash, raw, stored_at, account) VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (hash) DO UPDATE SET stored_at = excluded.stored_at, outcome = NULL",
            (
                (each.digest, each.rotation, each.nonce, each.hash, each.raw, each.stored_at, account)
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


def reopen_taken_back(database: Database, account: Address, next_nonce: int) -> int:
    """Open again what had been in a block, where the account has not used its nonce any more; how many these are.

    The chain has taken the block back, or a node that is behind was asked. The same bytes are sent again in both cases: another
    call with their nonce would be a second meaning of what may come back.
    """
    if database.row(_IS_TAKEN_BACK, next_nonce, account) is None:
        return 0
    with database.transaction():
        return database.execute(_OPEN_AGAIN, next_nonce, account)


def let_go_of_other_accounts(database: Database, account: Address) -> int:
    """Close what is open of an account that was the relay's before, so that it is signed anew; how many these were.

    Should a block have it yet, the registry answers the second one without changing anything.
    """
    if (
        database.row(
            "SELECT 1 FROM relay_transaction WHERE outcome IS NULL AND account <> ? LIMIT 1", account
        )
        is None
    ):
        return 0
    with database.transaction():
        return database.execute(
            "UPDATE relay_transaction SET outcome = 'refused' WHERE outcome IS NULL AND account <> ?", account
        )


def unmined_since(database: Database) -> int | None:
    """Since when (seconds since 1970) the oldest nonce that is used waits for a block; None if none does."""
    row = database.row("SELECT min(stored_at) FROM relay_transaction WHERE outcome IS NULL")
    return None if row is None else row[0]


def reverted_checkpoints(database: Database) -> frozenset[Hash32]:
    """The checkpoints that wait, by their digests, of which the registry has turned down a transaction."""
    rows = database.rows(
        "SELECT DISTINCT digest FROM relay_transaction JOIN checkpoint USING (digest) "
        "WHERE outcome = 'reverted' AND state = 'waiting'"
    )
    return frozenset(Hash32(row[0]) for row in rows)


def sites_of_transactions(
    database: Database, transactions: Sequence[GatewayTransaction]
) -> Mapping[Hash32, int]:
    """By a transaction's hash, the number of the site for which it was signed."""
    found = {}
    for each in transactions:
        found[each.hash] = database.number(
            "SELECT coalesce((SELECT site FROM checkpoint WHERE digest = ?), (SELECT site FROM rotation WHERE number = ?))",
            each.digest,
            each.rotation,
        )
    return found


def _transaction(row: tuple[Any, ...]) -> GatewayTransaction:
    digest, rotation, nonce, name, raw, stored_at = row
    return GatewayTransaction(
        None if digest is None else Hash32(digest), rotation, nonce, Hash32(name), bytes(raw), stored_at
    )
