"""The site's log in the vault: tiles, the node source for proofs, and the checkpoints over it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from perdure_anchor.checkpoint import Checkpoint
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import NodeAt, NodeSource, ReadTile, TileSource

from perdure_node.database import Database
from perdure_node.log.gaps import known_nodes, log_gaps, over_gaps, padded
from perdure_node.stored_lists import split_hashes
from perdure_node.vault import Vault

# checkpoints that are in memory at a time
_PAGE = 500
_SELECT = "SELECT size, root, sealed_at, signature, digest, last_slot_digests FROM checkpoint WHERE "


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A checkpoint with the site's signature (65 bytes), its EIP-712 digest, and the slot digests of its last record."""

    checkpoint: Checkpoint
    signature: bytes
    digest: Hash32
    last_slot_digests: tuple[Hash32, ...]

    @property
    def size(self) -> int:
        return self.checkpoint.size


def read_tile(database: Database, level: int, index: int) -> bytes:
    """A tile's bytes, none if it was never written: `perdure_anchor.log.tile.ReadTile` once the database is bound."""
    row = database.row("SELECT octets FROM tile WHERE level = ? AND tile_index = ?", level, index)
    return b"" if row is None else bytes(row[0])


def write_tiles(database: Database, tiles: Mapping[tuple[int, int], bytes]) -> None:
    """Store tiles, by level and index, in place of what stood there; inside a transaction of the caller's."""
    database.execute_each(
        "INSERT OR REPLACE INTO tile (level, tile_index, octets) VALUES (?, ?, ?)",
        ((level, index, octets) for (level, index), octets in tiles.items()),
    )


def tile_reader(database: Database) -> ReadTile:
    """The tiles, to append to: over gaps they are full of whatever."""
    return padded(lambda level, index: read_tile(database, level, index), log_gaps(database))


def node_source(database: Database, read: ReadTile | None = None) -> NodeSource:
    """The log's hashes at any size up to the newest, for proofs; ``read`` gives tiles that are newer than the stored ones.

    Where leaf hashes are lost, its nodes raise `UnknownLeaves`.
    """
    source = TileSource(read or tile_reader(database))
    gaps = log_gaps(database)
    return over_gaps(source, gaps, known_nodes(database)) if gaps else source


def nodes_at(database: Database, size: int) -> NodeAt:
    """The hashes of the log's first ``size`` leaves."""
    return node_source(database).at(size)


def newest_checkpoint(vault: Vault) -> StoredCheckpoint | None:
    """The checkpoint over the whole log; None before the first seal."""
    return _first(vault, "1 ORDER BY size DESC LIMIT 1")


def checkpoint_of_size(vault: Vault, size: int) -> StoredCheckpoint | None:
    """The checkpoint over the log's first ``size`` leaves, if one was signed."""
    return _first(vault, "size = ?", size)


def checkpoints_above(vault: Vault, size: int) -> list[StoredCheckpoint]:
    """The checkpoints over more than ``size`` leaves, the smallest log first."""
    return [_checkpoint(vault, row) for row in vault.database.rows(_SELECT + "size > ? ORDER BY size", size)]


def first_checkpoint_over(vault: Vault, index: int) -> StoredCheckpoint | None:
    """The earliest checkpoint that covers the record at ``index``."""
    return _first(vault, "size > ? ORDER BY size LIMIT 1", index)


def all_checkpoints(vault: Vault) -> Iterator[StoredCheckpoint]:
    """Every checkpoint that was signed over the log, the smallest first; read in pages, as they are asked for."""
    last = -1
    while rows := vault.database.rows(_SELECT + "size > ? ORDER BY size LIMIT ?", last, _PAGE):
        last = rows[-1][0]
        for row in rows:
            yield _checkpoint(vault, row)


def store_checkpoint(database: Database, stored: StoredCheckpoint) -> None:
    """Keep a signed checkpoint; inside a transaction of the caller's."""
    database.execute(
        "INSERT INTO checkpoint (size, root, sealed_at, signature, digest, last_slot_digests) VALUES (?, ?, ?, ?, ?, ?)",
        stored.size,
        stored.checkpoint.root,
        stored.checkpoint.sealed_at,
        stored.signature,
        stored.digest,
        b"".join(stored.last_slot_digests),
    )


def _first(vault: Vault, condition: str, *parameters: Any) -> StoredCheckpoint | None:
    row = vault.database.row(_SELECT + condition, *parameters)
    return None if row is None else _checkpoint(vault, row)


def _checkpoint(vault: Vault, row: tuple[Any, ...]) -> StoredCheckpoint:
    size, root, sealed_at, signature, digest, slots = row
    checkpoint = Checkpoint(vault.origin.site, size, Hash32(root), sealed_at)
    return StoredCheckpoint(checkpoint, signature, Hash32(digest), split_hashes(slots))
