"""Verification of a proof of two histories: the file and a trust file in, a verdict out (SPEC.md, section 14; its steps are numbered here).

As in `perdure_anchor.verify`, nothing is read but the arguments; anchors are judged by its very steps.
"""

from dataclasses import dataclass, field

from perdure_anchor.anchor_checks import AnchorChecks
from perdure_anchor.checkpoint import Checkpoint
from perdure_anchor.errors import PerdureError, VerificationError
from perdure_anchor.evidence import Evidence
from perdure_anchor.findings import DEVNET, Findings, who_must_have_lied
from perdure_anchor.hashes import Address, checksum_address
from perdure_anchor.key_rotation import recover_key_rotation_signer
from perdure_anchor.log import RootMismatchError, peaks_from_append_proof, root_from_peaks
from perdure_anchor.log.errors import ProofLengthError
from perdure_anchor.revocations import standing
from perdure_anchor.rivals import RivalCheckpoint, Rivals
from perdure_anchor.rivals_verdict import RivalsVerdict, SignedHistory, Vouching
from perdure_anchor.time_bounds import DEFAULT_CLOCK_ALLOWANCE
from perdure_anchor.trust import TrustFile
from perdure_anchor.validator_changes import Followed
from perdure_anchor.verdict import Fault, Grade
from perdure_anchor.verify import check_registry, verify_anchor


class OneHistory(VerificationError):
    """Both checkpoints can be true of one log: the longer one begins with the shorter one, or they are of one size and root."""


class KeyNotVouched(VerificationError):
    """Nothing shows that a key which signed is, or was, the site's."""


class RotationNotVouched(VerificationError):
    """A rotation is signed by a key that nothing shows to be the site's."""


@dataclass(slots=True)
class _Keys:
    """The keys that are vouched for, each with how, and with the anchors on which that rests (none for pinned ones)."""

    vouching: dict[Address, Vouching] = field(default_factory=dict)
    rests_on: dict[Address, tuple[Findings, ...]] = field(default_factory=dict)

    def add(self, key: Address, how: Vouching, anchors: tuple[Findings, ...] = ()) -> None:
        if key not in self.vouching:
            self.vouching[key], self.rests_on[key] = how, anchors


@dataclass(slots=True)
class _Found:
    """What the steps have shown so far; ``step`` is the one that is under way."""

    rivals: Rivals
    trust: TrustFile
    require: Grade
    allowance: int
    step: int = 0
    faults: list[Fault] = field(default_factory=list)
    histories: list[Findings] = field(default_factory=list)
    keys: _Keys = field(default_factory=_Keys)
    is_shown: bool = False


def verify_rivals(
    rivals: Rivals,
    trust: TrustFile,
    *,
    require: Grade = Grade.FINAL,
    clock_allowance: int = DEFAULT_CLOCK_ALLOWANCE,
) -> RivalsVerdict:
    """What the file shows to somebody who believes ``trust``: that keys of the site signed two histories, or why not.

    ``require`` is the grade that an anchor needs to vouch for a key, at least `Grade.ANCHORED`; ``clock_allowance`` as in
    `perdure_anchor.verify.verify`. Never raises for what the file says: faults are in ``RivalsVerdict.faults``.
    """
    found = _Found(rivals, trust, max(require, Grade.ANCHORED), clock_allowance)
    try:
        _verify_steps(found)
    except PerdureError as error:
        found.faults.append(Fault(found.step, error))
    return _conclude(found)


def _verify_steps(found: _Found) -> None:
    found.step = 1
    check_registry(found.rivals.domain, found.trust)
    checks = AnchorChecks(Followed(found.trust))
    found.step = 2
    found.histories = [_signed(found, checks, each) for each in found.rivals.checkpoints]
    found.step = 3
    check_two_histories(found.rivals)
    found.is_shown = True
    found.step = 4
    for history, checkpoint in zip(found.histories, found.rivals.checkpoints, strict=True):
        _verify_anchor_of(found, checks, history, checkpoint)
    found.step = 5
    _vouch(found)


def _signed(found: _Found, checks: AnchorChecks, checkpoint: RivalCheckpoint) -> Findings:
    """Step 2: somebody's key signed the checkpoint."""
    rivals = found.rivals
    evidence = Evidence(rivals.domain, rivals.origin, (), None, checkpoint.anchor, None, rivals.hops)
    findings = Findings(evidence, found.trust, found.allowance)
    findings.signer = checks.signer(_checkpoint(rivals, checkpoint), checkpoint.signature)
    return findings


def _checkpoint(rivals: Rivals, checkpoint: RivalCheckpoint) -> Checkpoint:
    return Checkpoint(rivals.origin.site, checkpoint.size, checkpoint.root, checkpoint.sealed_at)


def check_two_histories(rivals: Rivals) -> None:
    """Step 3: no log has both roots at these sizes. Raises `OneHistory`, `ProofLengthError` or `RootMismatchError`.

    The hashes fold to the longer log's root, so they are its nodes, and the first of them fold to the root of its beginning.
    """
    shorter, longer, nodes = rivals.shorter, rivals.longer, rivals.nodes
    if shorter.size == longer.size:
        if nodes:
            raise ProofLengthError(len(nodes), 0)
        if shorter.root == longer.root:
            raise OneHistory(f"both checkpoints are of {shorter.size} records and the same root")
        return
    beginning = root_from_peaks(nodes[: shorter.size.bit_count()])
    peaks = peaks_from_append_proof(shorter.size, beginning, longer.size, nodes)
    root = root_from_peaks(peaks)
    if root != longer.root:
        raise RootMismatchError(calculated=root, expected=longer.root)
    if beginning == shorter.root:
        raise OneHistory(f"the log of {longer.size} records begins with the one of {shorter.size}")


