"""A site's true log, as far as somebody still knows it, and how a vault's own log stands to it. Pure.

The truth is what the registry has anchored and what extends it. It may be known leaf by leaf (a gateway's mirror, another vault) or
from above only (peaks in the chain, a printed sheet), or in parts. Leaf hashes that somebody has kept are never believed:
they must fold to the nodes that are known.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import (
    Gap,
    Gaps,
    KnownNodes,
    NodeAt,
    NodeSource,
    TileSource,
    UnknownLeaves,
    append_to_tiles,
    decomposition,
    proven_leaves,
    root_at,
)

from perdure_node.chain.errors import TrueLogBroken
from perdure_node.evidence.anchors import StoredAnchor
from perdure_node.log.gaps import over_gaps, padded
from perdure_node.log.site_log import StoredCheckpoint

Tiles = dict[tuple[int, int], bytes]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Leaf hashes, the first of which has the index ``begin``."""

    begin: int
    leaf_hashes: Sequence[Hash32]

    @property
    def end(self) -> int:
        return self.begin + len(self.leaf_hashes)

    def cut(self, begin: int, end: int) -> "Stretch":
        """What of it lies in [begin, end)."""
        first, last = max(begin, self.begin), max(begin, min(end, self.end))
        return Stretch(first, self.leaf_hashes[first - self.begin : last - self.begin])


@dataclass(frozen=True)
class KnownLog:
    """A log of ``size`` leaves: the hashes of some of them, and of nodes over the others.

    ``checkpoints`` are signed ones over it, ascending, the last one over all of it; ``anchored`` is the size up to which the registry
    has it, as far as whoever read it there could see; ``anchors`` are proofs that `verify` has accepted. Of a log that
    ``is_registrys`` the registry itself has said so: it has nothing beyond.
    """

    size: int
    stretches: tuple[Stretch, ...] = ()
    nodes: KnownNodes = field(default_factory=dict)
    checkpoints: tuple[StoredCheckpoint, ...] = ()
    anchored: int = 0
    anchors: tuple[StoredAnchor, ...] = ()
    is_registrys: bool = False

    @property
    def gaps(self) -> Gaps:
        """The leaves whose hashes are unknown."""
        left = Gaps([Gap(0, self.size)])
        for stretch in self.stretches:
            left = left.without(stretch.begin, stretch.end)
        return left

    @cached_property
    def tiles(self) -> Tiles:
        """All its tiles; those over gaps hold rubbish."""
        return tiles_of(self.stretches, self.gaps)

    @cached_property
    def source(self) -> NodeSource:
        """Its nodes at any size."""
        read = padded(lambda level, index: self.tiles.get((level, index), b""), self.gaps)
        return over_gaps(TileSource(read), self.gaps, self.nodes)

    def node_at(self, size: int | None = None) -> NodeAt:
        """Its nodes at a size, by default the whole one's."""
        return self.source.at(self.size if size is None else size)

    def leaves(self, begin: int, end: int) -> Iterator[Stretch]:
        """The leaf hashes that are known in [begin, end)."""
        for stretch in self.stretches:
            cut = stretch.cut(begin, end)
            if cut.leaf_hashes:
                yield cut

    def check(self) -> "KnownLog":
        """Itself; raises `TrueLogBroken` unless it has the roots that its checkpoints name, where it is known so far."""
        for stored in self.checkpoints:
            size = stored.size
            try:
                root = root_at(self.node_at(size), size) if size <= self.size else None
            except UnknownLeaves as error:
                if size < self.size:
                    continue
                raise TrueLogBroken(f"the log of {size} records cannot go on: {error}") from error
            if root != stored.checkpoint.root:
                raise TrueLogBroken(
                    f"the log of {size} records does not have the root that its checkpoint names",
                    hint="its leaf hashes or its peaks were changed: take them from elsewhere",
                )
        if self.checkpoints and self.checkpoints[-1].size != self.size:
            raise TrueLogBroken(f"the log of {self.size} records has no checkpoint over all of it")
        return self


def tiles_of(stretches: Iterable[Stretch], gaps: Gaps, tiles: Tiles | None = None) -> Tiles:
    """The tiles of a log with these leaf hashes, ascending, on top of ``tiles`` that hold what comes before."""
    made: Tiles = {} if tiles is None else dict(tiles)
    read = padded(lambda level, index: made.get((level, index), b""), gaps)
    for stretch in stretches:
        for tile in append_to_tiles(read, stretch.begin, stretch.leaf_hashes):
            made[tile.level, tile.index] = tile.octets
    return made


