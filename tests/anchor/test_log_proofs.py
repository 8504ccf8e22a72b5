"""The log against the naive recursion of RFC 9162, sizes 0 to 70 exhaustively, and against pymerkle."""

from collections.abc import Sequence
from hashlib import sha256

import pymerkle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import (
    EMPTY_ROOT,
    IndexOutOfRangeError,
    LogProofError,
    MemoryLog,
    ProofLengthError,
    RootMismatchError,
    SizeOutOfRangeError,
    consistency_proof,
    inclusion_proof,
    inclusion_proofs,
    leaf_hash,
    leaf_hashes,
    node_hash,
    root_from_inclusion_proof,
    verify_consistency,
    verify_inclusion,
)
from perdure_anchor.log.errors import HashLengthError

LARGEST = 70
LEAVES = [b"leaf %d" % number for number in range(LARGEST)]
LOG = MemoryLog(leaf_hashes(LEAVES))


# The oracle: sections 2.1.1, 2.1.3.1 and 2.1.4.1, word for word.


def split(size: int) -> int:
    k = 1
    while 2 * k < size:
        k *= 2
    return k


def mth(leaves: Sequence[bytes]) -> bytes:
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = split(len(leaves))
    return sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(index: int, leaves: Sequence[bytes]) -> tuple[bytes, ...]:
    if len(leaves) == 1:
        return ()
    k = split(len(leaves))
    if index < k:
        return (*path(index, leaves[:k]), mth(leaves[k:]))
    return (*path(index - k, leaves[k:]), mth(leaves[:k]))


def subproof(old: int, leaves: Sequence[bytes], *, whole: bool) -> tuple[bytes, ...]:
    if old == len(leaves):
        return () if whole else (mth(leaves),)
    k = split(len(leaves))
    if old <= k:
        return (*subproof(old, leaves[:k], whole=whole), mth(leaves[k:]))
    return (*subproof(old - k, leaves[k:], whole=False), mth(leaves[:k]))


ROOTS = [mth(LEAVES[:size]) for size in range(LARGEST + 1)]


def test_hashes_are_domain_separated() -> None:
    left, right = leaf_hash(b"l"), leaf_hash(b"r")
    assert leaf_hash(b"") == sha256(b"\x00").digest()
    assert sha256(b"").digest() == EMPTY_ROOT
    assert node_hash(left, right) != leaf_hash(left + right)
    assert node_hash(left, right) != node_hash(right, left)


def test_a_node_is_no_leaf() -> None:
    """Two leaves' parent, offered as the leaf of a smaller log, does not give that log's root."""
    inner = LOG.node_at(1, 0)
    with pytest.raises(RootMismatchError):
        verify_inclusion(leaf_hash(LOG.node_at(0, 0) + LOG.node_at(0, 1)), 0, 1, (), inner)


@pytest.mark.parametrize("size", range(LARGEST + 1))
def test_roots(size: int) -> None:
    assert LOG.root(size) == ROOTS[size]
    assert MemoryLog(leaf_hashes(LEAVES[:size])).root() == ROOTS[size]


@settings(deadline=None)
@given(st.lists(st.integers(0, 12)))
def test_root_does_not_depend_on_batches(batches: list[int]) -> None:
    log, leaves = MemoryLog(), [b"%d" % number for number in range(sum(batches))]
    for batch in batches:
        log.append(leaf_hashes(leaves[log.size : log.size + batch]))
    assert log.root() == mth(leaves)


@pytest.mark.parametrize("size", range(1, LARGEST + 1))
def test_inclusion(size: int) -> None:
    expected = [path(index, LEAVES[:size]) for index in range(size)]
    assert [inclusion_proof(LOG.node_at, index, size) for index in range(size)] == expected
    assert list(inclusion_proofs(LOG.node_at, 0, size, size)) == expected
    for index, proof in enumerate(expected):
        verify_inclusion(leaf_hash(LEAVES[index]), index, size, proof, ROOTS[size])


