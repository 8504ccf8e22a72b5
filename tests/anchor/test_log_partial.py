"""Logs with gaps against whole ones: every gap in every small log, and random ones in larger logs."""

import itertools
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import (
    CompactRange,
    Gap,
    Gaps,
    IndexOutOfRangeError,
    MemoryLog,
    PartialSource,
    UnknownLeaves,
    append_proof,
    decomposition,
    inclusion_proof,
    inclusion_proofs,
    leaf_hashes,
    nodes_of_range,
    proven_leaves,
    root_at,
    verify_inclusion,
)

LARGEST = 18
LEAVES = leaf_hashes([b"leaf %d" % number for number in range(300)])
WHOLE = MemoryLog(LEAVES)
LOST = Hash32(b"\xee" * 32)

Nodes = dict[tuple[int, int], Hash32]


class Log:
    """A whole log as a source of nodes: what it says of a gap is rubbish that must not be looked at."""

    def __init__(self, gaps: Gaps) -> None:
        self._log = MemoryLog(
            [LOST if gaps.touched_by(index, index + 1) else leaf for index, leaf in enumerate(LEAVES)]
        )

    def at(self, _size: int):
        return self._log.node_at


def partial(gaps: Gaps, known: Nodes) -> PartialSource:
    return PartialSource(Log(gaps), gaps, known)


def peaks(size: int, begin: int = 0) -> Nodes:
    return nodes_of_range(begin, size, CompactRange.over(begin, LEAVES[begin:size]).hashes)


def derivable(gaps: Gaps, known: Nodes, size: int) -> set[tuple[int, int]]:
    """The oracle: leaves outside of gaps and known nodes, closed under hashing two children to their parent."""
    found = {(0, index) for index in range(size) if not gaps.touched_by(index, index + 1)} | set(known)
    for level in range(1, size.bit_length()):
        for index in range(size >> level):
            if {(level - 1, 2 * index), (level - 1, 2 * index + 1)} <= found:
                found.add((level, index))
    return found


@pytest.mark.parametrize("known_size", range(1, LARGEST - 2))
def test_every_node_is_right_or_unknown(known_size: int) -> None:
    """Every gap, known by the peaks of the log or by the range over the gap, in a log that is a little larger."""
    for begin, end in itertools.combinations(range(known_size + 1), 2):
        for known in (peaks(known_size), peaks(known_size, begin)):
            check_every_node(Gaps([Gap(begin, end)]), known, known_size + 2)


def check_every_node(gaps: Gaps, known: Nodes, size: int) -> None:
    node_at, ways = partial(gaps, known).at(size), derivable(gaps, known, size)
    for level in range(size.bit_length()):
        for index in range(size >> level):
            if (level, index) in ways:
                assert node_at(level, index) == WHOLE.node_at(level, index)
            else:
                with pytest.raises(UnknownLeaves) as caught:
                    node_at(level, index)
                assert gaps.touched_by(caught.value.begin, caught.value.end)


@pytest.mark.parametrize("known_size", range(1, LARGEST))
def test_a_log_that_is_known_by_its_peaks_alone_goes_on(known_size: int) -> None:
    source = partial(Gaps([Gap(0, known_size)]), peaks(known_size))
    for size in range(known_size, 2 * known_size + 3):
        node_at = source.at(size)
        assert root_at(node_at, size) == WHOLE.root(size)
        for old in range(known_size, size):
            assert append_proof(node_at, old, size) == append_proof(WHOLE.node_at, old, size)
        for index in range(known_size, size):
            proof = inclusion_proof(node_at, index, size)
            verify_inclusion(LEAVES[index], index, size, proof, WHOLE.root(size))
        assert list(inclusion_proofs(node_at, known_size, size, size)) == list(
            inclusion_proofs(WHOLE.node_at, known_size, size, size)
        )


@pytest.mark.parametrize("known_size", range(1, LARGEST))
def test_leaves_before_a_gap_are_proven_through_the_range_after_them(known_size: int) -> None:
    """An append proof from the size of a backup covers the gap with the nodes that older leaves need at later sizes."""
    for kept in range(known_size):
        check_kept_leaves(kept, known_size)


def check_kept_leaves(kept: int, known_size: int) -> None:
    source = partial(Gaps([Gap(kept, known_size)]), peaks(known_size, kept))
    for size in (*range(1, kept + 1), *range(known_size, known_size + 9)):
        for index in range(min(kept, size)):
            proof = inclusion_proof(source.at(size), index, size)
            verify_inclusion(LEAVES[index], index, size, proof, WHOLE.root(size))


