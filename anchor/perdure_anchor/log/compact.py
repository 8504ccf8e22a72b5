"""Compact ranges: the fewest perfect subtrees that cover a stretch of leaves.

The node at (level, index) is the perfect subtree over the leaves [index << level, (index + 1) << level) of
RFC 9162's tree. A compact range keeps the hashes of the nodes that cover [begin, end), left to right; for
begin = 0 these are the log's peaks, largest first, and give its root. It is all that a log needs to grow:
about log2(size) hashes. The idea and its name are transparency-dev's; the RFC does not know them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Self

from perdure_anchor.errors import VerificationError
from perdure_anchor.hashes import Hash32
from perdure_anchor.log.hashing import EMPTY_ROOT, node_hash, parents

NodeAt = Callable[[int, int], Hash32]
"""Where a log's hashes come from: (level, index), both from 0, to the hash of that perfect subtree."""

# leaves hashed at a time: their hashes stay in the processor's cache, which saves a tenth of the time
_BATCH = 4096


class RangeGapError(VerificationError):
    """Two compact ranges do not lie side by side, or one that has no root (begin > 0) was asked for it."""


def decomposition(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """(level, index) of the nodes that cover [begin, end), left to right, each as large as alignment allows."""
    while begin < end:
        level = (end - begin).bit_length() - 1
        if begin:
            level = min(level, (begin & -begin).bit_length() - 1)
        yield level, begin >> level
        begin += 1 << level


def split_point(begin: int, end: int) -> int:
    """Where RFC 9162 parts two leaves or more: begin plus the largest power of two below their number."""
    return begin + (1 << (end - begin - 1).bit_length() - 1)


def root_from_peaks(peaks: Sequence[Hash32]) -> Hash32:
    """The root hash over a log's peaks, largest first; `EMPTY_ROOT` for none."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def subtree_root(node_at: NodeAt, begin: int, end: int) -> Hash32:
    """MTH(D[begin:end]) of RFC 9162; begin is a multiple of some power of two that is >= end - begin."""
    return root_from_peaks([node_at(level, index) for level, index in decomposition(begin, end)])


def root_at(node_at: NodeAt, size: int) -> Hash32:
    """The root hash of the log's first ``size`` leaves."""
    return subtree_root(node_at, 0, size)


@dataclass(frozen=True, slots=True)
class CompactRange:
    """The leaves [begin, end), known by the hashes of the nodes of `decomposition`, left to right."""

    begin: int
    end: int
    hashes: tuple[Hash32, ...]

    @classmethod
    def empty(cls, begin: int = 0) -> Self:
        """The range without leaves at ``begin``."""
        return cls(begin, begin, ())

    @classmethod
    def over(cls, begin: int, leaf_hashes: Sequence[Hash32]) -> Self:
        """The range of these leaf hashes, the first of which has the index ``begin``.

        Hashes level by level: on each, a first node that is a right child and a last node that is a left
        child have no partner inside the range, and stay.
        """
        first_nodes: list[Hash32] = []
        last_nodes: list[Hash32] = []
        index, level = begin, list(leaf_hashes)
        while level:
            if index % 2:
                first_nodes.append(level.pop(0))
                index += 1
            if len(level) % 2:
                last_nodes.append(level.pop())
            index, level = index // 2, parents(level)
        return cls(begin, begin + len(leaf_hashes), (*first_nodes, *reversed(last_nodes)))

    def appended(self, leaf_hash: Hash32) -> Self:
        """This range and one more leaf."""
        return self.extended((leaf_hash,))

    def extended(self, leaf_hashes: Iterable[Hash32]) -> Self:
        """This range and the leaves after it, at one hash a leaf; an iterator is not held as a whole."""
        grown, rest = self, iter(leaf_hashes)
        while batch := list(islice(rest, _BATCH)):
            grown = grown.merged(self.over(grown.end, batch))
        return grown

    def merged(self, right: Self) -> Self:
        """This range and the one after it. Raises `RangeGapError` unless that one starts where this ends."""
        if right.begin != self.end:
            raise RangeGapError(f"ranges do not meet: got one that starts at {right.begin}, want {self.end}")
        nodes = list(self.hashes)
        for (level, index), node in zip(decomposition(right.begin, right.end), right.hashes, strict=True):
            _push(nodes, self.begin, level, index, node)
        return type(self)(self.begin, right.end, tuple(nodes))

    @property
    def root(self) -> Hash32:
        """The root hash of the log that ends here. Raises `RangeGapError` unless begin is 0."""
        if self.begin != 0:
            raise RangeGapError(f"only a range from leaf 0 has a root: got one from {self.begin}")
        return root_from_peaks(self.hashes)


def _push(nodes: list[Hash32], begin: int, level: int, index: int, node: Hash32) -> None:
    """Put the node at (level, index) after those of a range from ``begin``; completed pairs become one."""
    while index % 2 and (index - 1) << level >= begin:
        node = node_hash(nodes.pop(), node)
        level, index = level + 1, index // 2
    nodes.append(node)
