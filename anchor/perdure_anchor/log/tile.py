"""Tiles: a log's hashes in blocks of 256, after C2SP tlog-tiles (https://c2sp.org/tlog-tiles).

Tile (level, index) holds, one after another, the hashes of the perfect subtrees over 256^level leaves each,
numbers 256 * index and following. A tile with fewer than 256 is partial: it is written again as the log
grows, and is never hashed into the level above. So an append of k leaves writes about k/256 tiles and one a
level, and a proof reads a few.

Left out: paths, entry bundles and checkpoints of tlog-tiles; whoever stores tiles names them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from perdure_anchor.hashes import Hash32
from perdure_anchor.log.compact import NodeAt
from perdure_anchor.log.errors import IndexOutOfRangeError, TileLengthError
from perdure_anchor.log.hashing import HASH_SIZE, parents, parents_in

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT

# bytes of leaf hashes that are hashed at a time: whole tiles
_PAGE = 1 << 21

ReadTile = Callable[[int, int], bytes]
"""(level, index) to the tile's bytes as last written: more hashes than a size needs are fine."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile to be stored, in place of what (level, index) held; ``octets`` are 32 bytes a hash."""

    level: int
    index: int
    octets: bytes

    @property
    def width(self) -> int:
        """Number of hashes, 1 to 256; below 256 the tile is partial."""
        return len(self.octets) // HASH_SIZE


def append_to_tiles(read_tile: ReadTile, size: int, leaf_hashes: Sequence[Hash32]) -> Iterator[Tile]:
    """The tiles that change when ``leaf_hashes`` are appended to a log of ``size`` leaves, low levels first.

    Reads at most one partial tile a level, and hashes each tile once, when it is full. Store all tiles
    together with the new size or none; tiles alone do no harm, since a reader looks at no more hashes than
    its size gives a tile.
    """
    level, count, added = 0, size, list(leaf_hashes)
    while added:
        index, partial = divmod(count, TILE_WIDTH)
        stored = _read_hashes(read_tile, level, index, partial) if partial else []
        hashes = stored + added
        yield from _tiles(level, index, hashes)
        added = hashes[: len(hashes) // TILE_WIDTH * TILE_WIDTH]
        for _ in range(TILE_HEIGHT):
            added = parents(added)
        level, count = level + 1, index


def tiles_above_leaves(read_tile: ReadTile, size: int, leaves: bytes | memoryview) -> Iterator[Tile]:
    """Of `append_to_tiles`, the tiles above the leaves': those are the leaf hashes as they are, and need no hashing.

    ``leaves`` are the leaf hashes one after another, from the beginning of the tile in which the log of ``size`` leaves
    ends. Above it, the hashes of full tiles are the leaves of a log with the same tiles, one level lower.
    """
    end = len(leaves) - len(leaves) % (TILE_WIDTH * HASH_SIZE)
    added: list[Hash32] = []
    for start in range(0, end, _PAGE):
        nodes = parents_in(bytes(leaves[start : min(start + _PAGE, end)]))
        for _ in range(TILE_HEIGHT - 1):
            nodes = parents(nodes)
        added += nodes
    above = append_to_tiles(lambda level, index: read_tile(level + 1, index), size // TILE_WIDTH, added)
    return (Tile(tile.level + 1, tile.index, tile.octets) for tile in above)


class TileSource:
    """`NodeAt` for each size of a log that is kept in tiles.

    Tiles are kept expanded (their hashes and all nodes between them), 45 kB each, the most recently used
    first. Full tiles never change and serve all sizes; a partial one is kept under its width, so that no size
    sees a stale one. Only a log that goes back does harm: whoever rolls back an append whose size was already
    read makes a new source.
    """

    __slots__ = ("_expanded",)

    def __init__(self, read_tile: ReadTile, *, cached_tiles: int = 64) -> None:
        @lru_cache(cached_tiles)
        def expanded(level: int, index: int, width: int) -> tuple[list[Hash32], ...]:
            nodes = [_read_hashes(read_tile, level, index, width)]
            while len(nodes) < TILE_HEIGHT:
                nodes.append(parents(nodes[-1]))
            return tuple(nodes)

        self._expanded = expanded

    def at(self, size: int) -> NodeAt:
        """The hashes of the first ``size`` leaves. It raises `IndexOutOfRangeError`, `TileLengthError`."""
        expanded = self._expanded
        counts = [size >> level for level in range(0, size.bit_length() + TILE_HEIGHT, TILE_HEIGHT)]

        def node_at(level: int, index: int) -> Hash32:
            tile_level, height = divmod(level, TILE_HEIGHT)
            if not 0 <= index < size >> level:
                raise IndexOutOfRangeError(index, size >> level)
            tile_index, offset = divmod(index, TILE_WIDTH >> height)
            width = min(TILE_WIDTH, counts[tile_level] - tile_index * TILE_WIDTH)
            return expanded(tile_level, tile_index, width)[height][offset]

        return node_at


def _read_hashes(read_tile: ReadTile, level: int, index: int, width: int) -> list[Hash32]:
    """The tile's first ``width`` hashes. Raises `TileLengthError`."""
    octets = read_tile(level, index)
    if len(octets) < width * HASH_SIZE:
        raise TileLengthError(level, index, got=len(octets), want=width * HASH_SIZE)
    return [Hash32(octets[offset : offset + HASH_SIZE]) for offset in range(0, width * HASH_SIZE, HASH_SIZE)]


def _tiles(level: int, first_index: int, hashes: Sequence[Hash32]) -> Iterator[Tile]:
    """``hashes`` of one level cut into tiles, the first of which has ``first_index``."""
    for offset in range(0, len(hashes), TILE_WIDTH):
        index = first_index + offset // TILE_WIDTH
        yield Tile(level, index, b"".join(hashes[offset : offset + TILE_WIDTH]))
