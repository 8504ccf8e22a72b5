"""Hops: which ones lead to a later set, which are passed over, and which are refused, however plausible they look."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from perdure_anchor import qbft
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import Evidence, encode_evidence, parse_evidence
from perdure_anchor.finality import NoEpoch, TooFewSeals, ValidatorListMismatch
from perdure_anchor.header import BlockHeader, encode_header, parse_header
from perdure_anchor.trust import TrustFile
from perdure_anchor.validator_changes import (
    HopBeyondAnchor,
    HopListMalformed,
    HopNotAllowed,
    HopNotFinal,
    HopNotVouched,
    follow_hops,
)
from perdure_anchor.verdict import Grade, Verdict
from perdure_anchor.verify import verify
from simulated_chain import (
    DOCUMENT,
    Account,
    SimulatedChain,
    Story,
    accounts,
    addresses,
    copy_of,
    sealed,
    tell,
    with_extra,
)
from tools.accounts import account
from tools.hop_stories import (
    CHANGED,
    FIRST,
    FIVE,
    FOUR,
    HOP,
    NEW,
    OTHER_FOUR,
    REFUSED_HOPS,
    THREE,
    ascending,
    hop_of,
    with_hops,
)


def verdict_of(story: Story, change: Callable[[Evidence], Evidence] = lambda evidence: evidence) -> Verdict:
    told = tell(story)
    evidence = parse_evidence(encode_evidence(change(told.evidence)))
    return verify(evidence, told.trust, DOCUMENT)


def fault_of(verdict: Verdict) -> tuple[int, type[PerdureError]]:
    (fault,) = verdict.faults
    return fault.step, type(fault.error)


# --- what leads on

CHANGES = {
    "one more": (FIVE,),
    "one fewer": (THREE,),
    "one replaced": (OTHER_FOUR,),
    "one more, then one fewer": (FIVE, OTHER_FOUR),
    "there and back": (FIVE, FOUR),
    "all replaced, one at a time": (
        OTHER_FOUR,
        ascending(*FOUR[2:], NEW, account("second")),
        ascending(FOUR[3], NEW, account("second"), account("third")),
    ),
}


@pytest.mark.parametrize("engine", ["qbft", "ibft2"])
@pytest.mark.parametrize("sets", CHANGES.values(), ids=CHANGES)
def test_evidence_under_a_later_set_is_final(sets: tuple[tuple[Account, ...], ...], engine: str) -> None:
    story = Story(changes=sets, engine=engine)
    verdict = verdict_of(story)
    assert (verdict.errors, verdict.grade) == ((), Grade.FINAL)
    assert len(verdict.validator_changes) == len(sets)
    assert verdict.not_after is not None
    assert verdict.not_before is not None
    assert verdict.not_after.complete is verdict.not_before.complete is (engine == "qbft")


def test_without_its_hops_it_is_refused() -> None:
    verdict = verdict_of(Story(changes=(FIVE,)), lambda evidence: replace(evidence, hops=()))
    assert fault_of(verdict) == (6, ValidatorListMismatch)


def test_the_verdict_names_each_coalition_that_suffices() -> None:
    verdict = verdict_of(Story(changes=(FIVE, OTHER_FOUR)))
    first, second = verdict.validator_changes
    assert verdict.who_must_have_lied == (
        f"a quorum of the validators: 3 of 4, or 3 of the 4 before the change at block {first}, "
        f"or 4 of the 5 before the change at block {second}, or whoever has their keys"
    )
    assert any(f"known at block {first}, {second}" in note for note in verdict.notes)


def test_a_set_that_keeps_too_few_of_the_one_before_has_no_hop() -> None:
    for before, after in ((FOUR, ascending(*FOUR[2:], NEW)), (FOUR[:2], FOUR[:1]), (FOUR, accounts(4, "x"))):
        verdict = verdict_of(Story(validators=len(before), changes=(after,)))
        assert fault_of(verdict) == (5, HopNotVouched)


# --- what is passed over


def known_from(trust: TrustFile, block: int, members: tuple[Account, ...]) -> TrustFile:
    """A newer trust file, which pins the set since the block."""
    first = replace(trust.epochs[0], to_block=block - 1)
    return replace(
        trust, epochs=(first, replace(first, from_block=block, to_block=None, validators=addresses(members)))
    )


def test_a_trust_file_that_came_through_the_change_passes_over_the_hop() -> None:
    told = tell(Story(changes=(FIVE, OTHER_FOUR)))
    first, second = (parse_header(hop[0]).number for hop in told.evidence.hops)
    for from_block, members, changes in (
        (first, FIVE, (second,)),
        (first - 1, FIVE, (second,)),
        (second, OTHER_FOUR, ()),
        (second + 1, OTHER_FOUR, ()),
    ):
        verdict = verify(told.evidence, known_from(told.trust, from_block, members), DOCUMENT)
        assert (verdict.errors, verdict.validator_changes) == ((), changes)


def test_a_closed_last_epoch_is_followed_from_its_end() -> None:
    told = tell(Story(changes=(FIVE,)))
    number = parse_header(told.evidence.hops[0][0]).number
    closed = replace(told.trust, epochs=(replace(told.trust.epochs[0], to_block=number - 1),))
    assert verify(told.evidence, closed, DOCUMENT).validator_changes == (number,)
    later = replace(told.trust, epochs=(replace(told.trust.epochs[0], to_block=number),))
    assert fault_of(verify(told.evidence, later, DOCUMENT)) == (6, NoEpoch)


def test_the_schedule_stays_whole_when_a_change_is_followed() -> None:
    """Earlier epochs stay, an open one ends just before the change, a closed one where it ended."""
    told = tell(Story(changes=(FIVE,)))
    headers = [parse_header(raw) for raw in told.evidence.hops[0]]
    first, only = headers[0].number, told.trust.epochs[0]
    earlier, last = replace(only, to_block=1), replace(only, from_block=2)
    for end, ended in ((None, first - 1), (first - 2, first - 2)):
        trust = replace(told.trust, epochs=(earlier, replace(last, to_block=end)))
        epochs = follow_hops(trust, [headers]).trust.epochs
        assert [(epoch.from_block, epoch.to_block) for epoch in epochs] == [(0, 1), (2, ended), (first, None)]


def test_hops_without_an_anchor_are_not_looked_at() -> None:
    told = tell(Story(changes=(FIVE,), pinned=True))
    broken = replace(told.evidence, anchor=None, not_before=None, hops=((b"no header",),))
    assert verify(broken, told.trust, DOCUMENT, require=Grade.SIGNED).ok


# --- what is refused


@pytest.mark.parametrize(("evidence", "error", "message"), REFUSED_HOPS.values(), ids=REFUSED_HOPS)
def test_refuses_a_hop(evidence: Evidence, error: type[PerdureError], message: str) -> None:
    verdict = verify(evidence, CHANGED.trust, DOCUMENT)
    assert fault_of(verdict) == (5, error)
    assert message in str(verdict.errors[0])
    assert verdict.grade is Grade.RECORDED


def test_refuses_a_gap_in_a_hop() -> None:
    verdict = verify(with_hops((HOP[0], CHANGED.chain.blocks[FIRST.number + 2].raw)), CHANGED.trust, DOCUMENT)
    assert "is followed by block" in str(verdict.errors[0])


def test_refuses_a_hop_beyond_the_anchor() -> None:
    told = tell(Story(changes=(FIVE,)))
    chain = SimulatedChain(FIVE, blocks=list(told.chain.blocks))
    chain.validators = OTHER_FOUR
    first = len(chain.blocks)
    chain.extend(2)
    evidence = replace(told.evidence, hops=(*told.evidence.hops, chain.raw_headers(first, first + 1)))
    assert fault_of(verify(evidence, told.trust, DOCUMENT)) == (6, HopBeyondAnchor)


@pytest.mark.parametrize(
    ("client", "selection", "rule"),
    [
        ("goquorum", "header", "ceil(2n/3)"),
        ("besu", "contract", "ceil(2n/3)"),
        ("besu", "header", "2f+1"),
    ],
)
def test_only_lists_that_honest_validators_check_are_followed(client: str, selection: str, rule: str) -> None:
    told = tell(Story(validators=6, changes=(accounts(5),)))
    epoch = replace(told.trust.epochs[0], client=client, selection=selection, quorum_rule=rule)
    verdict = verify(told.evidence, replace(told.trust, epochs=(epoch,)), DOCUMENT)
    assert fault_of(verdict) == (5, HopNotAllowed)


def test_copies_of_a_block_are_united_and_rounds_are_not_for_finality() -> None:
    one, other = sealed(FIRST, FIVE[:2]), sealed(FIRST, FIVE[2:4])
    assert verify(with_hops(hop_of(one, other)), CHANGED.trust, DOCUMENT).ok
    later = copy_of(FIRST, FIVE[2:4], round=1)
    assert fault_of(verify(with_hops(hop_of(one, later)), CHANGED.trust, DOCUMENT)) == (5, HopNotFinal)


def test_rounds_do_not_matter_for_who_vouches() -> None:
    """H1 is final by the new set in one round; a seal of the old set's third member is of another round."""
    told = tell(Story(changes=(OTHER_FOUR,)))
    first = parse_header(told.evidence.hops[0][0])
    members = [member for member in OTHER_FOUR if member is not NEW]
    in_one_round = sealed(first, [NEW, *members[:2]])
    in_another = copy_of(first, members[2:], round=3)
    assert verify(replace(told.evidence, hops=(hop_of(in_one_round, in_another),)), told.trust, DOCUMENT).ok
    alone = replace(told.evidence, hops=(hop_of(in_one_round),))
    assert fault_of(verify(alone, told.trust, DOCUMENT)) == (5, HopNotVouched)


