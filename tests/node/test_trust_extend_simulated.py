"""Extending a trust file on simulated chains: what votes or the devnet cannot do."""

from dataclasses import replace
from typing import Any

import pytest
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Address, checksum_address
from perdure_anchor.header import BlockHeader
from perdure_anchor.trust import Epoch, TrustFile
from perdure_anchor.trust_file import TrustFileError, encode_trust_file
from perdure_node.chain.errors import BlocksNotVerified
from perdure_node.trust_extend import (
    ChangeNotFollowed,
    ChangeNotYetVouched,
    Extension,
    How,
    NewSet,
    NewSetMisplaced,
    NewSetNotShown,
    NodeBehind,
    extend,
)
from perdure_node.trust_extend.walking import stretches
from simulated_chain import (
    TIMESTAMP,
    SimulatedChain,
    Story,
    accounts,
    addresses,
    copy_of,
    tell,
    with_field,
)
from tools.accounts import Account, account
from tools.hop_stories import ascending
from tools.simulated_node import SimulatedNode, node_of

FOUR = accounts(4)


NEW = tuple(sorted(account(f"new {number}") for number in range(4)))


def chain_of(*sets: tuple[Account, ...], blocks: int = 5, **settings: Any) -> SimulatedChain:
    """Five blocks of each set; the genesis block has the first."""
    chain = SimulatedChain(sets[0], **settings)
    for members in sets:
        chain.validators = members
        chain.extend(blocks)
    return chain


def trusting(members: tuple[Account, ...], **rules: Any) -> TrustFile:
    plain = tell(Story()).trust
    epoch = replace(plain.epochs[0], from_block=1, to_block=None, validators=addresses(members), **rules)
    return replace(plain, epochs=(epoch,))


def founded_on(chain: SimulatedChain, trust: TrustFile) -> TrustFile:
    return replace(trust, genesis_hash=chain.blocks[0].name)


def on_simulated(
    chain: SimulatedChain,
    trust: TrustFile,
    sets: list[tuple[Address, ...]] | None = None,
    **options: Any,
) -> Extension:
    trust = founded_on(chain, trust)
    return extend(encode_trust_file(trust), node_of(trust, chain, sets), **options)


def sets_of(*sets: tuple[Account, ...]) -> list[tuple[Address, ...]]:
    """The true set of each block of `chain_of`."""
    return [addresses(sets[0]), *(addresses(members) for members in sets for _ in range(5))]


@pytest.mark.parametrize(
    ("before", "after", "staying", "wanted"),
    [(FOUR, NEW, 0, 3), (FOUR[:2], FOUR[:1], 1, 2)],
    ids=["everybody replaced", "two to one"],
)
def test_a_change_without_a_hop_is_entered_by_hand(
    before: tuple[Account, ...], after: tuple[Account, ...], staying: int, wanted: int
) -> None:
    chain, trust = chain_of(before, after), trusting(before)
    listed = ",".join(map(checksum_address, addresses(after)))
    with pytest.raises(
        ChangeNotFollowed, match=f"block 6: .* {staying} of the {len(before)} .* takes {wanted}"
    ) as caught:
        on_simulated(chain, trust)
    assert str(caught.value.hint).endswith(f"--from 6 --set-validators {listed}")
    found = on_simulated(chain, trust, by_hand=[NewSet(6, addresses(after))])
    assert found.successor is not None
    assert [(e.from_block, e.to_block) for e in found.successor.epochs] == [(1, 5), (6, None)]
    assert found.successor.epochs[1].validators == addresses(after)
    (opened,) = found.opened
    assert opened.how is How.BY_HAND
    assert "no validator before it vouches" in opened.note


def test_by_hand_and_then_followed() -> None:
    """A set is entered between two changes that can be followed."""
    five, other_five = ascending(*FOUR, account("x")), ascending(*NEW, account("x"))
    chain = chain_of(FOUR, five, NEW, other_five)
    found = on_simulated(chain, trusting(FOUR), by_hand=[NewSet(11, addresses(NEW))])
    assert found.successor is not None
    assert [epoch.from_block for epoch in found.successor.epochs] == [1, 6, 11, 16]
    assert [opened.how for opened in found.opened] == [How.FOLLOWED, How.BY_HAND, How.FOLLOWED]


