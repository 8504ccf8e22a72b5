"""A report of an audit, verified: who signed it, and what it says; for people and for programs."""

from collections.abc import Iterator
from typing import Final

from perdure_anchor.audit_report import AuditReport, parse_report
from perdure_anchor.hashes import checksum_address
from perdure_anchor.verdict_words import KEY_WORDS
from perdure_anchor.verify_audit_report import AuditVerdict, verify_audit_report

from perdure_cli.output import line, row
from perdure_cli.record_texts import plural
from perdure_cli.verifying.as_json import anchor_members
from perdure_cli.verifying.formats import AUDIT
from perdure_cli.verifying.other_formats import OtherFormat, OtherOutcome

_STYLES = {"error": "red", "warning": "yellow", "note": None}
# examples of a finding that are shown at once
_SHOWN = 5


def _yes(_: OtherOutcome[AuditVerdict], verdict: AuditVerdict) -> str:
    report = verdict.report
    return f"{report.origin.text} signed this report of an audit: {summary(report)}"


def _shown(_: OtherOutcome[AuditVerdict], verdict: AuditVerdict) -> Iterator[str]:
    if verdict.signer is not None:
        yield row("signed by", checksum_address(verdict.signer))
        yield row("key", KEY_WORDS[verdict.key])
    if verdict.checkpoint is not None and verdict.checkpoint.anchor is not None:
        yield row(
            "anchored",
            f"the log of {verdict.checkpoint.size} it names, in block {verdict.checkpoint.anchor.block_number}",
        )
    yield line(f" claimed by {verdict.report.origin.text}, shown by nobody")
    yield from report_rows(verdict.report)


def summary(report: AuditReport) -> str:
    """How many findings there are, by severity, and of how many kinds: below, each kind is shown once."""
    return ", ".join(_counted(report, severity) for severity in ("error", "warning", "note"))


def _counted(report: AuditReport, severity: str) -> str:
    count = report.count_of(severity)
    kinds = sum(finding.severity == severity for finding in report.findings)
    text = plural(count, severity)
    return text if kinds == count else f"{text} of {plural(kinds, 'kind')}"


def report_rows(report: AuditReport) -> Iterator[str]:
    """What the report says: the counts, what was looked at, and what was found."""
    yield row("made", f"{report.made_at}, with {report.software}")
    yield row("counts", ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in report.counts))
    for check in report.checks:
        told = f"{check.count} looked at" if check.state == "done" else check.state
        yield row(check.name, f"{told}: {check.why}" if check.why else told)
    for finding in report.findings:
        times = f" ({finding.count})" if finding.count > 1 else ""
        yield line(f" {finding.severity}: {finding.kind}{times}", style=_STYLES[finding.severity])
        yield row("means", finding.meaning)
        for number, example in enumerate(finding.examples[:_SHOWN]):
            yield row("" if number else "found", example)
        if len(finding.examples) > _SHOWN:
            yield row("", f"and {finding.count - _SHOWN} more: --json has up to 100")
        yield row("to do", finding.remedy)


def _members(verdict: AuditVerdict | None) -> dict[str, object]:
    checkpoint = None if verdict is None else verdict.checkpoint
    anchor = None if checkpoint is None else checkpoint.anchor
    return {
        "signer": None if verdict is None or verdict.signer is None else checksum_address(verdict.signer),
        "key": None if verdict is None else verdict.key.value,
        "anchor": None if anchor is None else anchor_members(anchor),
        "report": None if verdict is None else report_members(verdict.report),
    }


def report_members(report: AuditReport) -> dict[str, object]:
    """What the report says."""
    return {
        "site": report.origin.text,
        "made_at": report.made_at,
        "software": report.software,
        "by": report.by,
        "size": None if report.checkpoint is None else report.checkpoint.size,
        "root": None if report.checkpoint is None else report.checkpoint.root.hex(),
        "counts": dict(report.counts),
        "checks": [
            {"name": each.name, "state": each.state, "count": each.count, "why": each.why}
            for each in report.checks
        ],
        "errors": report.count_of("error"),
        "warnings": report.count_of("warning"),
        "notes": report.count_of("note"),
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
    }


AUDIT_FORMAT: Final = OtherFormat(
    AUDIT,
    parse_report,
    verify_audit_report,
    yes=_yes,
    no="it is not shown that the site signed this report",
    shown=_shown,
    members=_members,
    times_are_told=False,
)
