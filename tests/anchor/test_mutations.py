"""Ten thousand single changes of valid evidence: none is accepted with another claim, each refusal has a name.

A change is refused while it is read, or the verdict is no, or the verdict claims the same as before (a letter's case, white space, a
copy's seals) or less: a bound of time that is gone or by one proposer's word, where headers were taken away.
"""

from collections import Counter
from dataclasses import replace
from functools import cache
from random import Random

import pytest
from perdure_anchor.evidence import Evidence, encode_evidence
from perdure_anchor.header import encode_header
from simulated_chain import PLAIN, Story, Told, accounts, copy_of, sealed, tell, with_anchor
from tools.claims import Case, case_from, judge
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
    times = (told.after_block.header.timestamp, told.anchor_block.header.timestamp)
    return case_from(raw, told.trust, times)


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
