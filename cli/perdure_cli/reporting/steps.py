"""The numbered steps of SPEC.md, section 9.2, and what became of each, from the verdict alone."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from perdure_anchor.confirmation import CONFIRMED, RECORDED
from perdure_anchor.findings import GradeTooLow
from perdure_anchor.verdict import DocumentMatch, Grade, KeyStatus, Verdict


class State(Enum):
    """What became of a step."""

    PASSED = "passed"
    FAILED = "FAILED"
    FELL_SHORT = "fell short"
    NOT_REACHED = "not reached"
    NOT_ASKED = "nothing to check"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its number, what is checked there, what became of it, and why or what was found."""

    number: int
    title: str
    state: State
    found: str


# what is checked, in the words of the specification's titles
TITLES: Final = {
    0: "Form: the file is evidence, complete and strictly well-formed",
    1: "Registry: chain and registry are those of the trust file",
    2: "Record: the disclosed values and the digests of the hidden ones make up the record",
    3: "Document: the file at hand is the recorded one",
    4: "Checkpoint: the record is in a log whose root a key has signed",
    5: "Validators: the pinned validators, and later ones that they vouch for",
    6: "Headers: the block and those after it hang together and are sealed by validators",
    7: "Anchor: the registry's word about this checkpoint is in the block",
    8: "Finality: enough validators sealed the block",
    9: "Not after: the latest moment at which the block came to exist",
    10: "Not before: the earliest moment at which the record can have been made",
    11: "Confirmation: what answers for the record is signed, each part with another key",
    12: "Confirmed not before: the earliest moment at which it can have been confirmed",
}


def steps_of(verdict: Verdict | None, form: State = State.NOT_REACHED, why: str = "") -> tuple[Step, ...]:
    """All steps in order; without a verdict nothing but the form was looked at, of which ``form`` and ``why`` tell."""
    if verdict is not None:
        return tuple(_step(verdict, number) for number in TITLES)
    _, *others = TITLES
    return (
        Step(0, TITLES[0], form, why),
        *(Step(number, TITLES[number], State.NOT_REACHED, "") for number in others),
    )


def _step(verdict: Verdict, number: int) -> Step:
    faults = [fault for fault in verdict.faults if fault.step == number]
    hard = next((fault for fault in faults if not isinstance(fault.error, GradeTooLow)), None)
    if hard is not None:
        return Step(number, TITLES[number], State.FAILED, str(hard.error))
    if not _is_reached(verdict, number):
        return Step(number, TITLES[number], State.NOT_REACHED, "")
    state, found = _FOUND[number](verdict)
    if faults and state is not State.NOT_ASKED:
        state, found = State.FELL_SHORT, str(faults[0].error)
    return Step(number, TITLES[number], state, found)


def _is_reached(verdict: Verdict, number: int) -> bool:
    """Whether the verifier came to the step: no fault before it ended verification, and nothing that it needs was missing."""
    if number <= 1:
        return True
    if number == 2:
        return not _ended_at(verdict, 1)
    if verdict.grade is None:
        return False
    if number <= 4 or number == 11:
        return True
    if number == 5:
        return verdict.size is not None and not _ended_at(verdict, 4)
    if number <= 7:
        return _has_anchor(verdict) and not any(_ended_at(verdict, each) for each in range(4, number))
    if number == 8:
        return verdict.anchor is not None
    return verdict.not_after is not None or any(fault.step == 9 for fault in verdict.faults)


def _ended_at(verdict: Verdict, number: int) -> bool:
    return any(fault.step == number and not isinstance(fault.error, GradeTooLow) for fault in verdict.faults)


def _has_anchor(verdict: Verdict) -> bool:
    """Whether the evidence has an anchor: one that it has passes, or leaves a fault at the steps 5 to 7."""
    return verdict.anchor is not None or any(_ended_at(verdict, number) for number in (5, 6, 7))


