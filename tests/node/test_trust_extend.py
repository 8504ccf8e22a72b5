"""Extending a trust file: each change in an epoch of its own, evidence good under the old file and the new, liars refused."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Address, checksum_address, sha256
from perdure_anchor.header import BlockHeader
from perdure_anchor.qbft import parse_extra_data
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_anchor.trust import Epoch, TrustFile
from perdure_anchor.trust_changes import successor_faults
from perdure_anchor.trust_file import TrustFileError, encode_trust_file, parse_trust_file
from perdure_contracts.transactions import WrongChain
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
from perdure_node.vault import replace_trust_file
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
from tools.site_desk import Site, verdict_on
from tools.site_network import SiteNetwork
from tools.site_votes import change_validators, evidence_of
from tools.voting_devnet import candidate_key

# --- on the devnet, by votes


def extended(network: SiteNetwork, raw: bytes, **options: Any) -> Extension:
    with network.anchor_chain(parse_trust_file(raw)) as chain:
        return extend(raw, chain, **options)


def raw_of(found: Extension) -> bytes:
    assert found.successor is not None
    return encode_trust_file(found.successor)


def five_four_three(network: SiteNetwork) -> None:
    """A candidate comes and goes, and then one of the first four."""
    first = network.chain.validators
    change_validators(network, add=0)
    network.pass_time(5)
    change_validators(network, drop=address_from_private_key(candidate_key(0)))
    network.pass_time(5)
    change_validators(network, drop=first[0])
    network.pass_time(5)


def true_sets(network: SiteNetwork) -> list[tuple[Address, ...]]:
    headers = network.chain.store.headers(0, network.chain.head.number)
    return [parse_extra_data(header.extra_data).validators for header in headers]


def test_each_change_is_an_epoch_of_its_own(network: SiteNetwork) -> None:
    five_four_three(network)
    raw, sets = network.trust_raw, true_sets(network)
    found = extended(network, raw, every=1)
    successor, old = found.successor, parse_trust_file(raw)
    assert successor is not None
    assert [len(epoch.validators) for epoch in successor.epochs] == [4, 5, 4, 3]
    for number in range(1, len(sets)):
        epoch = successor.epoch_of(number)
        assert epoch is not None
        assert epoch.validators == sets[number]
    assert successor.epochs[-1].to_block is None
    assert successor_faults(old, sha256(raw).hex(), successor) == ()
    assert replace(successor, version=1, predecessor=None, epochs=old.epochs) == old
    assert [opened.how for opened in found.opened] == [How.FOLLOWED] * 3
    assert found.followed_to == network.chain.head.number


def test_everybody_gets_the_same_bytes(network: SiteNetwork) -> None:
    five_four_three(network)
    first = raw_of(extended(network, network.trust_raw, every=1))
    network.pass_time(7)
    assert raw_of(extended(network, network.trust_raw, every=1)) == first


def test_a_set_that_came_and_went_is_seen_when_every_block_is_looked_at(network: SiteNetwork) -> None:
    change_validators(network, add=0)
    network.pass_time(5)
    change_validators(network, drop=address_from_private_key(candidate_key(0)))
    network.pass_time(3)
    assert extended(network, network.trust_raw).successor is None
    found = extended(network, network.trust_raw, every=1).successor
    assert found is not None
    assert [len(epoch.validators) for epoch in found.epochs] == [4, 5, 4]


def test_nothing_changed(network: SiteNetwork) -> None:
    network.pass_time(20)
    found = extended(network, network.trust_raw)
    assert (found.successor, found.opened) == (None, ())
    assert found.followed_to == network.chain.head.number


def test_an_epoch_is_closed_and_goes_on(network: SiteNetwork) -> None:
    """Closed by one version; the next one opens an epoch after it, for the same validators, and then follows the change."""
    network.pass_time(20)
    closed = raw_of(extended(network, network.trust_raw, close=12))
    assert [(e.from_block, e.to_block) for e in parse_trust_file(closed).epochs] == [(1, 12)]
    assert extended(network, closed, to=12).successor is None
    open_again = extended(network, closed, to=15)
    assert [opened.how for opened in open_again.opened] == [How.GOES_ON]
    change_validators(network, add=0)
    number = network.chain.head.number + 1
    network.pass_time(5)
    found = extended(network, closed)
    assert found.successor is not None
    assert [(e.from_block, e.to_block) for e in found.successor.epochs] == [
        (1, 12),
        (13, number - 1),
        (number, None),
    ]
    assert successor_faults(parse_trust_file(closed), sha256(closed).hex(), found.successor) == ()


def test_a_change_right_after_a_closed_epoch(network: SiteNetwork) -> None:
    change_validators(network, add=0)
    number = network.chain.head.number + 1
    network.pass_time(5)
    closed = raw_of(extended(network, network.trust_raw, close=number - 1))
    found = extended(network, closed).successor
    assert found is not None
    assert [(e.from_block, e.to_block) for e in found.epochs] == [(1, number - 1), (number, None)]


def test_following_stops_where_it_is_told(network: SiteNetwork) -> None:
    change_validators(network, add=0)
    number = network.chain.head.number + 1
    network.pass_time(5)
    assert extended(network, network.trust_raw, to=number - 1).successor is None
    assert extended(network, network.trust_raw, to=number).successor is not None


def test_a_node_that_is_behind(network: SiteNetwork) -> None:
    head = network.chain.head.number
    with pytest.raises(NodeBehind, match=f"come to block {head}, want {head + 1}"):
        extended(network, network.trust_raw, to=head + 1)
    closed = raw_of(extended(network, network.trust_raw, close=head))
    with pytest.raises(NodeBehind, match=f"known up to block {head}"):
        extended(network, closed, to=head - 1)


def test_another_chain(network: SiteNetwork) -> None:
    other = encode_trust_file(replace(network.trust, chain_id=1))
    with pytest.raises(WrongChain):
        extended(network, other)


# --- evidence before and after


def test_evidence_is_good_under_the_old_file_and_the_new(site: Site) -> None:
    network, old = site.network, site.vault.trust
    site.sync()
    site.add(1)
    site.sync()
    change_validators(network, add=0)
    site.add(2)
    site.sync()
    change_validators(network, drop=network.chain.validators[0])
    site.add(3)
    site.sync()
    made = {number: evidence_of(site, number) for number in (1, 2, 3)}
    raw = raw_of(extended(network, site.vault.trust_raw, every=1))
    new = parse_trust_file(raw)
    assert len(new.epochs) == 3
    assert made[2].hops
    for number, evidence in made.items():
        assert verdict_on(evidence, old, number).ok
        verdict = verdict_on(evidence, new, number)
        assert (verdict.errors, verdict.ok) == ((), True)
        # hops are passed over
        assert verdict.validator_changes == ()
    # and the site goes on under the newer file
    replace_trust_file(site.vault, raw)
    assert all(evidence_of(site, number).hops == () for number in (1, 2, 3))
    change_validators(network, add=1)
    site.add(4)
    site.sync()
    for number in (1, 2, 3, 4):
        assert site.verdict(number).ok
    assert not verdict_on(evidence_of(site, 4), old, 4).ok
    assert verdict_on(evidence_of(site, 4), new, 4).validator_changes


# --- nodes that lie


def test_a_forged_seal_is_refused(network: SiteNetwork) -> None:
    change_validators(network, add=0)
    number = network.chain.head.number + 1
    network.pass_time(5)

    def forge(request: dict[str, Any], ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        reply = ask()
        if int(request["params"][0], 16) >= number:
            raw = bytearray.fromhex(reply["result"][2:])
            raw[raw.index(bytes.fromhex("b841")) + 10] ^= 1
            reply["result"] = "0x" + raw.hex()
        return reply

    network.faults["debug_getRawHeader"] = forge
    with pytest.raises(BlocksNotVerified, match="does not hold"):
        extended(network, network.trust_raw)
    network.faults.clear()
    assert extended(network, network.trust_raw).successor is not None


# --- on simulated chains: what votes or the devnet cannot do

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
    node.client.headers[6] = copy_of(chain.blocks[6].header, FOUR[:3])  # type: ignore[attr-defined]
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
