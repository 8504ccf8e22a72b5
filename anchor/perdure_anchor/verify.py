"""Verification: evidence, a trust file and maybe a document in, a verdict out (SPEC.md, section 9; its steps are numbered here).

This is the only place that decides whether evidence holds. It reads nothing but its arguments: no file, no network, no clock.
A fault stops the steps that rest on it; what had been shown before stands in the verdict's grade.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from perdure_anchor.checkpoint import Checkpoint, checkpoint_digest, recover_checkpoint_signer
from perdure_anchor.errors import PerdureError, VerificationError
from perdure_anchor.evidence import AnchorProof, Evidence, SignedCheckpoint
from perdure_anchor.finality import Run, check_final, link_run, parse_headers
from perdure_anchor.hashes import Address, Hash32, checksum_address, parse_hex, to_hex
from perdure_anchor.log import leaf_hash, root_from_inclusion_proof
from perdure_anchor.receipt import EventLog, parse_receipt
from perdure_anchor.record import SLOTS, leaf_from_digests, parse_disclosure
from perdure_anchor.registry_event import Anchored, AnchoredBefore, parse_registry_event
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.time_bounds import DEFAULT_CLOCK_ALLOWANCE, TimeBound, not_after, not_before
from perdure_anchor.timestamp import MAX_SECONDS, format_seconds
from perdure_anchor.trie import value_from_trie_proof
from perdure_anchor.trust import TrustFile
from perdure_anchor.verdict import AnchorFacts, Claims, DocumentMatch, Grade, KeyStatus, Verdict


class WrongRegistry(VerificationError):
    """The evidence speaks of another chain or registry than the trust file."""


class DocumentMismatch(VerificationError):
    """The document at hand is not the recorded one."""


class DocumentHidden(VerificationError):
    """The evidence does not disclose which document was recorded."""


class RootMismatch(VerificationError):
    """The inclusion proof leads to another root than the checkpoint's."""


class IndexOutOfRange(VerificationError):
    """The record's index is not below the checkpoint's size."""


class FailedTransaction(VerificationError):
    """The receipt is of a transaction that was reverted."""


class EventMissing(VerificationError):
    """The receipt has no log at the given position, or it is another contract's."""


class EventMismatch(VerificationError):
    """The registry's event is about another checkpoint, or another signer."""


class BeforeDeployment(VerificationError):
    """The anchor's block is older than the registry."""


class AfterHidden(VerificationError):
    """Headers are given for a lower bound in time, but the slot that they belong to is hidden or empty."""


class AfterNotBefore(VerificationError):
    """The block that the record names is not older than the block that anchors it."""


class GradeTooLow(VerificationError):
    """Nothing is wrong, but less is shown than was asked for."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a verifier knows of the document at hand: SHA-256 of its bytes, and how many they are."""

    sha256: Hash32
    size: int


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
    findings = _Findings(evidence, trust, clock_allowance)
    findings.take(lambda: _verify_steps(findings, document))
    return _conclude(findings, require)


