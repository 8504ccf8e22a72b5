"""Verification: evidence, a trust file and maybe a document in, a verdict out (SPEC.md, section 9; its steps are numbered here).

This is the only place that decides whether evidence holds. It reads nothing but its arguments: no file, no network, no clock.
A fault stops the steps that rest on it; what had been shown before stands in the verdict's grade.
"""

from dataclasses import dataclass

from perdure_anchor.anchor_checks import AnchorChecks
from perdure_anchor.checkpoint import Checkpoint, RegistryDomain
from perdure_anchor.confirmation import parse_confirmation, verify_confirmation
from perdure_anchor.errors import VerificationError
from perdure_anchor.evidence import AnchorProof, Evidence, Headers, SignedCheckpoint
from perdure_anchor.finality import Run
from perdure_anchor.findings import Findings, GradeTooLow, note_about_set, why_not_final
from perdure_anchor.hashes import Address, Hash32, checksum_address, parse_hex, to_hex
from perdure_anchor.log import leaf_hash, verify_inclusion
from perdure_anchor.plain_disclosures import read_disclosure
from perdure_anchor.record import SLOTS, leaf_from_digests
from perdure_anchor.registry_event import Anchored, AnchoredBefore
from perdure_anchor.time_bounds import DEFAULT_CLOCK_ALLOWANCE, TimeBound
from perdure_anchor.trust import Epoch, TrustFile
from perdure_anchor.validator_changes import Followed, HopBeyondAnchor
from perdure_anchor.verdict import AnchorFacts, DocumentMatch, Grade, KeyStatus, Verdict


class WrongRegistry(VerificationError):
    """The evidence speaks of another chain or registry than the trust file."""


class DocumentMismatch(VerificationError):
    """The document at hand is not the recorded one."""


class DocumentHidden(VerificationError):
    """The evidence does not disclose which document was recorded."""


class EventMismatch(VerificationError):
    """The registry's event is about another checkpoint, or another signer."""


class BeforeDeployment(VerificationError):
    """The anchor's block is older than the registry."""


class AfterHidden(VerificationError):
    """Headers are given for a lower bound in time, but the slot that they belong to is hidden or empty."""


class AfterNotBefore(VerificationError):
    """The block that the record names is not older than the block that anchors it."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a verifier knows of the document at hand: SHA-256 of its bytes, and how many they are."""

    sha256: Hash32
    size: int


class Verifier:
    """Verifies evidence under one trust file, and remembers what checking an anchor has shown (see `AnchorChecks`).

    So the seals of a block are checked once, however many files hold them; the verdicts are those of a new verifier each time.
    """

    __slots__ = ("_checks",)

    def __init__(self, trust: TrustFile) -> None:
        self._checks = AnchorChecks(Followed(trust))

    def verify(
        self,
        evidence: Evidence,
        document: Document | None = None,
        *,
        require: Grade = Grade.FINAL,
        clock_allowance: int = DEFAULT_CLOCK_ALLOWANCE,
    ) -> Verdict:
        """As the function `verify`."""
        checks = self._checks.for_evidence(evidence)
        findings = Findings(evidence, checks.trust, clock_allowance)
        findings.take(lambda: _verify_steps(findings, checks, document))
        return findings.verdict(require)


def verify(
    evidence: Evidence,
    trust: TrustFile,
    document: Document | None = None,
    *,
    require: Grade = Grade.FINAL,
    clock_allowance: int = DEFAULT_CLOCK_ALLOWANCE,
) -> Verdict:
    """What the evidence shows to somebody who believes ``trust``, and nothing else.

    ``require`` is the grade below which `Verdict.ok` is False; ``clock_allowance`` (seconds) widens both time bounds for the
    clocks of honest validators. Never raises for what the evidence says: faults are in ``Verdict.errors``.
    """
    return Verifier(trust).verify(evidence, document, require=require, clock_allowance=clock_allowance)


