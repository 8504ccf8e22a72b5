"""A statement that a stretch of a log is complete, verified: the outcome, for people and for programs."""

from collections.abc import Iterator
from dataclasses import dataclass

from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Hash32
from perdure_anchor.statement import parse_statement
from perdure_anchor.statement_verdict import StatedLeaf, StatementVerdict
from perdure_anchor.statement_words import leaf_words, statement_words
from perdure_anchor.verdict import Grade
from perdure_anchor.verify_statement import verify_statement

from perdure_cli.exit_codes import ANSWER_IS_NO, FileUnreadable, batch_exit_code, exit_code
from perdure_cli.files import os_reason
from perdure_cli.output import line, row
from perdure_cli.trust_store import TrustSource
from perdure_cli.verifying.as_json import anchor_members, error_members, time_members, trust_members
from perdure_cli.verifying.as_text import trust_text, word_rows
from perdure_cli.verifying.outcome import Question
from perdure_cli.verifying.sorting import StatementFile


@dataclass(frozen=True, slots=True)
class StatementOutcome:
    """``verdict`` is None where the file could not be read, or nothing says whom to trust; then ``errors`` says why."""

    file: str
    required: Grade
    verdict: StatementVerdict | None = None
    trust: TrustSource | None = None
    errors: tuple[PerdureError, ...] = ()
    clock_allowance: int = 0

    @property
    def ok(self) -> bool:
        return self.verdict is not None and self.verdict.ok

    @property
    def exit_code(self) -> int:
        return batch_exit_code(map(exit_code, self.errors))


def statement_outcome(file: StatementFile, question: Question) -> StatementOutcome:
    """What the file shows; never raises for what it says."""
    try:
        statement = parse_statement(file.read())
        source = question.trust.choose(statement.domain)
    except OSError as error:
        fault = FileUnreadable(f"{file.name}: {os_reason(error)}")
        return StatementOutcome(file.name, question.require, errors=(fault,))
    except PerdureError as error:
        return StatementOutcome(file.name, question.require, errors=(error,))
    allowance = question.clock_allowance
    verdict = verify_statement(statement, source.trust, require=question.require, clock_allowance=allowance)
    return StatementOutcome(file.name, question.require, verdict, source, verdict.errors, allowance)


# --- for people


def statement_text(outcome: StatementOutcome) -> str:
    """Everything that is known of it."""
    return "".join(_all(outcome))


def statement_line(outcome: StatementOutcome) -> str:
    """The answer in a line, and why where it is no yes."""
    return "".join((_answer(outcome), *_reasons(outcome)))


def _all(outcome: StatementOutcome) -> Iterator[str]:
    yield _answer(outcome)
    yield from _reasons(outcome)
    if outcome.verdict is not None:
        yield from _shown(outcome, outcome.verdict)
    if outcome.trust is not None:
        yield trust_text(outcome.trust)


def _answer(outcome: StatementOutcome) -> str:
    verdict = outcome.verdict
    if verdict is not None and verdict.ok:
        devnet = ", on a devnet" if outcome.trust is not None and outcome.trust.trust.devnet else ""
        leaves = (
            f"leaf {verdict.begin}"
            if verdict.end == verdict.begin + 1
            else f"leaves {verdict.begin} to {verdict.end - 1}"
        )
        told = f"yes, {leaves} of {verdict.origin.text} are all there are in this stretch of its log of {verdict.size}{devnet}{_unshown(verdict)}"
        return line(f"{outcome.file}: {told}", style="green")
    if outcome.exit_code == ANSWER_IS_NO:
        return line(f"{outcome.file}: no, it does not show that these leaves are all there are", style="red")
    return line(f"{outcome.file}: could not find out", style="yellow")


def _unshown(verdict: StatementVerdict) -> str:
    """Complete is not shown: what a leaf that discloses nothing says, or supersedes, nobody can see."""
    count = len(verdict.unshown)
    return f"; {count} of them hidden or erased" if count else ""


def _reasons(outcome: StatementOutcome) -> Iterator[str]:
    for error in outcome.errors:
        yield row("because", str(error))
        if error.hint:
            yield row("", error.hint)


def _shown(outcome: StatementOutcome, verdict: StatementVerdict) -> Iterator[str]:
    assert outcome.trust is not None
    yield line(" shown" if verdict.ok else " in the file")
    devnet, allowance = outcome.trust.trust.devnet, outcome.clock_allowance
    yield from word_rows(statement_words(verdict, devnet=devnet, clock_allowance=allowance))
    yield line(" the leaves, with what the site claims of each")
    yield from word_rows(leaf_words(verdict))
    for note in verdict.notes:
        yield row("note", note)


# --- for programs


def statement_members(outcome: StatementOutcome) -> dict[str, object]:
    """The members of its line: all of them in each, null where nothing is known."""
    verdict = outcome.verdict
    checkpoint = None if verdict is None else verdict.checkpoint
    faults = () if verdict is None else verdict.faults
    steps = {id(fault.error): fault.step for fault in faults}
    return {
        "ok": outcome.ok,
        "file": outcome.file,
        "required": outcome.required.text,
        "complete": None if verdict is None else verdict.complete,
        "grade": None if verdict is None or verdict.grade is None else verdict.grade.text,
        "site": None if verdict is None else verdict.origin.text,
        "begin": None if verdict is None else verdict.begin,
        "end": None if verdict is None else verdict.end,
        "size": None if verdict is None else verdict.size,
        "leaves": [] if verdict is None else _leaves_members(verdict),
        "key": None if checkpoint is None else checkpoint.key.value,
        "key_doubt": None if checkpoint is None else checkpoint.key_doubt,
        "anchor": None
        if checkpoint is None or checkpoint.anchor is None
        else anchor_members(checkpoint.anchor),
        "not_after": None if checkpoint is None else time_members(checkpoint.not_after),
        "validator_changes": [] if checkpoint is None else list(checkpoint.validator_changes),
        "who_must_have_lied": None if checkpoint is None else checkpoint.who_must_have_lied,
        "notes": [] if verdict is None else list(verdict.notes),
        "clock_allowance": outcome.clock_allowance,
        "errors": [{**error_members(error), "step": steps.get(id(error))} for error in outcome.errors],
        "trust": None if outcome.trust is None else trust_members(outcome.trust),
    }


def _leaves_members(verdict: StatementVerdict) -> list[dict[str, object]]:
    places = {leaf.leaf_hash: leaf.index for leaf in verdict.leaves}
    return [_leaf_members(leaf, places) for leaf in verdict.leaves]


def _leaf_members(leaf: StatedLeaf, places: dict[Hash32, int]) -> dict[str, object]:
    return {
        "index": leaf.index,
        "leaf_hash": leaf.leaf_hash.hex(),
        "shown": leaf.is_shown,
        "disclosed": dict(leaf.disclosed),
        "supersedes": None if leaf.supersedes is None else leaf.supersedes.hex(),
        "supersedes_index": None if leaf.supersedes is None else places.get(leaf.supersedes),
        "superseded_by": list(leaf.superseded_by),
    }
