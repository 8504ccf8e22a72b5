"""An outcome for people: what was shown, what is only claimed, between which times, and who must have lied."""

from collections.abc import Iterable, Iterator

from perdure_anchor.errors import PerdureError
from perdure_anchor.timestamp import format_seconds
from perdure_anchor.verdict import Verdict
from perdure_anchor.verdict_words import Words, claimed_words, grade_words, shown_words

from perdure_cli.exit_codes import ANSWER_IS_NO
from perdure_cli.output import line, row
from perdure_cli.trust_store import TrustSource
from perdure_cli.verifying.outcome import Outcome


def outcome_text(outcome: Outcome) -> str:
    """Everything that is known of one piece of evidence; where it did not even show a record, that is why."""
    return "".join(_all(outcome))


def outcome_line(outcome: Outcome) -> str:
    """The answer in a line, and why where it is no yes: for one outcome of many, whose trust file is told once for all."""
    return "".join(
        (
            _answer(outcome, f", {_in_short(outcome)}" if outcome.ok else ""),
            *reason_rows(outcome.errors),
            *report_rows(outcome.report),
        )
    )


def trust_text(source: TrustSource) -> str:
    """Who is believed."""
    return "".join(_trust(source))


def _all(outcome: Outcome) -> Iterator[str]:
    yield _answer(outcome, f", {_grade(outcome)}" if outcome.ok else "")
    yield from reason_rows(outcome.errors)
    yield from report_rows(outcome.report)
    if outcome.verdict is not None and outcome.verdict.grade is not None:
        yield from _shown(outcome, outcome.verdict)
        yield from _claimed(outcome.verdict)
    if outcome.signatures is not None:
        yield line(" signatures, checked again")
        yield from word_rows(outcome.signatures.words)
    for note in () if outcome.verdict is None else outcome.verdict.notes:
        yield row("note", note)
    if outcome.trust is not None:
        yield from _trust(outcome.trust)


def _answer(outcome: Outcome, grade: str) -> str:
    if outcome.ok:
        return line(f"{outcome.file}: yes{grade}", style="green")
    if outcome.exit_code == ANSWER_IS_NO:
        return line(f"{outcome.file}: no", style="red")
    return could_not_find_out(outcome.file)


def could_not_find_out(file: str) -> str:
    """The answer that is neither yes nor no."""
    return line(f"{file}: could not find out", style="yellow")


def reason_rows(errors: Iterable[PerdureError]) -> Iterator[str]:
    """Why the answer is no yes, and the remedies."""
    for error in errors:
        yield row("because", str(error))
        if error.hint:
            yield row("", error.hint)


def report_rows(report: str | None) -> Iterator[str]:
    """Of what was attached in a report: any PDF can attach evidence of something else than its pages say."""
    if report is not None:
        yield row(
            "attached to", f"{report}, whose pages were not looked at: this is no answer about the PDF itself"
        )


def _grade(outcome: Outcome) -> str:
    assert outcome.verdict is not None
    return grade_words(outcome.verdict, devnet=_on_devnet(outcome))


def _on_devnet(outcome: Outcome) -> bool:
    assert outcome.trust is not None
    return outcome.trust.trust.devnet


def _in_short(outcome: Outcome) -> str:
    """The grade, the time before which the record was there, and the document if there is one."""
    assert outcome.verdict is not None
    parts, bound = [_grade(outcome)], outcome.verdict.not_after
    if bound is not None:
        parts.append(f"not after {format_seconds(bound.seconds)}")
        if not bound.complete:
            parts.append("by one proposer's word")
    if outcome.verdict.key_doubt is not None:
        parts.append("key in doubt")
    if outcome.supporting:
        parts.append(f"its late entry supported by {', '.join(outcome.supporting)}")
    if outcome.documents:
        parts.append(f"of {', '.join(outcome.documents)}")
    return ", ".join(parts)


def _shown(outcome: Outcome, verdict: Verdict) -> Iterator[str]:
    yield line(" shown")
    yield from word_rows(
        shown_words(
            verdict,
            outcome.documents,
            devnet=_on_devnet(outcome),
            clock_allowance=outcome.clock_allowance,
        )
    )
    for name in outcome.supporting:
        yield row("supporting", f"{name} is a supporting document of the late entry")


def _claimed(verdict: Verdict) -> Iterator[str]:
    yield line(f" claimed by {verdict.origin.text}, shown by nobody")
    yield from word_rows(claimed_words(verdict))


def word_rows(all_words: Iterable[Words]) -> Iterator[str]:
    """Labels with their lines, as rows of a result."""
    for words in all_words:
        label = words.label
        for text in words.lines:
            yield row(label, text)
            label = ""


def _trust(source: TrustSource) -> Iterator[str]:
    yield line(" believing")
    pinned = "pinned" if source.pinned else "NOT PINNED: compare the fingerprint with the consortium's"
    yield row("trust file", f"{source.trust.name}, version {source.trust.version}, {pinned}")
    yield row("fingerprint", source.fingerprint)
