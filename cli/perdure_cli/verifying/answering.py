"""Answers to many pieces of evidence, in order, each read once wherever what it says decides which documents belong to it.

Which do can depend on evidence that is read later: a document may be meant by its name, or by evidence that hides its own; and
who confirmed a record may be said by evidence of his key's record. From the first such piece on, all are read before they are
verified. What is kept of a file is its name and a digest, and of an operator's record what it says of him.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeVar

from perdure_anchor.checkpoint import RegistryDomain
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import Evidence
from perdure_anchor.operator_key import OPERATOR_TYPE, OperatorRecord, operator_record
from perdure_anchor.plain_disclosures import read_disclosure
from perdure_anchor.record import SLOTS

from perdure_cli.exit_codes import ANSWER_IS_NO
from perdure_cli.output import json_line
from perdure_cli.progress import Progress
from perdure_cli.trust_store import TrustSource
from perdure_cli.verifying.as_json import outcome_members
from perdure_cli.verifying.as_text import outcome_line, outcome_text, trust_text
from perdure_cli.verifying.audits import AUDIT_FORMAT
from perdure_cli.verifying.matching import Case, Documents, match, no_evidence
from perdure_cli.verifying.other_formats import OtherFormat, OtherOutcome, OtherVerdict
from perdure_cli.verifying.outcome import Operators, Outcome, Question
from perdure_cli.verifying.rivals import RIVALS_FORMAT
from perdure_cli.verifying.sorting import DocumentFile, EvidenceFile, SortedFiles
from perdure_cli.verifying.statements import STATEMENT_FORMAT
from perdure_cli.verifying.workers import Workers

T = TypeVar("T")
V = TypeVar("V", bound=OtherVerdict)
_CONFIRMATION: Final = SLOTS.index("confirmation")
_TYPE: Final = SLOTS.index("document_type")
# in the order in which files of them are answered
_OTHERS: Final[tuple[OtherFormat[Any, Any], ...]] = (RIVALS_FORMAT, STATEMENT_FORMAT, AUDIT_FORMAT)


class Answer(NamedTuple):
    """An outcome as it is printed; ``believing`` is who was believed, where the lines do not say it themselves.

    A tuple, as `_Look` is: between processes a dataclass takes five times as long.
    """

    ok: bool
    exit_code: int
    lines: str
    believing: str = ""


class Unseen:
    """The progress of work whose answers appear on the terminal, where a bar would be in their way."""

    def stage(self, name: str, total: int | None, unit: str = "") -> None:
        pass

    def advance(self, done: int) -> None:
        pass


@dataclass(slots=True)
class Tally:
    """What many answers come to."""

    yes: int = 0
    codes: Counter[int] = field(default_factory=Counter)
    # in the order in which they were first believed
    believing: dict[str, None] = field(default_factory=dict)

    def take(self, answer: Answer) -> None:
        self.yes += answer.ok
        self.codes[answer.exit_code] += 1
        if answer.believing:
            self.believing[answer.believing] = None

    @property
    def count(self) -> int:
        return self.codes.total()

    @property
    def summary(self) -> str:
        no = self.codes[ANSWER_IS_NO]
        return f"{self.count} in all: {self.yes} yes, {no} no, {self.count - self.yes - no} could not be found out"


@dataclass(frozen=True, slots=True)
class Form:
    """How outcomes are told: as JSON, each in full, or, where there are several, in short."""

    as_json: bool = False
    verbose: bool = False
    _trust_texts: dict[bytes, str] = field(default_factory=dict)

    def answer(self, outcome: Outcome, question: Question, *, alone: bool) -> Answer:
        if self.as_json:
            return self._whole(outcome, json_line(outcome_members(outcome, question.require)))
        if alone or self.verbose:
            return self._whole(outcome, outcome_text(outcome))
        return self._short(outcome, outcome_line(outcome))

    def answer_other(self, kind: OtherFormat[Any, V], outcome: OtherOutcome[V], *, alone: bool) -> Answer:
        """As `answer`, for a file that is not evidence."""
        if self.as_json:
            return self._whole(outcome, json_line(kind.outcome_members(outcome)))
        if alone or self.verbose:
            return self._whole(outcome, kind.outcome_text(outcome))
        return self._short(outcome, kind.outcome_line(outcome))

    def _whole(self, outcome: Outcome | OtherOutcome[Any], lines: str) -> Answer:
        return Answer(outcome.ok, outcome.exit_code, lines)

    def _short(self, outcome: Outcome | OtherOutcome[Any], lines: str) -> Answer:
        return Answer(outcome.ok, outcome.exit_code, lines, self._believing(outcome.trust))

    def _believing(self, source: TrustSource | None) -> str:
        if source is None:
            return ""
        if source.raw not in self._trust_texts:
            self._trust_texts[source.raw] = trust_text(source)
        return self._trust_texts[source.raw]


class _Look(NamedTuple):
    """What was found out about a file by itself.

    ``file`` is None where there are no documents, and ``answer`` where other evidence has to be read first. ``operator`` is of evidence
    of an operator's record that is a yes.
    """

    file: EvidenceFile | None
    answer: Answer | None
    operator: tuple[RegistryDomain, OperatorRecord] | None = None


def answers(
    found: SortedFiles, question: Question, form: Form, workers: Workers, progress: Progress
) -> Iterator[Answer]:
    """An answer for each piece of evidence, then for each proof of two histories, each statement and each report of an audit, then for each file that no evidence is about or that could not be read.

    What is found out about ``found.evidence`` is kept in it.
    """
    answered = 0
    operators: dict[RegistryDomain, list[OperatorRecord]] = {}
    looks = workers.map(_looker(found, question, form), found.evidence)
    for number, look in _told(looks, len(found.evidence), progress):
        if look.file is not None:
            found.evidence[number] = look.file
        if look.operator is not None:
            domain, record = look.operator
            operators.setdefault(domain, []).append(record)
        if look.answer is not None and answered == number:
            yield look.answer
            answered += 1
    cases, lonely = match(found)
    left = workers.map(_answerer(question, form, operators, alone=len(cases) == 1), cases[answered:])
    for _, answer in _told(left, len(cases) - answered, progress):
        yield answer
    alone = len(cases) + len(found.others) == 1
    for kind in _OTHERS:
        for file in found.of(kind.format):
            yield form.answer_other(kind, kind.outcome(file, question), alone=alone)
    for outcome in _without_evidence(found, lonely):
        yield form.answer(outcome, question, alone=True)


def _told(items: Iterator[T], total: int, progress: Progress) -> Iterator[tuple[int, T]]:
    """The items with their numbers, from 0, as a stage of the progress."""
    if total:
        progress.stage("verify", total)
    for number, item in enumerate(items):
        yield number, item
        progress.advance(number + 1)


def _without_evidence(found: SortedFiles, lonely: list[DocumentFile]) -> Iterator[Outcome]:
    for document in lonely:
        yield Outcome(document.name, (document.name,), errors=(no_evidence(document),))
    for name, error in found.unreadable:
        yield Outcome(name, errors=(error,))


def _looker(found: SortedFiles, question: Question, form: Form) -> Callable[[EvidenceFile], _Look]:
    documents, alone = Documents(found.documents), len(found.evidence) == 1

    def look(file: EvidenceFile) -> _Look:
        evidence = fault = None
        try:
            evidence = question.parse(file.read())
            file = file.about(evidence) if documents else file
        except (PerdureError, OSError) as error:
            fault = error
        if documents and (alone or not documents.decide(file)):
            return _Look(file, None, _operator_alone(question, file, evidence))
        case = Case(file, documents.copies(file), documents.supporting(file))
        kept = file if documents else None
        if evidence is None:
            assert fault is not None
            return _Look(kept, form.answer(question.unreadable(case, fault), question, alone=alone))
        if not alone and _shows_confirmation(evidence):
            return _Look(kept, None)
        outcome = question.answer_parsed(case, evidence)
        return _Look(kept, form.answer(outcome, question, alone=alone), _operator(outcome, evidence))

    return look


def _operator_alone(
    question: Question, file: EvidenceFile, evidence: Evidence | None
) -> tuple[RegistryDomain, OperatorRecord] | None:
    """The operator of evidence whose document is not known yet; the record's own answer is told later."""
    text = None if evidence is None else evidence.slots[_TYPE].disclosure
    if evidence is None or text is None:
        return None
    try:
        is_operators = read_disclosure(text, "document_type") == OPERATOR_TYPE
    except PerdureError:
        return None
    if not is_operators:
        return None
    return _operator(question.answer_parsed(Case(file, ()), evidence), evidence)


def _shows_confirmation(evidence: Evidence) -> bool:
    """Whether it may say who confirmed the record, for whom other evidence can vouch."""
    text = evidence.slots[_CONFIRMATION].disclosure
    return text is not None and not text.endswith(",null]")


def _operator(outcome: Outcome, evidence: Evidence) -> tuple[RegistryDomain, OperatorRecord] | None:
    record = None if outcome.verdict is None else operator_record(outcome.verdict)
    return None if record is None else (evidence.domain, record)


def _answerer(
    question: Question, form: Form, operators: Operators, *, alone: bool
) -> Callable[[Case], Answer]:
    return lambda case: form.answer(question.answer(case, operators), question, alone=alone)
