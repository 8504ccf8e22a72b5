"""Blocks, transactions with receipts and state nodes in the devnet's database."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perdure_anchor.hashes import Hash32
from perdure_anchor.header import BlockHeader, encode_header, parse_header

from perdure_devnet.block import Block
from perdure_devnet.database import Database
from perdure_devnet.event_store import add_events
from perdure_devnet.execution import Executed


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction in a block, with its receipt, both raw."""

    block_number: int
    position: int
    raw: bytes
    receipt: bytes


class BlockStore:
    """Reads need no lock: what is stored is final. Writes belong into `Database.transaction`."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def setting(self, name: str) -> str | None:
        """A setting that was fixed at founding."""
        row = self._one("SELECT value FROM setting WHERE name = ?", name)
        return None if row is None else str(row[0])

    def add_setting(self, name: str, value: str) -> None:
        self.database.connection.execute("INSERT INTO setting VALUES (?, ?)", (name, value))

    def node(self, key: bytes) -> bytes:
        """The state node with this hash; raises KeyError."""
        row = self._one("SELECT node FROM state_node WHERE hash = ?", key)
        if row is None:
            raise KeyError(key)
        return bytes(row[0])

    def add_nodes(self, nodes: Mapping[bytes, bytes]) -> None:
        """Store nodes; those that are there already stay, since equal hashes are equal nodes."""
        self.database.connection.executemany("INSERT OR IGNORE INTO state_node VALUES (?, ?)", nodes.items())

    def add_block(self, block: Block, executed: Sequence[Executed]) -> None:
        """Store a block with its transactions, receipts and events."""
        connection, number = self.database.connection, block.number
        connection.execute(
            "INSERT INTO block VALUES (?, ?, ?)", (number, block.hash, encode_header(block.header))
        )
        connection.executemany(
            "INSERT INTO mined_transaction VALUES (?, ?, ?, ?, ?)",
            (
                (number, position, each.transaction.hash, each.transaction.raw, each.encoded_receipt)
                for position, each in enumerate(executed)
            ),
        )
        add_events(connection, number, executed)

    def head_number(self) -> int | None:
        """The newest block's number, None before there is a genesis block."""
        row = self._one("SELECT max(number) FROM block")
        return None if row is None or row[0] is None else int(row[0])

    def block(self, number: int) -> Block | None:
        """The block at a height."""
        row = self._one("SELECT hash, header FROM block WHERE number = ?", number)
        if row is None:
            return None
        transactions = self.database.connection.execute(
            "SELECT raw FROM mined_transaction WHERE block_number = ? ORDER BY position", (number,)
        )
        return Block(parse_header(row[1]), Hash32(row[0]), tuple(raw for (raw,) in transactions))

    def headers(self, first: int, last: int) -> Iterator[BlockHeader]:
        """The headers of these heights, both included, as far as they are there."""
        rows = self.database.connection.execute(
            "SELECT header FROM block WHERE number BETWEEN ? AND ? ORDER BY number", (first, last)
        )
        return (parse_header(header) for (header,) in rows)

    def number_of(self, block_hash: Hash32) -> int | None:
        """The height of the block with this hash."""
        row = self._one("SELECT number FROM block WHERE hash = ?", block_hash)
        return None if row is None else int(row[0])

    def hash_of(self, number: int) -> Hash32 | None:
        """The hash of the block at a height."""
        row = self._one("SELECT hash FROM block WHERE number = ?", number)
        return None if row is None else Hash32(row[0])

    def mined(self, transaction_hash: Hash32) -> Mined | None:
        """The transaction with this hash, if it is in a block."""
        row = self._one(
            "SELECT block_number, position, raw, receipt FROM mined_transaction WHERE hash = ?",
            transaction_hash,
        )
        return None if row is None else Mined(*row)

    def mined_in(self, number: int) -> tuple[Mined, ...]:
        """All transactions of a block, in order."""
        rows = self.database.connection.execute(
            "SELECT block_number, position, raw, receipt FROM mined_transaction"
            " WHERE block_number = ? ORDER BY position",
            (number,),
        )
        return tuple(Mined(*row) for row in rows)

    def _one(self, statement: str, *values: bytes | int | str) -> Any:
        """The first row, of the types that the schema fixes, or None."""
        return self.database.connection.execute(statement, values).fetchone()
