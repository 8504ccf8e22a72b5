"""One field of a trust file against what a chain says, and the answer that many of them give together."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a comparison ended."""

    OK = "ok"
    DIFFERS = "differs"
    NOT_CHECKED = "could not check"


class Answer(StrEnum):
    """What all comparisons together say."""

    AGREES = "agrees"
    DIFFERS = "differs"
    UNKNOWN = "could not find out"


@dataclass(frozen=True, slots=True)
class Comparison:
    """``want`` is what the file says, ``got`` what the chain says; ``note`` is more about it, or why it could not be checked.

    ``essential`` fields are those without which nobody could say that the file agrees with the chain.
    """

    field: str
    outcome: Outcome
    want: str | None = None
    got: str | None = None
    note: str | None = None
    essential: bool = True


def compared(
    field: str, want: str, got: str, note: str | None = None, *, essential: bool = True
) -> Comparison:
    """Ok if the two are the same text."""
    outcome = Outcome.OK if want == got else Outcome.DIFFERS
    return Comparison(field, outcome, want, got, note, essential)


def not_checked(field: str, reason: str, want: str | None = None, *, essential: bool = True) -> Comparison:
    """Nobody could say; the reason says why."""
    return Comparison(field, Outcome.NOT_CHECKED, want, None, reason, essential)


def overall(comparisons: Iterable[Comparison]) -> Answer:
    """One difference decides; else an essential field that could not be checked leaves the answer open."""
    seen = {(each.outcome, each.essential) for each in comparisons}
    if {(Outcome.DIFFERS, True), (Outcome.DIFFERS, False)} & seen:
        return Answer.DIFFERS
    return Answer.UNKNOWN if (Outcome.NOT_CHECKED, True) in seen else Answer.AGREES
