"""The site log: RFC 9162's Merkle tree with SHA-256 (section 2.1), its proofs, compact ranges and tiles.

Pure: hashes come in through `NodeAt` and `ReadTile`, so that a vault keeps them where it likes. Left out: RFC
9162's signed structures (a checkpoint takes their place) and leaf contents (`perdure_anchor.record`).
"""

from perdure_anchor.log.append import MAX_SIZE, append_proof, peaks_from_append_proof
from perdure_anchor.log.compact import (
    CompactRange,
    NodeAt,
    RangeGapError,
    decomposition,
    root_at,
    root_from_peaks,
)
from perdure_anchor.log.consistency import consistency_proof, verify_consistency
from perdure_anchor.log.errors import (
    AppendProofError,
    IndexOutOfRangeError,
    LogProofError,
    ProofLengthError,
    RootMismatchError,
    SizeOutOfRangeError,
    TileLengthError,
    UnknownLeaves,
)
from perdure_anchor.log.hashing import EMPTY_ROOT, leaf_hash, leaf_hashes, node_hash
from perdure_anchor.log.inclusion import (
    inclusion_proof,
    inclusion_proofs,
    root_from_inclusion_proof,
    verify_inclusion,
)
from perdure_anchor.log.memory import MemoryLog
from perdure_anchor.log.partial import (
    Gap,
    Gaps,
    KnownNodes,
    NodeSource,
    PartialSource,
    nodes_of_range,
    proven_leaves,
)
from perdure_anchor.log.tile import ReadTile, Tile, TileSource, append_to_tiles, tiles_above_leaves

__all__ = [
    "EMPTY_ROOT",
    "MAX_SIZE",
    "AppendProofError",
    "CompactRange",
    "Gap",
    "Gaps",
    "IndexOutOfRangeError",
    "KnownNodes",
    "LogProofError",
    "MemoryLog",
    "NodeAt",
    "NodeSource",
    "PartialSource",
    "ProofLengthError",
    "RangeGapError",
    "ReadTile",
    "RootMismatchError",
    "SizeOutOfRangeError",
    "Tile",
    "TileLengthError",
    "TileSource",
    "UnknownLeaves",
    "append_proof",
    "append_to_tiles",
    "consistency_proof",
    "decomposition",
    "inclusion_proof",
    "inclusion_proofs",
    "leaf_hash",
    "leaf_hashes",
    "node_hash",
    "nodes_of_range",
    "peaks_from_append_proof",
    "proven_leaves",
    "root_at",
    "root_from_inclusion_proof",
    "root_from_peaks",
    "tiles_above_leaves",
    "verify_consistency",
    "verify_inclusion",
]
