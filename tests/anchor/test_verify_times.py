"""The bounds of time in a verdict: what they rest on, and what ends in an error of theirs."""

from dataclasses import replace

import pytest
from perdure_anchor.hashes import to_hex
from perdure_anchor.time_bounds import ForeignProposer
from perdure_anchor.trust import Epoch
from perdure_anchor.verdict import Grade
from perdure_anchor.verify import AfterHidden, AfterNotBefore
from simulated_chain import COINBASE, TIMESTAMP, Story, account, tell, with_anchor, with_field
from tools.verdicts import errors_of, headers_put, hidden, verdict_of

TOLD = tell()
EVIDENCE = TOLD.evidence
FIRST = TOLD.chain.blocks[4]
EPOCH: Epoch = TOLD.trust.epochs[0]
WEAK = Story(validators=6, quorum_rule="2f+1")


def test_without_headers_there_is_no_lower_bound() -> None:
    for evidence in (replace(EVIDENCE, not_before=None), replace(hidden(EVIDENCE, "after"), not_before=None)):
        verdict = verdict_of(evidence, TOLD.trust)
        assert verdict.ok
        assert verdict.not_before is None


def test_an_empty_slot_after_has_no_lower_bound() -> None:
    told = tell(Story(slots=(("after", None),)))
    assert errors_of(verdict_of(told.evidence, told.trust)) == [AfterHidden]
    assert verdict_of(replace(told.evidence, not_before=None), told.trust).ok


@pytest.mark.parametrize("number", [4, 5, 6])
def test_the_named_block_has_to_be_older_than_the_anchors(number: int) -> None:
    """No record can name the block that anchors it, so the named one is of a second chain that the validators made."""
    fork = tell(Story(proposer=lambda height, members: members[(height + 1) % len(members)])).chain
    told = tell(Story(slots=(("after", to_hex(fork.blocks[number].name)),)))
    evidence = replace(told.evidence, not_before=fork.raw_headers(number - 1, number))
    verdict = verdict_of(evidence, told.trust)
    assert errors_of(verdict) == [AfterNotBefore]
    assert str(verdict.errors[0]) == f"not before: block {number} is not older than the anchor's block 4"


def test_the_lower_bound_may_be_in_an_earlier_epoch() -> None:
    epochs = (replace(EPOCH, to_block=3), replace(EPOCH, from_block=4))
    verdict = verdict_of(EVIDENCE, replace(TOLD.trust, epochs=epochs))
    assert verdict.ok
    assert verdict.not_before is not None
    assert verdict.not_before.complete


def test_a_lower_bound_under_a_weak_rule_says_so() -> None:
    weak = tell(WEAK)
    epochs = (
        replace(weak.trust.epochs[0], to_block=3),
        replace(weak.trust.epochs[0], from_block=4, quorum_rule="ceil(2n/3)"),
    )
    evidence = with_anchor(weak.evidence, headers=weak.chain.raw_headers(4, 6))
    verdict = verdict_of(evidence, replace(weak.trust, epochs=epochs))
    assert verdict.ok
    assert any(
        "lower bound rests on a block whose epoch wants less than a quorum: 3 of 6" in note
        for note in verdict.notes
    )


def test_a_fault_of_the_lower_bound_leaves_the_upper_one() -> None:
    verdict = verdict_of(hidden(EVIDENCE, "after"), TOLD.trust)
    assert verdict.not_after is not None
    assert verdict.not_before is None
    assert verdict.grade is Grade.FINAL
    assert not verdict.ok


def test_bounds_that_exclude_each_other_are_told_of() -> None:
    """Proposers who put the anchor's blocks long before the block that the record names."""
    early = Story(edit_anchor_header=lambda header: with_field(header, TIMESTAMP, b"\1"), client="goquorum")
    told = tell(early)
    verdict = verdict_of(told.evidence, told.trust)
    assert verdict.ok
    assert verdict.not_before is not None
    assert verdict.not_after is not None
    assert verdict.not_before.seconds > verdict.not_after.seconds
    assert any("bounds of time exclude each other" in note for note in verdict.notes)
    assert not any("exclude each other" in note for note in verdict_of(EVIDENCE, TOLD.trust).notes)


def test_both_bounds_can_fail() -> None:
    told = tell(
        Story(edit_anchor_header=lambda header: with_field(header, COINBASE, account("stranger").address))
    )
    verdict = verdict_of(hidden(told.evidence, "after"), told.trust)
    assert errors_of(verdict) == [ForeignProposer, AfterHidden]


def test_waiting_for_the_time_run_is_not_waiting_for_finality() -> None:
    verdict = verdict_of(headers_put(EVIDENCE, FIRST), TOLD.trust)
    assert verdict.ok
    assert verdict.not_after is not None
    assert not verdict.not_after.complete
    assert "one proposer's word" in verdict.not_after.who_must_have_lied
