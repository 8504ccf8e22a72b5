"""What the steps of verification have shown so far, and how it becomes a verdict (SPEC.md, section 9.3).

The words of a verdict are made here, once, for the command, the pages and the report alike.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from perdure_anchor.coalitions import forgers, rivals, text_of
from perdure_anchor.confirmation import Confirmation
from perdure_anchor.errors import PerdureError, VerificationError
from perdure_anchor.evidence import Evidence, SignedCheckpoint
from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.record import SLOTS
from perdure_anchor.revocations import standing
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.time_bounds import TimeBound
from perdure_anchor.timestamp import MAX_SECONDS, format_seconds
from perdure_anchor.trust import Epoch, TrustFile
from perdure_anchor.validator_changes import ValidatorChange
from perdure_anchor.verdict import AnchorFacts, Claims, DocumentMatch, Fault, Grade, KeyStatus, Verdict

DEVNET = "this is a devnet: one process held all keys, so this shows how things work and proves nothing"


class GradeTooLow(VerificationError):
    """Nothing is wrong, but less is shown than was asked for."""


@dataclass(slots=True)
class Findings:
    """What the steps have shown so far; ``step`` is the one that is under way. ``trust`` grows by the changes that are followed."""

    evidence: Evidence
    trust: TrustFile
    allowance: int
    step: int = 0
    grade: Grade | None = None
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    shortfall: Fault | None = None
    disclosed: dict[str, JsonValue] = field(default_factory=dict)
    leaf_hash: Hash32 | None = None
    document: DocumentMatch = DocumentMatch.NOT_CHECKED
    signer: Address | None = None
    key: KeyStatus = KeyStatus.UNKNOWN
    anchor: AnchorFacts | None = None
    changes: tuple[ValidatorChange, ...] = ()
    # whether the anchor's block has the seals that its epoch's own rule wants, be that a quorum or less
    sealed: bool = False
    not_before: TimeBound | None = None
    not_after: TimeBound | None = None
    confirmation: Confirmation | None = None
    confirmed_not_before: TimeBound | None = None

    def take(self, step: Callable[[], None]) -> None:
        """Run a step; a fault is kept and ends it."""
        try:
            step()
        except PerdureError as error:
            self.faults.append(Fault(self.step, error))

    def fall_short(self, step: int, why: VerificationError) -> None:
        """Keep why the grade above is not reached, which is no fault by itself."""
        self.shortfall = Fault(step, why)

    def epoch(self) -> Epoch:
        """The epoch of the anchor's block, where there is one."""
        assert self.anchor is not None
        epoch = self.trust.epoch_of(self.anchor.block_number)
        assert epoch is not None
        return epoch

    def verdict(self, require: Grade) -> Verdict:
        """The verdict; a grade below ``require`` is a fault of its own where there is no other."""
        return _conclude(self, require)


def _conclude(findings: Findings, require: Grade) -> Verdict:
    grade = findings.grade
    if not findings.faults and (grade is None or grade < require):
        findings.faults.append(_too_low(findings, require))
    checkpoint = findings.evidence.checkpoint
    key = standing(findings.trust, findings.evidence.origin, findings.signer, findings.not_after)
    return Verdict(
        required=require,
        grade=grade,
        faults=tuple(findings.faults),
        origin=findings.evidence.origin,
        leaf_hash=findings.leaf_hash,
        index=None if checkpoint is None else checkpoint.index,
        size=None if checkpoint is None else checkpoint.size,
        root=None if checkpoint is None else checkpoint.root,
        disclosed=findings.disclosed,
        hidden=tuple(name for name in SLOTS if name not in findings.disclosed),
        document=findings.document,
        claims=_claims(findings.disclosed, checkpoint),
        key=findings.key,
        anchor=findings.anchor,
        validator_changes=tuple(change.after.from_block for change in findings.changes),
        not_before=findings.not_before,
        not_after=findings.not_after,
        who_must_have_lied=who_must_have_lied(findings),
        notes=(
            *findings.notes,
            *((key.note,) if key.note is not None else ()),
            *_shortfall_notes(findings),
            *_notes(findings),
        ),
        key_doubt=key.doubt,
        confirmation=findings.confirmation,
        confirmed_not_before=findings.confirmed_not_before,
    )


def _too_low(findings: Findings, require: Grade) -> Fault:
    """The shortfall as a fault, at the step where it came up: where no step had one, the grade would be final."""
    why = findings.shortfall
    assert why is not None
    if not isinstance(why.error, GradeTooLow):
        return why
    shown = "nothing" if findings.grade is None else findings.grade.text
    return Fault(why.step, GradeTooLow(f"shown is {shown}, asked for is {require.text}: {why.error}"))


