"""What verification of a statement found: plain values, as in `perdure_anchor.verdict`."""

from collections.abc import Mapping
from dataclasses import dataclass

from perdure_anchor.checkpoint import Origin
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Hash32
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.verdict import Fault, Grade, Verdict


@dataclass(frozen=True, slots=True)
class StatedLeaf:
    """A leaf of the range, with what it discloses.

    ``supersedes`` is the leaf hash that it names, ``superseded_by`` the indices within the range that name it. ``is_shown`` False:
    it discloses nothing, because it was erased or is hidden, so what it supersedes is unknown.
    """

    index: int
    leaf_hash: Hash32
    disclosed: Mapping[str, JsonValue]
    is_shown: bool
    supersedes: Hash32 | None
    superseded_by: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StatementVerdict:
    """The result of `perdure_anchor.verify_statement.verify_statement`.

    ``leaves`` are those of [begin, end), none where a disclosure is at fault; ``complete`` says that nothing was left out between
    them under the signed root. ``checkpoint`` is the verdict on that root: who signed it, and where it is anchored.
    """

    required: Grade
    faults: tuple[Fault, ...]
    origin: Origin
    begin: int
    end: int
    leaves: tuple[StatedLeaf, ...]
    complete: bool
    checkpoint: Verdict
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether the leaves are shown to be all there are in the range, up to the required grade."""
        return not self.faults and self.complete

    @property
    def grade(self) -> Grade | None:
        return self.checkpoint.grade

    @property
    def size(self) -> int:
        """Of how many leaves the signed log is."""
        assert self.checkpoint.size is not None
        return self.checkpoint.size

    @property
    def who_must_have_lied(self) -> str:
        """For it to be false."""
        return self.checkpoint.who_must_have_lied

    @property
    def unshown(self) -> tuple[int, ...]:
        """The indices of the leaves that disclose nothing."""
        return tuple(leaf.index for leaf in self.leaves if not leaf.is_shown)

    @property
    def errors(self) -> tuple[PerdureError, ...]:
        """What is wrong, without the steps."""
        return tuple(fault.error for fault in self.faults)