# --- the rules that are not sound, and what they would let through


def forged_header(members: tuple[Account, ...], sealers: tuple[Account, ...]) -> BlockHeader:
    """The next block after two true ones, by whoever has the sealers' keys: it lists whom they like."""
    chain = SimulatedChain(members, sealers=lambda number, all_of_them: sealers)
    chain.blocks = list(tell().chain.blocks[:3])
    return chain.add().header


def test_two_stolen_keys_of_four_do_not_make_a_set() -> None:
    """Quorum(T) of T with f + 1 = 2 of S among them: what would do elsewhere is refused here."""
    members = ascending(*FOUR[:2], *accounts(2, "sybil"))
    header = forged_header(members, members)
    assert len(set(qbft.seal_signers(header)) & set(addresses(FOUR))) == 2 > qbft.max_faulty(4)
    assert len(set(qbft.seal_signers(header))) >= qbft.quorum(4)
    with pytest.raises(HopNotVouched, match="2 of the 4 validators before the change"):
        follow_hops(tell().trust, [[header]])


def test_sealed_votes_of_more_than_half_do_not_make_a_set() -> None:
    """Three of four proposers voted in final blocks, and one took it back: the newcomer is in by no rule but a careless count."""
    chain = SimulatedChain(FOUR)
    for add in (True, True, True, False):
        chain.add(vote=qbft.Vote(NEW.address, add=add))
    chain.sealers = lambda number, all_of_them: (FOUR[0], NEW)
    chain.validators = FIVE
    chain.add()
    with pytest.raises(HopNotFinal):
        follow_hops(tell().trust, [[chain.blocks[5].header]])
    assert follow_hops(tell().trust, [[block.header for block in chain.blocks[1:]]]).changes == ()


