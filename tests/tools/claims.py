"""What valid evidence claims, and whether changed evidence still claims no more than that.

A change is refused while it is read, or the verdict is no, or the verdict claims the same as before (a letter's case, white space, a
copy's seals) or less: a bound of time that is gone or by one proposer's word, where headers were taken away.
"""

import json
from dataclasses import dataclass, replace
from typing import Any

from perdure_anchor.errors import EncodingError, PerdureError, VerificationError
from perdure_anchor.evidence import parse_evidence
from perdure_anchor.time_bounds import AHEAD_OF_CLOCK, DEFAULT_CLOCK_ALLOWANCE, TimeBound
from perdure_anchor.trust import TrustFile
from perdure_anchor.verdict import Verdict
from perdure_anchor.verify import verify
from simulated_chain import DOCUMENT


@dataclass(frozen=True, slots=True)
class Case:
    """Valid evidence as bytes, and what it claims; ``weaker`` are the bounds that one proposer's word would give."""

    raw: bytes
    trust: TrustFile
    claims: tuple[Any, ...]
    not_before: TimeBound
    not_after: TimeBound
    weaker: tuple[int, int]


def claims_of(verdict: Verdict) -> tuple[Any, ...]:
    """Everything that a verdict says was shown or claimed, but for the bounds of time."""
    return (
        verdict.grade,
        verdict.origin.text,
        verdict.origin.site,
        verdict.leaf_hash,
        verdict.index,
        verdict.size,
        verdict.root,
        verdict.key,
        # which seals and how many headers stand in the file is free, and so is what is counted of them
        verdict.anchor and replace(verdict.anchor, sealers=0, descendants=0),
        # a change can be shown by any block under the new set, and passed over where the set after it can be reached without
        bool(verdict.validator_changes),
        verdict.document,
        verdict.claims,
        json.dumps(verdict.disclosed, sort_keys=True),
        verdict.hidden,
        verdict.who_must_have_lied.partition(", or ")[0],
        # with the changes go those whose lies would suffice: of them the validators at the anchor's block stay the same
        [note.partition(", or ")[0] for note in verdict.notes if "followed through changes" not in note],
    )


def _shown(bound: TimeBound) -> tuple[Any, ...]:
    """A bound without those who could have invented its blocks, who depend on the changes that were followed."""
    return bound.seconds, bound.proposers, bound.wanted, bound.first_block, bound.last_block


def claims_no_more(bound: TimeBound | None, before: TimeBound, weaker: int) -> bool:
    """Whether a bound is the one before, or says of itself that it is one proposer's word about the same block."""
    if bound is None or _shown(bound) == _shown(before):
        return True
    return not bound.complete and len(bound.proposers) <= 1 and bound.seconds == weaker


def judge(raw: bytes, *cases: Case) -> str:
    """How it ended; raises `AssertionError` for a claim that none of the cases makes, and lets any other exception through."""
    try:
        evidence = parse_evidence(raw)
    except PerdureError as error:
        assert_named(error)
        return type(error).__name__
    verdict = verify(evidence, cases[0].trust, DOCUMENT)
    for error in verdict.errors:
        assert_named(error)
    if not verdict.ok:
        assert verdict.errors
        return type(verdict.errors[0]).__name__
    assert_claims_no_more(verdict, next((one for one in cases if one.claims == claims_of(verdict)), cases[0]))
    return "accepted"


def assert_claims_no_more(verdict: Verdict, case: Case) -> None:
    assert claims_of(verdict) == case.claims
    assert verdict.not_after is not None
    assert claims_no_more(verdict.not_before, case.not_before, case.weaker[0])
    assert claims_no_more(verdict.not_after, case.not_after, case.weaker[1])


def assert_named(error: PerdureError) -> None:
    """A class of its own among those that mean no; a message that can be printed anywhere."""
    assert isinstance(error, EncodingError | VerificationError)
    assert type(error) not in (EncodingError, VerificationError)
    message = str(error)
    assert message.isprintable()
    assert message
    assert len(message) < 400
    assert not message.endswith(".")


def case_from(raw: bytes, trust: TrustFile, times: tuple[int, int]) -> Case:
    """Valid evidence with both bounds; ``times`` are the timestamps of the block that it names and of its anchor's."""
    verdict = verify(parse_evidence(raw), trust, DOCUMENT)
    assert verdict.ok
    assert verdict.not_before is not None
    assert verdict.not_after is not None
    margin = AHEAD_OF_CLOCK + DEFAULT_CLOCK_ALLOWANCE
    weaker = (times[0] - margin, times[1] + margin)
    return Case(raw, trust, claims_of(verdict), verdict.not_before, verdict.not_after, weaker)