def _verify_steps(findings: Findings, checks: AnchorChecks, document: Document | None) -> None:
    evidence = findings.evidence
    _verify_registry(findings)  # 1
    _verify_record(findings)  # 2
    findings.take(lambda: _verify_document(findings, document))  # 3
    findings.take(lambda: _verify_confirmation(findings))  # 11
    checkpoint = _verify_checkpoint(findings, checks)  # 4
    if checkpoint is None:
        return
    proof = evidence.anchor
    if proof is None:
        if findings.shortfall is None:
            findings.fall_short(5, GradeTooLow("the checkpoint is not anchored yet"))
        return
    shown = verify_anchor(findings, checks, checkpoint, proof)  # 5 to 9
    if shown is not None:
        followed, run = shown
        findings.take(lambda: _verify_not_before(findings, followed, run))  # 10
        findings.take(lambda: _verify_confirmed_after(findings, followed, run))  # 12


def verify_anchor(
    findings: Findings, checks: AnchorChecks, checkpoint: Checkpoint, proof: AnchorProof
) -> tuple[AnchorChecks, Run] | None:
    """Steps 5 to 9, for a checkpoint that `Findings.signer` signed: None where its block has too few seals.

    Else what is known of the validators, and the run of headers. Raises the faults of the steps 5 to 8.
    """
    checks = _follow_validators(findings, checks)  # 5
    run = _verify_headers(findings, checks, proof.headers)  # 6
    _verify_anchor(findings, checks, checkpoint, proof, run)  # 7
    if not _verify_finality(findings, checks, run.epoch, proof.headers):  # 8
        return None
    findings.take(lambda: _verify_not_after(findings, checks, proof.headers))  # 9
    return checks, run


def _verify_registry(findings: Findings) -> None:
    """Step 1: the evidence speaks of the pinned chain and registry."""
    findings.step = 1
    check_registry(findings.evidence.domain, findings.trust)


def check_registry(domain: RegistryDomain, trust: TrustFile) -> None:
    """Raise `WrongRegistry` unless evidence of ``domain`` is of the pinned chain and registry."""
    if domain.chain_id != trust.chain_id:
        raise WrongRegistry(
            f"chain id: the evidence is of chain {domain.chain_id}, the trust file of {trust.chain_id}",
            hint="use the trust file of the consortium that the evidence comes from",
        )
    if domain != trust.domain:
        raise WrongRegistry(
            f"registry: the evidence is of {checksum_address(domain.registry)}, "
            f"the trust file of {checksum_address(trust.registry.address)}",
            hint="use the trust file of the consortium that the evidence comes from",
        )


def _verify_record(findings: Findings) -> None:
    """Step 2: the disclosures stand in their places, and hash to the leaf."""
    findings.step = 2
    slots = findings.evidence.slots
    for name, slot in zip(SLOTS, slots, strict=True):
        if slot.disclosure is not None:
            findings.disclosed[name] = read_disclosure(slot.disclosure, name)
    findings.leaf_hash = leaf_hash(leaf_from_digests([slot.digest for slot in slots]))
    findings.grade = Grade.RECORDED


def _verify_document(findings: Findings, document: Document | None) -> None:
    """Step 3: a document that is given is the recorded one."""
    findings.step = 3
    if document is None:
        return
    recorded = findings.disclosed.get("document_sha256")
    if recorded is None:
        raise DocumentHidden(
            "document: the evidence does not show which document was recorded",
            hint="ask for evidence that discloses document_sha256",
        )
    findings.document = DocumentMatch.DIFFERENT
    if recorded != document.sha256.hex():
        raise DocumentMismatch(f"document: its SHA-256 is {document.sha256.hex()}, recorded is {recorded}")
    size = findings.disclosed.get("document_size")
    if size is not None and size != document.size:
        raise DocumentMismatch(f"document: it has {document.size} bytes, recorded are {size}")
    findings.document = DocumentMatch.MATCHED


