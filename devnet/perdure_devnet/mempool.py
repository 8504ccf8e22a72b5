"""The pool of transactions that wait for a block, kept in memory and, before anything is acknowledged, in the database.

The rules of admission and their words are geth's: one transaction for a sender and nonce, replaced only at a price that is
a tenth higher; gaps in the nonces wait until they are filled. A transaction leaves by being mined or superseded, never by
being forgotten.
"""

import heapq
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from perdure_anchor.hashes import Address, Hash32

from perdure_devnet.database import Database
from perdure_devnet.errors import TransactionRefused
from perdure_devnet.execution import Executed, check_funds
from perdure_devnet.transaction import Transaction, parse_transaction

MAX_POOLED = 16_384
MAX_POOLED_OF_SENDER = 1024
# percent by which a replacement has to raise both prices, as in geth and Besu
PRICE_BUMP = 10

NonceOf = Callable[[Address], int]


@dataclass(frozen=True, slots=True)
class Pooled:
    """A waiting transaction; lower ``arrival`` came first."""

    transaction: Transaction
    arrival: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What the pool has to know of a sender's account: its nonce, its balance in wei, and the block gas limit."""

    nonce: int
    balance: int
    gas_limit: int


class Mempool:
    """Not safe for two threads at once: the chain's lock guards it."""

    def __init__(self, database: Database, chain_id: int) -> None:
        self.database = database
        self._by_sender: dict[Address, dict[int, Pooled]] = {}
        self._by_hash: dict[Hash32, Pooled] = {}
        rows = database.connection.execute("SELECT arrival, raw FROM pooled_transaction ORDER BY arrival")
        for arrival, raw in rows.fetchall():
            self._remember(Pooled(parse_transaction(raw, chain_id), arrival))

    def __len__(self) -> int:
        return len(self._by_hash)

    def __iter__(self) -> Iterator[Pooled]:
        return iter(tuple(self._by_hash.values()))

    def get(self, transaction_hash: Hash32) -> Transaction | None:
        """The waiting transaction with this hash."""
        pooled = self._by_hash.get(transaction_hash)
        return None if pooled is None else pooled.transaction

    def add(self, transaction: Transaction, standing: Standing) -> None:
        """Take a transaction in, on disk once this returns; raises `TransactionRefused`."""
        replaced = self._check(transaction, standing)
        with self.database.transaction() as connection:
            if replaced is not None:
                connection.execute("DELETE FROM pooled_transaction WHERE arrival = ?", (replaced.arrival,))
            arrival = connection.execute(
                "INSERT INTO pooled_transaction (sender, nonce, raw) VALUES (?, ?, ?)",
                (transaction.sender, transaction.nonce.to_bytes(8, "big"), transaction.raw),
            ).lastrowid
        assert arrival is not None
        if replaced is not None:
            self._forget(replaced)
        self._remember(Pooled(transaction, arrival))

    def _check(self, transaction: Transaction, standing: Standing) -> Pooled | None:
        """The transaction that this one replaces, if any."""
        if transaction.hash in self._by_hash:
            raise TransactionRefused("already known")
        if transaction.nonce < standing.nonce:
            raise TransactionRefused(
                f"nonce too low: next nonce {standing.nonce}, tx nonce {transaction.nonce}"
            )
        if transaction.gas > standing.gas_limit:
            raise TransactionRefused(f"exceeds block gas limit: {transaction.gas} > {standing.gas_limit}")
        check_funds(transaction, standing.balance)
        waiting = self._by_sender.get(transaction.sender, {})
        replaced = waiting.get(transaction.nonce)
        if replaced is not None:
            _check_price_bump(replaced.transaction, transaction)
        elif len(self._by_hash) >= MAX_POOLED or len(waiting) >= MAX_POOLED_OF_SENDER:
            raise TransactionRefused("txpool is full")
        return replaced

    def next_nonce(self, sender: Address, nonce: int) -> int:
        """The first nonce from ``nonce`` on that no waiting transaction of the sender has."""
        waiting = self._by_sender.get(sender, {})
        while nonce in waiting:
            nonce += 1
        return nonce

    def candidates(self, nonce_of: NonceOf) -> Iterator[Transaction]:
        """What a block may take, best price first, then first come; each sender's in the order of its nonces."""
        heap: list[tuple[int, int, Pooled]] = []
        for sender, waiting in self._by_sender.items():
            _push(heap, waiting.get(nonce_of(sender)))
        while heap:
            *_, pooled = heapq.heappop(heap)
            yield pooled.transaction
            _push(heap, self._by_sender[pooled.transaction.sender].get(pooled.transaction.nonce + 1))

    def superseded(self, executed: Iterable[Executed]) -> tuple[Pooled, ...]:
        """Which waiting transactions are settled by a block with these: itself mined, or its nonce used up."""
        return tuple(
            pooled
            for each in executed
            for nonce, pooled in self._by_sender.get(each.transaction.sender, {}).items()
            if nonce == each.transaction.nonce
        )

    def delete(self, connection: sqlite3.Connection, settled: Iterable[Pooled]) -> None:
        """Strike them out in the database, as a part of the transaction that stores the block."""
        connection.executemany(
            "DELETE FROM pooled_transaction WHERE arrival = ?", [(pooled.arrival,) for pooled in settled]
        )

    def forget(self, settled: Iterable[Pooled]) -> None:
        """Strike them out in memory, once the block is stored."""
        for pooled in settled:
            self._forget(pooled)

    def _remember(self, pooled: Pooled) -> None:
        transaction = pooled.transaction
        self._by_hash[transaction.hash] = pooled
        self._by_sender.setdefault(transaction.sender, {})[transaction.nonce] = pooled

    def _forget(self, pooled: Pooled) -> None:
        transaction = pooled.transaction
        del self._by_hash[transaction.hash]
        waiting = self._by_sender[transaction.sender]
        del waiting[transaction.nonce]
        if not waiting:
            del self._by_sender[transaction.sender]


def _push(heap: list[tuple[int, int, Pooled]], pooled: Pooled | None) -> None:
    if pooled is not None:
        # at a base fee of zero the tip that a proposer gets is the priority fee
        heapq.heappush(heap, (-pooled.transaction.max_priority_fee_per_gas, pooled.arrival, pooled))


def _check_price_bump(old: Transaction, new: Transaction) -> None:
    prices = (
        (old.max_fee_per_gas, new.max_fee_per_gas),
        (old.max_priority_fee_per_gas, new.max_priority_fee_per_gas),
    )
    for before, after in prices:
        if after <= before or after * 100 < before * (100 + PRICE_BUMP):
            raise TransactionRefused("replacement transaction underpriced")