def test_an_old_true_set_is_no_way_back() -> None:
    """Keys of a set that was voted out long ago, with the true header that once put it in force, make no later block."""
    told = tell(Story(changes=(FIVE, FOUR)))
    to_five = told.evidence.hops[0]
    number = parse_header(told.evidence.hops[1][0]).number
    newer = known_from(told.trust, number, FOUR)
    chain = SimulatedChain(FIVE, blocks=list(told.chain.blocks[: told.anchor_block.header.number]))
    forged_block = chain.add(told.anchor_block.receipts)
    chain.extend(2)
    anchor = told.evidence.anchor
    assert anchor is not None
    headers = chain.raw_headers(forged_block.header.number, forged_block.header.number + 2)
    forged = replace(told.evidence, hops=(to_five,), anchor=replace(anchor, headers=headers), not_before=None)
    assert fault_of(verify(forged, newer, DOCUMENT)) == (6, ValidatorListMismatch)
    assert verify(forged, told.trust, DOCUMENT).ok, (
        "the file that knows nothing later is taken in: so close epochs"
    )


def test_a_block_under_the_new_set_needs_a_quorum_of_it() -> None:
    anchor = CHANGED.evidence.anchor
    assert anchor is not None
    block = sealed(CHANGED.anchor_block.header, FOUR[:3])
    few = replace(CHANGED.evidence, anchor=replace(anchor, headers=(encode_header(block),)))
    assert fault_of(verify(few, CHANGED.trust, DOCUMENT)) == (8, TooFewSeals)


def test_the_quorum_of_an_empty_set_is_nobody() -> None:
    headers = [with_extra(FIRST, validators=(), seals=())]
    with pytest.raises(HopListMalformed):
        follow_hops(CHANGED.trust, [headers])


def test_sixteen_changes_and_no_more() -> None:
    members = list(accounts(20))
    sets, current = [], list(FOUR)
    for newcomer in members[4:]:
        current = [*current[1:], newcomer]
        sets.append(ascending(*current))
    told = tell(Story(changes=tuple(sets)))
    assert len(told.evidence.hops) == 16
    assert verify(told.evidence, told.trust, DOCUMENT).ok
    raw = encode_evidence(replace(told.evidence, hops=(*told.evidence.hops, told.evidence.hops[-1])))
    with pytest.raises(PerdureError, match="hops"):
        parse_evidence(raw)
