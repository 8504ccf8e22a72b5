"""The receipts trie against py-trie, at every size to 300 and around the sizes where keys grow; and forged proofs."""

from collections.abc import Sequence
from functools import cache
from random import Random

import pytest
import rlp as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from perdure_anchor import rlp
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Hash32, keccak256
from perdure_anchor.trie import (
    EMPTY_TRIE_ROOT,
    MAX_PROOF_NODES,
    TrieKeyAbsent,
    TrieNodeMalformed,
    TrieNodeMismatch,
    TrieNodeMissing,
    TrieNodeUnused,
    TrieProofError,
    _plain_child,
    trie_proof,
    trie_root,
    value_from_trie_proof,
)
from trie import HexaryTrie


def values_of(size: int) -> list[bytes]:
    return [b"receipt %d " % index + bytes(300) for index in range(size)]


def key_of(index: int) -> bytes:
    return reference.encode(index)


@cache
def oracle(size: int) -> HexaryTrie:
    trie = HexaryTrie(db={})
    for index, value in enumerate(values_of(size)):
        trie[key_of(index)] = value
    return trie


def test_roots_are_the_oracles_at_every_size_to_300() -> None:
    values, trie = values_of(300), HexaryTrie(db={})
    assert trie_root([]) == trie.root_hash == EMPTY_TRIE_ROOT
    for index, value in enumerate(values):
        trie[key_of(index)] = value
        assert trie_root(values[: index + 1]) == trie.root_hash


