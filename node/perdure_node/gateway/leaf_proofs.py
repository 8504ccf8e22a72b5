"""What evidence of one leaf needs besides its slots, from a gateway's folder alone: for a site that has burned down, or for anybody."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from perdure_anchor.checkpoint import Origin, parse_origin
from perdure_anchor.evidence import MAX_PATH
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import NodeAt, TileSource
from perdure_anchor.log.compact import subtree_root
from perdure_anchor.log.hashing import parents
from perdure_anchor.log.tile import TILE_HEIGHT, TILE_WIDTH

from perdure_node.database import Database
from perdure_node.gateway.leaf_places import HASH_SIZE, places_beyond_table, prefix_of
from perdure_node.gateway.sites import read_mirror, site_by_number
from perdure_node.stored_lists import split_hashes

# their tiles take up to 3 MB each
_SITES: Final = 16
_LOGS: Final = 256
# tiles of which the upper half of the nodes is kept: those of two million leaves, in 20 MB
_TOPS: Final = 8192
# below it, nodes are hashed anew from the leaves
_TOP: Final = 4

# by one question, as each costs as much as what it finds: the place, the earliest anchored log over it, and the leaves around it, of
# which each place's row has so many
_FOUND: Final = (
    "SELECT number, origin, mirrored, leaf_index, "  # noqa: S608 - numbers from above
    f"(SELECT substr(octets, 1 + leaf_index % {TILE_WIDTH} / {1 << _TOP} * {HASH_SIZE << _TOP}, {HASH_SIZE << _TOP}) FROM tile "
    f"WHERE tile.site = number AND level = 0 AND tile_index = leaf_index / {TILE_WIDTH}), "
    "digest, checkpoint.size, root, sealed_at, signature, block_number, length(headers), time_run_open, "
    "(SELECT count(*) FROM hop), (SELECT max(first_block) FROM hop) "
    "FROM ({places}) AS place JOIN site ON number = place.site JOIN checkpoint ON digest = "
    "(SELECT digest FROM checkpoint AS longer JOIN anchor USING (digest) WHERE longer.site = place.site "
    "AND longer.size > leaf_index AND longer.size <= mirrored ORDER BY longer.size LIMIT 1) "
    "JOIN anchor USING (digest) ORDER BY number, leaf_index"
)
# eight bytes of the hash are compared in the table; there are two places where a log has adopted a leaf again
_BY_TABLE: Final = _FOUND.replace("{places}", "SELECT site, leaf_index FROM leaf_place WHERE prefix = ?")
_AT_PLACE: Final = _FOUND.replace("{places}", "SELECT ? AS site, ? AS leaf_index")

_Row = tuple[Any, ...]


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

        @lru_cache(_TOPS)
        def above(number: int, tile: int, size: int) -> tuple[Hash32, ...]:
            node_at, end_from = nodes(number, size)
            return _path(node_at, end_from, tile * TILE_WIDTH, size, TILE_HEIGHT)

        self._tops, self._above = tops, above

    def quick(self, leaf_hash: Hash32) -> LeafProof | None:
        """By the table alone: one look into the database, whatever the log's size."""
        return self._first(leaf_hash, self._database().rows(_BY_TABLE, prefix_of(leaf_hash)))

    def thorough(self, leaf_hash: Hash32) -> LeafProof | None:
        """By the table, and by a search over what is not in it yet; None if nothing here shows the leaf."""
        database = self._database()
        beyond = (
            row
            for place in places_beyond_table(database, leaf_hash)
            for row in database.rows(_AT_PLACE, place.site.number, place.index)
        )
        return self.quick(leaf_hash) or self._first(leaf_hash, beyond)

    def _first(self, leaf_hash: Hash32, rows: Iterable[_Row]) -> LeafProof | None:
        return next((proof for row in rows if (proof := self._proof(leaf_hash, row)) is not None), None)

    def _proof(self, leaf_hash: Hash32, row: _Row) -> LeafProof | None:
        number, origin, _, index, leaves, digest, size, root, sealed_at, signature, *state = row
        place = index % (1 << _TOP)
        # the table has eight bytes of it
        if (leaves or b"")[place * HASH_SIZE :][:HASH_SIZE] != leaf_hash:
            return None
        tile = index // TILE_WIDTH
        if (tile + 1) * TILE_WIDTH <= size:
            path = (*self._in_tile(number, index, leaves), *self._above(number, tile, size))
        else:
            path = _path(*self._nodes(number, size), index, size)
        return LeafProof(
            parse_origin(origin), index, path, digest, size, root, sealed_at, signature, tuple(state)
        )

    def _in_tile(self, number: int, index: int, leaves: bytes) -> list[Hash32]:
        """The path inside of the leaf's tile, which is full, by what is kept of the tile and a few hashes anew.

        Of a tile that is asked for again and again 2 kB are kept, where all of its nodes would be 45.
        """
        tile, inside = divmod(index, TILE_WIDTH)
        near, path = split_hashes(leaves), []
        for level in range(_TOP):
            if level:
                near = tuple(parents(near))
            path.append(near[(inside % (1 << _TOP) >> level) ^ 1])
        tops = self._tops(number, tile)
        return path + [tops[level - _TOP][(inside >> level) ^ 1] for level in range(_TOP, TILE_HEIGHT)]


def _path(
    node_at: NodeAt, end_from: Callable[[int], Hash32], index: int, size: int, level: int = 0
) -> tuple[Hash32, ...]:
    """`perdure_anchor.log.inclusion_proof` from a level on, with the log's end from ``end_from``: the root over the leaves from there on."""
    path = []
    while 1 << level < size:
        sibling = (index >> level) ^ 1
        begin = sibling << level
        if begin + (1 << level) <= size:
            path.append(node_at(level, sibling))
        elif begin < size:
            path.append(end_from(begin))
        level += 1
    return tuple(path)