@pytest.mark.parametrize(
    ("new", "fault"),
    [
        (NewSet(6, addresses(FOUR[:3])), NewSetNotShown),
        (NewSet(5, addresses(NEW)), NewSetNotShown),
        (NewSet(7, addresses(NEW)), ChangeNotFollowed),
        (NewSet(1, addresses(NEW)), NewSetMisplaced),
        (NewSet(11, addresses(NEW)), ChangeNotFollowed),
        (NewSet(12, addresses(NEW)), NodeBehind),
        (NewSet(6, addresses(NEW), consensus="clique"), TrustFileError),
        (NewSet(6, addresses(NEW), consensus="ibft2"), NewSetNotShown),
    ],
    ids=[
        "other set",
        "early",
        "late",
        "in the past",
        "later",
        "in the future",
        "no such chain",
        "other engine",
    ],
)
def test_a_set_that_the_chain_does_not_show_is_refused(new: NewSet, fault: type[PerdureError]) -> None:
    with pytest.raises(fault):
        on_simulated(chain_of(FOUR, NEW), trusting(FOUR), by_hand=[new])


def test_the_first_block_after_the_head_cannot_be_entered() -> None:
    with pytest.raises(NewSetMisplaced, match="no such block yet"):
        on_simulated(chain_of(FOUR), trusting(FOUR), by_hand=[NewSet(6, addresses(NEW))])


def test_what_the_node_names_is_compared() -> None:
    chain, sets = chain_of(FOUR, NEW), sets_of(FOUR, NEW)
    new = NewSet(6, addresses(NEW))
    found = on_simulated(chain, trusting(FOUR), sets, by_hand=[new])
    assert "the node names the same validators (qbft_getValidatorsByBlockNumber)" in found.opened[0].note
    with pytest.raises(NewSetNotShown, match="the node names other validators"):
        on_simulated(chain, trusting(FOUR), sets_of(FOUR, FOUR), by_hand=[new])


def test_goquorum_is_entered_by_hand() -> None:
    """Its sets cannot be followed; the node's word tells where they change, and a quorum of each set has sealed its blocks."""
    five = ascending(*FOUR, account("x"))
    chain, sets = chain_of(FOUR, five), sets_of(FOUR, five)
    trust = trusting(FOUR, client="goquorum")
    with pytest.raises(ChangeNotFollowed, match=r"block 6: .*goquorum, qbft, header") as caught:
        on_simulated(chain, trust, sets)
    assert checksum_address(account("x").address) in str(caught.value.hint)
    with pytest.raises(NewSetNotShown, match="no validator"):
        on_simulated(chain, trust, None, by_hand=[NewSet(6, addresses(FOUR))])
    found = on_simulated(chain, trust, sets, by_hand=[NewSet(6, addresses(five), quorum_rule="2f+1")])
    assert found.successor is not None
    assert found.successor.epochs[1].quorum_rule == "2f+1"
    assert found.unseen == ()
    # a node without the method
    found = on_simulated(chain, trust, None, by_hand=[NewSet(6, addresses(five))])
    assert len(found.unseen) == 2


def test_a_contract_that_selects_is_entered_by_hand() -> None:
    chain = chain_of(FOUR, NEW, lists_validators=False)
    trust, sets = trusting(FOUR, selection="contract"), sets_of(FOUR, NEW)
    with pytest.raises(ChangeNotFollowed, match="block 6: "):
        on_simulated(chain, trust, sets)
    assert on_simulated(chain, trust, sets, by_hand=[NewSet(6, addresses(NEW))]).successor is not None


def test_a_closed_epoch_that_cannot_be_followed_ends() -> None:
    chain, sets = chain_of(FOUR), sets_of(FOUR)
    closed = trusting(FOUR, client="goquorum")
    closed = replace(closed, epochs=(replace(closed.epochs[0], to_block=3),))
    for named in (sets, None):
        with pytest.raises(ChangeNotFollowed, match="block 4: the last epoch ends before it"):
            on_simulated(chain, closed, named)
    found = on_simulated(chain, closed, sets, by_hand=[NewSet(4)])
    assert found.successor is not None
    assert [epoch.from_block for epoch in found.successor.epochs] == [1, 4]


def test_clique_is_entered_by_hand() -> None:
    chain, sets = chain_of(FOUR, NEW, engine="clique"), sets_of(FOUR, NEW)
    trust = trusting(FOUR, client="geth", consensus="clique", quorum_rule="floor(n/2)+1")
    with pytest.raises(ChangeNotFollowed, match="block 6: "):
        on_simulated(chain, trust, sets)
    found = on_simulated(chain, trust, sets, by_hand=[NewSet(6, addresses(NEW))])
    assert "quorum" not in found.opened[0].note
    assert "the node names the same validators (clique_getSigners)" in found.opened[0].note


def test_a_migration_to_another_engine() -> None:
    """IBFT 2.0 up to block 5, QBFT from block 6 on, the validators as before."""
    chain = chain_of(FOUR, engine="ibft2")
    chain.engine = "qbft"
    chain.extend(5)
    five = ascending(*FOUR, account("x"))
    chain.validators = five
    chain.extend(5)
    trust = trusting(FOUR, consensus="ibft2")
    with pytest.raises(BlocksNotVerified):
        on_simulated(chain, trust)
    found = on_simulated(chain, trust, by_hand=[NewSet(6, consensus="qbft")])
    assert found.successor is not None
    assert [(e.from_block, e.consensus, len(e.validators)) for e in found.successor.epochs] == [
        (1, "ibft2", 4),
        (6, "qbft", 4),
        (11, "qbft", 5),
    ]