def _verify_anchor_of(
    found: _Found, checks: AnchorChecks, findings: Findings, checkpoint: RivalCheckpoint
) -> None:
    """Step 4: an anchor that is given holds; it may show less than is wanted of one that vouches."""
    proof = checkpoint.anchor
    if proof is None:
        return
    findings.take(lambda: _run_anchor_steps(found, checks, findings, checkpoint))
    found.faults += [Fault(found.step, fault.error) for fault in findings.faults]


def _run_anchor_steps(
    found: _Found, checks: AnchorChecks, findings: Findings, checkpoint: RivalCheckpoint
) -> None:
    assert checkpoint.anchor is not None
    verify_anchor(findings, checks, _checkpoint(found.rivals, checkpoint), checkpoint.anchor)


def _vouch(found: _Found) -> None:
    """Step 5: both keys are the site's: pinned, or named by the registry, or handed over to by such a key."""
    rivals, keys = found.rivals, found.keys
    for key in found.trust.pinned_keys(rivals.origin):
        keys.add(key, Vouching.PINNED)
    for findings in found.histories:
        if findings.signer is not None and _vouches(found, findings):
            keys.add(findings.signer, Vouching.BY_REGISTRY, (findings,))
    for signed in rivals.rotations:
        signer = recover_key_rotation_signer(rivals.domain, signed.rotation, signed.signature)
        if signer not in keys.vouching:
            raise RotationNotVouched(
                f"rotation to {checksum_address(signed.rotation.new_key)}: signed by {checksum_address(signer)}, "
                "and nothing shows that this is a key of the site"
            )
        keys.add(signed.rotation.new_key, Vouching.BY_ROTATION, keys.rests_on[signer])
    for findings, checkpoint in zip(found.histories, rivals.checkpoints, strict=True):
        if findings.signer not in keys.vouching:
            found.faults.append(Fault(found.step, _not_vouched(found, findings, checkpoint)))


def _vouches(found: _Found, findings: Findings) -> bool:
    return findings.grade is not None and findings.grade >= found.require and not findings.faults


def _not_vouched(found: _Found, findings: Findings, checkpoint: RivalCheckpoint) -> KeyNotVouched:
    assert findings.signer is not None
    why = "no pinned key, and no anchor or rotation in the file vouches for it"
    if findings.grade is not None and findings.shortfall is not None:
        why = f"its anchor shows less than {found.require.text}: {findings.shortfall.error}"
    return KeyNotVouched(
        f"the checkpoint of {checkpoint.size} records is signed by {checksum_address(findings.signer)}: {why}",
        hint="ask whoever made the file for one with an anchor of each key, or use a trust file that pins the site's keys",
    )


def _conclude(found: _Found) -> RivalsVerdict:
    faults, rivals = tuple(found.faults), found.rivals
    return RivalsVerdict(
        required=found.require,
        faults=faults,
        origin=rivals.origin,
        two_histories=found.is_shown,
        histories=tuple(_history(found, position) for position in range(2)),
        rotations=tuple(each.rotation.new_key for each in rivals.rotations),
        validator_changes=_changes(found),
        who_must_have_lied=_who_must_have_lied(found) if not faults else "nobody: nothing is shown",
        notes=_notes(found),
    )


def _history(found: _Found, position: int) -> SignedHistory:
    checkpoint = found.rivals.checkpoints[position]
    findings = found.histories[position] if found.histories else None
    signer = None if findings is None else findings.signer
    key = standing(found.trust, found.rivals.origin, signer, None if findings is None else findings.not_after)
    vouching = Vouching.UNKNOWN if signer is None else found.keys.vouching.get(signer, Vouching.UNKNOWN)
    return SignedHistory(
        size=checkpoint.size,
        root=checkpoint.root,
        sealed_at=checkpoint.sealed_at,
        signer=signer,
        key=vouching,
        key_doubt=key.doubt,
        anchor=None if findings is None else findings.anchor,
        not_after=None if findings is None else findings.not_after,
    )


def _changes(found: _Found) -> tuple[int, ...]:
    changes = max((findings.changes for findings in found.histories), key=len, default=())
    return tuple(change.after.from_block for change in changes)


def _who_must_have_lied(found: _Found) -> str:
    """That the keys signed is arithmetic; that they are the site's is somebody's word."""
    origin = found.rivals.origin
    texts: dict[str, None] = {}
    for findings in found.histories:
        assert findings.signer is not None
        for anchor in found.keys.rests_on[findings.signer]:
            texts[who_must_have_lied(anchor)] = None
    if not texts:
        return f"nobody: whoever has the keys of {origin.text} signed both, and the trust file says which these are"
    return (
        f"{', or '.join(texts)}; or the partner {origin.partner}, who names the site's keys to the registry. "
        f"Whoever has a key of {origin.text} counts as the site"
    )


def _notes(found: _Found) -> tuple[str, ...]:
    notes = dict.fromkeys(note for findings in found.histories for note in findings.notes)
    if found.trust.devnet:
        notes[DEVNET] = None
    if found.is_shown:
        notes[
            "which of the two histories is the true one, and whether a mistake or a fraud made the other, the file does not show"
        ] = None
    return tuple(notes)