def _verify_checkpoint(findings: Findings, checks: AnchorChecks) -> Checkpoint | None:
    """Step 4: the leaf is in the checkpoint, and somebody's key signed it; a pinned key makes it the site's."""
    findings.step = 4
    evidence = findings.evidence
    signed = evidence.checkpoint
    if signed is None:
        findings.fall_short(4, GradeTooLow("the record is in no signed checkpoint yet"))
        return None
    assert findings.leaf_hash is not None
    verify_inclusion(findings.leaf_hash, signed.index, signed.size, signed.path, signed.root)
    return verify_signature(findings, checks, signed)


def verify_signature(findings: Findings, checks: AnchorChecks, signed: SignedCheckpoint) -> Checkpoint:
    """The rest of step 4, once the checkpoint is known to hold what it should: whose key signed it."""
    origin = findings.evidence.origin
    checkpoint = Checkpoint(origin.site, signed.size, signed.root, signed.sealed_at)
    findings.signer = checks.signer(checkpoint, signed.signature)
    pinned = findings.trust.pinned_keys(origin)
    if findings.signer in pinned:
        findings.key, findings.grade = KeyStatus.PINNED, Grade.SIGNED
    else:
        why = (
            "signed by another key than the pinned ones"
            if pinned
            else "signed, but no key of the site is pinned"
        )
        findings.fall_short(4, GradeTooLow(f"the checkpoint is {why}"))
    return checkpoint


def _follow_validators(findings: Findings, checks: AnchorChecks) -> AnchorChecks:
    """Step 5: the hops lead from the pinned validators to later ones."""
    findings.step = 5
    checks = checks.following(findings.evidence.hops)
    findings.trust, findings.changes = checks.trust, checks.changes
    return checks


def _verify_headers(findings: Findings, checks: AnchorChecks, headers: Headers) -> Run:
    """Step 6: the anchor's block and those after it link, and are sealed by validators of their epoch."""
    findings.step = 6
    run, _ = checks.run(headers, None)
    number = run.blocks[0].number
    if findings.changes and number < findings.changes[-1].after.from_block:
        raise HopBeyondAnchor(
            f"hop to block {findings.changes[-1].after.from_block}: leads past the anchor's block {number}"
        )
    return run


def _verify_anchor(
    findings: Findings, checks: AnchorChecks, checkpoint: Checkpoint, proof: AnchorProof, run: Run
) -> None:
    """Step 7: the registry's event about the checkpoint is in the run's first block."""
    findings.step = 7
    block = run.blocks[0]
    if block.number < findings.trust.registry.deployment_block:
        raise BeforeDeployment(
            f"block {block.number}: the registry stands since block {findings.trust.registry.deployment_block}"
        )
    receipts_root = block.header.receipts_root
    event = checks.event(receipts_root, proof.receipt_index, proof.receipt_nodes, proof.log_position)
    _check_event(event, checkpoint, checks.digest(checkpoint), findings.signer)
    findings.anchor = AnchorFacts(
        block_number=block.number,
        block_hash=block.hash,
        block_time=block.header.timestamp,
        signer=event.signer,
        previous_size=event.previous_size if isinstance(event, Anchored) else None,
        first_block=event.first_block if isinstance(event, AnchoredBefore) else None,
        sealers=len(run.sealers_from(0)),
        validators=len(run.epoch.validators),
        descendants=len(run.blocks) - 1,
    )
    findings.grade, findings.shortfall = Grade.ANCHORED, None
    if findings.key is not KeyStatus.PINNED:
        findings.key = KeyStatus.BY_REGISTRY
        if findings.trust.pinned_keys(findings.evidence.origin):
            findings.notes.append(
                "the key is none of those pinned for the site: only the registry vouches for it"
            )


def _check_event(
    event: Anchored | AnchoredBefore, checkpoint: Checkpoint, digest: Hash32, signer: Address | None
) -> None:
    """Everything that the event says of the checkpoint agrees; the digest ties it to chain and registry."""
    if Checkpoint(event.site, event.size, event.root, event.sealed_at) != checkpoint:
        raise EventMismatch("event: site, size, root or sealing time are not the checkpoint's")
    if event.digest != digest:
        raise EventMismatch(
            f"event: its digest is {to_hex(event.digest)}, the checkpoint's is {to_hex(digest)}"
        )
    if event.signer != signer:
        raise EventMismatch(
            f"event: its signer is {checksum_address(event.signer)}, not who signed the checkpoint"
        )


