"""Audit reports: one JSON file that says what an audit of a site's vault found, signed by a key of the site's (SPEC.md, section 17.6).

What it says is a claim of whoever signed it: nobody can see from outside whether the vault was looked at. The signature binds him
to it, and, where the report holds an anchored checkpoint, so does the log that he says he looked at. Parsing is strict and
bounded, and judges nothing; `perdure_anchor.verify_audit_report` does.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Final

from perdure_anchor.base64_text import encode_base64, parse_base64
from perdure_anchor.checkpoint import Origin, RegistryDomain, parse_origin
from perdure_anchor.errors import EncodingError
from perdure_anchor.evidence import (
    MAX_EVIDENCE_SIZE,
    MAX_SIGNS,
    AnchorProof,
    Hops,
    encode_anchor_proof,
    encode_domain,
    encode_hops,
    parse_anchor_proof,
    parse_domain,
    parse_hops,
)
from perdure_anchor.hashes import Address, Hash32, keccak256
from perdure_anchor.json_file import check_bounds, parse_members
from perdure_anchor.secp256k1 import SIGNATURE_SIZE
from perdure_anchor.statement import StatedCheckpoint, encode_stated_checkpoint, parse_stated_checkpoint
from perdure_anchor.strict_json import (
    JsonValue,
    encode_pretty,
    take_integer,
    take_list,
    take_object,
    take_text,
)
from perdure_anchor.timestamp import check_timestamp
from perdure_anchor.typed_data import recover_digest_signer, sign_digest, typed_data_digest

FORMAT: Final = "perdure-audit/1"
FILE_SUFFIX: Final = ".audit.json"

MAX_REPORT_SIZE = MAX_EVIDENCE_SIZE
MAX_COUNTS = 64
MAX_CHECKS = 64
MAX_FINDINGS = 256
MAX_EXAMPLES = 100
MAX_TEXT = 2048

SEVERITIES: Final = ("error", "warning", "note")
STATES: Final = ("done", "not asked", "could not")

KEYS: Final = (
    "format",
    "registry",
    "origin",
    "made_at",
    "software",
    "by",
    "counts",
    "checks",
    "findings",
    "checkpoint",
    "anchor",
    "hops",
    "signature",
)
_REPORT_TYPE = keccak256(b"AuditReport(bytes32 site,bytes32 report)")


class AuditReportError(EncodingError):
    """The file is not an audit report in our format."""


class AuditReportTooLarge(AuditReportError):
    """The file is over a bound that is checked before any work is done."""


class NotAuditReport(AuditReportError):
    """The file does not say that it is an audit report of a version that we read."""


@dataclass(frozen=True, slots=True)
class ReportedCheck:
    """One thing that was looked at: ``state`` is one of `STATES`, ``count`` how many were, ``why`` it was not done."""

    name: str
    state: str
    count: int
    why: str | None = None


@dataclass(frozen=True, slots=True)
class ReportedFinding:
    """What was found ``count`` times, with some ``examples``; ``severity`` is one of `SEVERITIES`."""

    kind: str
    severity: str
    count: int
    meaning: str
    remedy: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditReport:
    """See SPEC.md, section 17.6. ``by`` names who acted, None for the site; times are text as in records.

    ``checkpoint`` is the log that was looked at, as far as it is anchored, or signed; None before the first seal.
    """

    domain: RegistryDomain
    origin: Origin
    made_at: str
    software: str
    by: str | None
    counts: tuple[tuple[str, int], ...]
    checks: tuple[ReportedCheck, ...]
    findings: tuple[ReportedFinding, ...]
    checkpoint: StatedCheckpoint | None = None
    anchor: AnchorProof | None = None
    hops: Hops = ()
    signature: bytes | None = None

    def count_of(self, severity: str) -> int:
        """How many findings of a severity there are."""
        return sum(finding.count for finding in self.findings if finding.severity == severity)


def report_digest(report: AuditReport) -> Hash32:
    """The EIP-712 digest that is signed: over the file's members but the signature, as JSON with sorted keys and no white space."""
    members = _members(report)
    del members["signature"]
    text = json.dumps(members, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    content = Hash32(hashlib.sha256(text.encode()).digest())
    return typed_data_digest(report.domain, _REPORT_TYPE, report.origin.site, content)


def sign_report(report: AuditReport, private_key: bytes) -> bytes:
    """The signature, ``r || s || v`` as of a checkpoint."""
    return sign_digest(report_digest(report), private_key)


def recover_report_signer(report: AuditReport) -> Address:
    """Whose key signed; raises `SignatureError`."""
    return recover_digest_signer(report_digest(report), report.signature or b"", "audit report signature")


def parse_report(raw: bytes) -> AuditReport:
    """The report from the bytes of a file; raises `AuditReportError`, `JsonError` or another `EncodingError`."""
    check_bounds(
        raw, "audit report", max_size=MAX_REPORT_SIZE, max_signs=MAX_SIGNS, too_large=AuditReportTooLarge
    )
    return _parse_members(parse_members(raw, "audit report", FORMAT, KEYS, other=NotAuditReport))


def _parse_members(top: dict[str, JsonValue]) -> AuditReport:
    checkpoint = None if top["checkpoint"] is None else parse_stated_checkpoint(top["checkpoint"])
    anchor = None if top["anchor"] is None else parse_anchor_proof(top["anchor"])
    if anchor is not None and checkpoint is None:
        raise AuditReportError("audit report: an anchor without the checkpoint that it anchors")
    hops = parse_hops(top["hops"], () if anchor is None else (anchor.headers,))
    made_at = take_text(top["made_at"], "made_at", MAX_TEXT)
    check_timestamp(made_at, "made_at")
    signature = top["signature"]
    return AuditReport(
        domain=parse_domain(top["registry"]),
        origin=parse_origin(top["origin"]),
        made_at=made_at,
        software=take_text(top["software"], "software", MAX_TEXT),
        by=None if top["by"] is None else take_text(top["by"], "by", MAX_TEXT),
        counts=_parse_counts(top["counts"]),
        checks=tuple(map(_parse_check, take_list(top["checks"], "checks", MAX_CHECKS))),
        findings=tuple(map(_parse_finding, take_list(top["findings"], "findings", MAX_FINDINGS))),
        checkpoint=checkpoint,
        anchor=anchor,
        hops=hops,
        signature=None
        if signature is None
        else parse_base64(signature, "audit report signature", exactly=SIGNATURE_SIZE),
    )


def _parse_counts(value: JsonValue) -> tuple[tuple[str, int], ...]:
    if not isinstance(value, dict) or len(value) > MAX_COUNTS:
        raise AuditReportError(f"counts: want an object with at most {MAX_COUNTS} members")
    return tuple(
        (take_text(name, "count's name", 64), take_integer(count, "count")) for name, count in value.items()
    )


def _parse_check(value: JsonValue) -> ReportedCheck:
    members = take_object(value, "check", ("name", "state", "count", "why"))
    state = take_text(members["state"], "check's state")
    if state not in STATES:
        raise AuditReportError(f"check's state: got {state[:40]!a}, want one of {', '.join(STATES)}")
    return ReportedCheck(
        take_text(members["name"], "check's name", MAX_TEXT),
        state,
        take_integer(members["count"], "check's count"),
        None if members["why"] is None else take_text(members["why"], "why", MAX_TEXT),
    )


def _parse_finding(value: JsonValue) -> ReportedFinding:
    keys = ("kind", "severity", "count", "meaning", "remedy", "examples")
    members = take_object(value, "finding", keys)
    severity = take_text(members["severity"], "severity")
    if severity not in SEVERITIES:
        raise AuditReportError(f"severity: got {severity[:40]!a}, want one of {', '.join(SEVERITIES)}")
    return ReportedFinding(
        kind=take_text(members["kind"], "kind", MAX_TEXT),
        severity=severity,
        count=take_integer(members["count"], "finding's count"),
        meaning=take_text(members["meaning"], "meaning", MAX_TEXT),
        remedy=take_text(members["remedy"], "remedy", MAX_TEXT),
        examples=tuple(
            take_text(example, "example", MAX_TEXT)
            for example in take_list(members["examples"], "examples", MAX_EXAMPLES)
        ),
    )


def encode_report(report: AuditReport) -> bytes:
    """The file's bytes; `parse_report` reads them back."""
    return encode_pretty(_members(report))


def _members(report: AuditReport) -> dict[str, JsonValue]:
    return {
        "format": FORMAT,
        "registry": encode_domain(report.domain),
        "origin": report.origin.text,
        "made_at": report.made_at,
        "software": report.software,
        "by": report.by,
        "counts": dict(report.counts),
        "checks": [
            {"name": each.name, "state": each.state, "count": each.count, "why": each.why}
            for each in report.checks
        ],
        "findings": [
            {
                "kind": each.kind,
                "severity": each.severity,
                "count": each.count,
                "meaning": each.meaning,
                "remedy": each.remedy,
                "examples": list(each.examples),
            }
            for each in report.findings
        ],
        "checkpoint": None if report.checkpoint is None else encode_stated_checkpoint(report.checkpoint),
        "anchor": None if report.anchor is None else encode_anchor_proof(report.anchor),
        "hops": encode_hops(report.hops),
        "signature": None if report.signature is None else encode_base64(report.signature),
    }