@pytest.mark.parametrize("size", [1, 2, 16, 17, 127, 128, 129, 255, 256, 257, 300, 1000, 4097])
def test_proofs_are_the_oracles(size: int) -> None:
    values, trie = values_of(size), oracle(size)
    root = trie_root(values)
    assert root == trie.root_hash
    for index in sorted({0, 1, 15, 16, 127, 128, 255, 256, size // 2, size - 1} & set(range(size))):
        proof = trie_proof(values, index)
        assert list(proof) == [reference.encode(node) for node in trie.get_proof(key_of(index))]
        assert value_from_trie_proof(root, index, proof) == values[index]
        nodes = [reference.decode(node) for node in proof]
        assert HexaryTrie.get_from_proof(root, key_of(index), nodes) == values[index]


def test_every_index_is_proved_and_no_other() -> None:
    values = values_of(150)
    root = trie_root(values)
    for index in range(150):
        proof = trie_proof(values, index)
        assert value_from_trie_proof(root, index, proof) == values[index]
        for other in {*range(0, 150, 7), 127, 128, 150, 255, 256, 65_535} - {index}:
            with pytest.raises(TrieProofError):
                value_from_trie_proof(root, other, proof)


@given(st.integers(0, 2**16 - 1))
def test_an_index_beyond_the_block_has_no_proof(index: int) -> None:
    root, proof = trie_root(values_of(20)), trie_proof(values_of(20), 7)
    if index == 7:
        return
    with pytest.raises(TrieProofError):
        value_from_trie_proof(root, index, proof)


# --- forged

SIZE, INDEX = 200, 130
VALUES = values_of(SIZE)
ROOT, PROOF = trie_root(VALUES), trie_proof(VALUES, INDEX)

FORGED: dict[str, tuple[Sequence[bytes], type[TrieProofError], str]] = {
    "no nodes": ((), TrieNodeMissing, "ends after 0 nodes, before receipt 130"),
    "the last node dropped": (PROOF[:-1], TrieNodeMissing, "ends after 4 nodes"),
    "the first node dropped": (PROOF[1:], TrieNodeMismatch, "node 0 is not the one"),
    "a node dropped": ((PROOF[0], *PROOF[2:]), TrieNodeMismatch, "node 1 is not the one"),
    "a node doubled": ((PROOF[0], *PROOF), TrieNodeMismatch, "node 1 is not the one"),
    "the leaf doubled": ((*PROOF, PROOF[-1]), TrieNodeUnused, "1 nodes behind the leaf"),
    "two swapped": ((PROOF[0], PROOF[2], PROOF[1], *PROOF[3:]), TrieNodeMismatch, "node 1"),
    "anything behind": ((*PROOF, b"\x80", b""), TrieNodeUnused, "2 nodes behind the leaf"),
    "eight nodes": ((*PROOF, *PROOF[:3]), TrieNodeUnused, "got 8 nodes, want at most 7"),
    "seven nodes": ((*PROOF, *PROOF[:2]), TrieNodeUnused, "2 nodes behind the leaf"),
    "another leaf": ((*PROOF[:-1], trie_proof(VALUES, 131)[-1]), TrieNodeMismatch, "node 4"),
}


@pytest.mark.parametrize(("nodes", "error", "message"), FORGED.values(), ids=FORGED)
def test_forged_proofs_are_refused(nodes: Sequence[bytes], error: type[TrieProofError], message: str) -> None:
    with pytest.raises(TrieProofError, match=message) as caught:
        value_from_trie_proof(ROOT, INDEX, nodes)
    assert caught.type is error


@given(st.data())
def test_a_flipped_bit_is_refused(choice: st.DataObject) -> None:
    position = choice.draw(st.integers(0, len(PROOF) - 1))
    node = bytearray(PROOF[position])
    bit = choice.draw(st.integers(0, 8 * len(node) - 1))
    node[bit // 8] ^= 1 << bit % 8
    with pytest.raises(TrieNodeMismatch):
        value_from_trie_proof(ROOT, INDEX, (*PROOF[:position], bytes(node), *PROOF[position + 1 :]))


# --- tries that no block has, made by hand: the root is the hash of the first node

VALUE = b"value" * 20
CHILD = keccak256(b"elsewhere")
NO_CHILDREN: list[rlp.RlpItem] = [b""] * 16
# receipt 5: the key is 05, nibbles 0 and 5
KEY = 5


def hand_made(*nodes: rlp.RlpItem) -> tuple[Hash32, tuple[bytes, ...]]:
    raws = tuple(map(rlp.encode, nodes))
    return keccak256(raws[0]), raws


def branch(position: int, child: rlp.RlpItem, value: rlp.RlpItem = b"") -> rlp.RlpItem:
    return [*NO_CHILDREN[:position], child, *NO_CHILDREN[position + 1 :], value]


WHOLE_LEAF: rlp.RlpItem = [b"\x20\x05", VALUE]
LEAF_AFTER_ONE: rlp.RlpItem = [b"\x35", VALUE]
END: rlp.RlpItem = branch(0, b"", VALUE)


def test_reads_hand_made_tries() -> None:
    named = keccak256(rlp.encode(LEAF_AFTER_ONE))
    end = keccak256(rlp.encode(END))
    for nodes in (
        (WHOLE_LEAF,),
        (branch(0, named), LEAF_AFTER_ONE),
        ([b"\x10", named], LEAF_AFTER_ONE),
        ([b"\x00\x05", end], END),
    ):
        root, raws = hand_made(*nodes)
        assert value_from_trie_proof(root, KEY, raws) == VALUE


HAND_MADE: dict[str, tuple[rlp.RlpItem, type[TrieProofError], str]] = {
    "a string": (b"x" * 40, rlp.RlpError, "trie node: got a string, want a list"),  # type: ignore[dict-item]
    "three items": ([b"\x20\x05", VALUE, b""], TrieNodeMalformed, "neither branch"),
    "sixteen items": ([b""] * 16, TrieNodeMalformed, "neither branch"),
    "eighteen items": ([b""] * 18, TrieNodeMalformed, "neither branch"),
    "a branch whose value is a list": ([*NO_CHILDREN, []], TrieNodeMalformed, "neither branch"),
    "a path that is a list": ([[], VALUE], TrieNodeMalformed, "neither branch"),
    "no path": ([b"", VALUE], TrieNodeMalformed, "not in hex-prefix form"),
    "flag 4": ([b"\x40\x05", VALUE], TrieNodeMalformed, "not in hex-prefix form"),
    "flag 15": ([b"\xf5", VALUE], TrieNodeMalformed, "not in hex-prefix form"),
    "an even leaf with a stray nibble": ([b"\x21\x05", VALUE], TrieNodeMalformed, "not in hex-prefix form"),
    "an even extension with a stray nibble": (
        [b"\x01\x05", CHILD],
        TrieNodeMalformed,
        "not in hex-prefix form",
    ),
    "an extension of no length": ([b"\x00", CHILD], TrieNodeMalformed, "an extension of no length"),
    "another leaf": ([b"\x20\x06", VALUE], TrieKeyAbsent, "no receipt with this index"),
    "a leaf too short": ([b"\x30", VALUE], TrieKeyAbsent, "no receipt with this index"),
    "a leaf too long": ([b"\x30\x55", VALUE], TrieKeyAbsent, "no receipt with this index"),
    "an extension too long": ([b"\x10\x55", CHILD], TrieKeyAbsent, "no receipt with this index"),
    "an extension elsewhere": ([b"\x11", CHILD], TrieKeyAbsent, "no receipt with this index"),
    "a leaf without value": ([b"\x20\x05", b""], TrieKeyAbsent, "no receipt with this index"),
    "a leaf with a list": ([b"\x20\x05", [VALUE]], TrieKeyAbsent, "no receipt with this index"),
    "a branch without the child": (branch(1, CHILD), TrieKeyAbsent, "no receipt with this index"),
    "an embedded leaf": (branch(0, LEAF_AFTER_ONE), TrieNodeMalformed, "node 0 embeds its child"),
    "a child of 31 bytes": (branch(0, CHILD[1:]), TrieNodeMalformed, "node 0 embeds its child"),
    "a child of 33 bytes": ([b"\x10", CHILD + b"\0"], TrieNodeMalformed, "node 0 embeds its child"),
}


@pytest.mark.parametrize(("node", "error", "message"), HAND_MADE.values(), ids=HAND_MADE)
def test_refuses_nodes(node: rlp.RlpItem, error: type[PerdureError], message: str) -> None:
    root, raws = hand_made(node)
    with pytest.raises(PerdureError, match=message) as caught:
        value_from_trie_proof(root, KEY, raws)
    assert caught.type is error


# --- a branch is read at a glance only if it is canonical in every byte

FULL = rlp.encode([*[CHILD] * 16, b""])
SPARSE = rlp.encode(branch(0, CHILD))
NEARLY_PLAIN = {
    "another size in front": b"\xf9\x02\x10" + FULL[3:],
    "a long form in front": b"\xf8\x31" + SPARSE[1:],
    "a byte behind": FULL + b"\x80",
    "a byte short": FULL[:-1],
    "a shorter child": FULL[:3] + b"\x9f" + FULL[4:],
    "a longer child": FULL[:3] + b"\xa1" + FULL[4:],
    "a list for a child": FULL[:3] + b"\xe0" + FULL[4:],
    "a long form for a child": FULL[:3] + b"\xb8" + FULL[4:],
    "a list for an absent child": SPARSE[:-2] + b"\xc0\x80",
    "a list for the value": FULL[:-1] + b"\xc0",
    "a value": SPARSE[:-1] + b"\x01",
    "a small byte for an absent child": SPARSE[:-2] + b"\x01\x80",
    "an extension": rlp.encode([b"\x10", CHILD]),
    "a leaf of the same size": rlp.encode([b"\x35", bytes(46)]),
}


def test_a_plain_branch_is_read_at_a_glance() -> None:
    assert {_plain_child(FULL, digit) for digit in "0123456789abcdef"} == {CHILD}
    assert [_plain_child(SPARSE, digit) for digit in "01f"] == [CHILD, None, None]


@pytest.mark.parametrize("raw", NEARLY_PLAIN.values(), ids=NEARLY_PLAIN)
def test_what_is_nearly_a_plain_branch_is_not_read_at_a_glance(raw: bytes) -> None:
    assert {_plain_child(raw, digit) for digit in "0123456789abcdef"} == {None}


@given(st.integers(0, 2**16 - 1), st.binary(min_size=1, max_size=3), st.data())
def test_a_branch_at_a_glance_is_what_its_items_say(
    present: int, octets: bytes, choice: st.DataObject
) -> None:
    """Any bytes changed: the answer is that of reading item by item."""
    raw = bytearray(rlp.encode([*[CHILD if present >> nibble & 1 else b"" for nibble in range(16)], b""]))
    place = choice.draw(st.integers(0, len(raw) - 1))
    raw[place : place + len(octets)] = octets
    plain = _plain_child(bytes(raw), "5")
    try:
        items = rlp.decode_list(bytes(raw), "trie node")
    except rlp.RlpError:
        assert plain is None
        return
    assert plain is None or (len(items) == 17 and items[5] == plain)
    assert plain is None or all(item in (b"", CHILD) or len(item) == 32 for item in items)


def test_refuses_a_branch_without_value_at_the_end_of_the_key() -> None:
    end = branch(3, CHILD)
    root, raws = hand_made([b"\x00\x05", keccak256(rlp.encode(end))], end)
    with pytest.raises(TrieKeyAbsent):
        value_from_trie_proof(root, KEY, raws)


def test_refuses_nodes_that_are_not_canonical_rlp() -> None:
    raw = b"\xf8\x03\x20\x05\x80"
    with pytest.raises(rlp.RlpError):
        value_from_trie_proof(keccak256(raw), KEY, (raw,))


def test_the_bound_on_nodes_is_what_blocks_need_and_no_less() -> None:
    values = values_of(4097)
    lengths = [len(trie_proof(values, index)) for index in (0, 127, 128, 255, 256, 500, 4096)]
    assert max(lengths) == MAX_PROOF_NODES
    # the longest way that a key of 6 nibbles can take: a branch for each, and the leaf
    last, index = rlp.encode([b"\x20", VALUE]), 65_535
    nodes = [last]
    for nibble in reversed(key_of(index).hex()):
        nodes.insert(0, rlp.encode(branch(int(nibble, 16), keccak256(nodes[0]))))
    assert len(nodes) == MAX_PROOF_NODES
    assert value_from_trie_proof(keccak256(nodes[0]), index, nodes) == VALUE


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 300), st.integers(0, 2**32))
def test_each_receipt_of_any_block_is_proved_as_the_oracle_proves_it(count: int, seed: int) -> None:
    """Values from the shortest that is not embedded; py-trie takes our proofs, and we take its own."""
    chance = Random(seed)
    values = [chance.randbytes(chance.choice((33, 54, 55, 56, 260, 700))) for _ in range(count)]
    trie = HexaryTrie(db={}, prune=True)
    for index, value in enumerate(values):
        trie[key_of(index)] = value
    assert trie_root(values) == trie.root_hash
    for index, value in enumerate(values):
        nodes = [reference.encode(node) for node in trie.get_proof(key_of(index))]
        assert value_from_trie_proof(trie.root_hash, index, nodes) == value
    for index in {0, count - 1, chance.randrange(count)}:
        proof = trie_proof(values, index)
        assert list(proof) == [reference.encode(node) for node in trie.get_proof(key_of(index))]
        nodes = [reference.decode(node) for node in proof]
        assert HexaryTrie.get_from_proof(trie.root_hash, key_of(index), nodes) == values[index]
