"""Ten thousand single changes of valid evidence: none is accepted with another claim, each refusal has a name.

A change is refused while it is read, or the verdict is no, or the verdict claims the same as before (a letter's case, white space, a
copy's seals) or less: a bound of time that is gone or by one proposer's word, where headers were taken away.
"""

import json
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Any

import pytest
from perdure_anchor.errors import EncodingError, PerdureError, VerificationError
from perdure_anchor.evidence import Evidence, encode_evidence, parse_evidence
from perdure_anchor.header import encode_header
from perdure_anchor.time_bounds import AHEAD_OF_CLOCK, DEFAULT_CLOCK_ALLOWANCE, TimeBound
from perdure_anchor.trust import TrustFile
from perdure_anchor.verdict import Verdict
from perdure_anchor.verify import verify
from simulated_chain import DOCUMENT, PLAIN, Story, Told, accounts, copy_of, sealed, tell, with_anchor
from tools.mutations import KINDS, mutate

EACH = 1_100
STORIES = {
    "plain": PLAIN,
    "before London, legacy receipt": Story(field_count=15, receipt_type=0, pinned=True),
    "anchored before": Story(anchored_before=True, field_count=16),
    "one validator": Story(validators=1, size=1, index=0, receipts=1, receipt_index=0, log_position=0),
    "seven validators": Story(validators=7, field_count=20, hidden=frozenset()),
    "GoQuorum": Story(client="goquorum", selection="contract", field_count=17),
    "a full block": Story(receipts=200, receipt_index=130, size=1000, index=999),
    "most hidden": Story(hidden=frozenset({"document_name", "signers", "extra", "late", "signed_at"})),
    "copies": Story(client="devnet"),
    "long runs": Story(validators=5),
}


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
        verdict.validator_changes,
        verdict.document,
        verdict.claims,
        json.dumps(verdict.disclosed, sort_keys=True),
        verdict.hidden,
        verdict.who_must_have_lied,
        verdict.notes,
    )


def evidence_of(name: str, told: Told) -> Evidence:
    """The story's evidence; some with more headers than it needs."""
    number = told.anchor_block.header.number
    if name == "copies":
        members = accounts(4)
        one = encode_header(sealed(told.anchor_block.header, members[:2]))
        other = encode_header(copy_of(told.anchor_block.header, members[2:]))
        return with_anchor(told.evidence, headers=(one, other, told.chain.blocks[number + 1].raw))
    if name == "long runs":
        longer = with_anchor(told.evidence, headers=told.chain.raw_headers(number, number + 9))
        return replace(longer, not_before=told.chain.raw_headers(1, number + 1))
    return told.evidence


@cache
def case_of(name: str) -> Case:
    told = tell(STORIES[name])
    raw = encode_evidence(evidence_of(name, told))
    verdict = verify(parse_evidence(raw), told.trust, DOCUMENT)
    assert verdict.ok
    assert verdict.not_before is not None
    assert verdict.not_after is not None
    margin = AHEAD_OF_CLOCK + DEFAULT_CLOCK_ALLOWANCE
    weaker = (
        told.after_block.header.timestamp - margin,
        told.anchor_block.header.timestamp + margin,
    )
    return Case(raw, told.trust, claims_of(verdict), verdict.not_before, verdict.not_after, weaker)


def claims_no_more(bound: TimeBound | None, before: TimeBound, weaker: int) -> bool:
    """Whether a bound is the one before, or says of itself that it is one proposer's word about the same block."""
    if bound is None or bound == before:
        return True
    return not bound.complete and len(bound.proposers) <= 1 and bound.seconds == weaker


def judge(raw: bytes, case: Case) -> str:
    """How it ended; raises `AssertionError` for a claim that is new, and lets any other exception through."""
    try:
        evidence = parse_evidence(raw)
    except PerdureError as error:
        assert_named(error)
        return type(error).__name__
    verdict = verify(evidence, case.trust, DOCUMENT)
    for error in verdict.errors:
        assert_named(error)
    if not verdict.ok:
        assert verdict.errors
        return type(verdict.errors[0]).__name__
    assert claims_of(verdict) == case.claims
    assert verdict.not_after is not None
    assert claims_no_more(verdict.not_before, case.not_before, case.weaker[0])
    assert claims_no_more(verdict.not_after, case.not_after, case.weaker[1])
    return "accepted"


def assert_named(error: PerdureError) -> None:
    """A class of its own among those that mean no; a message that can be printed anywhere."""
    assert isinstance(error, EncodingError | VerificationError)
    assert type(error) not in (EncodingError, VerificationError)
    message = str(error)
    assert message.isprintable()
    assert message
    assert len(message) < 400
    assert not message.endswith(".")


@pytest.mark.parametrize("name", STORIES)
def test_no_change_is_accepted_with_another_claim(name: str) -> None:
    case, rng, ends = case_of(name), Random(f"mutations of {name}"), Counter[str]()
    kinds = set()
    for number in range(EACH):
        kind, changed = mutate(rng, case.raw)
        kinds.add(kind)
        try:
            ends[judge(changed, case)] += 1
        except Exception as error:
            error.add_note(f"change {number} of {name}: {kind.__name__}")
            raise
    assert kinds == set(KINDS)
    assert len(ends) >= 20, ends
    # case of an address, order, white space, copies and seals beyond the quorum
    assert ends["accepted"] < EACH // 5, ends


def test_there_are_ten_thousand() -> None:
    assert EACH * len(STORIES) >= 10_000
