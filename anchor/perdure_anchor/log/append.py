"""Append proofs: what the registry checks on-chain before it moves a site's head.

One array: the peaks of the old log [0, old), largest first, then the compact range of the new leaves [old,
new). The old peaks must fold to the old root; the range is merged onto them, and what results are the new
log's peaks, whose fold the caller compares with the new root. For old = 0 there are no old peaks, and no old
root is looked at.

The roots do not bind the sizes: some false sizes pass with the same hashes. That does no harm, since an
inclusion proof has the exact length for its index and size: a false size makes records unprovable, never
two-faced.
"""

from collections.abc import Sequence

from perdure_anchor.hashes import Hash32
from perdure_anchor.log.compact import CompactRange, NodeAt, decomposition
from perdure_anchor.log.errors import (
    AppendHashLengthError,
    AppendProofLengthError,
    AppendSizeError,
    OldRootMismatchError,
)
from perdure_anchor.log.hashing import require_hashes

MAX_SIZE = (1 << 48) - 1
"""Largest tree size that the registry takes: bounds the proof to 95 hashes, whatever a caller writes."""


def append_proof(node_at: NodeAt, old: int, new: int) -> tuple[Hash32, ...]:
    """The proof that the log of ``new`` leaves starts with its first ``old``. Raises `AppendSizeError`."""
    _require_sizes(old, new)
    nodes = (*decomposition(0, old), *decomposition(old, new))
    return tuple(node_at(level, index) for level, index in nodes)


def peaks_from_append_proof(
    old_size: int, old_root: Hash32, new_size: int, proof: Sequence[Hash32]
) -> tuple[Hash32, ...]:
    """The new log's peaks, largest first; `root_from_peaks` gives the root to compare with the new one.

    Raises an `AppendProofError` for sizes that do not grow or pass `MAX_SIZE`, for a proof that is not of the
    exact length, and for old peaks that do not fold to ``old_root``.
    """
    _require_sizes(old_size, new_size)
    old_peaks = old_size.bit_count()
    want = old_peaks + sum(1 for _ in decomposition(old_size, new_size))
    if len(proof) != want:
        raise AppendProofLengthError(len(proof), want)
    require_hashes(proof, AppendHashLengthError)
    old = CompactRange(0, old_size, tuple(proof[:old_peaks]))
    if old_size and old.root != old_root:
        raise OldRootMismatchError(calculated=old.root, expected=old_root)
    return old.merged(CompactRange(old_size, new_size, tuple(proof[old_peaks:]))).hashes


def _require_sizes(old: int, new: int) -> None:
    if not 0 <= old < new <= MAX_SIZE:
        raise AppendSizeError(old, new, f"0 <= old < new <= {MAX_SIZE}")