def with_leaves(log: KnownLog, found: Iterable[Stretch]) -> KnownLog:
    """The log with those of the leaf hashes that are proven to be its own; the others are left out."""
    stretches = list(log.stretches)
    for stretch in found:
        cut = stretch.cut(0, log.size)
        proven = proven_leaves(log.node_at(), cut.begin, cut.leaf_hashes)
        for gap in log.gaps:
            stretches += (
                cut.cut(each.begin, each.end) for each in proven.within(gap.begin, gap.end) if each.width
            )
    if len(stretches) == len(log.stretches):
        return log
    return replace(log, stretches=joined(stretches))


def with_signatures(log: KnownLog, other: KnownLog) -> KnownLog:
    """The log with what another one has about the same checkpoints: slot digests of last records, and anchors."""
    theirs = {stored.digest: stored for stored in other.checkpoints if stored.last_slot_digests}
    checkpoints = tuple(theirs.get(stored.digest, stored) for stored in log.checkpoints)
    digests = {stored.size: stored.digest for stored in log.checkpoints}
    same = {stored.size for stored in other.checkpoints if digests.get(stored.size) == stored.digest}
    anchors = {anchor.size: anchor for anchor in other.anchors if anchor.size in same}
    anchors |= {anchor.size: anchor for anchor in log.anchors}
    return replace(log, checkpoints=checkpoints, anchors=tuple(anchors[size] for size in sorted(anchors)))


