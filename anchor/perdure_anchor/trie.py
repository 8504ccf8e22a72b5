"""The Merkle Patricia trie over a block's receipts (Ethereum Yellow Paper, appendix D), built whole and proved.

Keys are ``rlp(index)``, values are receipts. Only what such a trie needs is here: a receipt is over 256 bytes, so every leaf
stands behind its hash, and a node short enough to be embedded in its parent is refused. State tries are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from perdure_anchor import rlp
from perdure_anchor.errors import VerificationError
from perdure_anchor.hashes import Hash32, keccak256

EMPTY_TRIE_ROOT = keccak256(rlp.encode(b""))

# a key has 6 nibbles at most, and each node above the leaf takes one or more of them: 7 nodes do; this bounds the work only
MAX_PROOF_NODES = 13
_HASH_SIZE = 32

Nibbles: TypeAlias = tuple[int, ...]


class TrieProofError(VerificationError):
    """A proof does not lead from the root to a value at the key."""


class TrieNodeMissing(TrieProofError):
    """The proof ends before the key does."""


class TrieNodeUnused(TrieProofError):
    """The proof has nodes that the path does not need."""


class TrieNodeMismatch(TrieProofError):
    """A node is not the one that its parent, or the root, names."""


class TrieNodeMalformed(TrieProofError):
    """A node is neither branch, extension nor leaf, or is embedded in its parent."""


class TrieKeyAbsent(TrieProofError):
    """The trie has no value at this key."""


def value_from_trie_proof(root: Hash32, index: int, nodes: Sequence[bytes]) -> bytes:
    """The value at ``rlp(index)`` under ``root``, by the nodes from the root down; raises a `TrieProofError`."""
    if len(nodes) > MAX_PROOF_NODES:
        raise TrieNodeUnused(f"receipt proof: got {len(nodes)} nodes, want at most {MAX_PROOF_NODES}")
    path, wanted = _nibbles(rlp.encode(rlp.encode_int(index))), root
    for position, raw in enumerate(nodes):
        if keccak256(raw) != wanted:
            raise TrieNodeMismatch(f"receipt proof: node {position} is not the one that is named above it")
        step = _step(raw, path, position)
        if isinstance(step, bytes):
            if position + 1 < len(nodes):
                raise TrieNodeUnused(f"receipt proof: {len(nodes) - position - 1} nodes behind the leaf")
            return step
        path, wanted = step
    raise TrieNodeMissing(f"receipt proof: ends after {len(nodes)} nodes, before receipt {index}")


def _step(raw: bytes, path: Nibbles, position: int) -> bytes | tuple[Nibbles, Hash32]:
    """The value if the node at ``position`` ends the path, or the rest of the path and the hash of the next node."""
    match rlp.decode_list(raw, "trie node"):
        case [*children, bytes() as value] if len(children) == 16:
            if not path:
                return _present(value)
            return path[1:], _reference(children[path[0]], position)
        case [bytes() as compact, item]:
            fragment, is_leaf = _parse_compact(compact)
            if path[: len(fragment)] != fragment or (is_leaf and fragment != path):
                raise TrieKeyAbsent("receipt proof: the trie has no receipt with this index")
            if is_leaf:
                return _present(item)
            return path[len(fragment) :], _reference(item, position)
    raise TrieNodeMalformed(f"receipt proof: node {position} is neither branch, extension nor leaf")


def _present(value: rlp.Decoded) -> bytes:
    if not isinstance(value, bytes) or not value:
        raise TrieKeyAbsent("receipt proof: the trie has no receipt with this index")
    return value


def _reference(item: rlp.Decoded, position: int) -> Hash32:
    if item == b"":
        raise TrieKeyAbsent("receipt proof: the trie has no receipt with this index")
    if not isinstance(item, bytes) or len(item) != _HASH_SIZE:
        raise TrieNodeMalformed(
            f"receipt proof: node {position} embeds its child, which no receipts trie does"
        )
    return Hash32(item)


def _nibbles(key: bytes) -> Nibbles:
    return tuple(nibble for octet in key for nibble in (octet >> 4, octet & 15))


def _parse_compact(compact: bytes) -> tuple[Nibbles, bool]:
    """Nibbles and the leaf flag of a hex-prefix encoded path (Yellow Paper, appendix C), canonical only."""
    nibbles = _nibbles(compact)
    if not nibbles or nibbles[0] > 3 or (not nibbles[0] & 1 and nibbles[1]):
        raise TrieNodeMalformed("receipt proof: a path that is not in hex-prefix form")
    fragment = nibbles[1:] if nibbles[0] & 1 else nibbles[2:]
    is_leaf = nibbles[0] >= 2
    if not fragment and not is_leaf:
        raise TrieNodeMalformed("receipt proof: an extension of no length")
    return fragment, is_leaf


def _compact(fragment: Nibbles, is_leaf: bool) -> bytes:
    flag = 2 * is_leaf + len(fragment) % 2
    nibbles = (flag, *fragment) if len(fragment) % 2 else (flag, 0, *fragment)
    return bytes(high << 4 | low for high, low in zip(nibbles[::2], nibbles[1::2], strict=True))


@dataclass(frozen=True, slots=True)
class _Leaf:
    path: Nibbles
    value: bytes


def trie_root(values: Sequence[bytes]) -> Hash32:
    """Root of the trie that holds ``values[i]`` at ``rlp(i)``."""
    return _Builder().root(_leaves(values))


def trie_proof(values: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The nodes from the root down to ``values[index]``, root first."""
    leaves = _leaves(values)
    path = leaves[index].path
    builder = _Builder(path)
    builder.root(leaves)
    return tuple(builder.on_path[depth] for depth in sorted(builder.on_path))


def _leaves(values: Sequence[bytes]) -> list[_Leaf]:
    return [_Leaf(_nibbles(rlp.encode(rlp.encode_int(index))), value) for index, value in enumerate(values)]


class _Builder:
    """Builds the trie once; remembers the encoded nodes on the way to one key, by their depth in nibbles."""

    def __init__(self, proved: Nibbles = ()) -> None:
        self.proved = proved
        self.on_path: dict[int, bytes] = {}

    def root(self, leaves: list[_Leaf]) -> Hash32:
        return self._node(sorted(leaves, key=lambda leaf: leaf.path), 0) if leaves else EMPTY_TRIE_ROOT

    def _node(self, leaves: list[_Leaf], depth: int) -> Hash32:
        first, last = leaves[0].path, leaves[-1].path
        if len(leaves) == 1:
            return self._keep([_compact(first[depth:], True), leaves[0].value], first, depth)
        shared = depth
        while shared < len(first) and first[shared] == last[shared]:
            shared += 1
        if shared > depth:
            return self._keep(
                [_compact(first[depth:shared], False), self._node(leaves, shared)], first, depth
            )
        return self._keep(self._branch(leaves, depth), first, depth)

    def _branch(self, leaves: list[_Leaf], depth: int) -> list[bytes]:
        children: list[list[_Leaf]] = [[] for _ in range(16)]
        for leaf in leaves:
            children[leaf.path[depth]].append(leaf)
        return [*(self._node(child, depth + 1) if child else b"" for child in children), b""]

    def _keep(self, node: list[bytes], path: Nibbles, depth: int) -> Hash32:
        raw = rlp.encode(node)
        if self.proved and path[:depth] == self.proved[:depth]:
            self.on_path[depth] = raw
        return keccak256(raw)
