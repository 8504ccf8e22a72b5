"""Each fault names the step of SPEC.md, section 9.2, in which it was found; and what a verdict counts is what is there."""

from dataclasses import replace

import pytest
from perdure_anchor.evidence import Evidence
from perdure_anchor.hashes import sha256
from perdure_anchor.verify import Document, HopBeyondAnchor, verify
from simulated_chain import COINBASE, DOCUMENT, Story, account, tell, with_anchor, with_checkpoint, with_field
from tools.hop_stories import CHANGED, FIRST
from tools.verdicts import headers_put

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
