"""The sites that a gateway knows, and the mirrors of their logs.

A mirror holds a site's leaf hashes as far as the registry has anchored them: what waits is kept beside it, since of two rival logs only
one will be the site's. Leaf hashes are salted: they say nothing but number and time.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from perdure_anchor.checkpoint import Origin, parse_origin
from perdure_anchor.log import NodeAt, TileSource, tiles_above_leaves

from perdure_node.database import Database
from perdure_node.stored_lists import split_hashes

TILE_WIDTH = 256
_HASH_SIZE = 32
# of more sites than that, all are read at once
_FEW = 8

Tiles = dict[tuple[int, int], bytes]
"""A log's tiles by level and index."""


@dataclass(frozen=True, slots=True)
class KnownSite:
    """A site by its ``number`` here; ``mirrored`` is the size up to which its log is mirrored."""

    number: int
    origin: Origin
    mirrored: int


def site_of(database: Database, origin: Origin) -> KnownSite | None:
    """The site of this name, None if no bundle of it was ever taken in."""
    row = database.row("SELECT number, origin, mirrored FROM site WHERE origin = ?", origin.text)
    return None if row is None else KnownSite(row[0], parse_origin(row[1]), row[2])


def site_by_number(database: Database, number: int) -> KnownSite:
    """A site that is there."""
    row = database.row("SELECT number, origin, mirrored FROM site WHERE number = ?", number)
    assert row is not None, "the schema keeps what belongs to known sites only"
    return KnownSite(row[0], parse_origin(row[1]), row[2])


def sites_by_number(database: Database, numbers: Iterable[int]) -> dict[int, KnownSite]:
    """Sites that are there, by their numbers."""
    wanted = set(numbers)
    if len(wanted) <= _FEW:
        return {number: site_by_number(database, number) for number in sorted(wanted)}
    rows = database.rows("SELECT number, origin, mirrored FROM site ORDER BY number")
    return {row[0]: KnownSite(row[0], parse_origin(row[1]), row[2]) for row in rows if row[0] in wanted}


def all_sites(database: Database) -> list[KnownSite]:
    """The sites by name."""
    rows = database.rows("SELECT number, origin, mirrored FROM site ORDER BY origin")
    return [KnownSite(number, parse_origin(origin), mirrored) for number, origin, mirrored in rows]


def add_site(database: Database, origin: Origin, now: int) -> KnownSite:
    """The site, known from now on; inside a transaction of the caller's."""
    known = site_of(database, origin)
    if known is not None:
        return known
    number = database.insert("INSERT INTO site (origin, added_at) VALUES (?, ?)", origin.text, now)
    return KnownSite(number, origin, 0)


def mirror_nodes(database: Database, site: KnownSite) -> NodeAt:
    """The hashes of the mirrored log."""
    return TileSource(lambda level, index: read_mirror(database, site, level, index)).at(site.mirrored)


def mirrored_leaves(database: Database, site: KnownSite, begin: int, end: int) -> bytes:
    """The leaf hashes [begin, end) of the mirror, one after the other; end is at most what is mirrored."""
    parts = []
    for index in range(begin // TILE_WIDTH, -(-end // TILE_WIDTH)):
        octets = read_mirror(database, site, 0, index)
        first = index * TILE_WIDTH
        parts.append(octets[max(begin - first, 0) * _HASH_SIZE : min(end - first, TILE_WIDTH) * _HASH_SIZE])
    return b"".join(parts)


def extended_mirror(database: Database, site: KnownSite, leaves: bytes) -> Tiles:
    """The tiles that a mirror with these leaf hashes after its own has otherwise; stores nothing."""
    octets = _from_its_last_tile_on(database, site, leaves)
    above = tiles_above_leaves(
        lambda level, index: read_mirror(database, site, level, index), site.mirrored, octets
    )
    return _leaf_tiles(site, octets) | {(tile.level, tile.index): tile.octets for tile in above}


def leaf_tiles(database: Database, site: KnownSite, leaves: bytes) -> Tiles:
    """Of `extended_mirror`, the tiles of the leaf hashes themselves, for which nothing is hashed."""
    return _leaf_tiles(site, _from_its_last_tile_on(database, site, leaves))


def _leaf_tiles(site: KnownSite, octets: bytes) -> Tiles:
    first, size = site.mirrored // TILE_WIDTH, TILE_WIDTH * _HASH_SIZE
    starts = range(0, len(octets), size)
    return {(0, first + number): octets[start : start + size] for number, start in enumerate(starts)}


def _from_its_last_tile_on(database: Database, site: KnownSite, leaves: bytes) -> bytes:
    """What the mirror's last tile has, if it is not full, and the leaf hashes after it."""
    index, partial = divmod(site.mirrored, TILE_WIDTH)
    return mirrored_leaves(database, site, index * TILE_WIDTH, site.mirrored) + leaves if partial else leaves


def nodes_with(database: Database, site: KnownSite, tiles: Tiles) -> TileSource:
    """The mirror's hashes as they are with these tiles."""
    return TileSource(
        lambda level, index: tiles.get((level, index)) or read_mirror(database, site, level, index)
    )


def store_mirror(database: Database, site: KnownSite, tiles: Tiles, size: int) -> None:
    """Let the mirror have ``size`` leaves; inside a transaction of the caller's."""
    database.execute_each(
        "INSERT OR REPLACE INTO tile (site, level, tile_index, octets) VALUES (?, ?, ?, ?)",
        ((site.number, level, index, octets) for (level, index), octets in tiles.items()),
    )
    database.execute("UPDATE site SET mirrored = ? WHERE number = ?", size, site.number)


def common_prefix(database: Database, site: KnownSite, begin: int, leaves: bytes) -> int:
    """How many leaves from the log's beginning the mirror shares with one whose leaves from ``begin`` on are these.

    What is before ``begin`` is taken as shared: peaks have shown it.
    """
    end = min(begin + len(leaves) // _HASH_SIZE, site.mirrored)
    ours = mirrored_leaves(database, site, begin, end) if end > begin else b""
    theirs = leaves[: len(ours)]
    if ours == theirs:
        return max(end, min(begin, site.mirrored))
    pairs = zip(split_hashes(ours), split_hashes(theirs), strict=True)
    return next(begin + offset for offset, (our, their) in enumerate(pairs) if our != their)


def read_mirror(database: Database, site: KnownSite, level: int, index: int) -> bytes:
    """A tile of the mirror, none if there is none yet."""
    row = database.row(
        "SELECT octets FROM tile WHERE site = ? AND level = ? AND tile_index = ?", site.number, level, index
    )
    return b"" if row is None else bytes(row[0])
