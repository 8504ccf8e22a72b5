"""What the auditor's page says of a form: the node's pinned trust file, the one `verify()`, and nothing that is kept."""

import enum
from dataclasses import dataclass

from perdure_anchor.errors import ConfigError, PerdureError
from perdure_anchor.evidence import parse_evidence
from perdure_anchor.rivals import FORMAT as RIVALS_FORMAT
from perdure_anchor.rivals import parse_rivals
from perdure_anchor.rivals_verdict import RivalsVerdict
from perdure_anchor.rivals_words import rivals_words
from perdure_anchor.time_bounds import DEFAULT_CLOCK_ALLOWANCE
from perdure_anchor.trust import TrustFile
from perdure_anchor.verdict import Grade, Verdict
from perdure_anchor.verdict_words import Words, claimed_words, grade_words, shown_words
from perdure_anchor.verify import WrongRegistry, verify
from perdure_anchor.verify_rivals import verify_rivals

from perdure_node.pages.multipart import Form, FormError

GRADES = {grade.text: grade for grade in reversed(Grade)}
_UNNAMED = "the document"
# as all writers begin a file; any other file is taken for evidence, and refused as that
_RIVALS_BEGINNING = 64


class NoEvidenceChosen(ConfigError):
    """The form was sent without evidence."""


class Answer(enum.Enum):
    """As the command's exit codes: yes, no, and that nothing is known."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "could not find out"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The answer, why where it is no yes, and in words what is shown and what is only claimed.

    ``is_rivals``: it is on a proof of two histories, which knows no grade and no document.
    """

    answer: Answer
    grade: str
    required: Grade
    origin: str | None
    errors: tuple[PerdureError, ...]
    shown: tuple[Words, ...] = ()
    claimed: tuple[Words, ...] = ()
    notes: tuple[str, ...] = ()
    is_rivals: bool = False


def judge(form: Form, trust: TrustFile) -> Judgement:
    """The judgement on a form's evidence and document; raises `NoEvidenceChosen` or `FormError`."""
    if form.evidence is None:
        raise NoEvidenceChosen(
            "no evidence was chosen", hint="choose the file whose name ends in .evidence.json"
        )
    required = _required(form.require)
    if RIVALS_FORMAT.encode() in form.evidence[:_RIVALS_BEGINNING]:
        return _judge_rivals(form.evidence, trust, required)
    try:
        evidence = parse_evidence(form.evidence)
    except PerdureError as error:
        return Judgement(Answer.NO, "nothing", required, None, (error,))
    return _judgement(verify(evidence, trust, form.document, require=required), form, trust)


def _judge_rivals(raw: bytes, trust: TrustFile, required: Grade) -> Judgement:
    try:
        rivals = parse_rivals(raw)
    except PerdureError as error:
        return Judgement(Answer.NO, "nothing", required, None, (error,), is_rivals=True)
    verdict = verify_rivals(rivals, trust, require=required)
    return Judgement(
        answer=_answer(verdict),
        grade="two histories",
        required=required,
        origin=verdict.origin.text,
        errors=verdict.errors,
        shown=tuple(rivals_words(verdict)),
        notes=verdict.notes,
        is_rivals=True,
    )


def _required(word: str | None) -> Grade:
    if word is None:
        return Grade.FINAL
    if word not in GRADES:
        raise FormError("the form wants a grade that there is not")
    return GRADES[word]


def _judgement(verdict: Verdict, form: Form, trust: TrustFile) -> Judgement:
    names = () if form.document is None else (form.document_name or _UNNAMED,)
    words = shown_words(verdict, names, devnet=trust.devnet, clock_allowance=DEFAULT_CLOCK_ALLOWANCE)
    has_grade = verdict.grade is not None
    return Judgement(
        answer=_answer(verdict),
        grade=grade_words(verdict, devnet=trust.devnet),
        required=verdict.required,
        origin=verdict.origin.text,
        errors=verdict.errors,
        shown=tuple(words) if has_grade else (),
        claimed=tuple(claimed_words(verdict)) if has_grade else (),
        notes=verdict.notes,
    )


def _answer(verdict: Verdict | RivalsVerdict) -> Answer:
    if verdict.ok:
        return Answer.YES
    # as the command says it, which finds no pinned trust file then: of another consortium's evidence nothing is known here
    is_foreign = any(isinstance(error, WrongRegistry) for error in verdict.errors)
    return Answer.UNKNOWN if is_foreign else Answer.NO
