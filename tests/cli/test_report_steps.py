"""What a report says of each step, against what the verifier did: each step that it came to, over all vectors of evidence."""

from collections.abc import Iterator
from typing import ClassVar

import perdure_anchor.verify
import pytest
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import parse_evidence
from perdure_anchor.findings import Findings, GradeTooLow
from perdure_anchor.hashes import sha256
from perdure_anchor.trust_file import TrustFileError, parse_trust_file
from perdure_anchor.verdict import Grade, Verdict
from perdure_anchor.verify import Document, verify
from perdure_cli.reporting.steps import State, steps_of
from tools.confirmed_story import PEOPLE, confirmed_story
from tools.vectors.form import EVIDENCE, question_of, read_vectors

VECTORS = read_vectors(EVIDENCE)
WAS_THERE = {State.PASSED, State.FAILED, State.FELL_SHORT}


class Watched(Findings):
    """Remembers each step that was under way."""

    reached: ClassVar[set[int]] = set()

    def __setattr__(self, name: str, value: object) -> None:
        if name == "step":
            self.reached.add(int(str(value)))
        super().__setattr__(name, value)


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The steps that the verifier came to."""
    Watched.reached = set()
    monkeypatch.setattr(perdure_anchor.verify, "Findings", Watched)
    return Watched.reached


def verdicts() -> Iterator[tuple[str, Verdict]]:
    for name, vector in VECTORS.items():
        (raw, raw_trust, octets), require, allowance = question_of(vector)
        document = None if octets is None else Document(sha256(octets), len(octets))
        try:
            evidence, trust = parse_evidence(raw), parse_trust_file(raw_trust)
        except (PerdureError, TrustFileError):
            continue
        Watched.reached.clear()
        for grade in {Grade[require.upper()], *Grade}:
            yield name, verify(evidence, trust, document, require=grade, clock_allowance=allowance)


@pytest.mark.slow
def test_the_steps_are_those_that_the_verifier_took(reached: set[int]) -> None:
    seen = set()
    for name, verdict in verdicts():
        steps = steps_of(verdict)
        assert [step.number for step in steps] == list(range(13))
        told = {step.number for step in steps if step.state in WAS_THERE} - {0}
        untold = {step.number for step in steps if step.state is State.NOT_REACHED}
        assert told <= reached, name
        assert not untold & reached, name
        for fault in verdict.faults:
            step = steps[fault.step]
            assert step.state is (
                State.FELL_SHORT if isinstance(fault.error, GradeTooLow) else State.FAILED
            ) or (step.state is State.NOT_ASKED and isinstance(fault.error, GradeTooLow)), name
            assert step.state is State.NOT_ASKED or step.found == str(fault.error), name
        failed = {step.number for step in steps if step.state is State.FAILED}
        assert failed == {f.step for f in verdict.faults if not isinstance(f.error, GradeTooLow)}, name
        if verdict.ok and verdict.grade is Grade.FINAL:
            assert {step.state for step in steps} <= {State.PASSED, State.NOT_ASKED, State.FELL_SHORT}, name
        seen |= {(step.number, step.state) for step in steps}
    assert {(number, State.PASSED) for number in range(11)} <= seen
    assert {(number, State.FAILED) for number in range(1, 11)} <= seen
    assert {(number, State.NOT_REACHED) for number in range(2, 11)} <= seen
    assert {(3, State.NOT_ASKED), (4, State.NOT_ASKED), (5, State.NOT_ASKED), (10, State.NOT_ASKED)} <= seen
    assert {(4, State.FELL_SHORT), (8, State.FELL_SHORT)} <= seen


def test_what_has_no_form_reaches_nothing() -> None:
    first, *others = steps_of(None, State.FAILED, "not JSON")
    assert (first.state, first.found) == (State.FAILED, "not JSON")
    assert {step.state for step in others} == {State.NOT_REACHED}


def test_who_signed_that_he_answers(reached: set[int]) -> None:
    confirmed = confirmed_story(PEOPLE[:2])
    verdict = verify(confirmed.evidence, confirmed.trust)
    assert verdict.faults == ()
    steps = steps_of(verdict)
    assert (steps[11].state, steps[11].found) == (State.PASSED, "who recorded and who confirmed signed it")
    assert steps[12].state is State.PASSED
    twice = confirmed_story((PEOPLE[0], PEOPLE[0]))
    steps = steps_of(verify(twice.evidence, twice.trust))
    assert steps[11].state is State.FAILED
    assert {step.state for step in steps[1:10] if step.number != 3} == {State.PASSED}
