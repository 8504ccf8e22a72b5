"""Inclusion proofs (RFC 9162, section 2.1.3): made for one leaf, made for a range in one pass, and checked.

A path lists the siblings from the leaf up. Its length follows from index and size alone, so a path of any
other length is refused before anything is hashed.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256

from perdure_anchor.hashes import Hash32
from perdure_anchor.log.compact import NodeAt, split_point, subtree_root
from perdure_anchor.log.errors import (
    IndexOutOfRangeError,
    ProofLengthError,
    RootMismatchError,
    SizeOutOfRangeError,
)
from perdure_anchor.log.hashing import require_hashes

Path = tuple[Hash32, ...]

# Ranges are proved in subtrees of 2^9 leaves: enough of them to make the way up to a subtree's top cheap, and
# few enough that their paths do not set off the garbage collector, which would cost a third of the time.
_CHUNK_LEVEL = 9


def inclusion_proof(node_at: NodeAt, index: int, size: int) -> Path:
    """PATH(index, D[0:size]): the siblings from the leaf to the root. Raises `IndexOutOfRangeError`."""
    _require_index(index, size)
    return _path(node_at, 0, index, size)


def inclusion_proofs(node_at: NodeAt, begin: int, end: int, size: int) -> Iterator[Path]:
    """The inclusion proofs of the leaves begin to end - 1 in the log of ``size``, in order.

    Each node below a chunk's top is fetched once, and a leaf's path is its parent's path with one sibling put
    before it. Holds some hundred paths at a time. Raises `SizeOutOfRangeError` unless 0 <= begin <= end <=
    size.
    """
    if not 0 <= begin <= end <= size:
        raise SizeOutOfRangeError(begin, end, f"0 <= begin <= end <= {size}")
    return _paths(node_at, begin, end, size)


def root_from_inclusion_proof(leaf_hash: Hash32, index: int, size: int, path: Sequence[Hash32]) -> Hash32:
    """The root hash to which ``path`` leads from the leaf at ``index`` in a log of ``size`` leaves.

    Equivalent to RFC 9162, section 2.1.3.2: below the place where the leaf's way parts from the last leaf's,
    a sibling's side follows from the index; above it, all siblings are on the left. Raises
    `IndexOutOfRangeError`, `ProofLengthError`, `HashLengthError`.
    """
    _require_index(index, size)
    inner = (index ^ (size - 1)).bit_length()
    want = inner + (index >> inner).bit_count()
    if len(path) != want:
        raise ProofLengthError(len(path), want)
    require_hashes((leaf_hash, *path))
    node: bytes = leaf_hash
    for level, sibling in enumerate(path):
        is_right_child = level >= inner or index >> level & 1
        # `node_hash`, called straight, since whoever verifies many records does little else
        node = sha256(b"\x01" + (sibling + node if is_right_child else node + sibling)).digest()
    return Hash32(node)


def verify_inclusion(leaf_hash: Hash32, index: int, size: int, path: Sequence[Hash32], root: Hash32) -> None:
    """Raise a `LogProofError` unless the log of ``size`` and ``root`` holds ``leaf_hash`` at ``index``."""
    calculated = root_from_inclusion_proof(leaf_hash, index, size, path)
    if calculated != root:
        raise RootMismatchError(calculated=calculated, expected=root)


def _require_index(index: int, size: int) -> None:
    if not 0 <= index < size:
        raise IndexOutOfRangeError(index, size)


def _path(node_at: NodeAt, level: int, index: int, size: int) -> Path:
    """The siblings from the perfect subtree at (level, index) to the root of the log of ``size``."""
    begin, end = 0, size
    leaf = index << level
    path = []
    while end - begin > 1 << level:
        middle = split_point(begin, end)
        if leaf < middle:
            path.append(subtree_root(node_at, middle, end))
            end = middle
        else:
            path.append(subtree_root(node_at, begin, middle))
            begin = middle
    return tuple(reversed(path))


def _paths(node_at: NodeAt, begin: int, end: int, size: int) -> Iterator[Path]:
    for level, index in _chunks(begin, end, size):
        first = index << level
        above = _path(node_at, level, index, size)
        yield from _paths_below(node_at, level, max(begin, first), min(end, first + (1 << level)), above)


def _chunks(begin: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    """(level, index) of perfect subtrees, of `_CHUNK_LEVEL` at most, that together hold [begin, end)."""
    first = begin >> _CHUNK_LEVEL << _CHUNK_LEVEL
    while first < end:
        level = min(_CHUNK_LEVEL, (size - first).bit_length() - 1)
        if first + (1 << level) > begin:
            yield level, first >> level
        first += 1 << level


def _paths_below(node_at: NodeAt, top: int, begin: int, end: int, above: Path) -> list[Path]:
    """The paths of the leaves [begin, end) in a perfect subtree of level ``top``, given its top's path.

    Goes down level by level, keeping the paths of the nodes over [begin, end) only; siblings come in pairs,
    so a level starts with a left child and ends with a right one.
    """
    paths = [above]
    for level in range(top - 1, -1, -1):
        first, last = begin >> level, (end - 1) >> level
        left_edge, right_edge = first & ~1, last | 1
        nodes = [node_at(level, index) for index in range(left_edge, right_edge + 1)]
        below: list[Path] = [()] * len(nodes)
        below[::2] = [(right, *path) for right, path in zip(nodes[1::2], paths, strict=True)]
        below[1::2] = [(left, *path) for left, path in zip(nodes[::2], paths, strict=True)]
        paths = below[first - left_edge : last + 1 - left_edge]
    return paths
