"""Final blocks that the site knew: what the slot ``after`` of its records names, kept with the headers that bound their time.

A block stays as long as a record names it, since its headers are part of that record's evidence. How a block is found on
the chain, and judged final, is in `perdure_node.block_runs`.
"""

from dataclasses import dataclass
from typing import Any

from perdure_anchor import rlp
from perdure_anchor.hashes import Hash32

from perdure_node.database import Database


@dataclass(frozen=True, slots=True)
class KnownBlock:
    """A final block; ``time`` is its timestamp in seconds, ``headers`` (RLP) are a run through it, oldest first."""

    hash: Hash32
    number: int
    time: int
    headers: tuple[bytes, ...]


def newest_known_block(database: Database) -> KnownBlock | None:
    """The newest final block that the site knows; None before it has asked a chain."""
    return _block(
        database.row("SELECT hash, number, time, headers FROM known_block ORDER BY number DESC LIMIT 1")
    )


def known_block(database: Database, name: Hash32) -> KnownBlock | None:
    """The known block with this hash."""
    return _block(database.row("SELECT hash, number, time, headers FROM known_block WHERE hash = ?", name))


def store_known_block(database: Database, block: KnownBlock) -> None:
    """Keep a block, and forget older ones that no record names; inside a transaction of the caller's."""
    database.execute(
        "INSERT INTO known_block (hash, number, time, headers) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (hash) DO UPDATE SET headers = excluded.headers",
        block.hash,
        block.number,
        block.time,
        encode_list(block.headers),
    )
    database.execute(
        "DELETE FROM known_block WHERE number < ? AND hash NOT IN "
        "(SELECT after_block FROM record WHERE after_block IS NOT NULL)",
        block.number,
    )


def encode_list(items: tuple[bytes, ...]) -> bytes:
    """Byte strings as the vault stores a list of them."""
    return rlp.encode(items)


def decode_list(stored: bytes) -> tuple[bytes, ...]:
    """The inverse of `encode_list`."""
    return tuple(rlp.decode_bytes(item, "stored list") for item in rlp.decode_list(stored, "stored list"))


def _block(row: tuple[Any, ...] | None) -> KnownBlock | None:
    if row is None:
        return None
    name, number, time, headers = row
    return KnownBlock(Hash32(name), number, time, decode_list(headers))