def _shortfall_notes(findings: Findings) -> list[str]:
    """Why it is not more, for a caller who asked for less and got a yes."""
    if findings.faults or findings.shortfall is None:
        return []
    return [f"not more than that is shown: {findings.shortfall.error}"]


def _claims(disclosed: Mapping[str, JsonValue], checkpoint: SignedCheckpoint | None) -> Claims:
    signed_at, recorded_at = disclosed.get("signed_at"), disclosed.get("recorded_at")
    sealed_at = None
    if checkpoint is not None and checkpoint.sealed_at <= MAX_SECONDS:
        sealed_at = format_seconds(checkpoint.sealed_at)
    return Claims(
        signed_at if isinstance(signed_at, str) else None,
        recorded_at if isinstance(recorded_at, str) else None,
        sealed_at,
    )


def who_must_have_lied(findings: Findings) -> str:
    """Who must have lied for the grade that is reached to be false."""
    match findings.grade:
        case Grade.RECORDED:
            return "anybody: only the form of a record is shown"
        case Grade.SIGNED:
            return f"the site {findings.evidence.origin.text}, or whoever has its key"
        case Grade.ANCHORED if not findings.sealed:
            return "whoever supplied the block's header"
        case Grade.ANCHORED if findings.epoch().consensus == "clique":
            assert findings.anchor is not None
            return (
                f"the {findings.anchor.sealers} of {findings.anchor.validators} signers who sealed it and the blocks after it, or "
                "whoever has their keys; and without any lie the chain may have gone on without this block"
            )
        case Grade.ANCHORED:
            return f"less than a quorum of the validators, by the chain's own rule: {_coalitions(findings)}"
        case Grade.FINAL:
            return f"a quorum of the validators: {_coalitions(findings)}"
    return "nobody: nothing is shown"


def _coalitions(findings: Findings) -> str:
    """Each set of liars that suffices: of the validators at the anchor's block, or of those before a change that was followed."""
    return f"{text_of(forgers(findings.epoch(), findings.changes))}, or whoever has their keys"


def _notes(findings: Findings) -> list[str]:
    notes = []
    if findings.trust.devnet:
        notes.append(DEVNET)
    if findings.anchor is not None:
        notes.append(
            f"supersession and the site's key are known up to block {findings.anchor.block_number} only; "
            "the site may hold later or rival records"
        )
        notes += _notes_about_rivals(findings) + _notes_about_times(findings)
        checkpoint = findings.evidence.checkpoint
        if checkpoint is not None and checkpoint.sealed_at > findings.anchor.block_time + findings.allowance:
            notes.append("the site claims to have sealed the log after the time of the block that anchors it")
    return notes


def _notes_about_rivals(findings: Findings) -> list[str]:
    """A quorum's seals show that an honest validator took the block; that nobody took a rival of it is shown by less."""
    if findings.grade is not Grade.FINAL:
        return []
    parted = text_of(rivals(findings.epoch(), findings.changes))
    rival = "that the chain went on from this block, and from no rival of it, is false already"
    return [f"{rival} if the network was parted and validators lied: {parted}"]


def _notes_about_times(findings: Findings) -> list[str]:
    """Bounds that exclude each other: both were computed as they should, so somebody lied about the time."""
    earliest, latest = findings.not_before, findings.not_after
    if earliest is None or latest is None or earliest.seconds <= latest.seconds:
        return []
    return [
        "the bounds of time exclude each other: the proposers of one of them lied, or their clocks were wrong"
    ]


def why_not_final(findings: Findings, epoch: Epoch) -> str:
    """Why the grade is less where the epoch's own rule is met."""
    assert findings.anchor is not None
    if epoch.consensus == "clique":
        return (
            "Clique has no finality, one signature makes a block: "
            f"{findings.anchor.sealers} of {findings.anchor.validators} signers sealed this one or the "
            f"{findings.anchor.descendants} blocks after it, and honest signers may still have left it for a rival"
        )
    return (
        f"the chain's own rule is {epoch.quorum_rule}: {epoch.wanted_seals} of {len(epoch.validators)} seals, "
        "which two blocks can have without an honest validator in common"
    )


def note_about_set(findings: Findings, epoch: Epoch) -> str:
    """How far it is known which validators there were."""
    if not findings.changes:
        return f"the validator set was pinned at block {epoch.from_block} and is taken as still in force"
    pinned = findings.changes[0].before
    blocks = ", ".join(str(change.after.from_block) for change in findings.changes)
    return (
        f"the validator set was pinned at block {pinned.from_block} and followed through changes known at block {blocks}; "
        "the last is taken as still in force"
    )
