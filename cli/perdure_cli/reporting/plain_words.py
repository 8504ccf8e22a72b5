"""A verdict in sentences that need no knowledge of how it came about. They say less than the verdict, and nothing else."""

from collections.abc import Iterator

from perdure_anchor.time_bounds import TimeBound
from perdure_anchor.timestamp import format_seconds
from perdure_anchor.verdict import DocumentMatch, Grade, Verdict

from perdure_cli.exit_codes import ANSWER_IS_NO
from perdure_cli.verifying.outcome import Outcome


def plain_words(outcome: Outcome) -> str:
    """What was shown, or that it was not, in a few sentences."""
    if outcome.ok:
        assert outcome.verdict is not None
        return " ".join(_shown(outcome, outcome.verdict))
    if outcome.exit_code == ANSWER_IS_NO:
        return "This does not show what it was to show. Do not rely on it. Why is said below."
    return (
        "Whether this shows anything could not be found out. It is neither a yes nor a no. Why is said below."
    )


def _shown(outcome: Outcome, verdict: Verdict) -> Iterator[str]:
    if verdict.grade is Grade.RECORDED:
        yield "The file has the form of a record, and no more is shown: not who made it, nor when."
    elif verdict.grade is Grade.SIGNED:
        yield f"The record is in a log that was signed with a key of {verdict.origin.text}. When is not shown."
    else:
        yield from _time(verdict)
    yield _document(outcome, verdict)
    if verdict.key_doubt is not None:
        yield f"The key that signed the log is in doubt: {verdict.key_doubt}."
    if outcome.trust is not None and outcome.trust.trust.devnet:
        yield "All of this is on a devnet, an exercise, and proves nothing."


def _time(verdict: Verdict) -> Iterator[str]:
    latest, earliest = verdict.not_after, verdict.not_before
    if latest is None:
        yield f"The record is in the log of {verdict.origin.text}, and the log was anchored; by when is not shown."
    else:
        yield f"The record was in the log of {verdict.origin.text} by {_moment(latest)} at the latest."
    if earliest is not None:
        yield f"It cannot have been made before {_moment(earliest)}."
    else:
        yield "Since when it can have been there is not shown."
    yield f"For it not to be so, somebody must have lied: {verdict.who_must_have_lied}."


def _moment(bound: TimeBound) -> str:
    day, clock = format_seconds(bound.seconds).rstrip("Z").split("T")
    told = f"{day}, {clock} UTC"
    return told if bound.complete else f"{told} (by one proposer's word)"


def _document(outcome: Outcome, verdict: Verdict) -> str:
    if verdict.document is DocumentMatch.MATCHED:
        return f"The document at hand, {', '.join(outcome.documents)}, is the one that the record is about."
    return "No document was compared with the record."