def joined(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """Stretches that do not overlap, ascending; those that touch become one."""
    made: list[Stretch] = []
    for stretch in sorted(stretches, key=lambda each: each.begin):
        if not stretch.leaf_hashes:
            continue
        if made and made[-1].end >= stretch.begin:
            added = stretch.leaf_hashes[made[-1].end - stretch.begin :]
            made[-1] = Stretch(made[-1].begin, [*made[-1].leaf_hashes, *added])
        else:
            made.append(stretch)
    return tuple(made)


def common_prefix(own: KnownLog, true: KnownLog) -> int:
    """How many leaves both logs are known to begin with."""
    best = 0
    for end in sorted(_ends(own, true)):
        if end > best and _same(own, true, best, end):
            best = end
    return best + _same_leaves(own, true, best)


def _ends(own: KnownLog, true: KnownLog) -> set[int]:
    """Sizes at which both logs may be known: of checkpoints, of known nodes, and of stretches."""
    logs = (own, true)
    ends = {stored.size for log in logs for stored in log.checkpoints}
    ends |= {index + 1 << level for log in logs for level, index in log.nodes}
    ends |= {end for log in logs for stretch in log.stretches for end in (stretch.begin, stretch.end)}
    smaller = min(own.size, true.size)
    return {end for end in (*ends, own.size, true.size) if end <= smaller}


def _same(own: KnownLog, true: KnownLog, begin: int, end: int) -> bool:
    """Whether [begin, end) is known to be the same in both: node by node, or by the roots at ``end``."""
    ours, theirs = own.node_at(), true.node_at()
    for cover in (decomposition(begin, end), decomposition(0, end)):
        try:
            if all(ours(*node) == theirs(*node) for node in cover):
                return True
        except PerdureError:
            continue
    return False


def _same_leaves(own: KnownLog, true: KnownLog, begin: int) -> int:
    """How many leaf hashes from ``begin`` on are known and the same in both."""
    ours = next(own.leaves(begin, own.size), None)
    theirs = next(true.leaves(begin, true.size), None)
    if ours is None or theirs is None or ours.begin != begin or theirs.begin != begin:
        return 0
    pairs = zip(ours.leaf_hashes, theirs.leaf_hashes, strict=False)
    return next(
        (count for count, (our, their) in enumerate(pairs) if our != their),
        min(len(ours.leaf_hashes), len(theirs.leaf_hashes)),
    )


@dataclass(frozen=True)
class AdoptionPlan:
    """What becomes of a vault's log: ``log`` takes its place; both are the same up to ``prefix``.

    ``fresh`` are leaf hashes that the vault's log did not have in these places. ``lost`` are the vault's leaves behind the prefix that
    the log is not known to have, in their order: their records go back to the queue. ``found`` are waiting leaves that it has.
    """

    log: KnownLog
    prefix: int
    fresh: tuple[Stretch, ...]
    lost: tuple[Hash32, ...]
    found: frozenset[Hash32]


def plan_adoption(own: KnownLog, true: KnownLog, waiting: Sequence[Hash32] = ()) -> AdoptionPlan:
    """How a vault takes over the true log; ``waiting`` are the leaf hashes of its queue, in order.

    A vault whose log extends the true one keeps it, and learns leaf hashes that it lacks. Its own leaf hashes, and those
    that wait behind them, fill gaps of the true log where nodes prove it: an old backup often holds what was sealed next.
    """
    prefix = common_prefix(own, true)
    if prefix == true.size <= own.size and not is_claim(own, true):
        log = with_leaves(replace(own, nodes={**true.nodes, **own.nodes}), true.stretches)
        prefix = own.size
    else:
        nodes = {node: name for node, name in own.nodes.items() if node[1] + 1 << node[0] <= prefix}
        known = joined([*own.leaves(0, prefix), *true.stretches])
        log = replace(true, stretches=known, nodes={**true.nodes, **nodes})
        log = with_leaves(log, _candidates(own, waiting, prefix))
    fresh = tuple(_fresh(own, log, prefix))
    have = {name for stretch in fresh for name in stretch.leaf_hashes}
    behind = [name for stretch in own.leaves(prefix, own.size) for name in stretch.leaf_hashes]
    return AdoptionPlan(
        _signed(log, own, true, prefix),
        prefix,
        fresh,
        tuple(name for name in behind if name not in have),
        frozenset(name for name in waiting if name in have),
    )


def is_claim(log: KnownLog, true: KnownLog) -> bool:
    """Whether the log has leaves without hashes where the registry itself has none.

    Who sealed them would know them: somebody has only said that they are anchored, and they are not.
    """
    return true.is_registrys and bool(log.gaps.within(true.anchored, log.size))


def _candidates(own: KnownLog, waiting: Sequence[Hash32], prefix: int) -> Iterator[Stretch]:
    """What may stand in the true log's gaps: what the vault has sealed, and what waited for its turn."""
    last = next((stretch for stretch in own.stretches if stretch.end == own.size), Stretch(own.size, ()))
    yield from own.leaves(0, last.begin)
    yield Stretch(last.begin, [*last.leaf_hashes, *waiting])
    if own.size != prefix:
        # what waits may have been sealed in the place of what this vault sealed by itself
        kept = tuple(last.cut(0, prefix).leaf_hashes) if last.begin < prefix else ()
        yield Stretch(prefix - len(kept), [*kept, *waiting])


def _fresh(own: KnownLog, log: KnownLog, prefix: int) -> Iterator[Stretch]:
    for gap in own.gaps.within(0, prefix):
        yield from log.leaves(gap.begin, gap.end)
    yield from log.leaves(prefix, log.size)


def _signed(log: KnownLog, own: KnownLog, true: KnownLog, prefix: int) -> KnownLog:
    """The log with the checkpoints and anchors of both, as far as they are over its leaves.

    Of two checkpoints of one size the true log's is kept, which the registry may have, unless the other's anchor is at home.
    """
    at_home = {anchor.size for anchor in own.anchors}
    known = {each.size: each for each in own.checkpoints if each.size <= prefix or _has_root(log, each)}
    for stored in true.checkpoints:
        mine = known.get(stored.size)
        if mine is None or (mine.digest != stored.digest and stored.size not in at_home):
            known[stored.size] = stored
        elif mine.digest == stored.digest and not mine.last_slot_digests:
            known[stored.size] = replace(mine, last_slot_digests=stored.last_slot_digests)
    anchors = {anchor.size: anchor for anchor in (*true.anchors, *own.anchors) if anchor.size in known}
    claimed = 0 if true.is_registrys else own.anchored
    return replace(
        log,
        checkpoints=tuple(known[size] for size in sorted(known)),
        anchored=max(true.anchored, claimed if claimed <= prefix else 0, *anchors),
        is_registrys=true.is_registrys,
        anchors=tuple(anchors[size] for size in sorted(anchors)),
    )


def _has_root(log: KnownLog, stored: StoredCheckpoint) -> bool:
    if stored.size > log.size:
        return False
    try:
        return root_at(log.node_at(stored.size), stored.size) == stored.checkpoint.root
    except UnknownLeaves:
        return False
