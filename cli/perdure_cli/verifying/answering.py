"""Answers to many pieces of evidence, in order, each read once wherever what it says decides which documents belong to it.

Which do can depend on evidence that is read later: a document may be meant by its name, or by evidence that hides its own. From
the first such piece on, all are matched before they are verified. What is kept of a file is its name and a digest.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from perdure_anchor.errors import PerdureError

from perdure_cli.exit_codes import ANSWER_IS_NO
from perdure_cli.output import json_line
from perdure_cli.progress import Progress
from perdure_cli.verifying.as_json import outcome_members
from perdure_cli.verifying.as_text import outcome_line, outcome_text, trust_text
from perdure_cli.verifying.matching import Case, Documents, match, no_evidence
from perdure_cli.verifying.outcome import Outcome, Question
from perdure_cli.verifying.sorting import DocumentFile, EvidenceFile, SortedFiles
from perdure_cli.verifying.workers import Workers


@dataclass(frozen=True, slots=True)
class Answer:
    """An outcome as it is printed; ``believing`` is who was believed, where the lines do not say it themselves."""

    ok: bool
    exit_code: int
    lines: str
    believing: str = ""


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
            lines = json_line(outcome_members(outcome, question.require))
            return Answer(outcome.ok, outcome.exit_code, lines)
        if alone or self.verbose:
            return Answer(outcome.ok, outcome.exit_code, outcome_text(outcome))
        return Answer(outcome.ok, outcome.exit_code, outcome_line(outcome), self._believing(outcome))

    def _believing(self, outcome: Outcome) -> str:
        source = outcome.trust
        if source is None:
            return ""
        if source.raw not in self._trust_texts:
            self._trust_texts[source.raw] = trust_text(source)
        return self._trust_texts[source.raw]


@dataclass(frozen=True, slots=True)
class _Look:
    """What was found out about a file by itself; ``answer`` is None where other evidence has to be read first."""

    file: EvidenceFile
    answer: Answer | None


def answers(
    found: SortedFiles, question: Question, form: Form, workers: Workers, progress: Progress
) -> Iterator[Answer]:
    """An answer for each piece of evidence, then for each file that none is about or that could not be read."""
    answered = 0
    progress.stage("verify", len(found.evidence))
    for number, look in enumerate(workers.map(_looker(found, question, form), found.evidence)):
        if found.documents:  # else nothing is matched, and nothing need be remembered
            found.evidence[number] = look.file
        if look.answer is not None and answered == number:
            yield look.answer
            answered += 1
        progress.advance(number + 1)
    cases, lonely = match(found)
    left = cases[answered:]
    progress.stage("verify", len(left))
    for number, answer in enumerate(workers.map(_answerer(question, form, alone=len(cases) == 1), left), 1):
        yield answer
        progress.advance(number)
    for outcome in _without_evidence(found, lonely):
        yield form.answer(outcome, question, alone=True)


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
            return _Look(file, None)
        case = Case(file, documents.copies(file))
        if evidence is None:
            assert fault is not None
            outcome = question.unreadable(case, fault)
        else:
            outcome = question.answer_parsed(case, evidence)
        return _Look(file, form.answer(outcome, question, alone=alone))

    return look


def _answerer(question: Question, form: Form, *, alone: bool) -> Callable[[Case], Answer]:
    return lambda case: form.answer(question.answer(case), question, alone=alone)
