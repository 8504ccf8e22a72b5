"""Each fault names the step of SPEC.md, section 9.2, in which it was found; and what a verdict counts is what is there."""

from dataclasses import replace

import pytest
from perdure_anchor.evidence import Evidence
from perdure_anchor.hashes import sha256
from perdure_anchor.rlp import encode_int
from perdure_anchor.verdict import Grade
from perdure_anchor.verify import Document, HopBeyondAnchor, verify
from simulated_chain import (
    COINBASE,
    DOCUMENT,
    TIMESTAMP,
    Story,
    account,
    tell,
    with_anchor,
    with_checkpoint,
    with_field,
)
from tools.hop_stories import CHANGED, FIRST
from tools.verdicts import headers_put, hidden

TOLD = tell()
EVIDENCE = TOLD.evidence
STRANGE = tell(
    Story(edit_anchor_header=lambda header: with_field(header, COINBASE, account("stranger").address))
)
STEPS: dict[str, tuple[int, Evidence]] = {
    "another registry": (1, replace(EVIDENCE, domain=replace(EVIDENCE.domain, chain_id=1))),
    "a slot in another's place": (2, replace(EVIDENCE, slots=EVIDENCE.slots[::-1])),
    "another index": (4, with_checkpoint(EVIDENCE, index=2)),
    "a hop that is no header": (5, replace(EVIDENCE, hops=((b"\x80",),))),
    "a gap": (6, headers_put(EVIDENCE, TOLD.chain.blocks[4], TOLD.chain.blocks[6])),
    "no nodes": (7, with_anchor(EVIDENCE, receipt_nodes=())),
    "a proposer who is nobody": (9, STRANGE.evidence),
    "a lower bound of another block": (10, replace(EVIDENCE, not_before=(TOLD.anchor_block.raw,))),
}


@pytest.mark.parametrize(("step", "evidence"), STEPS.values(), ids=STEPS)
def test_a_fault_names_its_step(step: int, evidence: Evidence) -> None:
    (fault,) = verify(evidence, TOLD.trust, DOCUMENT).faults
    assert fault.step == step


def test_the_document_is_step_3() -> None:
    (fault,) = verify(EVIDENCE, TOLD.trust, Document(sha256(b"another"), 7)).faults
    assert fault.step == 3


def test_descendants_are_the_blocks_after_the_anchors() -> None:
    for count in (1, 2, 5):
        verdict = verify(headers_put(EVIDENCE, *TOLD.chain.blocks[4 : 4 + count]), TOLD.trust, DOCUMENT)
        assert verdict.anchor is not None
        assert verdict.anchor.descendants == min(count, len(TOLD.chain.blocks) - 4) - 1


def test_an_anchor_may_stand_in_the_very_block_that_shows_the_change() -> None:
    """H1 can be the anchor's block; the block before it is under the set before."""
    told = CHANGED
    at_first = headers_put(told.evidence, *told.chain.blocks[FIRST.number : FIRST.number + 3])
    (fault,) = verify(at_first, told.trust, DOCUMENT).faults
    assert fault.step == 7
    before = headers_put(told.evidence, told.chain.blocks[FIRST.number - 1])
    (fault,) = verify(before, told.trust, DOCUMENT).faults
    assert (fault.step, type(fault.error)) == (6, HopBeyondAnchor)


def test_a_lower_bound_by_a_quorum_has_no_note_about_fewer() -> None:
    assert not any("lower bound rests" in note for note in verify(EVIDENCE, TOLD.trust, DOCUMENT).notes)


RIVALS = "that the chain went on from this block, and from no rival of it, is false already if "


def test_rivals_are_told_of_where_a_block_is_final_and_nowhere_else() -> None:
    """The words about rivals are about a quorum's seals: 2 * 3 - 4 of four validators make two blocks of one number."""
    notes = verify(EVIDENCE, TOLD.trust, DOCUMENT).notes
    (note,) = [note for note in notes if note.startswith(RIVALS)]
    assert note.endswith("validators lied: 2 of 4")
    weak = tell(Story(validators=6, quorum_rule="2f+1"))
    verdict = verify(weak.evidence, weak.trust, DOCUMENT, require=Grade.ANCHORED)
    assert verdict.ok
    assert not any(note.startswith(RIVALS) for note in verdict.notes)


def test_a_clique_chain_says_that_it_has_no_finality_and_by_how_many_it_is() -> None:
    told = tell(Story(engine="clique"))
    verdict = verify(told.evidence, told.trust, DOCUMENT, require=Grade.ANCHORED)
    assert verdict.ok
    assert any("Clique has no finality, one signature makes a block: " in note for note in verdict.notes)
    assert "the chain may have gone on without this block" in verdict.who_must_have_lied


def test_bounds_of_the_same_second_do_not_exclude_each_other() -> None:
    """`not before` and `not after` at one moment are odd, and no contradiction."""
    seconds = tell(Story(client="goquorum")).after_block.header.timestamp - 4
    story = Story(
        edit_anchor_header=lambda header: with_field(header, TIMESTAMP, encode_int(seconds)),
        client="goquorum",
    )
    told = tell(story)
    verdict = verify(told.evidence, told.trust, DOCUMENT)
    assert verdict.not_before is not None
    assert verdict.not_after is not None
    assert verdict.not_before.seconds == verdict.not_after.seconds
    assert not any("exclude each other" in note for note in verdict.notes)


def test_claims_that_are_hidden_are_none() -> None:
    verdict = verify(hidden(EVIDENCE, "signed_at", "recorded_at"), TOLD.trust, DOCUMENT)
    assert (verdict.claims.signed_at, verdict.claims.recorded_at) == (None, None)
    assert verdict.ok
