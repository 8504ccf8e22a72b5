"""A proof of two histories, verified: the outcome, for people and for programs."""

from collections.abc import Iterator
from dataclasses import dataclass

from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import checksum_address
from perdure_anchor.rivals import parse_rivals
from perdure_anchor.rivals_verdict import RivalsVerdict, SignedHistory
from perdure_anchor.rivals_words import rivals_words
from perdure_anchor.timestamp import MAX_SECONDS, format_seconds
from perdure_anchor.verdict import Grade
from perdure_anchor.verify_rivals import verify_rivals

from perdure_cli.exit_codes import ANSWER_IS_NO, FileUnreadable, batch_exit_code, exit_code
from perdure_cli.files import os_reason
from perdure_cli.output import line, row
from perdure_cli.trust_store import TrustSource
from perdure_cli.verifying.as_json import (
    anchor_members,
    error_members,
    report_members,
    time_members,
    trust_members,
)
from perdure_cli.verifying.as_text import report_rows, trust_text, word_rows
from perdure_cli.verifying.outcome import Question
from perdure_cli.verifying.sorting import RivalsFile


@dataclass(frozen=True, slots=True)
class RivalsOutcome:
    """``verdict`` is None where the file could not be read, or nothing says whom to trust; then ``errors`` says why."""

    file: str
    required: Grade
    verdict: RivalsVerdict | None = None
    trust: TrustSource | None = None
    errors: tuple[PerdureError, ...] = ()
    clock_allowance: int = 0
    report: str | None = None

    @property
    def ok(self) -> bool:
        return self.verdict is not None and self.verdict.ok

    @property
    def exit_code(self) -> int:
        return batch_exit_code(map(exit_code, self.errors))


def rivals_outcome(file: RivalsFile, question: Question) -> RivalsOutcome:
    """What the file shows; never raises for what it says."""
    try:
        rivals = parse_rivals(file.read())
        source = question.trust.choose(rivals.domain)
    except OSError as error:
        fault = FileUnreadable(f"{file.name}: {os_reason(error)}")
        return RivalsOutcome(file.name, question.require, errors=(fault,), report=file.report)
    except PerdureError as error:
        return RivalsOutcome(file.name, question.require, errors=(error,), report=file.report)
    allowance = question.clock_allowance
    verdict = verify_rivals(rivals, source.trust, require=question.require, clock_allowance=allowance)
    return RivalsOutcome(file.name, question.require, verdict, source, verdict.errors, allowance, file.report)


# --- for people


def rivals_text(outcome: RivalsOutcome) -> str:
    """Everything that is known of it."""
    return "".join(_all(outcome))


def rivals_line(outcome: RivalsOutcome) -> str:
    """The answer in a line, and why where it is no yes."""
    return "".join((_answer(outcome), *_reasons(outcome), *report_rows(outcome.report)))


def _all(outcome: RivalsOutcome) -> Iterator[str]:
    yield _answer(outcome)
    yield from _reasons(outcome)
    yield from report_rows(outcome.report)
    if outcome.verdict is not None:
        yield from _shown(outcome.verdict)
    if outcome.trust is not None:
        yield trust_text(outcome.trust)


def _answer(outcome: RivalsOutcome) -> str:
    verdict = outcome.verdict
    if verdict is not None and outcome.ok:
        devnet = ", on a devnet" if outcome.trust is not None and outcome.trust.trust.devnet else ""
        told = f"yes, {verdict.origin.text} has signed two histories{devnet}"
        return line(f"{outcome.file}: {told}", style="green")
    if outcome.exit_code == ANSWER_IS_NO:
        return line(f"{outcome.file}: no, it does not show that a site has signed two histories", style="red")
    return line(f"{outcome.file}: could not find out", style="yellow")


def _reasons(outcome: RivalsOutcome) -> Iterator[str]:
    for error in outcome.errors:
        yield row("because", str(error))
        if error.hint:
            yield row("", error.hint)


def _shown(verdict: RivalsVerdict) -> Iterator[str]:
    yield line(" shown" if verdict.ok else " in the file")
    yield from word_rows(rivals_words(verdict))
    for note in verdict.notes:
        yield row("note", note)


# --- for programs


def rivals_members(outcome: RivalsOutcome) -> dict[str, object]:
    """The members of its line: all of them in each, null where nothing is known."""
    verdict = outcome.verdict
    faults = () if verdict is None else verdict.faults
    steps = {id(fault.error): fault.step for fault in faults}
    return {
        "ok": outcome.ok,
        "file": outcome.file,
        "report": report_members(outcome.report),
        "required": outcome.required.text,
        "two_histories": None if verdict is None else verdict.two_histories,
        "site": None if verdict is None else verdict.origin.text,
        "checkpoints": [] if verdict is None else [_history_members(each) for each in verdict.histories],
        "rotations": [] if verdict is None else [checksum_address(key) for key in verdict.rotations],
        "validator_changes": [] if verdict is None else list(verdict.validator_changes),
        "who_must_have_lied": None if verdict is None else verdict.who_must_have_lied,
        "notes": [] if verdict is None else list(verdict.notes),
        "clock_allowance": outcome.clock_allowance,
        "errors": [{**error_members(error), "step": steps.get(id(error))} for error in outcome.errors],
        "trust": None if outcome.trust is None else trust_members(outcome.trust),
    }


def _history_members(history: SignedHistory) -> dict[str, object]:
    sealed_at = format_seconds(history.sealed_at) if history.sealed_at <= MAX_SECONDS else None
    return {
        "size": history.size,
        "root": history.root.hex(),
        "sealed_at": sealed_at,
        "signer": None if history.signer is None else checksum_address(history.signer),
        "key": history.key.value,
        "key_doubt": history.key_doubt,
        "anchor": None if history.anchor is None else anchor_members(history.anchor),
        "not_after": time_members(history.not_after),
    }