def test_a_change_that_is_not_vouched_for_yet() -> None:
    """Five become four: the first block has a quorum of the four, one seal short of a quorum of the five."""
    five = ascending(*FOUR, account("x"))
    chain = chain_of(five)
    chain.validators = FOUR
    chain.add()
    with pytest.raises(ChangeNotYetVouched, match="block 6: ") as caught:
        on_simulated(chain, trusting(five))
    assert "--to 5" in str(caught.value.hint)
    chain.add()
    assert on_simulated(chain, trusting(five)).successor is not None


def test_another_node_has_the_seal_that_lacks() -> None:
    five = ascending(*FOUR, account("x"))
    chain = chain_of(five)
    chain.validators = FOUR
    chain.add()
    trust = founded_on(chain, trusting(five))
    other = SimulatedNode(chain)
    other.headers[6] = copy_of(chain.blocks[6].header, FOUR[1:])
    node = node_of(trust, chain)
    node.client.headers[6] = copy_of(chain.blocks[6].header, FOUR[:3])  # type: ignore[attr-defined]  # a simulated one
    node.others = (other,)
    assert extend(encode_trust_file(trust), node).successor is not None


def test_a_change_that_was_changed_again_before_enough_had_sealed() -> None:
    five, three = ascending(*FOUR, account("x")), FOUR[:3]
    chain = chain_of(five)
    for members in (FOUR, three, three, three):
        chain.validators = members
        chain.add()
    with pytest.raises(ChangeNotFollowed, match="sealed the 1 blocks from 6 on"):
        on_simulated(chain, trusting(five), every=1)


def lying(chain: SimulatedChain, lies: dict[int, BlockHeader], **options: Any) -> Extension:
    trust = founded_on(chain, trusting(FOUR))
    node = node_of(trust, chain)
    assert isinstance(node.client, SimulatedNode)
    node.client.headers |= lies
    return extend(encode_trust_file(trust), node, every=1, **options)


def test_a_node_cannot_move_the_first_block() -> None:
    """It shows the old set in a block of the new one, or strips the seals of the last block of the old one."""
    chain = chain_of(FOUR, ascending(*FOUR, account("x")))
    with pytest.raises(BlocksNotVerified, match="block 7 does not hold: block 7: its parent is"):
        lying(chain, {6: chain_of(FOUR, FOUR).blocks[6].header})
    stripped = {5: copy_of(chain.blocks[5].header, FOUR[:2])}
    with pytest.raises(BlocksNotVerified, match="block 6 does not hold: block 5: 2 of 4 validators"):
        lying(chain, stripped)


def test_a_set_entered_by_hand_links_to_what_was_before() -> None:
    """The block before is true in all but its parent: a quorum of the old set sealed it, on another fork."""
    chain, fork = chain_of(FOUR, NEW), chain_of(FOUR, sealers=lambda number, members: members[:3])
    fork.blocks[5:] = []
    fork.add(edit=lambda header: with_field(header, TIMESTAMP, b"\x7f"))
    with pytest.raises(NewSetNotShown, match="block 6: its parent is"):
        lying(chain, {5: fork.blocks[5].header}, by_hand=[NewSet(6, addresses(NEW))])


def test_a_node_cannot_hide_a_change_at_the_head() -> None:
    chain = chain_of(FOUR, ascending(*FOUR, account("x")))
    twin = chain_of(FOUR, FOUR)
    lies = {number: copy_of(twin.blocks[number].header, FOUR[:2]) for number in range(6, 11)}
    with pytest.raises(BlocksNotVerified, match="block 10 does not stand"):
        lying(chain, lies)


def test_a_trust_file_of_other_validators() -> None:
    with pytest.raises(BlocksNotVerified, match="block 1 does not stand under the trust file's last epoch"):
        on_simulated(chain_of(FOUR), trusting(NEW))


def test_stretches_end_where_everybodys_do() -> None:
    assert list(stretches(7, 35, 10)) == [(7, 10), (10, 20), (20, 30), (30, 35)]
    assert list(stretches(5, 5, 10)) == []


def test_an_epoch_from_the_genesis_block() -> None:
    chain, trust = chain_of(FOUR, ascending(*FOUR, account("x"))), trusting(FOUR)
    epoch: Epoch = replace(trust.epochs[0], from_block=0)
    found = on_simulated(chain, replace(trust, epochs=(epoch,)))
    assert found.successor is not None
    assert [e.from_block for e in found.successor.epochs] == [0, 6]
