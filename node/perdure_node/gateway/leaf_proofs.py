"""What evidence of one leaf needs besides its slots, from a gateway's folder alone: for a site that has burned down, or for anybody."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from perdure_anchor.checkpoint import Origin
from perdure_anchor.evidence import MAX_PATH
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import NodeAt, TileSource
from perdure_anchor.log.compact import subtree_root
from perdure_anchor.log.hashing import parents
from perdure_anchor.log.tile import TILE_HEIGHT, TILE_WIDTH

from perdure_node.database import Database
from perdure_node.gateway.leaf_places import LeafPlace, places_beyond_table, places_in_table
from perdure_node.gateway.sites import KnownSite, mirrored_leaves, read_mirror, site_by_number
from perdure_node.stored_lists import split_hashes

# their tiles take up to 3 MB each
_SITES: Final = 16
_LOGS: Final = 256
# tiles of which the upper half of the nodes is kept: those of two million leaves, in 20 MB
_TOPS: Final = 8192
# below it, nodes are hashed anew from the leaves
_TOP: Final = 4

_COVERING: Final = (
    "SELECT checkpoint.digest, checkpoint.size, root, sealed_at, signature, block_number, length(headers), time_run_open, "
    "(SELECT count(*) FROM hop), (SELECT max(first_block) FROM hop) FROM checkpoint JOIN anchor USING (digest) "
    "WHERE site = ? AND checkpoint.size > ? AND checkpoint.size <= ? ORDER BY checkpoint.size LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class LeafProof:
    """A leaf's place in the log of ``size``, the earliest over it whose anchor is here; ``digest`` is its checkpoint's.

    ``anchor_state`` tells the anchor's parts from earlier ones: its run of headers grows, and hops are found.
    """

    origin: Origin
    index: int
    path: tuple[Hash32, ...]
    digest: Hash32
    size: int
    root: Hash32
    sealed_at: int
    signature: bytes
    anchor_state: tuple[Any, ...]


class LeafProofs:
    """Proofs by leaf hash; for any threads, each of which has its database by ``database``."""

    def __init__(self, database: Callable[[], Database]) -> None:
        self._database = database

        # tiles that are full never change, and partial ones are kept by their width: see `TileSource`
        @lru_cache(_SITES)
        def source(number: int) -> TileSource:
            site = site_by_number(database(), number)
            return TileSource(lambda level, index: read_mirror(database(), site, level, index))

        @lru_cache(_LOGS)
        def nodes(number: int, size: int) -> tuple[NodeAt, Callable[[int], Hash32]]:
            node_at = source(number).at(size)
            # the subtrees at the log's end are not perfect, few, and in many paths
            return node_at, lru_cache(MAX_PATH)(lambda begin: subtree_root(node_at, begin, size))

        self._nodes = nodes

        @lru_cache(_TOPS)
        def tops(number: int, tile: int) -> tuple[tuple[Hash32, ...], ...]:
            node_at = source(number).at((tile + 1) * TILE_WIDTH)
            return tuple(
                tuple(
                    node_at(level, (tile * TILE_WIDTH >> level) + each) for each in range(TILE_WIDTH >> level)
                )
                for level in range(_TOP, TILE_HEIGHT)
            )

        self._tops = tops

    def _with_tops(self, site: KnownSite, index: int, size: int, node_at: NodeAt) -> NodeAt:
        """The nodes of a log; those over the leaf's tile, if it is full, by what is kept of it and a few hashes anew.

        Of a tile that is asked for again and again 2 kB are kept, where all of its nodes would be 45.
        """
        tile = index // TILE_WIDTH
        if (tile + 1) * TILE_WIDTH > size:
            return node_at
        first = index >> _TOP << _TOP
        leaves = mirrored_leaves(self._database(), site, first, first + (1 << _TOP))
        below = [split_hashes(leaves)]
        while len(below) < _TOP:
            below.append(tuple(parents(below[-1])))
        tops = self._tops(site.number, tile)

        def near(level: int, at: int) -> Hash32:
            if level < _TOP:
                return below[level][at - (first >> level)]
            if level < TILE_HEIGHT:
                return tops[level - _TOP][at - (tile * TILE_WIDTH >> level)]
            return node_at(level, at)

        return near

    def quick(self, leaf_hash: Hash32) -> LeafProof | None:
        """By the table alone: some reads, whatever the log's size."""
        return self._first(leaf_hash, places_in_table(self._database(), leaf_hash))

    def thorough(self, leaf_hash: Hash32) -> LeafProof | None:
        """By the table, and by a search over what is not in it yet; None if nothing here shows the leaf."""
        found = places_beyond_table(self._database(), leaf_hash)
        return self.quick(leaf_hash) or self._first(leaf_hash, found)

    def _first(self, leaf_hash: Hash32, places: Iterator[LeafPlace]) -> LeafProof | None:
        return next((proof for place in places if (proof := self._proof(leaf_hash, place)) is not None), None)

    def _proof(self, leaf_hash: Hash32, place: LeafPlace) -> LeafProof | None:
        site, index = place.site, place.index
        row = self._database().row(_COVERING, site.number, index, site.mirrored)
        if row is None:
            return None
        digest, size, root, sealed_at, signature, *state = row
        node_at, end_from = self._nodes(site.number, size)
        node_at = self._with_tops(site, index, size, node_at)
        # the table has eight bytes of it
        if node_at(0, index) != leaf_hash:
            return None
        path = _path(node_at, end_from, index, size)
        return LeafProof(site.origin, index, path, digest, size, root, sealed_at, signature, tuple(state))


def _path(node_at: NodeAt, end_from: Callable[[int], Hash32], index: int, size: int) -> tuple[Hash32, ...]:
    """`perdure_anchor.log.inclusion_proof`, with the log's end from ``end_from``: the root over the leaves from an index on."""
    path = []
    level = 0
    while 1 << level < size:
        sibling = (index >> level) ^ 1
        begin = sibling << level
        if begin + (1 << level) <= size:
            path.append(node_at(level, sibling))
        elif begin < size:
            path.append(end_from(begin))
        level += 1
    return tuple(path)
