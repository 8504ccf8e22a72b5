"""Paths of tiles in a log's folder, after C2SP tlog-tiles (https://c2sp.org/tlog-tiles), and which of them a log of some size has.

``tile/L/N`` is a full tile, ``tile/L/N.p/W`` one with W hashes. N is written in groups of three digits, all but the last with an ``x``
before them: 1234067 is ``x001/x234/067``. Each tile has one path, so whatever keeps answers by their path keeps each once.

Left out: entry bundles (``tile/entries``), since leaves never leave the site; hashes of full tiles under their partial paths.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from perdure_anchor.checkpoint import MAX_TREE_SIZE
from perdure_anchor.errors import EncodingError
from perdure_anchor.log.tile import TILE_HEIGHT, TILE_WIDTH

# levels 0 to 5: one tile of level 5 can be over a log of 2^48 leaves, which 256^6 are
_PATH: Final = re.compile(r"tile/([0-5])/((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)


class TilePathError(EncodingError):
    """Text is not the path of a tile of hashes."""


@dataclass(frozen=True, slots=True)
class TilePlace:
    """A tile by level and index, from 0, with its number of hashes, 1 to 256."""

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def is_full(self) -> bool:
        return self.width == TILE_WIDTH


def encode_tile_path(place: TilePlace) -> str:
    """The tile's path."""
    groups, rest = [f"{place.index % 1000:03}"], place.index // 1000
    while rest:
        groups.insert(0, f"x{rest % 1000:03}")
        rest //= 1000
    partial = "" if place.is_full else f".p/{place.width}"
    return f"tile/{place.level}/{'/'.join(groups)}{partial}"


def parse_tile_path(path: str) -> TilePlace:
    """The inverse of `encode_tile_path`; raises `TilePathError` for whatever that does not write."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise TilePathError("not the path of a tile: want tile/L/N or tile/L/N.p/W, N as in x001/x234/067")
    level, index = int(match[1]), int(match[2].replace("x", "").replace("/", ""))
    place = TilePlace(level, index, TILE_WIDTH if match[3] is None else int(match[3]))
    is_partial = match[3] is not None
    if is_partial == place.is_full or place.width > TILE_WIDTH or encode_tile_path(place) != path:
        raise TilePathError("not the path of a tile: each one has one spelling")
    if index > MAX_TREE_SIZE >> TILE_HEIGHT * (level + 1):
        raise TilePathError(f"no tile {index} at level {level}: a log has fewer than 2^48 leaves")
    return place


def width_at(size: int, level: int, index: int) -> int:
    """How many hashes the tile has in a log of ``size`` leaves; 0 if it has none."""
    hashes = size >> TILE_HEIGHT * level
    return max(0, min(TILE_WIDTH, hashes - index * TILE_WIDTH))


def leaf_tiles_between(begin: int, size: int) -> Iterator[TilePlace]:
    """The tiles of leaf hashes from the one that holds ``begin`` to the last of a log of ``size``."""
    for index in range(begin // TILE_WIDTH, -(-size // TILE_WIDTH)):
        yield TilePlace(0, index, width_at(size, 0, index))
