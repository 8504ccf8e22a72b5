"""What verification says of each part: asked of the one `verify`, whose faults name their steps, and never judged a second time."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import Evidence, parse_evidence
from perdure_anchor.findings import GradeTooLow
from perdure_anchor.rivals import Rivals, parse_rivals
from perdure_anchor.rivals_verdict import RivalsVerdict
from perdure_anchor.statement import Statement, parse_statement
from perdure_anchor.statement_verdict import StatementVerdict
from perdure_anchor.verdict import Grade, Verdict
from perdure_anchor.verify import verify
from perdure_anchor.verify_rivals import verify_rivals
from perdure_anchor.verify_statement import verify_statement

from perdure_cli.inspecting.parts import Part
from perdure_cli.trust_store import TrustSource, TrustStore, no_trust_file

# a fault in one of them does not end verification (SPEC.md, section 9.2)
_SECTION = "9.2"
_GOES_ON = (3, 9, 10, 11, 12)
F = TypeVar("F", Evidence, Rivals, Statement)


class Answer(Enum):
    """Of one step about the part that it judges."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_REACHED = "not reached"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True, slots=True)
class Judgement:
    """``verdict`` and ``trust`` are None where nothing is judged, and ``why_not`` says why.

    ``last_step`` is the last one that is made for which the evidence has something, ``goes_on`` are those whose fault does not end verification,
    and ``section`` is where SPEC.md numbers them.
    """

    verdict: Verdict | RivalsVerdict | StatementVerdict | None = None
    trust: TrustSource | None = None
    why_not: str = ""
    last_step: int = 12
    goes_on: tuple[int, ...] = _GOES_ON
    section: str = _SECTION

    @property
    def grade(self) -> Grade | None:
        """The grade that is shown; a proof of two histories has none."""
        return self.verdict.grade if isinstance(self.verdict, Verdict | StatementVerdict) else None

    def of(self, step: int) -> tuple[Answer, PerdureError | None]:
        """The step's answer, and its fault where it refused."""
        if self.verdict is None:
            return Answer.NOT_JUDGED, None
        # that the grade is below the one that was asked for is no fault of what the step judges
        faults = {
            fault.step: fault.error
            for fault in self.verdict.faults
            if not isinstance(fault.error, GradeTooLow)
        }
        ended = min((_place(step) for step in faults if step not in self.goes_on), default=None)
        if step in faults:
            return Answer.REFUSED, faults[step]
        if _place(step) > (_place(self.last_step) if ended is None else ended):
            return Answer.NOT_REACHED, None
        return Answer.ACCEPTED, None

    def steps_of(self, part: Part) -> list[tuple[int, Answer, PerdureError | None]]:
        """The answers of the steps that judge the part."""
        return [(step, *self.of(step)) for step in part.steps]


def judge(raw: bytes, named: TrustSource | None, store: TrustStore) -> Judgement:
    """The judgement of evidence under the trust file that the user named, or else pinned."""

    def under(evidence: Evidence, source: TrustSource) -> Judgement:
        return Judgement(verify(evidence, source.trust), source, last_step=_last_step(evidence))

    return _judged(raw, parse_evidence, under, named, store)


def judge_rivals(raw: bytes, named: TrustSource | None, store: TrustStore) -> Judgement:
    """As `judge`, of a proof of two histories."""
    section = "14.3"

    def under(rivals: Rivals, source: TrustSource) -> Judgement:
        verdict = verify_rivals(rivals, source.trust)
        return Judgement(verdict, source, last_step=5, goes_on=(4,), section=section)

    return _judged(raw, parse_rivals, under, named, store, section)


def judge_statement(raw: bytes, named: TrustSource | None, store: TrustStore) -> Judgement:
    """As `judge`, of a statement."""
    section = "17.3"

    def under(statement: Statement, source: TrustSource) -> Judgement:
        last = 4 if statement.anchor is None else 9
        verdict = verify_statement(statement, source.trust)
        return Judgement(verdict, source, last_step=last, goes_on=(9,), section=section)

    return _judged(raw, parse_statement, under, named, store, section)


def _judged(
    raw: bytes,
    parse: Callable[[bytes], F],
    under: Callable[[F, TrustSource], Judgement],
    named: TrustSource | None,
    store: TrustStore,
    section: str = _SECTION,
) -> Judgement:
    """What ``under`` says of a file, or why there is none to judge, or no trust file to judge it under."""
    try:
        file = parse(raw)
    except PerdureError as error:
        return no_evidence(error, section)
    try:
        source = named or store.find(file.domain)
    except PerdureError as error:
        return Judgement(why_not=str(error), section=section)
    if source is None:
        return Judgement(why_not=str(no_trust_file(file.domain)), section=section)
    return under(file, source)


def _last_step(evidence: Evidence) -> int:
    if evidence.checkpoint is None:
        return 11
    return 4 if evidence.anchor is None else 12


def _place(step: int) -> float:
    """When a step is made: a confirmation is checked right after the document."""
    return 3.5 if step == 11 else step


def no_evidence(error: PerdureError, section: str = _SECTION) -> Judgement:
    """Of a file that is not in the form of evidence nothing is judged: verification answers no, and gives no grade."""
    return Judgement(
        why_not=f"the file is no evidence that verification reads: {type(error).__name__}", section=section
    )