def _verify_finality(findings: Findings, checks: AnchorChecks, epoch: Epoch, headers: Headers) -> bool:
    """Step 8: enough validators sealed the block or blocks after it. Says whether the epoch's own rule is met."""
    findings.step = 8
    try:
        checks.final(headers)
    except VerificationError as error:
        findings.fall_short(8, error)
        return False
    findings.sealed = True
    if epoch.is_final:
        findings.grade = Grade.FINAL
    else:
        findings.fall_short(8, GradeTooLow(why_not_final(findings, epoch)))
    if epoch.to_block is None:
        findings.notes.append(note_about_set(findings, epoch))
    return True


def _verify_not_after(findings: Findings, checks: AnchorChecks, headers: Headers) -> None:
    """Step 9: the latest moment at which the anchor's block came to exist."""
    findings.step = 9
    findings.not_after = checks.latest(headers, findings.allowance)


def _verify_confirmation(findings: Findings) -> None:
    """Step 11: who answers for the record signed it, each part with another key. It rests on step 2 only."""
    findings.step = 11
    value = findings.disclosed.get("confirmation")
    if value is None:
        return
    confirmation = parse_confirmation(value)
    if confirmation is None:
        findings.notes.append("the confirmation is of a version that is not known here, and was not checked")
        return
    digests = [slot.digest for slot in findings.evidence.slots]
    verify_confirmation(confirmation, findings.trust.domain, findings.evidence.origin.site, digests)
    findings.confirmation = confirmation


def _verify_confirmed_after(findings: Findings, checks: AnchorChecks, run: Run) -> None:
    """Step 12: the confirmation names a block, which had to exist before anybody could confirm."""
    findings.step = 12
    confirmation, raws = findings.confirmation, findings.evidence.confirmed_not_before
    confirmed = None if confirmation is None else confirmation.confirmed
    after = None if confirmed is None else confirmed.statement.after
    if raws is None:
        # one run serves both where both name one block
        if after is not None and findings.disclosed.get("after") == to_hex(after):
            findings.confirmed_not_before = findings.not_before
        return
    if after is None:
        raise AfterHidden(
            "confirmed not before: headers are given, but no confirmation that holds and is shown names a block"
        )
    findings.confirmed_not_before = _lower_bound(findings, checks, run, raws, after)


def _verify_not_before(findings: Findings, checks: AnchorChecks, run: Run) -> None:
    """Step 10: the record names a block, which had to exist before the record could be composed."""
    findings.step = 10
    raws = findings.evidence.not_before
    if raws is None:
        return
    after = findings.disclosed.get("after")
    if after is None:
        raise AfterHidden("not before: headers are given, but the slot after is hidden or empty")
    name = Hash32(parse_hex(after, 32, "after"))
    findings.not_before = _lower_bound(findings, checks, run, raws, name)


def _lower_bound(
    findings: Findings, checks: AnchorChecks, run: Run, raws: Headers, name: Hash32
) -> TimeBound:
    """The earliest moment after a block that headers show. Raises the faults of step 6, and `AfterNotBefore`."""
    earlier, position = checks.run(raws, name)
    if earlier.blocks[position].number >= run.blocks[0].number:
        raise AfterNotBefore(
            f"not before: block {earlier.blocks[position].number} is not older than the anchor's block "
            f"{run.blocks[0].number}"
        )
    bound = checks.earliest(raws, name, findings.allowance)
    note = (
        "the lower bound rests on a block whose epoch wants less than a quorum: "
        f"{earlier.epoch.wanted_seals} of {len(earlier.epoch.validators)} seals"
    )
    if not earlier.epoch.is_final and note not in findings.notes:
        findings.notes.append(note)
    return bound
