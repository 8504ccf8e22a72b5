"""Leaf hashes that a peer has given of a log, tile by tile: stored when they come, so that a copy goes on after a restart.

They are nobody's word for anything until they are compared with an anchored root.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from perdure_anchor.errors import VerificationError
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import CompactRange, NodeAt
from perdure_anchor.log.hashing import HASH_SIZE
from perdure_anchor.log.tile import TILE_WIDTH

from perdure_node.clock import Clock
from perdure_node.database import Database
from perdure_node.gateway.sites import KnownSite, mirrored_leaves
from perdure_node.stored_lists import split_hashes
from perdure_node.witness.from_bundles import nodes_of
from perdure_node.witness.peers import Peer
from perdure_node.witness.tile_paths import encode_tile_path, leaf_tiles_between

# fetched in one call, so that a worker's step stays short; 8 MiB of leaf hashes
TILES_AT_ONCE: Final = 1024
# seconds: so long a node that is to stop waits for a peer that drips
FETCH_PATIENCE: Final = 10.0
# hashed at a time: whole tiles, 2 MiB
_LEAVES_AT_ONCE: Final = 1 << 16


class PeerDisagrees(VerificationError):
    """A peer shows what is not the site's log as this node knows it, or what does not hold by itself."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy under way: leaf hashes of the log of ``size``, from the tile in which ``begin`` is, under an anchored checkpoint."""

    site: KnownSite
    peer: str
    digest: Hash32
    begin: int
    size: int

    @property
    def first_leaf(self) -> int:
        return self.begin // TILE_WIDTH * TILE_WIDTH


def fetch_tiles(database: Database, peer: Peer, copy: Copy, clock: Clock) -> bool:
    """Fetch tiles that are not here; whether all are."""
    fetched, deadline = 0, clock.monotonic() + FETCH_PATIENCE
    for place in leaf_tiles_between(copy.begin, copy.size):
        if _copied_tile(database, copy, place.index) is not None:
            continue
        if fetched == TILES_AT_ONCE or clock.monotonic() > deadline:
            return False
        wanted = place.width * HASH_SIZE
        octets = peer.get(f"{copy.site.origin.text}/{encode_tile_path(place)}", wanted)
        if octets is None or len(octets) != wanted:
            got = "nothing" if octets is None else f"{len(octets)} bytes"
            raise PeerDisagrees(
                f"{peer.name}: gives {got} for {encode_tile_path(place)} of {copy.site.origin.text}, want {wanted} bytes"
            )
        with database.transaction():
            database.execute(
                "INSERT OR REPLACE INTO copied_tile (site, peer, digest, tile_index, octets) VALUES (?, ?, ?, ?, ?)",
                copy.site.number,
                copy.peer,
                copy.digest,
                place.index,
                octets,
            )
        fetched += 1
    return True


def _copied_tile(database: Database, copy: Copy, index: int) -> bytes | None:
    row = database.row(
        "SELECT octets FROM copied_tile WHERE site = ? AND peer = ? AND digest = ? AND tile_index = ?",
        copy.site.number,
        copy.peer,
        copy.digest,
        index,
    )
    return None if row is None else bytes(row[0])


def copied_pages(database: Database, copy: Copy, begin: int, end: int) -> Iterator[bytes]:
    """The copied leaf hashes [begin, end), some tiles at a time."""
    for start in range(begin, end, _LEAVES_AT_ONCE):
        stop = min(start + _LEAVES_AT_ONCE, end)
        parts = []
        for index in range(start // TILE_WIDTH, -(-stop // TILE_WIDTH)):
            octets, first = _copied_tile(database, copy, index), index * TILE_WIDTH
            assert octets is not None, "all tiles were fetched"
            parts.append(octets[max(start - first, 0) * HASH_SIZE : (stop - first) * HASH_SIZE])
        yield b"".join(parts)


def starts_alike(database: Database, copy: Copy) -> bool:
    """Whether the copy's first tile has the mirror's leaf hashes, as far as the mirror goes."""
    begin, end = copy.first_leaf, copy.begin
    return b"".join(copied_pages(database, copy, begin, end)) == mirrored_leaves(
        database, copy.site, begin, end
    )


def grown_by(database: Database, copy: Copy, before: CompactRange, end: int | None = None) -> CompactRange:
    """The range and the copied leaf hashes behind it, up to ``end`` or to the copy's end."""
    for page in copied_pages(database, copy, before.end, copy.size if end is None else end):
        before = before.extended(split_hashes(page))
    return before


def drop_tiles(database: Database, copy: Copy, *, all_others: bool = False) -> None:
    """Forget what was copied; or what was, from this peer, under other checkpoints."""
    with database.transaction():
        database.execute(
            f"DELETE FROM copied_tile WHERE site = ? AND peer = ? AND digest {'<>' if all_others else '='} ?",  # noqa: S608  # constants
            copy.site.number,
            copy.peer,
            copy.digest,
        )


def nodes_parted_at(database: Database, whole: Copy, size: int) -> NodeAt:
    """The hashes of a log that was copied whole, over [0, size) and behind."""
    before = grown_by(database, whole, CompactRange.empty(), size)
    return nodes_of(before, grown_by(database, whole, CompactRange.empty(size)))
