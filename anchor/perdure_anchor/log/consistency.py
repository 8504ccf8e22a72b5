"""Consistency proofs (RFC 9162, section 2.1.4): a log of ``new`` leaves starts with the ``old`` leaves.

The registry does not take these: it checks append proofs (`perdure_anchor.log.append`), which also rebuild
the frontier. The RFC leaves an old size of 0 undefined; here its proof is empty and its root must be that of
the empty log.
"""

from collections.abc import Sequence

from perdure_anchor.hashes import Hash32
from perdure_anchor.log.compact import NodeAt, split_point, subtree_root
from perdure_anchor.log.errors import ProofLengthError, RootMismatchError, SizeOutOfRangeError
from perdure_anchor.log.hashing import EMPTY_ROOT, node_hash, require_hashes


def consistency_proof(node_at: NodeAt, old: int, new: int) -> tuple[Hash32, ...]:
    """PROOF(old, D[0:new]); empty for old = 0 and old = new. Raises `SizeOutOfRangeError`.

    The RFC's SUBPROOF as a loop: [begin, end) is the subtree at hand, and its flag "b" says that begin is
    still 0.
    """
    _require_sizes(old, new)
    begin, end = 0, new
    proof: list[Hash32] = []
    while 0 < old < end:
        middle = split_point(begin, end)
        if old <= middle:
            proof.append(subtree_root(node_at, middle, end))
            end = middle
        else:
            proof.append(subtree_root(node_at, begin, middle))
            begin = middle
    if begin:
        proof.append(subtree_root(node_at, begin, end))
    return tuple(reversed(proof))


def verify_consistency(
    old_size: int, old_root: Hash32, new_size: int, new_root: Hash32, proof: Sequence[Hash32]
) -> None:
    """Raise a `LogProofError` unless the new log starts with the old one."""
    _require_sizes(old_size, new_size)
    want = _proof_length(old_size, new_size)
    if len(proof) != want:
        raise ProofLengthError(len(proof), want)
    require_hashes(proof)
    if old_size == 0:
        _require_root(EMPTY_ROOT, old_root)
    elif old_size == new_size:
        _require_root(old_root, new_root)
    else:
        calculated_old, calculated_new = _roots_from_proof(old_size, old_root, new_size, proof)
        _require_root(calculated_old, old_root)
        _require_root(calculated_new, new_root)


def _roots_from_proof(
    old_size: int, old_root: Hash32, new_size: int, proof: Sequence[Hash32]
) -> tuple[Hash32, Hash32]:
    """Both roots, from the old log's last perfect subtree upwards (RFC 9162, section 2.1.4.2).

    If the old log is that subtree as a whole, the proof leaves its hash out: it is the old root.
    """
    level = _last_peak_level(old_size)
    last = old_size - 1
    inner = (last ^ (new_size - 1)).bit_length()
    first, *siblings = (old_root, *proof) if old_size == 1 << level else proof
    old_node = new_node = first
    for height, sibling in enumerate(siblings, start=level):
        if height >= inner or last >> height & 1:
            old_node = node_hash(sibling, old_node)
            new_node = node_hash(sibling, new_node)
        else:
            new_node = node_hash(new_node, sibling)
    return old_node, new_node


def _proof_length(old_size: int, new_size: int) -> int:
    if old_size in (0, new_size):
        return 0
    level = _last_peak_level(old_size)
    last = old_size - 1
    inner = (last ^ (new_size - 1)).bit_length()
    return inner - level + (last >> inner).bit_count() + (old_size != 1 << level)


def _last_peak_level(size: int) -> int:
    return (size & -size).bit_length() - 1


def _require_sizes(old: int, new: int) -> None:
    if not 0 <= old <= new:
        raise SizeOutOfRangeError(old, new, "0 <= old <= new")


def _require_root(calculated: Hash32, expected: Hash32) -> None:
    if calculated != expected:
        raise RootMismatchError(calculated=calculated, expected=expected)
