"""Final blocks that the site knew: what the slot ``after`` of its records names, kept with the headers that bound their time.

A block stays as long as a record names it, since its headers are part of that record's evidence. How a block is found on
the chain, and judged final, is in `perdure_node.evidence.block_runs`.
"""

from dataclasses import dataclass
from typing import Any

from perdure_anchor.hashes import Hash32

from perdure_node.database import Database
from perdure_node.stored_lists import decode_list, encode_list


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


def known_block(database: Database, identifier: int | None) -> KnownBlock | None:
    """The known block that a record names; None for none."""
    return _block(
        database.row("SELECT hash, number, time, headers FROM known_block WHERE id = ?", identifier)
    )


def known_block_id(database: Database, name: Hash32 | None) -> int | None:
    """By what number a record names a known block, None for none; in the transaction that uses it, for the block to stay."""
    if name is None:
        return None
    row = database.row("SELECT id FROM known_block WHERE hash = ?", name)
    assert row is not None, "a stamp names a block that was known in the same transaction"
    return int(row[0])


def keep_known_block(database: Database, block: KnownBlock | None) -> int | None:
    """By what number a record names a block that was known some time ago, though it be forgotten since; in its transaction."""
    if block is None:
        return None
    database.execute(
        "INSERT INTO known_block (hash, number, time, headers) VALUES (?, ?, ?, ?) ON CONFLICT (hash) DO NOTHING",
        block.hash,
        block.number,
        block.time,
        encode_list(block.headers),
    )
    return known_block_id(database, block.hash)


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
        "DELETE FROM known_block WHERE number < ? AND NOT EXISTS (SELECT 1 FROM record WHERE after_block = known_block.id) "
        "AND NOT EXISTS (SELECT 1 FROM record WHERE confirmed_block = known_block.id) "
        "AND NOT EXISTS (SELECT 1 FROM import_run WHERE after_block = known_block.id)",
        block.number,
    )


def _block(row: tuple[Any, ...] | None) -> KnownBlock | None:
    if row is None:
        return None
    name, number, time, headers = row
    return KnownBlock(Hash32(name), number, time, decode_list(headers))