_Found = tuple[State, str]


def _form(_: Verdict) -> _Found:
    return State.PASSED, ""


def _registry(verdict: Verdict) -> _Found:
    return State.PASSED, f"the log is that of {verdict.origin.text}"


def _record(verdict: Verdict) -> _Found:
    assert verdict.leaf_hash is not None
    return State.PASSED, f"leaf hash {verdict.leaf_hash.hex()}"


def _document(verdict: Verdict) -> _Found:
    if verdict.document is DocumentMatch.MATCHED:
        return State.PASSED, "the same SHA-256, and the same size where that is disclosed"
    return State.NOT_ASKED, "no document was held against this evidence"


def _checkpoint(verdict: Verdict) -> _Found:
    if verdict.size is None:
        return State.NOT_ASKED, "the record is in no signed checkpoint yet"
    place = f"entry {verdict.index} of {verdict.size}"
    if verdict.key is KeyStatus.PINNED:
        return State.PASSED, f"{place}, signed by a key that the trust file pins for the site"
    if verdict.key is KeyStatus.BY_REGISTRY:
        return State.PASSED, f"{place}, signed by a key that the trust file does not pin: see step 7"
    return State.FELL_SHORT, f"{place}, signed by a key for which nobody vouches"


def _validators(verdict: Verdict) -> _Found:
    if not _has_anchor(verdict):
        return State.NOT_ASKED, "the checkpoint is not anchored yet"
    if not verdict.validator_changes:
        return State.PASSED, "no change of the validators had to be followed"
    return State.PASSED, "followed through changes known at block " + ", ".join(
        map(str, verdict.validator_changes)
    )


def _headers(_: Verdict) -> _Found:
    return State.PASSED, ""


def _anchor(verdict: Verdict) -> _Found:
    assert verdict.anchor is not None
    by_registry = "; it vouches for the site's key" if verdict.key is KeyStatus.BY_REGISTRY else ""
    return State.PASSED, f"block {verdict.anchor.block_number}{by_registry}"


def _finality(verdict: Verdict) -> _Found:
    assert verdict.anchor is not None
    sealed = (
        f"{verdict.anchor.sealers} of {verdict.anchor.validators} validators sealed it or a block after it"
    )
    return (State.PASSED if verdict.grade is Grade.FINAL else State.FELL_SHORT), sealed


def _not_after(verdict: Verdict) -> _Found:
    assert verdict.not_after is not None
    return State.PASSED, "" if verdict.not_after.complete else "by one proposer's word"


def _not_before(verdict: Verdict) -> _Found:
    if verdict.not_before is None:
        return State.NOT_ASKED, "the evidence shows no lower bound"
    return State.PASSED, "" if verdict.not_before.complete else "by one proposer's word"


def _confirmation(verdict: Verdict) -> _Found:
    if verdict.disclosed.get("confirmation") is None:
        return State.NOT_ASKED, "the evidence shows no confirmation"
    if verdict.confirmation is None:
        return State.NOT_ASKED, "it is of a version that was not known, and was not checked"
    names = {RECORDED: "who recorded", CONFIRMED: "who confirmed"}
    return State.PASSED, " and ".join(names[part] for part, _ in verdict.confirmation.parts) + " signed it"


def _confirmed_not_before(verdict: Verdict) -> _Found:
    if verdict.confirmed_not_before is None:
        return State.NOT_ASKED, "the evidence shows no lower bound"
    return State.PASSED, "" if verdict.confirmed_not_before.complete else "by one proposer's word"


_FOUND: Final[dict[int, Callable[[Verdict], _Found]]] = {
    0: _form,
    1: _registry,
    2: _record,
    3: _document,
    4: _checkpoint,
    5: _validators,
    6: _headers,
    7: _anchor,
    8: _finality,
    9: _not_after,
    10: _not_before,
    11: _confirmation,
    12: _confirmed_not_before,
}
