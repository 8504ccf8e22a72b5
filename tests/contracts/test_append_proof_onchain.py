"""The append proof as the chain checks it, against RFC 9162's own recursion and against the library's check.

A root does not bind its tree's size, so nothing here demands that each false size is refused: what is demanded is that each
other set of hashes is.
"""

import os
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perdure_anchor.hashes import Hash32, sha256
from perdure_anchor.log import (
    AppendProofError,
    append_proof,
    peaks_from_append_proof,
    root_from_peaks,
)
from tools.evm_chain import Refused
from tools.founded import Checkpoint, Founded, found, make_log

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("PERDURE_TORTURE", "60"))
LARGEST = 40
LEAVES = [sha256(f"leaf {index}".encode()) for index in range(64)]
LOG = make_log(64)
RIVAL_LOG = make_log(64, seed="rival")
PROOF_ERRORS = {"AppendProofTooShort", "AppendProofTooLong", "OldRootMismatch", "NewRootMismatch"}


def merkle_tree_hash(leaf_hashes: Sequence[bytes]) -> bytes:
    """RFC 9162 section 2.1.1, word for word, over leaf hashes; of one leaf or more."""
    if len(leaf_hashes) == 1:
        return leaf_hashes[0]
    split = 1
    while split * 2 < len(leaf_hashes):
        split *= 2
    left, right = merkle_tree_hash(leaf_hashes[:split]), merkle_tree_hash(leaf_hashes[split:])
    return sha256(b"\x01" + left + right)


def peaks_by_recursion(size: int) -> tuple[bytes, ...]:
    """The largest perfect subtrees of the first `size` leaves, from the left."""
    peaks, start = [], 0
    while start < size:
        leaves = 1 << (size - start).bit_length() - 1
        peaks.append(merkle_tree_hash(LEAVES[start : start + leaves]))
        start += leaves
    return tuple(peaks)


def checkpoint_by_recursion(site: bytes, size: int) -> Checkpoint:
    return Checkpoint(site, size, merkle_tree_hash(LEAVES[:size]))


def refusal_of(founded: Founded, checkpoint: Checkpoint, proof: Sequence[bytes]) -> Refused:
    head = founded.head(checkpoint.site)
    with pytest.raises(Refused) as caught:
        founded.anchor(checkpoint, proof=proof)
    assert founded.head(checkpoint.site) == head
    return caught.value


@pytest.mark.parametrize("old", range(LARGEST))
def test_each_larger_log_is_accepted_and_its_frontier_emitted(founded, site, old):
    if old:
        founded.anchor(checkpoint_by_recursion(site, old))
    for new in range(old + 1, LARGEST + 1):
        with founded.chain.undone():
            checkpoint = checkpoint_by_recursion(site, new)
            anchored, frontier = founded.anchor(checkpoint).events
            assert founded.head(site) == (new, checkpoint.root)
        assert anchored.fields["previousSize"] == old
        assert frontier.name == "Frontier"
        assert frontier.fields == {"site": site, "size": new, "peaks": peaks_by_recursion(new)}


def test_one_leaf_at_a_time(founded, site):
    for size in range(1, 65):
        founded.anchor(checkpoint_by_recursion(site, size))
    assert founded.head(site) == (64, LOG.root(64))


SIZES = st.tuples(st.integers(0, 63), st.integers(1, 64)).filter(lambda sizes: sizes[0] < sizes[1])


@st.composite
def wrong_proofs(draw: st.DrawFn) -> tuple[int, int, list[bytes]]:
    """Two sizes and the right proof between them with one fault."""
    old, new = draw(SIZES)
    proof: list[bytes] = list(append_proof(LOG.node_at, old, new))
    fault = draw(st.sampled_from(["alter", "drop", "add", "swap", "double"]))
    at = draw(st.integers(0, len(proof) - 1))
    if fault == "alter":
        bit = draw(st.integers(0, 255))
        proof[at] = (int.from_bytes(proof[at]) ^ 1 << bit).to_bytes(32)
    elif fault == "drop":
        del proof[at]
    elif fault == "add":
        proof.insert(at, draw(st.binary(min_size=32, max_size=32)))
    elif fault == "double":
        proof.insert(at, proof[at])
    else:
        other = draw(st.integers(0, len(proof) - 1))
        proof[at], proof[other] = proof[other], proof[at]
        if at == other:
            proof.append(proof[at])
    return old, new, proof


def accepted_offline(old: int, new: int, proof: Sequence[bytes]) -> bool:
    try:
        peaks = peaks_from_append_proof(old, LOG.root(old), new, [Hash32(node) for node in proof])
    except AppendProofError:
        return False
    return root_from_peaks(peaks) == LOG.root(new)


FOUNDED = found()
SITE = FOUNDED.register()


@settings(max_examples=2 * ROUNDS, deadline=None)
@given(wrong_proofs())
def test_each_wrong_proof_is_refused_by_the_chain_and_by_the_library(wrong):
    old, new, proof = wrong
    with FOUNDED.chain.undone():
        if old:
            FOUNDED.anchor_size(SITE, old)
        refusal = refusal_of(FOUNDED, FOUNDED.checkpoint(SITE, new), proof)
    assert refusal.name in PROOF_ERRORS
    assert not accepted_offline(old, new, proof)


@settings(max_examples=50, deadline=None)
@given(SIZES.filter(lambda sizes: sizes[0] > 0))
def test_a_rewritten_history_is_refused(sizes):
    old, new = sizes
    with FOUNDED.chain.undone():
        FOUNDED.anchor_size(SITE, old)
        rival = FOUNDED.checkpoint(SITE, new, RIVAL_LOG)
        honest_proof = append_proof(LOG.node_at, old, new)
        rival_proof = append_proof(RIVAL_LOG.node_at, old, new)
        grafted = honest_proof[: old.bit_count()] + rival_proof[old.bit_count() :]
        assert refusal_of(FOUNDED, rival, rival_proof).name == "OldRootMismatch"
        assert refusal_of(FOUNDED, rival, honest_proof).name == "NewRootMismatch"
        assert refusal_of(FOUNDED, rival, grafted).name == "NewRootMismatch"


def test_refusals_say_what_was_wrong(founded, site):
    founded.anchor_size(site, 5)
    checkpoint = founded.checkpoint(site, 7)
    proof = append_proof(LOG.node_at, 5, 7)
    zero = bytes(32)

    def fields(proof: Sequence[bytes]) -> dict[str, object]:
        return refusal_of(founded, checkpoint, proof).fields

    assert fields(()) == {"length": 0}
    assert fields(proof[:-1]) == {"length": 3}
    assert fields((*proof, zero)) == {"length": 5, "used": 4}
    old_root = sha256(b"\x01" + zero + proof[1])
    assert fields((zero, *proof[1:])) == {"oldSize": 5, "anchored": LOG.root(5), "computed": old_root}
    claimed = fields((*proof[:-1], zero))
    assert (claimed["newSize"], claimed["claimed"]) == (7, LOG.root(7))


def test_the_old_root_is_the_anchored_one_and_not_the_callers(founded, site):
    """A proof between two states of a rival log is sound in itself, and worth nothing here."""
    founded.anchor_size(site, 8)
    rival = founded.checkpoint(site, 12, RIVAL_LOG)
    refusal = refusal_of(founded, rival, append_proof(RIVAL_LOG.node_at, 8, 12))
    assert refusal.fields["computed"] == RIVAL_LOG.root(8)
    assert refusal.fields["anchored"] == LOG.root(8)
