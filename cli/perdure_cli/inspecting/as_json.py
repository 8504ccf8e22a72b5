"""An explanation as one JSON object."""

from perdure_anchor.errors import PerdureError

from perdure_cli.inspecting.judging import Answer, Judgement
from perdure_cli.inspecting.parts import Break, Explanation, Part
from perdure_cli.verifying.as_json import error_members, trust_members


def explanation_members(name: str, explanation: Explanation, judgement: Judgement) -> dict[str, object]:
    """The members of an explanation's line."""
    broken = explanation.all_breaks()
    verdict = judgement.verdict
    return {
        "ok": not broken,
        "file": name,
        "kind": explanation.kind,
        "form": explanation.form,
        "bytes": explanation.size,
        "parts": [_part_members(part, judgement) for part in explanation.parts],
        "breaks": [_break_members(each) for each in broken],
        "not_there": list(explanation.unread),
        "holds": None if verdict is None else verdict.ok,
        "grade": None if judgement.grade is None else judgement.grade.text,
        "errors": [] if verdict is None else [error_members(error) for error in verdict.errors],
        "not_judged_because": judgement.why_not or None,
        "trust": None if judgement.trust is None else trust_members(judgement.trust),
    }


def _part_members(part: Part, judgement: Judgement) -> dict[str, object]:
    return {
        "name": part.name,
        "title": part.title,
        "facts": [{"name": fact.name, "text": fact.text} for fact in part.facts],
        "meaning": part.meaning,
        "judged": [_step_members(*each) for each in judgement.steps_of(part)],
        "breaks": [_break_members(each) for each in part.breaks],
        "parts": [_part_members(inner, judgement) for inner in part.parts],
    }


def _step_members(step: int, answer: Answer, fault: PerdureError | None) -> dict[str, object]:
    return {
        "step": step,
        "answer": answer.value,
        "fault": None if fault is None else error_members(fault),
    }


def _break_members(broken: Break) -> dict[str, object]:
    return {"where": broken.where, **error_members(broken.error)}
