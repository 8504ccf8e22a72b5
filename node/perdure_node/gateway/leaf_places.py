"""Where leaf hashes stand in the mirrors, so that a proof is found by its leaf hash alone.

A table has each leaf's place by eight bytes of its hash; the hash itself is compared in the mirror. It is filled behind the mirror, some
leaves at a time, each time with how far it reaches: so a bundle with millions of leaves is taken in as fast as without, mirrors that are
older than the table get into it, and a process that ends anywhere leaves it whole. What it does not reach yet is searched.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from perdure_anchor.checkpoint import parse_origin
from perdure_anchor.hashes import Hash32

from perdure_node.database import Database
from perdure_node.gateway.sites import KnownSite, mirrored_leaves

# about half a second of writing, in which others wait
LEAVES_AT_ONCE: Final = 1 << 16
HASH_SIZE: Final = 32
_PREFIX_SIZE = 8


@dataclass(frozen=True, slots=True)
class LeafPlace:
    """A leaf of a site's mirrored log."""

    site: KnownSite
    index: int


def prefix_of(leaf_hash: bytes) -> int:
    """What the table has of a leaf hash, as SQLite's integers are."""
    return int.from_bytes(leaf_hash[:_PREFIX_SIZE], "big", signed=True)


def place_leaves(database: Database, at_most: int = LEAVES_AT_ONCE) -> bool:
    """Bring some leaves more into the table, durably; False if there are none."""
    row = database.row("SELECT number, origin, mirrored, placed FROM site WHERE placed < mirrored LIMIT 1")
    if row is None:
        return False
    number, origin, mirrored, placed = row
    site = KnownSite(number, parse_origin(origin), mirrored)
    end = min(mirrored, placed + at_most)
    octets = mirrored_leaves(database, site, placed, end)
    # in the table's order: each of its pages is written once
    places = sorted(
        (prefix_of(octets[at : at + HASH_SIZE]), placed + at // HASH_SIZE)
        for at in range(0, len(octets), HASH_SIZE)
    )
    with database.transaction():
        database.execute_each(
            "INSERT OR IGNORE INTO leaf_place (prefix, site, leaf_index) VALUES (?, ?, ?)",
            ((prefix, number, index) for prefix, index in places),
        )
        database.execute("UPDATE site SET placed = ? WHERE number = ?", end, number)
    return True


def places_beyond_table(database: Database, leaf_hash: Hash32) -> Iterator[LeafPlace]:
    """Its places that the table does not have yet."""
    rows = database.rows("SELECT number, origin, mirrored, placed FROM site WHERE placed < mirrored")
    for number, origin, mirrored, placed in rows:
        site = KnownSite(number, parse_origin(origin), mirrored)
        for begin in range(placed, mirrored, LEAVES_AT_ONCE):
            octets = mirrored_leaves(database, site, begin, min(begin + LEAVES_AT_ONCE, mirrored))
            at = octets.find(leaf_hash)
            while at >= 0:
                if at % HASH_SIZE == 0:
                    yield LeafPlace(site, begin + at // HASH_SIZE)
                at = octets.find(leaf_hash, at + 1)
