"""Compact ranges and append proofs, exhaustively over small sizes and by properties beyond."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perdure_anchor.log import (
    EMPTY_ROOT,
    AppendProofError,
    CompactRange,
    LogProofError,
    MemoryLog,
    RangeGapError,
    append_proof,
    decomposition,
    inclusion_proof,
    leaf_hash,
    leaf_hashes,
    peaks_from_append_proof,
    root_from_peaks,
    verify_inclusion,
)
from perdure_anchor.log.append import MAX_SIZE
from perdure_anchor.log.errors import (
    AppendHashLengthError,
    AppendProofLengthError,
    AppendSizeError,
    OldRootMismatchError,
)

LARGEST = 70
LOG = MemoryLog(leaf_hashes(b"%d" % number for number in range(2000)))
HASHES = [LOG.node_at(0, index) for index in range(LOG.size)]
ROOTS = [LOG.root(size) for size in range(LARGEST + 1)]
RANGES = [(begin, end) for end in range(LARGEST + 1) for begin in range(end + 1)]


def nodes(begin: int, end: int) -> tuple[bytes, ...]:
    return tuple(LOG.node_at(level, index) for level, index in decomposition(begin, end))


def test_decomposition_is_the_contracts_rule() -> None:
    """At position s the next node has the largest height h with s % 2^h == 0 and s + 2^h <= end."""
    for begin, end in RANGES:
        position = begin
        for level, index in decomposition(begin, end):
            fitting = [h for h in range(8) if position % (1 << h) == 0 and position + (1 << h) <= end]
            assert (level, index << level) == (max(fitting), position)
            position += 1 << level
        assert position == end


def test_ranges_of_all_small_bounds() -> None:
    for begin, end in RANGES:
        assert CompactRange.over(begin, HASHES[begin:end]) == CompactRange(begin, end, nodes(begin, end))


@settings(deadline=None)
@given(st.lists(st.integers(0, 2000), min_size=3, max_size=3))
def test_merging_adjacent_ranges(bounds: list[int]) -> None:
    begin, middle, end = sorted(bounds)
    merged = CompactRange.over(begin, HASHES[begin:middle]).merged(
        CompactRange.over(middle, HASHES[middle:end])
    )
    assert merged == CompactRange(begin, end, nodes(begin, end))


@settings(deadline=None)
@given(st.lists(st.integers(0, 40)))
def test_growing_by_batches(batches: list[int]) -> None:
    grown = CompactRange.empty()
    for batch in batches:
        grown = grown.extended(HASHES[grown.end : grown.end + batch])
    assert grown.root == MemoryLog(HASHES[: grown.end]).root()


def test_growing_one_by_one() -> None:
    grown = CompactRange.empty(3)
    for end in range(4, LARGEST):
        grown = grown.appended(HASHES[end - 1])
        assert grown == CompactRange(3, end, nodes(3, end))


def test_ranges_with_a_gap_are_not_merged() -> None:
    with pytest.raises(RangeGapError, match="got one that starts at 5, want 4"):
        CompactRange.over(0, HASHES[:4]).merged(CompactRange.over(5, HASHES[5:6]))
    with pytest.raises(RangeGapError):
        _ = CompactRange.over(1, HASHES[1:4]).root


def test_root_of_no_peaks() -> None:
    assert root_from_peaks(()) == CompactRange.empty().root == EMPTY_ROOT


def test_append_proofs_of_all_small_sizes() -> None:
    for old, new in RANGES:
        if old < new:
            peaks = peaks_from_append_proof(old, ROOTS[old], new, append_proof(LOG.node_at, old, new))
            assert peaks == nodes(0, new)
            assert root_from_peaks(peaks) == ROOTS[new]


@settings(deadline=None)
@given(st.integers(0, 1999), st.integers(1, 2000))
def test_append_proofs_of_larger_sizes(old: int, growth: int) -> None:
    new = min(old + growth, LOG.size)
    proof = append_proof(LOG.node_at, old, new)
    assert root_from_peaks(peaks_from_append_proof(old, LOG.root(old), new, proof)) == LOG.root(new)


def shown(old: int, new: int, proof: tuple[bytes, ...]) -> bool:
    """Whether the registry would take this proof between the true roots of the two sizes."""
    try:
        return root_from_peaks(peaks_from_append_proof(old, ROOTS[old], new, proof)) == ROOTS[new]
    except AppendProofError:
        return False


@pytest.mark.parametrize("new", [*range(1, 18), 31, 32, 33])
def test_wrong_append_proofs_are_refused(new: int) -> None:
    for old in range(new):
        proof = append_proof(LOG.node_at, old, new)
        assert shown(old, new, proof)
        for position, item in enumerate(proof):
            before, after = proof[:position], proof[position + 1 :]
            assert not shown(old, new, (*before, bytes([item[0] ^ 1]) + item[1:], *after))
            assert not shown(old, new, before + after)
            assert not shown(old, new, (*before, item, item, *after))
        assert not shown(old, new, (*proof, bytes(32)))


def test_the_rewritten_log_is_refused() -> None:
    rewritten = MemoryLog([HASHES[0], leaf_hash(b"another"), *HASHES[2:20]])
    with pytest.raises(OldRootMismatchError) as caught:
        peaks_from_append_proof(11, ROOTS[11], 20, append_proof(rewritten.node_at, 11, 20))
    assert caught.value.expected == ROOTS[11]
    assert caught.value.calculated == rewritten.root(11)


def test_a_false_size_makes_records_unprovable_never_two_faced() -> None:
    """The two peaks of 3 leaves pass as those of 6; no leaf can then be proved with its hashes, anywhere."""
    assert peaks_from_append_proof(0, EMPTY_ROOT, 6, nodes(0, 3)) == nodes(0, 3)
    for index in range(3):
        proof = inclusion_proof(LOG.node_at, index, 3)
        for claimed in range(6):
            with pytest.raises(LogProofError):
                verify_inclusion(HASHES[index], claimed, 6, proof, ROOTS[3])


def test_append_errors_carry_their_values() -> None:
    with pytest.raises(AppendProofLengthError) as length:
        peaks_from_append_proof(3, ROOTS[3], 5, ())
    assert (length.value.got, length.value.want) == (0, 4)
    with pytest.raises(AppendHashLengthError) as item:
        peaks_from_append_proof(0, EMPTY_ROOT, 1, (b"short",))
    assert (item.value.position, item.value.got) == (0, 5)


@pytest.mark.parametrize(("old", "new"), [(5, 5), (6, 5), (-1, 5), (0, 0), (0, MAX_SIZE + 1)])
def test_sizes_must_grow_within_bounds(old: int, new: int) -> None:
    with pytest.raises(AppendSizeError):
        append_proof(LOG.node_at, old, new)
    with pytest.raises(AppendSizeError):
        peaks_from_append_proof(old, EMPTY_ROOT, new, ())