@settings(deadline=None)
@given(st.data())
def test_proofs_of_a_range(data: st.DataObject) -> None:
    size = data.draw(st.integers(0, 6000))
    begin = data.draw(st.integers(0, size))
    end = data.draw(st.integers(begin, min(size, begin + 1500)))
    made = list(inclusion_proofs(BIG_LOG.node_at, begin, end, size))
    assert len(made) == end - begin
    for index in {begin, (begin + end) // 2, end - 1} if made else ():
        assert made[index - begin] == inclusion_proof(BIG_LOG.node_at, index, size)


BIG_LOG = MemoryLog(leaf_hashes(b"%d" % number for number in range(6000)))


@settings(deadline=None)
@given(st.data())
def test_inclusion_in_larger_logs(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, BIG_LOG.size))
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(BIG_LOG.node_at, index, size)
    verify_inclusion(leaf_hash(b"%d" % index), index, size, proof, BIG_LOG.root(size))


@pytest.mark.parametrize("size", range(LARGEST + 1))
def test_consistency(size: int) -> None:
    for old in range(size + 1):
        proof = consistency_proof(LOG.node_at, old, size)
        assert proof == (subproof(old, LEAVES[:size], whole=True) if old else ())
        verify_consistency(old, ROOTS[old], size, ROOTS[size], proof)


@settings(deadline=None)
@given(st.data())
def test_consistency_in_larger_logs(data: st.DataObject) -> None:
    new = data.draw(st.integers(0, BIG_LOG.size))
    old = data.draw(st.integers(0, new))
    proof = consistency_proof(BIG_LOG.node_at, old, new)
    verify_consistency(old, BIG_LOG.root(old), new, BIG_LOG.root(new), proof)


def test_pymerkle_agrees() -> None:
    oracle = pymerkle.InmemoryTree(algorithm="sha256")
    for size, leaf in enumerate(LEAVES, start=1):
        oracle.append_entry(leaf)
        assert LOG.root(size) == oracle.get_root()


# Wrong proofs: each is refused, with the values that differ in the error.


def mutations(proof: tuple[bytes, ...]) -> list[tuple[bytes, ...]]:
    """Each item changed, dropped, doubled, and swapped with its neighbour; one more; moved bytes."""
    changed = [(*proof[:i], bytes([item[0] ^ 1]) + item[1:], *proof[i + 1 :]) for i, item in enumerate(proof)]
    dropped = [(*proof[:i], *proof[i + 1 :]) for i in range(len(proof))]
    doubled = [(*proof[: i + 1], *proof[i:]) for i in range(len(proof))]
    swapped = [
        (*proof[:i], proof[i + 1], proof[i], *proof[i + 2 :])
        for i in range(len(proof) - 1)
        if proof[i] != proof[i + 1]
    ]
    return [*changed, *dropped, *doubled, *swapped, (*proof, bytes(32)), (bytes(32), *proof)]


@pytest.mark.parametrize("size", [*range(1, 18), 31, 32, 33, 64, 65])
def test_wrong_inclusion_is_refused(size: int) -> None:
    for index in range(size):
        proof = inclusion_proof(LOG.node_at, index, size)
        for wrong in mutations(proof):
            with pytest.raises(LogProofError):
                verify_inclusion(leaf_hash(LEAVES[index]), index, size, wrong, ROOTS[size])
        for other in {*range(size)} - {index}:
            with pytest.raises(LogProofError):
                verify_inclusion(leaf_hash(LEAVES[index]), other, size, proof, ROOTS[size])
        with pytest.raises(RootMismatchError):
            verify_inclusion(leaf_hash(b"another"), index, size, proof, ROOTS[size])


@pytest.mark.parametrize("size", [*range(1, 18), 31, 32, 33, 64, 65])
def test_wrong_consistency_is_refused(size: int) -> None:
    for old in range(1, size):
        proof = consistency_proof(LOG.node_at, old, size)
        for wrong in mutations(proof):
            with pytest.raises(LogProofError):
                verify_consistency(old, ROOTS[old], size, ROOTS[size], wrong)
        with pytest.raises(RootMismatchError):
            verify_consistency(old, ROOTS[old - 1], size, ROOTS[size], proof)
        with pytest.raises(RootMismatchError):
            verify_consistency(old, ROOTS[old], size, ROOTS[size - 1], proof)


def test_consistency_from_the_empty_log() -> None:
    verify_consistency(0, EMPTY_ROOT, 5, ROOTS[5], ())
    with pytest.raises(RootMismatchError):
        verify_consistency(0, ROOTS[1], 5, ROOTS[5], ())
    with pytest.raises(ProofLengthError):
        verify_consistency(0, EMPTY_ROOT, 5, ROOTS[5], (ROOTS[5],))


