"""How a vault's log stands to the true one: any two histories of a site, known in any way."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perdure_anchor.checkpoint import Checkpoint
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import EMPTY_ROOT, CompactRange, leaf_hashes, nodes_of_range, root_at
from perdure_node.adopting.true_log import (
    KnownLog,
    Stretch,
    common_prefix,
    joined,
    plan_adoption,
    with_leaves,
)
from perdure_node.chain.errors import TrueLogBroken
from perdure_node.log.site_log import StoredCheckpoint

NAMES = leaf_hashes([b"record %d" % number for number in range(60)])
SITE = Hash32(bytes(32))


def checkpoint(leaves: list[Hash32], size: int) -> StoredCheckpoint:
    root = CompactRange.over(0, leaves[:size]).root if size else EMPTY_ROOT
    return StoredCheckpoint(Checkpoint(SITE, size, root, 7), bytes(65), Hash32(root), ())


def whole(leaves: list[Hash32], *sizes: int) -> KnownLog:
    """A log that is known leaf by leaf, with checkpoints of some sizes and of its own."""
    ends = sorted({*sizes, len(leaves)} - {0})
    stretches = (Stretch(0, leaves),) if leaves else ()
    return KnownLog(len(leaves), stretches, {}, tuple(checkpoint(leaves, size) for size in ends))


def from_peaks(leaves: list[Hash32], *sizes: int) -> KnownLog:
    """A log of which the chain has told the peaks at some sizes, and the append proofs between them."""
    ends = [0, *sorted({*sizes, len(leaves)} - {0})]
    nodes = {}
    for begin, end in itertools.pairwise(ends):
        nodes |= nodes_of_range(0, end, CompactRange.over(0, leaves[:end]).hashes)
        nodes |= nodes_of_range(begin, end, CompactRange.over(begin, leaves[begin:end]).hashes)
    return KnownLog(len(leaves), (), nodes, tuple(checkpoint(leaves, size) for size in ends[1:]))


def in_log(log: KnownLog) -> list[Hash32 | None]:
    found: list[Hash32 | None] = [None] * log.size
    for stretch in log.stretches:
        found[stretch.begin : stretch.end] = stretch.leaf_hashes
    return found


histories = st.tuples(st.integers(0, 20), st.integers(0, 12), st.integers(0, 12), st.integers(0, 6))


@settings(max_examples=400, deadline=None)
@given(histories, st.data())
def test_a_mirror_takes_the_place_of_any_log_of_the_site(
    history: tuple[int, int, int, int], data: st.DataObject
) -> None:
    """No record is lost, none has two places, and the order stays."""
    common, ours, theirs, waits = history
    start, tail = NAMES[:common], NAMES[20:]
    own_tail = tail[:ours]
    waiting = tail[ours : ours + waits]
    # the other vault has sealed some of the same records, and others that we do not know
    pool = [*own_tail, *waiting, *tail[30:40]]
    true_tail = data.draw(st.permutations(pool))[:theirs] if theirs else []
    own, true = whole(start + own_tail), whole(start + true_tail)
    plan = plan_adoption(own, true, waiting)
    log = in_log(plan.log)
    records = [*start, *own_tail, *waiting]
    left = [name for name in waiting if name not in plan.found]
    assert sorted([*(name for name in log if name in records), *plan.lost, *left]) == sorted(records)
    assert list(plan.lost) == [name for name in own_tail if name in plan.lost]
    if own_tail[: len(true_tail)] == true_tail:
        assert (log, plan.lost) == (start + own_tail, ())
    else:
        assert log == start + true_tail
    plan.log.check()


@settings(max_examples=400, deadline=None)
@given(histories, st.data())
def test_peaks_take_the_place_of_any_log_of_the_site(
    history: tuple[int, int, int, int], data: st.DataObject
) -> None:
    """A log that is known from above alone is filled with what the vault can prove; what it cannot is sealed again."""
    common, ours, theirs, waits = history
    start, tail = NAMES[:common], NAMES[20:]
    own_tail, waiting = tail[:ours], tail[ours : ours + waits]
    true_tail = data.draw(
        st.sampled_from([[*own_tail, *waiting, *tail[30:]], [*waiting, *tail[30:]], tail[30:]])
    )[:theirs]
    leaves = start + true_tail
    sizes = data.draw(st.sets(st.sampled_from(range(1, len(leaves) + 1)))) if leaves else ()
    own, true = (
        whole(start + own_tail, *(size for size in sizes if size <= common)),
        from_peaks(leaves, *sizes),
    )
    plan = plan_adoption(own, true, waiting)
    log = in_log(plan.log)
    if plan.log.size == len(leaves):
        assert all(name in (None, want) for name, want in zip(log, leaves, strict=True))
    else:
        assert log[: len(leaves)] == leaves
    for stored in plan.log.checkpoints:
        assert root_at(plan.log.node_at(stored.size), stored.size) == stored.checkpoint.root
    left = [name for name in waiting if name not in plan.found]
    placed = [name for name in log if name is not None]
    behind = [*start, *own_tail][plan.prefix :]
    assert [*plan.lost] == [name for name in behind if name not in placed]
    assert not set(left) & set(placed)
    # what the chain tells of sizes up to which the vault is the true log is never lost
    proven = max((size for size in sizes if leaves[:size] == (start + own_tail)[:size]), default=0)
    assert plan.prefix >= proven
    assert placed[:proven] == leaves[:proven]


def test_what_waited_in_a_backup_is_found_in_its_place() -> None:
    leaves = NAMES[:13]
    plan = plan_adoption(whole(leaves[:5]), from_peaks(leaves, 5), leaves[5:10])
    assert in_log(plan.log)[:8] == leaves[:8], (
        "the peak over the first eight proves three of those that waited"
    )
    assert plan.found == set(leaves[5:8])
    assert plan.prefix == 5
    assert [stretch.begin for stretch in plan.fresh] == [5]


def test_a_rival_that_sealed_something_before_what_waited() -> None:
    leaves = [*NAMES[:4], *NAMES[6:10]]
    plan = plan_adoption(whole([*NAMES[:4], NAMES[30]]), from_peaks(leaves, 4), NAMES[6:10])
    assert in_log(plan.log) == leaves
    assert (plan.lost, plan.found) == ((NAMES[30],), set(NAMES[6:10]))


def test_a_log_with_a_gap_learns_its_leaves_from_a_mirror() -> None:
    leaves = NAMES[:11]
    own = plan_adoption(whole([]), from_peaks(leaves, 6)).log
    assert own.gaps.width == 11
    plan = plan_adoption(own, whole(leaves))
    assert (in_log(plan.log), plan.log.gaps.width) == (leaves, 0)
    assert sum(len(stretch.leaf_hashes) for stretch in plan.fresh) == 11
    assert plan_adoption(own, whole(leaves[:6])).log.gaps.width == 5


def test_leaves_of_another_log_are_left_out() -> None:
    true = from_peaks(NAMES[:8])
    assert with_leaves(true, [Stretch(0, NAMES[10:18])]) == true
    assert with_leaves(true, [Stretch(0, NAMES[:20])]).gaps.width == 0
    assert with_leaves(true, [Stretch(3, NAMES[3:8])]) == true


def test_a_log_that_contradicts_itself_is_refused() -> None:
    true = whole(NAMES[:8], 5)
    changed = [*NAMES[:8]]
    changed[2] = NAMES[20]
    with pytest.raises(TrueLogBroken, match="does not have the root"):
        KnownLog(8, (Stretch(0, changed),), {}, true.checkpoints).check()
    with pytest.raises(TrueLogBroken, match="cannot go on"):
        KnownLog(8, (), {}, true.checkpoints).check()
    with pytest.raises(TrueLogBroken, match="no checkpoint over all"):
        KnownLog(8, true.stretches, {}, true.checkpoints[:1]).check()


def test_prefixes() -> None:
    assert common_prefix(whole(NAMES[:7]), whole([*NAMES[:5], NAMES[9]])) == 5
    assert common_prefix(whole(NAMES[:7]), from_peaks(NAMES[:9], 6)) == 6
    assert common_prefix(whole(NAMES[:7]), from_peaks(NAMES[:9])) == 0
    assert common_prefix(from_peaks(NAMES[:9], 6), from_peaks(NAMES[:12], 6)) == 8


def test_stretches_are_joined() -> None:
    parts = [
        Stretch(4, NAMES[4:6]),
        Stretch(0, NAMES[:3]),
        Stretch(2, NAMES[2:5]),
        Stretch(8, NAMES[8:9]),
        Stretch(1, NAMES[1:2]),
    ]
    assert [(each.begin, list(each.leaf_hashes)) for each in joined(parts)] == [
        (0, NAMES[:6]),
        (8, NAMES[8:9]),
    ]


def test_what_is_known_of_a_rival_from_above_is_not_taken_for_the_truth() -> None:
    """Both are known by their peaks; the vault's own, behind the prefix, are another log's."""
    own = plan_adoption(whole([]), from_peaks([*NAMES[:4], *NAMES[20:24]], 4)).log
    true = from_peaks([*NAMES[:4], *NAMES[30:34]], 4)
    plan = plan_adoption(own, true)
    assert (plan.prefix, plan.log.size, plan.log.gaps.width) == (4, 8, 8)
    assert root_at(plan.log.check().node_at(), 8) == root_at(true.node_at(), 8)
