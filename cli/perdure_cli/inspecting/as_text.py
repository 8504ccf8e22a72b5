"""An explanation for people: part by part, each with what it says, what it would show, and which step of verification judges it."""

from collections.abc import Iterator
from itertools import pairwise

from perdure_anchor.rivals_verdict import RivalsVerdict
from perdure_anchor.statement_verdict import StatementVerdict

from perdure_cli.inspecting.judging import Judgement
from perdure_cli.inspecting.parts import Break, Explanation, Fact, Part
from perdure_cli.output import LABEL_WIDTH, line, row
from perdure_cli.verifying.as_text import trust_text

_KINDS = {
    "evidence": "evidence",
    "rivals": "a proof of two histories",
    "statement": "a statement of a stretch of a log",
    "trust": "a trust file",
    "header": "a block's header",
    "bundle": "a courier bundle",
}


def explanation_text(name: str, explanation: Explanation, judgement: Judgement, *, verbose: bool) -> str:
    """All lines; ``verbose`` tells each header of a list in full."""
    return "".join(_all(name, explanation, judgement, verbose))


def _all(name: str, explanation: Explanation, judgement: Judgement, verbose: bool) -> Iterator[str]:
    broken = explanation.all_breaks()
    how = "up to where it breaks" if broken else "whole"
    kind = f"{_KINDS[explanation.kind]}, {explanation.form}, {explanation.size} bytes"
    yield line(f"{name}: {kind}, explained {how}", style="yellow" if broken else "bold")
    yield from _judged(judgement)
    for part in explanation.parts:
        yield from _part(part, judgement, 1, verbose)
    if broken:
        yield line(" where it breaks", style="red")
        for each in broken:
            yield from _break(each, 2)
        if explanation.unread:
            yield row("not there", ", ".join(explanation.unread))
    if judgement.trust is not None:
        yield trust_text(judgement.trust)


def _judged(judgement: Judgement) -> Iterator[str]:
    verdict = judgement.verdict
    if verdict is None:
        yield row("nothing judged", judgement.why_not)
        return
    yield row("verification", f"{_shown(judgement)}, under the trust file below")
    for error in verdict.errors:
        yield row("because", f"{type(error).__name__}: {error}")
    yield row("false only by", verdict.who_must_have_lied)
    for note in verdict.notes:
        yield row("note", note)


def _shown(judgement: Judgement) -> str:
    verdict = judgement.verdict
    if isinstance(verdict, RivalsVerdict):
        return f"yes, {verdict.origin.text} has signed two histories" if verdict.ok else "no"
    if isinstance(verdict, StatementVerdict) and verdict.ok:
        return f"yes, the leaves are all there are in their stretch of the log of {verdict.origin.text}"
    grade = "nothing" if judgement.grade is None else judgement.grade.text
    return f"{'yes' if verdict is not None and verdict.ok else 'no'}, shown is {grade}"


def _part(part: Part, judgement: Judgement, depth: int, verbose: bool) -> Iterator[str]:
    yield line(f"{' ' * depth}{part.name}: {part.title}")
    yield from _facts(_shown_facts(part, verbose), depth + 1)
    for each in part.breaks:
        yield from _break(each, depth + 1)
    for inner in part.parts:
        yield from _part(inner, judgement, depth + 1, verbose)
    if part.meaning:
        yield _row("would show", part.meaning, depth + 1)
    yield from _steps(part, judgement, depth + 1)


def _steps(part: Part, judgement: Judgement, depth: int) -> Iterator[str]:
    if judgement.verdict is None and part.steps:
        steps = f"step{'s' * (len(part.steps) > 1)} {', '.join(map(str, part.steps))}"
        yield _row("judged by", f"{steps} of verification: SPEC.md, section {judgement.section}", depth)
        return
    for number, (step, answer, fault) in enumerate(judgement.steps_of(part)):
        told = f"step {step}: {answer.value}"
        if fault is not None:
            told = f"{told}: {type(fault).__name__}: {fault}"
        yield _row("" if number else "judged by", told, depth)


def _shown_facts(part: Part, verbose: bool) -> list[Fact]:
    if verbose or part.brief is None or part.breaks:
        return part.facts
    return [fact for fact in part.facts if fact.name in part.brief]


def _facts(facts: list[Fact], depth: int) -> Iterator[str]:
    for before, fact in pairwise([Fact("", ""), *facts]):
        yield _row("" if fact.name == before.name else fact.name, fact.text, depth)


def _break(broken: Break, depth: int) -> Iterator[str]:
    error = broken.error
    yield _row("BREAKS", f"at {broken.where}: {type(error).__name__}: {error}", depth)


def _row(label: str, text: str, depth: int) -> str:
    return line(f"{' ' * depth}{label:<{LABEL_WIDTH}} {text}".rstrip())
