"""Partial logs: logs of which some leaf hashes are unknown, but enough nodes above them are known for the log to go on.

A gap is a stretch of unknown leaf hashes. Over it nodes are known that came from elsewhere: peaks from the chain, a range from an
append proof. A node that holds no leaf of a gap is the log's own; one that does is a known node, or the hash of its two children,
or unknown. So appends, roots, and proofs about sizes at which the gap's nodes were known work as ever; what would need one of the
lost hashes raises `UnknownLeaves`, and never a wrong hash.

Known nodes are believed here. Whoever takes them in has compared them with a root: `proven_leaves` does so for leaf hashes
that turn up.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from perdure_anchor.hashes import Hash32
from perdure_anchor.log.compact import NodeAt, decomposition
from perdure_anchor.log.errors import IndexOutOfRangeError, UnknownLeaves
from perdure_anchor.log.hashing import node_hash, parents

_MAX_LEVEL = 48

KnownNodes = Mapping[tuple[int, int], Hash32]
"""Hashes of nodes over gaps, by level and index."""


class NodeSource(Protocol):
    """Where the hashes of a log's first ``size`` leaves come from, at any size: a `perdure_anchor.log.tile.TileSource`."""

    def at(self, size: int) -> NodeAt: ...


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """The leaves [begin, end), whose hashes are unknown."""

    begin: int
    end: int

    @property
    def width(self) -> int:
        return self.end - self.begin


class Gaps:
    """Gaps, ascending; those that touch become one."""

    __slots__ = ("_begins", "_gaps")

    def __init__(self, gaps: Sequence[Gap] = ()) -> None:
        merged: list[Gap] = []
        for gap in sorted(each for each in gaps if each.width > 0):
            if merged and gap.begin <= merged[-1].end:
                merged[-1] = Gap(merged[-1].begin, max(merged[-1].end, gap.end))
            else:
                merged.append(gap)
        self._gaps = tuple(merged)
        self._begins = [gap.begin for gap in merged]

    def __iter__(self) -> Iterator[Gap]:
        return iter(self._gaps)

    def __len__(self) -> int:
        return len(self._gaps)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Gaps) and self._gaps == other._gaps

    def __hash__(self) -> int:
        return hash(self._gaps)

    def __repr__(self) -> str:
        return f"Gaps({', '.join(f'{gap.begin}-{gap.end}' for gap in self._gaps)})"

    @property
    def width(self) -> int:
        """How many leaves are unknown."""
        return sum(gap.width for gap in self._gaps)

    def touched_by(self, begin: int, end: int) -> Gap | None:
        """The last gap that has a leaf in [begin, end), if there is one."""
        position = bisect_right(self._begins, end - 1) - 1
        if position < 0 or self._gaps[position].end <= begin:
            return None
        return self._gaps[position]

    def within(self, begin: int, end: int) -> "Gaps":
        """What of the gaps lies in [begin, end)."""
        return Gaps([Gap(max(each.begin, begin), min(each.end, end)) for each in self._gaps])

    def without(self, begin: int, end: int) -> "Gaps":
        """The gaps once the leaves [begin, end) are known."""
        left = [Gap(each.begin, min(each.end, begin)) for each in self._gaps]
        right = [Gap(max(each.begin, end), each.end) for each in self._gaps]
        return Gaps([*left, *right])

    def stretches(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """The stretches of known leaves in [begin, end), as (begin, end)."""
        for gap in self.within(begin, end):
            if begin < gap.begin:
                yield begin, gap.begin
            begin = gap.end
        if begin < end:
            yield begin, end


class PartialSource:
    """`NodeSource` of a log with gaps: ``source`` gives the nodes that hold none of their leaves, ``known`` those that do.

    What ``source`` says of a node over a gap is never looked at.
    """

    __slots__ = ("_above_known", "_found", "_gaps", "_known", "_source")

    def __init__(self, source: NodeSource, gaps: Gaps, known: KnownNodes) -> None:
        self._source, self._gaps, self._known = source, gaps, known
        self._above_known = {
            (level + height, index >> height) for level, index in known for height in range(1, _MAX_LEVEL)
        }
        # a node's hash does not depend on the size at which it is asked for
        self._found: dict[tuple[int, int], Hash32] = dict(known)

    def at(self, size: int) -> NodeAt:
        """The hashes of the first ``size`` leaves. It raises `UnknownLeaves`, and what ``source`` raises."""
        own = self._source.at(size)

        def node_at(level: int, index: int) -> Hash32:
            if not 0 <= index < size >> level:
                raise IndexOutOfRangeError(index, size >> level)
            gap = self._gaps.touched_by(index << level, index + 1 << level)
            if gap is None:
                return own(level, index)
            found = self._found.get((level, index))
            if found is None:
                self._require_a_way(gap, level, index)
                found = node_hash(node_at(level - 1, 2 * index), node_at(level - 1, 2 * index + 1))
                self._found[level, index] = found
            return found

        return node_at

    def _require_a_way(self, gap: Gap, level: int, index: int) -> None:
        """Raise `UnknownLeaves` where going down is in vain: it would go on leaf by leaf."""
        is_inside = gap.begin <= index << level and index + 1 << level <= gap.end
        if level == 0 or (is_inside and (level, index) not in self._above_known):
            raise UnknownLeaves(gap.begin, gap.end, node=(level, index))


def nodes_of_range(begin: int, end: int, hashes: Sequence[Hash32]) -> dict[tuple[int, int], Hash32]:
    """The nodes of a compact range over [begin, end), or of peaks (begin 0), by level and index."""
    return dict(zip(decomposition(begin, end), hashes, strict=True))


def proven_leaves(node_at: NodeAt, begin: int, leaf_hashes: Sequence[Hash32]) -> Gaps:
    """Which of some leaf hashes, the first with the index ``begin``, are a log's that knows them only from above.

    They come back as stretches: the nodes that cover them are known, and are what the hashes fold to. Of the others nothing is said:
    they may be another log's, or none of the nodes that would tell is known.
    """
    proven: list[Gap] = []
    for level, index in decomposition(begin, begin + len(leaf_hashes)):
        proven += _proven(node_at, level, index, leaf_hashes, begin)
    return Gaps(proven)


def _proven(node_at: NodeAt, level: int, index: int, leaf_hashes: Sequence[Hash32], begin: int) -> list[Gap]:
    """What the node proves of the leaves below it, or its children where it is unknown or another one."""
    first, end = index << level, index + 1 << level
    try:
        if node_at(level, index) == _folded(leaf_hashes[first - begin : end - begin]):
            return [Gap(first, end)]
    except UnknownLeaves as error:
        if error.node == (level, index):
            # none of the nodes below is known either
            return []
    if level == 0:
        return []
    left = _proven(node_at, level - 1, 2 * index, leaf_hashes, begin)
    return left + _proven(node_at, level - 1, 2 * index + 1, leaf_hashes, begin)


def _folded(leaf_hashes: Sequence[Hash32]) -> Hash32:
    """The node over a power of two of leaves."""
    while len(leaf_hashes) > 1:
        leaf_hashes = parents(leaf_hashes)
    return leaf_hashes[0]
