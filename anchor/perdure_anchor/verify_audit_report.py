"""Verification of an audit report: the file and a trust file in, a verdict out (SPEC.md, section 17.6; its steps are numbered here).

A yes means that a key of the site's signed the report, and nothing of what it says: that is the signer's word.
"""

from dataclasses import dataclass, field

from perdure_anchor.anchor_checks import AnchorChecks
from perdure_anchor.audit_report import AuditReport, recover_report_signer
from perdure_anchor.errors import PerdureError, VerificationError
from perdure_anchor.findings import DEVNET, Findings
from perdure_anchor.hashes import Address, checksum_address
from perdure_anchor.statement import evidence_of_stated
from perdure_anchor.time_bounds import DEFAULT_CLOCK_ALLOWANCE
from perdure_anchor.trust import TrustFile
from perdure_anchor.validator_changes import Followed
from perdure_anchor.verdict import Fault, Grade, KeyStatus, Verdict
from perdure_anchor.verify import check_registry, verify_anchor, verify_signature


class ReportNotSigned(VerificationError):
    """The report has no signature: anybody can have written it."""


class ReportKeyNotVouched(VerificationError):
    """Nothing shows that the key which signed the report is the site's."""


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """The result of `verify_audit_report`; ``checkpoint`` is the verdict on the log that the report names, None if it names none."""

    faults: tuple[Fault, ...]
    report: AuditReport
    signer: Address | None
    key: KeyStatus
    checkpoint: Verdict | None
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether a key of the site's signed it."""
        return not self.faults

    @property
    def errors(self) -> tuple[PerdureError, ...]:
        """What is wrong, without the steps."""
        return tuple(fault.error for fault in self.faults)


@dataclass(slots=True)
class _Found:
    report: AuditReport
    trust: TrustFile
    findings: Findings | None
    step: int = 0
    signer: Address | None = None
    key: KeyStatus = KeyStatus.UNKNOWN
    faults: list[Fault] = field(default_factory=list)


def verify_audit_report(
    report: AuditReport,
    trust: TrustFile,
    *,
    require: Grade = Grade.FINAL,
    clock_allowance: int = DEFAULT_CLOCK_ALLOWANCE,
) -> AuditVerdict:
    """Who signed the report, to somebody who believes ``trust``.

    ``require`` is the grade that the checkpoint's anchor needs to vouch for the key, at least `Grade.ANCHORED`. Never raises for
    what the report says: faults are in ``AuditVerdict.faults``.
    """
    required = max(require, Grade.ANCHORED)
    findings = None
    if report.checkpoint is not None:
        evidence = evidence_of_stated(
            report.domain, report.origin, report.checkpoint, report.anchor, report.hops
        )
        findings = Findings(evidence, trust, clock_allowance)
    found = _Found(report, trust, findings)
    try:
        _verify_steps(found, required)
    except PerdureError as error:
        found.faults.append(Fault(found.step, error))
    has_begun = findings is not None and findings.grade is not None
    checkpoint = findings.verdict(Grade.RECORDED) if findings is not None and has_begun else None
    return AuditVerdict(
        faults=tuple(found.faults),
        report=report,
        signer=found.signer,
        key=found.key,
        checkpoint=checkpoint,
        notes=_notes(found),
    )


def _verify_steps(found: _Found, required: Grade) -> None:
    report = found.report
    found.step = 1
    check_registry(report.domain, found.trust)
    found.step = 2
    if report.signature is None:
        raise ReportNotSigned(
            "audit report: nobody signed it",
            hint="`perdure audit` signs it where it gets the passphrase",
        )
    found.signer = recover_report_signer(report)
    found.step = 3
    _check_checkpoint(found)
    found.step = 4
    _vouch(found, required)


def _check_checkpoint(found: _Found) -> None:
    """Step 3: the checkpoint is signed, and its anchor, if there is one, holds: steps 4 to 9 of section 9.2."""
    findings = found.findings
    if findings is None:
        return
    findings.grade = Grade.RECORDED
    signed = findings.evidence.checkpoint
    assert signed is not None
    checks = AnchorChecks(Followed(found.trust))
    checkpoint = verify_signature(findings, checks, signed)
    if findings.evidence.anchor is not None:
        verify_anchor(findings, checks, checkpoint, findings.evidence.anchor)
    if findings.faults:
        raise findings.faults[0].error


def _vouch(found: _Found, required: Grade) -> None:
    """Step 4: the key is pinned for the site, or the same that signed the anchored checkpoint."""
    assert found.signer is not None
    findings = found.findings
    if found.signer in found.trust.pinned_keys(found.report.origin):
        found.key = KeyStatus.PINNED
    elif findings is not None and findings.signer == found.signer and (findings.grade or 0) >= required:
        found.key = KeyStatus.BY_REGISTRY
    else:
        raise ReportKeyNotVouched(
            f"audit report: signed by {checksum_address(found.signer)}, and neither the trust file nor an anchor in the report "
            f"shows up to {required.text} that this is a key of {found.report.origin.text}",
            hint="ask for a report that is made after a sync, or use a trust file that pins the site's keys",
        )


def _notes(found: _Found) -> tuple[str, ...]:
    notes = []
    if found.trust.devnet:
        notes.append(DEVNET)
    notes.append("what the report says is the word of whoever signed it: nobody else has seen the vault")
    if found.report.checkpoint is None:
        notes.append("the report names no log: nothing was sealed")
    return tuple(notes)
