"""Leaf hashes that wait until the registry has a checkpoint over them, with what was hashed from them when they came.

They are hashed once, to be checked, on the mirror as it is then; what is hashed above them is kept, and the mirror grows by copies of it
as long as it is the same. The leaf hashes are a tile's content as they are, so no tile of them is kept.
"""

from dataclasses import dataclass

from perdure_anchor.hashes import Hash32
from perdure_anchor.log import NodeSource, decomposition, root_at

from perdure_node.courier.bundle import CarriedCheckpoint
from perdure_node.courier.bundle_file import Bundle
from perdure_node.courier.checking import check_root
from perdure_node.database import Database
from perdure_node.gateway.sites import (
    KnownSite,
    Tiles,
    extended_mirror,
    leaf_tiles,
    mirror_nodes,
    mirrored_leaves,
    nodes_with,
)

_HASH_SIZE = 32


@dataclass(frozen=True, slots=True)
class WaitingLeaves:
    """The leaf hashes from index ``begin`` on; ``upper`` are the tiles above them on a mirror of ``hashed_on`` leaves, if one is named."""

    begin: int
    octets: bytes
    hashed_on: int | None
    upper: Tiles

    def tiles_on(self, database: Database, site: KnownSite) -> Tiles | None:
        """The tiles that the mirror has otherwise with these leaf hashes; None if they were hashed on another one."""
        if self.hashed_on != site.mirrored:
            return None
        added = self.octets[(site.mirrored - self.begin) * _HASH_SIZE :]
        return leaf_tiles(database, site, added) | self.upper


def hashed_on_mirror(database: Database, site: KnownSite, bundle: Bundle) -> Tiles | None:
    """The tiles that a mirror has otherwise once it has a bundle's leaf hashes, and the roots of its checkpoints checked by them.

    None, and nothing is checked, where the leaf hashes do not follow on what is mirrored, or are of another log. Raises
    `LeavesMismatch`.
    """
    if not _follows(database, site, bundle):
        return None
    leaves = bundle.head.leaves
    added = bundle.leaf_octets[(site.mirrored - leaves.begin) * _HASH_SIZE :]
    tiles = extended_mirror(database, site, bytes(added))
    source = nodes_with(database, site, tiles)
    for carried in bundle.head.checkpoints:
        if leaves.begin < carried.size <= leaves.end:
            check_root(carried, _root(source, carried))
    return tiles


def _root(source: NodeSource, carried: CarriedCheckpoint) -> Hash32:
    return root_at(source.at(carried.size), carried.size)


def _follows(database: Database, site: KnownSite, bundle: Bundle) -> bool:
    """Whether a bundle's leaf hashes begin in the mirror's log and go on beyond it, and are the same as far as both have them."""
    leaves = bundle.head.leaves
    if not leaves.begin <= site.mirrored < leaves.end:
        return False
    nodes = mirror_nodes(database, site)
    if leaves.peaks != tuple(nodes(level, index) for level, index in decomposition(0, leaves.begin)):
        return False
    both = bundle.leaf_octets[: (site.mirrored - leaves.begin) * _HASH_SIZE]
    return both == mirrored_leaves(database, site, leaves.begin, site.mirrored)


def store_waiting_leaves(database: Database, digest: Hash32, leaves: WaitingLeaves) -> None:
    """Keep leaf hashes until the registry has them, unless more of them are here; inside a transaction of the caller's.

    They were compared with the checkpoint's root: those that begin earlier hold all others.
    """
    kept = database.row("SELECT begin FROM waiting_leaves WHERE digest = ?", digest)
    if kept is not None and kept[0] < leaves.begin:
        return
    database.execute("DELETE FROM waiting_leaves WHERE digest = ?", digest)
    database.execute(
        "INSERT INTO waiting_leaves (digest, begin, octets, hashed_on) VALUES (?, ?, ?, ?)",
        digest,
        leaves.begin,
        leaves.octets,
        leaves.hashed_on,
    )
    database.execute_each(
        "INSERT INTO waiting_tile (digest, level, tile_index, octets) VALUES (?, ?, ?, ?)",
        ((digest, level, index, octets) for (level, index), octets in leaves.upper.items()),
    )


def waiting_leaves(database: Database, digest: Hash32) -> WaitingLeaves | None:
    """The leaf hashes that came with a checkpoint and wait."""
    row = database.row("SELECT begin, octets, hashed_on FROM waiting_leaves WHERE digest = ?", digest)
    if row is None:
        return None
    upper = database.rows("SELECT level, tile_index, octets FROM waiting_tile WHERE digest = ?", digest)
    return WaitingLeaves(
        row[0], bytes(row[1]), row[2], {(level, index): bytes(octets) for level, index, octets in upper}
    )
