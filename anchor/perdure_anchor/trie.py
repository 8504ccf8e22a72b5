"""The Merkle Patricia trie over a block's receipts (Ethereum Yellow Paper, appendix D), built whole and proved.

Keys are ``rlp(index)``, values are receipts. Only what such a trie needs is here: a receipt is over 256 bytes, so every leaf
stands behind its hash, and a node short enough to be embedded in its parent is refused. State tries are left out.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

from perdure_anchor import rlp
from perdure_anchor.errors import VerificationError
from perdure_anchor.hashes import Hash32, keccak256

EMPTY_TRIE_ROOT = keccak256(rlp.encode(b""))

# The key of a receipt below 65536 has 6 nibbles at most, and each node but the last takes one or more of them: so 7 nodes do, and
# blocks of a few hundred receipts need them all.
MAX_PROOF_NODES = 7
_HASH_SIZE = 32
_ABSENT = "receipt proof: the trie has no receipt with this index"

# The usual branch has hashes only and no value: read at a glance, in its canonical form, which its size gives. Whatever is not
# exactly that is read item by item.
_PLAIN_CHILDREN = re.compile(rb"(?:\xa0(.{32})|\x80)" * 16 + rb"\x80", re.DOTALL)
_BEFORE_BRANCH = {
    len(raw): raw[: raw.index(b"\xa0")]
    for raw in (rlp.encode([*[bytes(_HASH_SIZE)] * count, *[b""] * (17 - count)]) for count in range(1, 17))
}

# hexadecimal, one digit a nibble
Nibbles: TypeAlias = str


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
    path, wanted = _path(index), root
    for position, raw in enumerate(nodes):
        if keccak256(raw) != wanted:
            raise TrieNodeMismatch(f"receipt proof: node {position} is not the one that is named above it")
        if path and (child := _plain_child(raw, path[0])):
            wanted, path = child, path[1:]
            continue
        item, rest = _step(rlp.decode_list(raw, "trie node"), path, position)
        if rest is None:
            if not isinstance(item, bytes) or not item:
                raise TrieKeyAbsent(_ABSENT)
            if position + 1 < len(nodes):
                raise TrieNodeUnused(f"receipt proof: {len(nodes) - position - 1} nodes behind the leaf")
            return item
        wanted, path = _reference(item, position), rest
    raise TrieNodeMissing(f"receipt proof: ends after {len(nodes)} nodes, before receipt {index}")


def _plain_child(raw: bytes, nibble: Nibbles) -> Hash32 | None:
    """What the usual branch names at a nibble; None for the absent child, and for any other node."""
    prefix = _BEFORE_BRANCH.get(len(raw))
    if prefix is None or not raw.startswith(prefix):
        return None
    children = _PLAIN_CHILDREN.fullmatch(raw, len(prefix))
    return Hash32(children[int(nibble, 16) + 1]) if children else None


def _step(node: list[rlp.Decoded], path: Nibbles, position: int) -> tuple[rlp.Decoded, Nibbles | None]:
    """What the node says about the path: a child and the rest of the path, or the value and None where the path ends."""
    if len(node) == 2 and isinstance(node[0], bytes):
        if node[0] == _compact(path, True):
            return node[1], None
        fragment, is_leaf = _parse_compact(node[0])
        if is_leaf or not path.startswith(fragment):
            raise TrieKeyAbsent(_ABSENT)
        return node[1], path[len(fragment) :]
    if len(node) == 17 and isinstance(node[16], bytes):
        return (node[int(path[0], 16)], path[1:]) if path else (node[16], None)
    raise TrieNodeMalformed(f"receipt proof: node {position} is neither branch, extension nor leaf")


def _reference(item: rlp.Decoded, position: int) -> Hash32:
    if isinstance(item, bytes):
        if len(item) == _HASH_SIZE:
            return Hash32(item)
        if not item:
            raise TrieKeyAbsent(_ABSENT)
    raise TrieNodeMalformed(f"receipt proof: node {position} embeds its child, which no receipts trie does")


def _path(index: int) -> Nibbles:
    return rlp.encode(rlp.encode_int(index)).hex()


def _parse_compact(compact: bytes) -> tuple[Nibbles, bool]:
    """Nibbles and the leaf flag of a hex-prefix encoded path (Yellow Paper, appendix C), canonical only."""
    nibbles = compact.hex()
    if nibbles[:1] in ("1", "3"):
        fragment = nibbles[1:]
    elif nibbles[:2] in ("00", "20"):
        fragment = nibbles[2:]
    else:
        raise TrieNodeMalformed("receipt proof: a path that is not in hex-prefix form")
    is_leaf = nibbles[0] >= "2"
    if not fragment and not is_leaf:
        raise TrieNodeMalformed("receipt proof: an extension of no length")
    return fragment, is_leaf


@lru_cache(maxsize=1024)  # most leaves are left with one nibble or none
def _compact(fragment: Nibbles, is_leaf: bool) -> bytes:
    """The hex-prefix encoding of a path, as `_parse_compact` reads it."""
    if len(fragment) % 2:
        return bytes.fromhex(("3" if is_leaf else "1") + fragment)
    return bytes.fromhex(("20" if is_leaf else "00") + fragment)


def trie_root(values: Sequence[bytes]) -> Hash32:
    """Root of the trie that holds ``values[i]`` at ``rlp(i)``."""
    return _Builder(values).root()


def trie_proof(values: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The nodes from the root down to ``values[index]``, root first."""
    builder = _Builder(values, index)
    builder.root()
    return tuple(reversed(builder.on_path))


