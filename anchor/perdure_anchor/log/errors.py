"""What can be wrong with a proof about a log; each class carries the values that it complains about."""

from perdure_anchor.errors import EncodingError, VerificationError
from perdure_anchor.hashes import Hash32


class LogProofError(VerificationError):
    """A proof about a log does not show what it claims."""


class IndexOutOfRangeError(LogProofError):
    """There is no such leaf, or no such node, in a log of this size."""

    def __init__(self, index: int, size: int) -> None:
        super().__init__(f"index out of range: got {index}, want 0 <= index < {size}")
        self.index = index
        self.size = size


class SizeOutOfRangeError(LogProofError):
    """Two tree sizes are not in the order that the proof needs, or too large."""

    def __init__(self, old_size: int, new_size: int, want: str) -> None:
        super().__init__(f"tree sizes out of range: got old {old_size} and new {new_size}, want {want}")
        self.old_size = old_size
        self.new_size = new_size


class ProofLengthError(LogProofError):
    """A proof has more or fewer hashes than its tree sizes and index give it."""

    def __init__(self, got: int, want: int) -> None:
        super().__init__(f"proof of the wrong length: got {got} hashes, want {want}")
        self.got = got
        self.want = want


class HashLengthError(LogProofError):
    """An item of a proof is not a SHA-256 digest."""

    def __init__(self, position: int, got: int) -> None:
        super().__init__(f"hash {position} of the proof has the wrong length: got {got} bytes, want 32")
        self.position = position
        self.got = got


class RootMismatchError(LogProofError):
    """A proof leads to another root hash than the expected one."""

    def __init__(self, *, calculated: Hash32, expected: Hash32) -> None:
        super().__init__(f"root hash does not match: got {calculated.hex()}, want {expected.hex()}")
        self.calculated = calculated
        self.expected = expected


class AppendProofError(LogProofError):
    """An append proof does not show that the new log extends the old one."""


class AppendSizeError(AppendProofError, SizeOutOfRangeError):
    """An append proof is asked to go back, to stay, or beyond the registry's largest size."""


class AppendProofLengthError(AppendProofError, ProofLengthError):
    """An append proof has more or fewer hashes than its two sizes give it."""


class AppendHashLengthError(AppendProofError, HashLengthError):
    """An item of an append proof is not a SHA-256 digest."""


class OldRootMismatchError(AppendProofError, RootMismatchError):
    """The old peaks of an append proof do not fold to the old root hash."""


class TileLengthError(EncodingError):
    """A stored tile holds fewer hashes than a log of this size needs of it."""

    def __init__(self, level: int, index: int, *, got: int, want: int) -> None:
        super().__init__(
            f"tile {index} at level {level} is too short: got {got} bytes, want {want}",
            hint="the stored log is damaged: restore its tiles, or rebuild them from the leaf hashes",
        )
        self.level = level
        self.index = index
        self.got = got
        self.want = want


class UnknownLeaves(LogProofError):
    """What was asked for needs leaf hashes that this log has lost: some of [begin, end).

    ``node``: the first node (level, index) that was needed, and below which nothing is known.
    """

    def __init__(self, begin: int, end: int, *, node: tuple[int, int]) -> None:
        leaves = f"leaf {begin}" if end == begin + 1 else f"leaves {begin} to {end - 1}"
        super().__init__(
            f"the hashes of {leaves} are unknown: nothing can be proven that needs one of them alone",
            hint="a mirror or a backup of the log may still have them: `perdure recover` takes them in",
        )
        self.begin = begin
        self.end = end
        self.node = node
