"""What verification found: the grade, the times, the claims, and who must have lied for each to be false.

A verdict is plain values; the command prints it, and `Verdict.ok` decides the exit code. Nothing here judges evidence.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from perdure_anchor.checkpoint import Origin
from perdure_anchor.confirmation import Confirmation
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.time_bounds import TimeBound


class Grade(enum.IntEnum):
    """How much has been shown, each grade including those below it."""

    RECORDED = 1
    SIGNED = 2
    ANCHORED = 3
    FINAL = 4

    @property
    def text(self) -> str:
        return self.name.lower()


class DocumentMatch(enum.Enum):
    """Whether the document at hand is the recorded one."""

    MATCHED = "matched"
    DIFFERENT = "different"
    NOT_CHECKED = "not checked"


class KeyStatus(enum.Enum):
    """Who vouches that the key which signed the checkpoint is the site's."""

    PINNED = "pinned"
    BY_REGISTRY = "by registry"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Claims:
    """What the site says, and nobody shows: texts as recorded, None where hidden or empty."""

    signed_at: str | None
    recorded_at: str | None
    sealed_at: str | None


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and at which step of SPEC.md, section 9.2, it was found.

    A grade below the required one counts for the step that fell short.
    """

    step: int
    error: PerdureError


@dataclass(frozen=True, slots=True)
class AnchorFacts:
    """The block in which the registry spoke, and, if it only confirmed, what it says of the first time.

    ``sealers`` distinct ones of ``validators`` sealed it or one of the ``descendants`` blocks after it that evidence shows.
    """

    block_number: int
    block_hash: Hash32
    block_time: int
    signer: Address
    previous_size: int | None
    first_block: int | None
    sealers: int
    validators: int
    descendants: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of `perdure_anchor.verify.verify`.

    ``grade`` is the highest one shown before the first fault, None if not even the record's form holds. ``faults`` has every
    one, and why the grade is below the required one. ``validator_changes`` are the blocks at which the evidence shows a new set. ``disclosed`` are the values of the slots that the evidence shows.
    ``key_doubt`` says what the trust file's revocations have against the key that signed, None if nothing. ``confirmation`` is who
    signed the record, as far as it is shown and holds; ``confirmed_not_before`` is before when nobody can have confirmed it.
    ``vouched`` has the parts of the confirmation whose key an operator's record in the log gives to who signed, each with that record's
    index (None if it is not in the log yet): see `perdure_anchor.operator_key`.
    """

    required: Grade
    grade: Grade | None
    faults: tuple[Fault, ...]
    origin: Origin
    leaf_hash: Hash32 | None
    index: int | None
    size: int | None
    root: Hash32 | None
    disclosed: Mapping[str, JsonValue]
    hidden: tuple[str, ...]
    document: DocumentMatch
    claims: Claims
    key: KeyStatus
    anchor: AnchorFacts | None
    validator_changes: tuple[int, ...]
    not_before: TimeBound | None
    not_after: TimeBound | None
    who_must_have_lied: str
    notes: tuple[str, ...]
    key_doubt: str | None = None
    confirmation: Confirmation | None = None
    confirmed_not_before: TimeBound | None = None
    vouched: Mapping[int, int | None] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong and the required grade is reached."""
        return not self.faults and self.grade is not None and self.grade >= self.required

    @property
    def errors(self) -> tuple[PerdureError, ...]:
        """What is wrong, without the steps."""
        return tuple(fault.error for fault in self.faults)
