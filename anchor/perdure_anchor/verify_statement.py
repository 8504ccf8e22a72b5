"""Verification of a statement: the file and a trust file in, a verdict out (SPEC.md, section 17; its steps are numbered here).

As in `perdure_anchor.verify`, nothing is read but the arguments; the checkpoint, its anchor and its time are judged by its very
steps, under their numbers there.
"""

from dataclasses import dataclass, field

from perdure_anchor.anchor_checks import AnchorChecks
from perdure_anchor.errors import PerdureError, VerificationError
from perdure_anchor.evidence import Slot
from perdure_anchor.findings import Findings, GradeTooLow
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import RootMismatchError, leaf_hash
from perdure_anchor.plain_disclosures import read_disclosure
from perdure_anchor.record import SLOTS
from perdure_anchor.statement import Statement, evidence_of_stated, leaf_of, root_around
from perdure_anchor.statement_verdict import StatedLeaf, StatementVerdict
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.time_bounds import DEFAULT_CLOCK_ALLOWANCE
from perdure_anchor.trust import TrustFile
from perdure_anchor.validator_changes import Followed
from perdure_anchor.verdict import Grade
from perdure_anchor.verify import check_registry, verify_anchor, verify_signature

# of the leaves that are named in a note
_NAMED = 8


class SupersedesHidden(VerificationError):
    """A leaf discloses something, but not what it supersedes: a correction could be kept from the reader."""


@dataclass(slots=True)
class _Found:
    """What the steps have shown so far."""

    statement: Statement
    findings: Findings
    disclosed: list[dict[str, JsonValue]] = field(default_factory=list)
    leaf_hashes: list[Hash32] = field(default_factory=list)
    complete: bool = False


def verify_statement(
    statement: Statement,
    trust: TrustFile,
    *,
    require: Grade = Grade.FINAL,
    clock_allowance: int = DEFAULT_CLOCK_ALLOWANCE,
) -> StatementVerdict:
    """What the file shows to somebody who believes ``trust``: that the leaves are all of their range, or why not.

    ``require`` and ``clock_allowance`` are as in `perdure_anchor.verify.verify`. Never raises for what the file says: faults are
    in ``StatementVerdict.faults``.
    """
    evidence = evidence_of_stated(
        statement.domain,
        statement.origin,
        statement.checkpoint,
        statement.anchor,
        statement.hops,
        statement.begin,
    )
    findings = Findings(evidence, trust, clock_allowance)
    found = _Found(statement, findings)
    findings.take(lambda: _verify_steps(found))
    return _conclude(found, require)


def _verify_steps(found: _Found) -> None:
    findings, signed = found.findings, found.findings.evidence.checkpoint
    assert signed is not None
    findings.step = 1
    check_registry(found.statement.domain, findings.trust)
    findings.step = 2
    _read_leaves(found)
    findings.grade = Grade.RECORDED
    findings.step = 3
    _check_complete(found)
    findings.step = 4
    checks = AnchorChecks(Followed(findings.trust))
    checkpoint = verify_signature(findings, checks, signed)
    proof = found.statement.anchor
    if proof is not None:
        verify_anchor(findings, checks, checkpoint, proof)  # 5 to 9
    elif findings.shortfall is None:
        findings.fall_short(5, GradeTooLow("the checkpoint is not anchored yet"))


def _read_leaves(found: _Found) -> None:
    """Step 2: each disclosure stands in its place, and none hides what it supersedes."""
    for index, slots in enumerate(found.statement.leaves, found.statement.begin):
        try:
            found.disclosed.append(_disclosed(slots))
        except PerdureError as error:
            error.args = (f"leaf {index}: {error}",)
            raise
        found.leaf_hashes.append(leaf_hash(leaf_of(slots)))


def _disclosed(slots: tuple[Slot, ...]) -> dict[str, JsonValue]:
    disclosed = {
        name: read_disclosure(slot.disclosure, name)
        for name, slot in zip(SLOTS, slots, strict=True)
        if slot.disclosure is not None
    }
    if disclosed and "supersedes" not in disclosed:
        raise SupersedesHidden(
            "it discloses something, but not what it supersedes",
            hint="ask for a statement made by `perdure statement`, which always discloses it",
        )
    return disclosed


def _check_complete(found: _Found) -> None:
    """Step 3: the leaves, with what lies before and behind them, fold to the root."""
    root, expected = root_around(found.statement, found.leaf_hashes), found.statement.checkpoint.root
    if root != expected:
        raise RootMismatchError(calculated=root, expected=expected)
    found.complete = True


def _conclude(found: _Found, require: Grade) -> StatementVerdict:
    checkpoint = found.findings.verdict(require)
    statement = found.statement
    leaves = _leaves(found)
    return StatementVerdict(
        required=require,
        faults=checkpoint.faults,
        origin=statement.origin,
        begin=statement.begin,
        end=statement.end,
        leaves=leaves,
        complete=found.complete,
        checkpoint=checkpoint,
        notes=(*checkpoint.notes, *_notes(statement, leaves)),
    )


def _leaves(found: _Found) -> tuple[StatedLeaf, ...]:
    """Each leaf with its supersessions; none where not all could be read."""
    if len(found.leaf_hashes) != len(found.statement.leaves):
        return ()
    superseding: dict[Hash32, list[int]] = {}
    numbered = list(enumerate(found.disclosed, found.statement.begin))
    for index, disclosed in numbered:
        superseded = _superseded(disclosed)
        if superseded is not None:
            superseding.setdefault(superseded, []).append(index)
    return tuple(
        StatedLeaf(
            index=index,
            leaf_hash=name,
            disclosed=disclosed,
            is_shown=bool(disclosed),
            supersedes=_superseded(disclosed),
            superseded_by=tuple(superseding.get(name, ())),
        )
        for (index, disclosed), name in zip(numbered, found.leaf_hashes, strict=True)
    )


def _superseded(disclosed: dict[str, JsonValue]) -> Hash32 | None:
    value = disclosed.get("supersedes")
    return Hash32(bytes.fromhex(value)) if isinstance(value, str) else None


def _notes(statement: Statement, leaves: tuple[StatedLeaf, ...]) -> list[str]:
    notes = []
    size = statement.checkpoint.size
    if statement.end < size:
        notes.append(
            f"the log has leaves behind these, up to {size - 1}, which may supersede them; and more after it was signed"
        )
    else:
        notes.append(
            f"these are the last leaves of the log when it was signed at {size}; it may have grown since"
        )
    if any(leaf.disclosed.get("confirmation") is not None for leaf in leaves):
        notes.append(
            "who confirmed a record is the site's claim here: evidence of the record itself checks it"
        )
    unshown = [leaf.index for leaf in leaves if not leaf.is_shown]
    if unshown:
        named = ", ".join(map(str, unshown[:_NAMED])) + (", ..." if len(unshown) > _NAMED else "")
        notes.append(
            f"{len(unshown)} of the leaves disclose nothing, erased or hidden: {named}; what they supersede is not shown"
        )
    return notes
