"""Extending a trust file: each change in an epoch of its own, evidence good under the old file and the new, liars refused."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from perdure_anchor.hashes import Address, sha256
from perdure_anchor.qbft import parse_extra_data
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_anchor.trust_changes import successor_faults
from perdure_anchor.trust_file import encode_trust_file, parse_trust_file
from perdure_contracts.transactions import WrongChain
from perdure_node.chain.errors import BlocksNotVerified
from perdure_node.trust_extend import (
    Extension,
    How,
    NodeBehind,
    extend,
)
from perdure_node.vault import replace_trust_file
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
