"""A report of an audit, verified: who signed it, and what it says; for people and for programs."""

from collections.abc import Iterator
from dataclasses import dataclass

from perdure_anchor.audit_report import AuditReport, parse_report
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import checksum_address
from perdure_anchor.verdict import Grade
from perdure_anchor.verdict_words import KEY_WORDS
from perdure_anchor.verify_audit_report import AuditVerdict, verify_audit_report

from perdure_cli.exit_codes import ANSWER_IS_NO, FileUnreadable, batch_exit_code, exit_code
from perdure_cli.files import os_reason
from perdure_cli.output import line, row
from perdure_cli.record_texts import plural
from perdure_cli.trust_store import TrustSource
from perdure_cli.verifying.as_json import anchor_members, error_members, trust_members
from perdure_cli.verifying.as_text import trust_text
from perdure_cli.verifying.outcome import Question
from perdure_cli.verifying.sorting import AuditFile

_STYLES = {"error": "red", "warning": "yellow", "note": None}
# examples of a finding that are shown at once
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class AuditOutcome:
    """``verdict`` is None where the file could not be read, or nothing says whom to trust; then ``errors`` says why."""

    file: str
    required: Grade
    verdict: AuditVerdict | None = None
    trust: TrustSource | None = None
    errors: tuple[PerdureError, ...] = ()

    @property
    def ok(self) -> bool:
        return self.verdict is not None and self.verdict.ok

    @property
    def exit_code(self) -> int:
        return batch_exit_code(map(exit_code, self.errors))


def audit_outcome(file: AuditFile, question: Question) -> AuditOutcome:
    """Who signed the report; never raises for what it says."""
    try:
        report = parse_report(file.read())
        source = question.trust.choose(report.domain)
    except OSError as error:
        fault = FileUnreadable(f"{file.name}: {os_reason(error)}")
        return AuditOutcome(file.name, question.require, errors=(fault,))
    except PerdureError as error:
        return AuditOutcome(file.name, question.require, errors=(error,))
    verdict = verify_audit_report(
        report, source.trust, require=question.require, clock_allowance=question.clock_allowance
    )
    return AuditOutcome(file.name, question.require, verdict, source, verdict.errors)


# --- for people


def audit_text(outcome: AuditOutcome) -> str:
    """Everything that is known of it."""
    return "".join(_all(outcome))


def audit_line(outcome: AuditOutcome) -> str:
    """The answer in a line, and why where it is no yes."""
    return "".join((_answer(outcome), *_reasons(outcome)))


def _all(outcome: AuditOutcome) -> Iterator[str]:
    yield _answer(outcome)
    yield from _reasons(outcome)
    verdict = outcome.verdict
    if verdict is not None:
        yield line(" shown" if verdict.ok else " in the file")
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
        for note in verdict.notes:
            yield row("note", note)
    if outcome.trust is not None:
        yield trust_text(outcome.trust)


def _answer(outcome: AuditOutcome) -> str:
    verdict = outcome.verdict
    if verdict is not None and verdict.ok:
        report = verdict.report
        told = f"yes, {report.origin.text} signed this report of an audit: {summary(report)}"
        return line(f"{outcome.file}: {told}", style="green")
    if outcome.exit_code == ANSWER_IS_NO:
        return line(f"{outcome.file}: no, it is not shown that the site signed this report", style="red")
    return line(f"{outcome.file}: could not find out", style="yellow")


def _reasons(outcome: AuditOutcome) -> Iterator[str]:
    for error in outcome.errors:
        yield row("because", str(error))
        if error.hint:
            yield row("", error.hint)


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
        told = f"{check.count} looked at" if check.state == "done" else f"{check.state}: {check.why}"
        yield row(check.name, told)
    for finding in report.findings:
        times = f" ({finding.count})" if finding.count > 1 else ""
        yield line(f" {finding.severity}: {finding.kind}{times}", style=_STYLES[finding.severity])
        yield row("means", finding.meaning)
        for number, example in enumerate(finding.examples[:_SHOWN]):
            yield row("" if number else "found", example)
        if len(finding.examples) > _SHOWN:
            yield row("", f"and {finding.count - _SHOWN} more: --json has up to 100")
        yield row("to do", finding.remedy)


# --- for programs


def audit_members(outcome: AuditOutcome) -> dict[str, object]:
    """The members of its line: all of them in each, null where nothing is known."""
    verdict = outcome.verdict
    checkpoint = None if verdict is None else verdict.checkpoint
    faults = () if verdict is None else verdict.faults
    steps = {id(fault.error): fault.step for fault in faults}
    anchor = None if checkpoint is None else checkpoint.anchor
    return {
        "ok": outcome.ok,
        "file": outcome.file,
        "required": outcome.required.text,
        "signer": None if verdict is None or verdict.signer is None else checksum_address(verdict.signer),
        "key": None if verdict is None else verdict.key.value,
        "anchor": None if anchor is None else anchor_members(anchor),
        "report": None if verdict is None else report_members(verdict.report),
        "notes": [] if verdict is None else list(verdict.notes),
        "errors": [{**error_members(error), "step": steps.get(id(error))} for error in outcome.errors],
        "trust": None if outcome.trust is None else trust_members(outcome.trust),
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
