"""A query: records by all that can be asked of them at once, in the order in which they are to be shown."""

import heapq
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from perdure_anchor.hashes import Hash32

from perdure_node.documents import hash_document
from perdure_node.searching.criteria import Criteria
from perdure_node.searching.search import (
    Standing,
    of_document,
    of_leaf_hash,
    of_supporting,
    search,
    with_values,
)
from perdure_node.searching.segments import Segments
from perdure_node.vault import Vault

# up to so many the first ones are picked out, without sorting all
_FEW: Final = 500
# of a whole SHA-256, in hexadecimal digits
_WHOLE: Final = 64


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for, and in which order it comes: all that is given has to be so.

    ``file`` is a document, or one that supports a late entry, ``digits`` the begin of such a document's SHA-256 or of a leaf hash, in
    lower case. ``sort`` is a column, None: as they were added. Names come from A, all else from the newest, or the other way round with
    ``reverse``. ``limit`` says how many will be taken at most.
    """

    criteria: Criteria
    standing: Standing | None = None
    file: Path | None = None
    digits: str | None = None
    sort: str | None = None
    reverse: bool = False
    limit: int | None = None

    @property
    def asks_for_anything(self) -> bool:
        return bool(self.criteria.columns or self.standing or self.file or self.digits)

    @property
    def needs_segments(self) -> bool:
        """Whether what records say has to be read for it."""
        return bool(self.criteria.columns or self.digits or self.file or self.sort)


def matching(vault: Vault, segments: Segments, query: Query) -> Iterator[list[int]]:
    """The sequence numbers of what is found, in the order of adding or against it. Raises `DocumentUnreadable`."""
    newest_first = query.sort is not None or not query.reverse
    only = None if query.file is None else _about(vault, segments, hash_document(query.file).sha256)

    def pages(criteria: Criteria, among: frozenset[int] | None) -> Iterator[list[int]]:
        among = only if among is None else among if only is None else among & only
        return search(segments, vault.database, criteria, query.standing, among, newest_first=newest_first)

    if query.digits is None:
        return pages(query.criteria, None)
    # by leaf hash and, of a whole one, by document only what supports late entries has to be read
    named = of_leaf_hash(vault.database, query.digits)
    if len(query.digits) == _WHOLE:
        named |= _about(vault, segments, Hash32(bytes.fromhex(query.digits)))
        return pages(query.criteria, named)
    named |= of_supporting(segments, query.digits)
    by_document = pages(query.criteria.with_digest(query.digits), None)
    found = {*chain.from_iterable(by_document), *chain.from_iterable(pages(query.criteria, named))}
    return iter([[each] for each in sorted(found, reverse=newest_first)])


def _about(vault: Vault, segments: Segments, document: Hash32) -> frozenset[int]:
    """The records of a document, and the late entries that it supports."""
    return of_document(vault, document) | of_supporting(segments, document.hex())


def in_order(vault: Vault, segments: Segments, query: Query) -> Iterator[int]:
    """The sequence numbers of what is found, in the order that is asked for; one more than the limit, where there are more."""
    pages = matching(vault, segments, query)
    if query.sort is None:
        return chain.from_iterable(pages)
    pairs = with_values(segments, pages, query.sort)
    falling = (query.sort != "name") != query.reverse
    limit = query.limit or sys.maxsize
    if limit <= _FEW:
        # one more, which tells that there are more
        best = (heapq.nlargest if falling else heapq.nsmallest)(limit + 1, pairs)
    else:
        best = sorted(pairs, reverse=falling)
    return (sequence for _, sequence in best)
