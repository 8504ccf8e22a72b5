"""What evidence of one leaf needs besides its slots, from a gateway's folder alone: for a site that has burned down, or for anybody."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from perdure_anchor.checkpoint import Origin
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import TileSource, inclusion_proof

from perdure_node.database import Database
from perdure_node.gateway.leaf_places import LeafPlace, places_beyond_table, places_in_table
from perdure_node.gateway.sites import read_mirror, site_by_number

# their tiles take up to 3 MB each
_SITES: Final = 16

_COVERING: Final = (
    "SELECT checkpoint.digest, checkpoint.size, root, sealed_at, signature FROM checkpoint JOIN anchor USING (digest) "
    "WHERE site = ? AND checkpoint.size > ? AND checkpoint.size <= ? ORDER BY checkpoint.size LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class LeafProof:
    """A leaf's place in the log of ``size``, the earliest over it whose anchor is here; ``digest`` is its checkpoint's."""

    origin: Origin
    index: int
    path: tuple[Hash32, ...]
    digest: Hash32
    size: int
    root: Hash32
    sealed_at: int
    signature: bytes


class LeafProofs:
    """Proofs by leaf hash; for any threads, each of which has its database by ``database``."""

    def __init__(self, database: Callable[[], Database]) -> None:
        self._database = database

        # tiles that are full never change, and partial ones are kept by their width: see `TileSource`
        @lru_cache(_SITES)
        def source(number: int) -> TileSource:
            site = site_by_number(database(), number)
            return TileSource(lambda level, index: read_mirror(database(), site, level, index))

        self._source = source

    def quick(self, leaf_hash: Hash32) -> LeafProof | None:
        """By the table alone: some reads, whatever the log's size."""
        return self._first(places_in_table(self._database(), leaf_hash))

    def thorough(self, leaf_hash: Hash32) -> LeafProof | None:
        """By the table, and by a search over what is not in it yet; None if nothing here shows the leaf."""
        return self.quick(leaf_hash) or self._first(places_beyond_table(self._database(), leaf_hash))

    def _first(self, places: Iterator[LeafPlace]) -> LeafProof | None:
        return next((proof for place in places if (proof := self._proof(place)) is not None), None)

    def _proof(self, place: LeafPlace) -> LeafProof | None:
        site, index = place.site, place.index
        row = self._database().row(_COVERING, site.number, index, site.mirrored)
        if row is None:
            return None
        digest, size, root, sealed_at, signature = row
        path = inclusion_proof(self._source(site.number).at(size), index, size)
        return LeafProof(site.origin, index, path, digest, size, root, sealed_at, signature)
