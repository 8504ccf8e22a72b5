"""What verification of a proof of two histories found: plain values, as in `perdure_anchor.verdict`."""

import enum
from dataclasses import dataclass

from perdure_anchor.checkpoint import Origin
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.time_bounds import TimeBound
from perdure_anchor.verdict import AnchorFacts, Fault, Grade


class Vouching(enum.Enum):
    """Who vouches that a key which signed is, or was, the site's."""

    PINNED = "pinned"
    BY_REGISTRY = "by registry"
    BY_ROTATION = "by rotation"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SignedHistory:
    """One of the two checkpoints; ``sealed_at`` is the site's claim, ``anchor`` and ``not_after`` what its anchor shows, if it has one.

    ``signer`` is None if no key is known to have signed, ``key_doubt`` what the trust file's revocations have against it.
    """

    size: int
    root: Hash32
    sealed_at: int
    signer: Address | None
    key: Vouching
    key_doubt: str | None
    anchor: AnchorFacts | None
    not_after: TimeBound | None


@dataclass(frozen=True, slots=True)
class RivalsVerdict:
    """The result of `perdure_anchor.verify_rivals.verify_rivals`.

    ``two_histories`` says that no log has both roots, whoever signed them; ``histories`` are the shorter and the longer one.
    """

    required: Grade
    faults: tuple[Fault, ...]
    origin: Origin
    two_histories: bool
    histories: tuple[SignedHistory, ...]
    rotations: tuple[Address, ...]
    validator_changes: tuple[int, ...]
    who_must_have_lied: str
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether it is shown that keys of the site signed two histories."""
        return not self.faults

    @property
    def errors(self) -> tuple[PerdureError, ...]:
        """What is wrong, without the steps."""
        return tuple(fault.error for fault in self.faults)