def test_equal_sizes_need_equal_roots() -> None:
    with pytest.raises(RootMismatchError) as caught:
        verify_consistency(5, ROOTS[5], 5, ROOTS[4], ())
    assert (caught.value.calculated, caught.value.expected) == (ROOTS[5], ROOTS[4])


def test_errors_carry_their_values() -> None:
    proof = inclusion_proof(LOG.node_at, 3, 8)
    with pytest.raises(ProofLengthError, match="got 2 hashes, want 3") as length:
        root_from_inclusion_proof(LOG.node_at(0, 3), 3, 8, proof[:2])
    assert (length.value.got, length.value.want) == (2, 3)
    with pytest.raises(RootMismatchError) as root:
        verify_inclusion(LOG.node_at(0, 3), 3, 8, proof, ROOTS[7])
    assert (root.value.calculated, root.value.expected) == (ROOTS[8], ROOTS[7])
    with pytest.raises(IndexOutOfRangeError) as index:
        inclusion_proof(LOG.node_at, 8, 8)
    assert (index.value.index, index.value.size) == (8, 8)
    with pytest.raises(SizeOutOfRangeError) as sizes:
        consistency_proof(LOG.node_at, 9, 8)
    assert (sizes.value.old_size, sizes.value.new_size) == (9, 8)


@pytest.mark.parametrize(("index", "size"), [(-1, 8), (8, 8), (0, 0), (0, -1)])
def test_no_such_leaf(index: int, size: int) -> None:
    with pytest.raises(IndexOutOfRangeError):
        inclusion_proof(LOG.node_at, index, size)
    with pytest.raises(IndexOutOfRangeError):
        root_from_inclusion_proof(LOG.node_at(0, 0), index, size, ())


@pytest.mark.parametrize(("begin", "end"), [(-1, 2), (3, 2), (0, 9)])
def test_no_such_range(begin: int, end: int) -> None:
    with pytest.raises(SizeOutOfRangeError):
        inclusion_proofs(LOG.node_at, begin, end, 8)


def test_a_log_has_no_root_beyond_its_size() -> None:
    with pytest.raises(IndexOutOfRangeError):
        LOG.root(LARGEST + 1)


def test_hashes_of_other_lengths_are_refused() -> None:
    """Moving a byte from a leaf hash to its sibling leaves the hashed bytes, and so the root, as they were."""
    left, right = LOG.node_at(0, 0), LOG.node_at(0, 1)
    moved, longer = left[:31], left[31:] + right
    assert node_hash(moved, longer) == ROOTS[2]
    with pytest.raises(HashLengthError):
        verify_inclusion(moved, 0, 2, (longer,), ROOTS[2])
    with pytest.raises(HashLengthError):
        verify_consistency(1, ROOTS[1], 2, ROOTS[2], (right[:31],))


# Roots that others published: certificate-transparency's reference leaves, sizes 0 to 8.

PUBLISHED_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
PUBLISHED_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("size", range(len(PUBLISHED_ROOTS)))
def test_published_roots(size: int) -> None:
    assert MemoryLog(leaf_hashes(PUBLISHED_LEAVES[:size])).root().hex() == PUBLISHED_ROOTS[size]


# What making proofs costs, counted in hashes that are looked up.


class CountedLog:
    def __init__(self) -> None:
        self.lookups = 0

    def node_at(self, level: int, index: int) -> Hash32:
        self.lookups += 1
        return BIG_LOG.node_at(level, index)


def test_all_proofs_look_up_each_node_about_once() -> None:
    log, size = CountedLog(), BIG_LOG.size
    assert sum(1 for _ in inclusion_proofs(log.node_at, 0, size, size)) == size
    assert log.lookups < 2.2 * size


def test_proofs_are_made_as_they_are_asked_for() -> None:
    log = CountedLog()
    next(inclusion_proofs(log.node_at, 0, BIG_LOG.size, BIG_LOG.size))
    assert log.lookups < 2000


def test_one_proof_looks_up_as_many_nodes_as_the_log_is_high() -> None:
    for index in range(0, BIG_LOG.size, 37):
        log = CountedLog()
        inclusion_proof(log.node_at, index, BIG_LOG.size)
        assert log.lookups <= 2 * BIG_LOG.size.bit_length()