@dataclass(slots=True)
class _Findings:
    """What the steps have shown so far."""

    evidence: Evidence
    trust: TrustFile
    allowance: int
    grade: Grade | None = None
    errors: list[PerdureError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    shortfall: VerificationError | None = None
    disclosed: dict[str, JsonValue] = field(default_factory=dict)
    leaf_hash: Hash32 | None = None
    document: DocumentMatch = DocumentMatch.NOT_CHECKED
    signer: Address | None = None
    key: KeyStatus = KeyStatus.UNKNOWN
    anchor: AnchorFacts | None = None
    not_before: TimeBound | None = None
    not_after: TimeBound | None = None

    def take(self, step: Callable[[], None]) -> bool:
        """Run a step; a fault is kept and ends it. Says whether it went through."""
        try:
            step()
        except PerdureError as error:
            self.errors.append(error)
            return False
        return True


def _verify_steps(findings: _Findings, document: Document | None) -> None:
    evidence = findings.evidence
    _verify_registry(evidence, findings.trust)  # 1
    _verify_record(findings)  # 2
    findings.take(lambda: _verify_document(findings, document))  # 3
    if evidence.checkpoint is None:
        findings.shortfall = GradeTooLow("the record is in no signed checkpoint yet")
        return
    checkpoint = _verify_checkpoint(findings, evidence.checkpoint)  # 4
    if evidence.anchor is None:
        findings.shortfall = findings.shortfall or GradeTooLow("the checkpoint is not anchored yet")
        return
    run = _verify_anchor(findings, checkpoint, evidence.anchor)  # 5, 6
    if not _verify_finality(findings, run):  # 7
        return
    findings.take(lambda: _verify_not_after(findings, run))  # 8
    findings.take(lambda: _verify_not_before(findings, run))  # 9


def _verify_registry(evidence: Evidence, trust: TrustFile) -> None:
    """Step 1: the evidence speaks of the pinned chain and registry."""
    if evidence.domain.chain_id != trust.chain_id:
        raise WrongRegistry(
            f"chain id: the evidence is of chain {evidence.domain.chain_id}, the trust file of {trust.chain_id}",
            hint="use the trust file of the consortium that the evidence comes from",
        )
    if evidence.domain != trust.domain:
        raise WrongRegistry(
            f"registry: the evidence is of {checksum_address(evidence.domain.registry)}, "
            f"the trust file of {checksum_address(trust.registry.address)}",
            hint="use the trust file of the consortium that the evidence comes from",
        )


def _verify_record(findings: _Findings) -> None:
    """Step 2: the disclosures stand in their places, and hash to the leaf."""
    slots = findings.evidence.slots
    for name, slot in zip(SLOTS, slots, strict=True):
        if slot.disclosure is not None:
            findings.disclosed[name] = parse_disclosure(slot.disclosure, name)
    findings.leaf_hash = leaf_hash(leaf_from_digests([slot.digest for slot in slots]))
    findings.grade = Grade.RECORDED


def _verify_document(findings: _Findings, document: Document | None) -> None:
    """Step 3: a document that is given is the recorded one."""
    if document is None:
        return
    recorded = findings.disclosed.get("document_sha256")
    if recorded is None:
        raise DocumentHidden(
            "document: the evidence does not show which document was recorded",
            hint="ask for evidence that discloses document_sha256",
        )
    size = findings.disclosed.get("document_size")
    if recorded != document.sha256.hex() or (size is not None and size != document.size):
        findings.document = DocumentMatch.DIFFERENT
        raise DocumentMismatch(f"document: its SHA-256 is {document.sha256.hex()}, recorded is {recorded}")
    findings.document = DocumentMatch.MATCHED


def _verify_checkpoint(findings: _Findings, signed: SignedCheckpoint) -> Checkpoint:
    """Step 4: the leaf is in the checkpoint, and somebody's key signed it; a pinned key makes it the site's."""
    evidence = findings.evidence
    if signed.index >= signed.size:
        raise IndexOutOfRange(f"index: got {signed.index}, want below the checkpoint's size {signed.size}")
    assert findings.leaf_hash is not None
    root = root_from_inclusion_proof(findings.leaf_hash, signed.index, signed.size, signed.path)
    if root != signed.root:
        raise RootMismatch(
            f"inclusion proof: leads to the root {root.hex()}, the checkpoint has {signed.root.hex()}"
        )
    checkpoint = Checkpoint(evidence.origin.site, signed.size, signed.root, signed.sealed_at)
    findings.signer = recover_checkpoint_signer(findings.trust.domain, checkpoint, signed.signature)
    pinned = findings.trust.pinned_keys(evidence.origin)
    if findings.signer in pinned:
        findings.key, findings.grade = KeyStatus.PINNED, Grade.SIGNED
    else:
        why = (
            "signed by another key than the pinned ones"
            if pinned
            else "signed, but no key of the site is pinned"
        )
        findings.shortfall = GradeTooLow(f"the checkpoint is {why}")
    return checkpoint


def _verify_anchor(findings: _Findings, checkpoint: Checkpoint, proof: AnchorProof) -> Run:
    """Steps 5 and 6: the run of headers links, and the registry's event about the checkpoint is in its first block."""
    run, _ = link_run(parse_headers(proof.headers), findings.trust)
    block = run.blocks[0]
    if block.number < findings.trust.registry.deployment_block:
        raise BeforeDeployment(
            f"block {block.number}: the registry stands since block {findings.trust.registry.deployment_block}"
        )
    raw = value_from_trie_proof(block.header.receipts_root, proof.receipt_index, proof.receipt_nodes)
    event = parse_registry_event(_event_log(raw, proof.log_position, findings.trust.registry.address))
    _check_event(event, checkpoint, checkpoint_digest(findings.trust.domain, checkpoint), findings.signer)
    findings.anchor = AnchorFacts(
        block_number=block.number,
        block_hash=block.hash,
        block_time=block.header.timestamp,
        signer=event.signer,
        previous_size=event.previous_size if isinstance(event, Anchored) else None,
        first_block=event.first_block if isinstance(event, AnchoredBefore) else None,
    )
    findings.grade, findings.shortfall = Grade.ANCHORED, None
    if findings.key is not KeyStatus.PINNED:
        findings.key = KeyStatus.BY_REGISTRY
    return run


def _event_log(raw_receipt: bytes, position: int, registry: Address) -> EventLog:
    receipt = parse_receipt(raw_receipt)
    if receipt.status != 1:
        raise FailedTransaction("receipt: the transaction was reverted")
    if position >= len(receipt.logs):
        raise EventMissing(f"receipt: got log position {position}, but it has {len(receipt.logs)} logs")
    log = receipt.logs[position]
    if log.address != registry:
        raise EventMissing(
            f"receipt: log {position} is by {checksum_address(log.address)}, not by the registry"
        )
    return log


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


def _verify_finality(findings: _Findings, run: Run) -> bool:
    """Step 7: enough validators sealed the block or blocks after it. Says whether the epoch's own rule is met."""
    try:
        check_final(run, 0)
    except VerificationError as error:
        findings.shortfall = error
        return False
    epoch = run.epoch
    if epoch.is_final:
        findings.grade = Grade.FINAL
    else:
        findings.shortfall = GradeTooLow(
            f"the chain's own rule is {epoch.quorum_rule}: {epoch.wanted_seals} of {len(epoch.validators)} seals, "
            "which two blocks can have without an honest validator in common"
        )
    if epoch.to_block is None:
        findings.notes.append(
            f"the validator set was pinned at block {epoch.from_block} and is taken as still in force"
        )
    return True


def _verify_not_after(findings: _Findings, run: Run) -> None:
    """Step 8: the latest moment at which the anchor's block came to exist."""
    bound = not_after(run, findings.allowance)
    findings.not_after = _writable(bound)


def _verify_not_before(findings: _Findings, run: Run) -> None:
    """Step 9: the record names a block, which had to exist before the record could be composed."""
    raws = findings.evidence.not_before
    if raws is None:
        return
    after = findings.disclosed.get("after")
    if after is None:
        raise AfterHidden("not before: headers are given, but the slot after is hidden or empty")
    name = Hash32(parse_hex(after, 32, "after"))
    earlier, position = link_run(parse_headers(raws), findings.trust, name)
    if earlier.blocks[position].number >= run.blocks[0].number:
        raise AfterNotBefore(
            f"not before: block {earlier.blocks[position].number} is not older than the anchor's block "
            f"{run.blocks[0].number}"
        )
    findings.not_before = _writable(not_before(earlier, position, findings.allowance))


def _writable(bound: TimeBound) -> TimeBound:
    format_seconds(bound.seconds)
    return bound


def _conclude(findings: _Findings, require: Grade) -> Verdict:
    grade = findings.grade
    if not findings.errors and (grade is None or grade < require):
        findings.errors.append(_too_low(findings, require))
    checkpoint = findings.evidence.checkpoint
    return Verdict(
        required=require,
        grade=grade,
        errors=tuple(findings.errors),
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
        not_before=findings.not_before,
        not_after=findings.not_after,
        who_must_have_lied=_who_must_have_lied(findings),
        notes=(*findings.notes, *_notes(findings)),
    )


def _too_low(findings: _Findings, require: Grade) -> VerificationError:
    why = findings.shortfall
    if why is not None and not isinstance(why, GradeTooLow):
        return why
    shown = "nothing" if findings.grade is None else findings.grade.text
    return GradeTooLow(f"shown is {shown}, asked for is {require.text}: {why}")


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


def _who_must_have_lied(findings: _Findings) -> str:
    match findings.grade:
        case Grade.RECORDED:
            return "anybody: only the form of a record is shown"
        case Grade.SIGNED:
            return f"the site {findings.evidence.origin.text}, or whoever has its key"
        case Grade.ANCHORED:
            return "whoever supplied the block's header"
        case Grade.FINAL:
            return _quorum_of(findings)
    return "nobody: nothing is shown"


def _quorum_of(findings: _Findings) -> str:
    assert findings.anchor is not None
    epoch = findings.trust.epoch_of(findings.anchor.block_number)
    assert epoch is not None
    return f"a quorum of the validators: {epoch.wanted_seals} of {len(epoch.validators)}, or whoever has their keys"


def _notes(findings: _Findings) -> list[str]:
    notes = []
    if findings.trust.devnet:
        notes.append(
            "this is a devnet: one process held all keys, so this shows how things work and proves nothing"
        )
    if findings.anchor is not None:
        notes.append(
            f"supersession and the site's key are known up to block {findings.anchor.block_number} only; "
            "the site may hold later or rival records"
        )
        checkpoint = findings.evidence.checkpoint
        if checkpoint is not None and checkpoint.sealed_at > findings.anchor.block_time + findings.allowance:
            notes.append("the site claims to have sealed the log after the time of the block that anchors it")
    return notes
