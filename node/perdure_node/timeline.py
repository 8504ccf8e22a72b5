"""A record's life as a list of moments: what it says of itself, what the vault notes, and what evidence shows.

Who says so is different for each, and is told: a claim of the record's own, a note by the site's clock, or a bound of time that
`perdure_anchor.verify` shows from the record's evidence under the vault's trust file.
"""

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from perdure_anchor.confirmation import parse_confirmation
from perdure_anchor.errors import PerdureError
from perdure_anchor.late import disclosed_late
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.time_bounds import TimeBound

from perdure_node.traces import Change

if TYPE_CHECKING:
    from perdure_anchor.verdict import Verdict

    from perdure_node.evidence.anchors import StoredAnchor
    from perdure_node.log.site_log import StoredCheckpoint


class Word(enum.Enum):
    """Whose word a moment is."""

    CLAIMED = "claimed"  # in the record
    NOTED = "noted"  # by the site's clock
    SHOWN = "shown"  # by evidence


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened: ``at`` in seconds since 1970, ``what`` in a word or two, ``by`` whom and more of it if known."""

    at: int
    what: str
    word: Word
    by: str | None = None
    more: str | None = None


def timeline(
    values: Mapping[str, JsonValue],
    changes: tuple[Change, ...],
    checkpoint: "StoredCheckpoint | None",
    anchor: "StoredAnchor | None",
    verdict: "Verdict | None",
) -> tuple[Moment, ...]:
    """The moments in order; ``verdict`` is on the record's own evidence, None where there is none yet."""
    moments = [*_claimed(values), *_noted(changes)]
    if checkpoint is not None:
        size = checkpoint.checkpoint.size
        moments.append(
            Moment(checkpoint.checkpoint.sealed_at, "sealed", Word.NOTED, more=f"into a log of {size}")
        )
    if anchor is not None:
        more = f"in block {anchor.block_number}, by its proposer's clock"
        moments.append(Moment(anchor.block_time, "anchored", Word.SHOWN, more=more))
    if verdict is not None:
        moments += _shown(verdict)
    # in one second, in the order in which they come to be
    return tuple(sorted(moments, key=lambda moment: moment.at))


def _claimed(values: Mapping[str, JsonValue]) -> Iterator[Moment]:
    signed_at, recorded_at = _seconds(values.get("signed_at")), _seconds(values.get("recorded_at"))
    if signed_at is not None:
        yield Moment(signed_at, "signed", Word.CLAIMED, _names(values.get("signers")))
    if recorded_at is not None:
        by, late = values.get("recorded_by"), disclosed_late(values)
        more = None if late is None else f"late: {late.reason}"
        yield Moment(recorded_at, "recorded", Word.CLAIMED, by if isinstance(by, str) else None, more)
    try:
        confirmation = parse_confirmation(values.get("confirmation"))
    except PerdureError:
        return
    if confirmation is not None and confirmation.confirmed is not None:
        statement = confirmation.confirmed.statement
        more = "saw the document" if statement.saw_document else "without the document"
        yield Moment(statement.at, "confirmed", Word.CLAIMED, statement.name, more)


def _noted(changes: tuple[Change, ...]) -> Iterator[Moment]:
    for change in changes:
        more = change.reason.why
        if change.successor is not None:
            how = "recorded as" if change.kind == "erased" else "in its place"
            more = f"{more}, {how} {change.successor.hex()}"
        yield Moment(change.changed_at, change.kind, Word.NOTED, change.reason.by, more)


def _shown(verdict: "Verdict") -> Iterator[Moment]:
    bounds: tuple[tuple[str, TimeBound | None], ...] = (
        ("not before", verdict.not_before),
        ("confirmed after", verdict.confirmed_not_before),
        ("not after", verdict.not_after),
    )
    for what, bound in bounds:
        if bound is not None:
            word = "" if bound.complete else ": by one proposer's word"
            yield Moment(
                bound.seconds,
                what,
                Word.SHOWN,
                more=f"by the blocks {bound.first_block} to {bound.last_block}{word}",
            )


def _seconds(value: JsonValue) -> int | None:
    return int(datetime.fromisoformat(value).timestamp()) if isinstance(value, str) else None


def _names(signers: JsonValue) -> str | None:
    if not isinstance(signers, list):
        return None
    names = [str(each["name"]) for each in signers if isinstance(each, dict) and "name" in each]
    return ", ".join(names) or None