@pytest.mark.parametrize("known_size", range(1, LARGEST))
def test_nothing_is_said_of_sizes_within_a_gap(known_size: int) -> None:
    for kept in range(known_size):
        gaps, known = Gaps([Gap(kept, known_size)]), peaks(known_size) | peaks(known_size, kept)
        for size in range(kept + 1, known_size):
            if set(decomposition(0, size)) <= derivable(gaps, known, size):
                assert root_at(partial(gaps, known).at(size), size) == WHOLE.root(size)
            else:
                with pytest.raises(UnknownLeaves):
                    root_at(partial(gaps, known).at(size), size)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_several_gaps_over_the_years(data: st.DataObject) -> None:
    """Each loss leaves a backup and the peaks at that time; the log always goes on, and proves what it can."""
    gaps, known, size = Gaps(), {}, 0
    for _ in range(data.draw(st.integers(1, 4))):
        size += data.draw(st.integers(1, 60))
        kept = data.draw(st.integers(0, size))
        source = partial(gaps, known)
        for node in (*decomposition(0, size), *decomposition(kept, size)):
            # the second range may begin within an older gap
            with suppress(UnknownLeaves):
                known[node] = source.at(size)(*node)
        gaps = Gaps([*gaps, Gap(kept, size)])
    source = partial(gaps, known)
    end = size + data.draw(st.integers(0, 30))
    assert root_at(source.at(end), end) == WHOLE.root(end)
    ways = derivable(gaps, known, end)
    for level, index in data.draw(st.lists(st.sampled_from(sorted(ways)), min_size=1)):
        assert source.at(end)(level, index) == WHOLE.node_at(level, index)
    for index in range(end):
        try:
            proof = inclusion_proof(source.at(end), index, end)
        except UnknownLeaves:
            assert index < size
        else:
            assert proof == inclusion_proof(WHOLE.node_at, index, end)


@pytest.mark.parametrize("known_size", range(1, LARGEST))
def test_leaves_that_turn_up_fill_what_they_prove(known_size: int) -> None:
    for begin, end in itertools.combinations(range(known_size + 1), 2):
        gaps = Gaps([Gap(0, known_size)])
        node_at = partial(gaps, peaks(known_size)).at(known_size)
        proven = proven_leaves(node_at, begin, LEAVES[begin:end])
        covered = [
            Gap(index << level, index + 1 << level)
            for level, index in decomposition(0, known_size)
            if begin <= index << level and index + 1 << level <= end
        ]
        assert proven == Gaps(covered)
        left = gaps
        for gap in proven:
            left = left.without(gap.begin, gap.end)
        assert left.width == known_size - proven.width


@pytest.mark.parametrize("wrong", range(7))
def test_leaves_of_another_log_fill_nothing(wrong: int) -> None:
    node_at = partial(Gaps([Gap(0, 7)]), peaks(7)).at(7)
    leaves = [*LEAVES[:7]]
    leaves[wrong] = LOST
    peak = next(each for each in ((0, 4), (4, 6), (6, 7)) if each[0] <= wrong < each[1])
    assert proven_leaves(node_at, 0, leaves) == Gaps([Gap(0, 7)]).without(*peak)


def test_a_wrong_leaf_is_found_below_a_node_that_differs() -> None:
    """The peaks at 4 and at 2 are known: the leaves below the older one are proven by it alone."""
    node_at = partial(Gaps([Gap(0, 4)]), peaks(4) | peaks(2)).at(4)
    assert proven_leaves(node_at, 0, [*LEAVES[:3], LOST]) == Gaps([Gap(0, 2)])


def test_gaps_that_touch_become_one() -> None:
    assert Gaps([Gap(5, 9), Gap(1, 3), Gap(3, 5), Gap(7, 7)]) == Gaps([Gap(1, 9)])
    assert [*Gaps([Gap(1, 3), Gap(5, 8)]).stretches(0, 10)] == [(0, 1), (3, 5), (8, 10)]
    assert [*Gaps([Gap(0, 3)]).stretches(1, 3)] == []
    assert Gaps([Gap(1, 9)]).without(3, 5) == Gaps([Gap(1, 3), Gap(5, 9)])
    assert Gaps([Gap(1, 3), Gap(5, 8)]).touched_by(3, 5) is None
    assert len(Gaps([Gap(1, 3), Gap(5, 8)])) == 2
    assert repr(Gaps([Gap(1, 3)])) == "Gaps(1-3)"
    assert hash(Gaps([Gap(1, 3)])) == hash(Gaps([Gap(1, 2), Gap(2, 3)]))


def test_what_is_beyond_the_log_is_not_unknown_but_out_of_range() -> None:
    node_at = partial(Gaps([Gap(0, 4)]), peaks(4)).at(4)
    with pytest.raises(IndexOutOfRangeError):
        node_at(0, 4)
    with pytest.raises(IndexOutOfRangeError):
        node_at(3, 0)


def test_a_wide_gap_is_not_searched_leaf_by_leaf() -> None:
    gaps = Gaps([Gap(0, 1 << 47)])
    source = PartialSource(Log(Gaps()), gaps, {(47, 0): LOST})
    assert source.at(1 << 47)(47, 0) == LOST
    with pytest.raises(UnknownLeaves, match="leaves 0 to"):
        source.at(1 << 47)(46, 1)