class _Builder:
    """Builds the trie once, from its leaves up; keeps the nodes on the way to one of them, the lowest first."""

    def __init__(self, values: Sequence[bytes], proved: int | None = None) -> None:
        self.leaves = sorted([(_path(index), value) for index, value in enumerate(values)])
        self.paths = [path for path, _ in self.leaves]
        self.proved = -1 if proved is None else self.paths.index(_path(proved))
        self.on_path: list[bytes] = []

    def root(self) -> Hash32:
        return self._node(0, len(self.leaves), 0) if self.leaves else EMPTY_TRIE_ROOT

    def _node(self, begin: int, end: int, depth: int) -> Hash32:
        """The node over the leaves ``begin`` to before ``end``, in the order of their paths, which share ``depth`` nibbles."""
        path, value = self.leaves[begin]
        if end - begin == 1:
            raw = _leaf(path[depth:], value)
        else:
            shared = _shared(path, self.paths[end - 1], depth)
            if shared > depth:
                raw = rlp.encode((_compact(path[depth:shared], False), self._node(begin, end, shared)))
            else:
                raw = rlp.encode(self._children(begin, end, path[:depth]))
        if begin <= self.proved < end:
            self.on_path.append(raw)
        return keccak256(raw)

    def _children(self, begin: int, end: int, above: Nibbles) -> list[bytes]:
        """The items of the branch below the path ``above``."""
        # where a digit's leaves end, the next digit's would begin; "g" comes after "f"
        ends = [bisect_left(self.paths, above + digit, begin, end) for digit in "123456789abcdefg"]
        depth = len(above) + 1
        return [
            *(
                self._node(first, last, depth) if first < last else b""
                for first, last in pairwise((begin, *ends))
            ),
            b"",
        ]


def _leaf(fragment: Nibbles, value: bytes) -> bytes:
    """The RLP of a leaf, its value (two bytes at least) copied once only."""
    path, prefix = rlp.encode(_compact(fragment, True)), rlp.string_prefix(len(value))
    size = len(path) + len(prefix) + len(value)
    return b"".join((rlp.list_prefix(size), path, prefix, value))


def _shared(first: Nibbles, last: Nibbles, depth: int) -> int:
    """How many nibbles two paths share, which share ``depth`` at least and differ."""
    while first[depth] == last[depth]:
        depth += 1
    return depth
