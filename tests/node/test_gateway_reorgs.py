"""Chains without finality take back what they have shown: it is noticed, before and after evidence is at home, and anchored again."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from perdure_anchor.registry_event import ANCHORED_BEFORE_TOPIC, ANCHORED_TOPIC
from perdure_anchor.trust_file import encode_trust_file
from perdure_devnet.info import TRUST_NAME
from perdure_devnet.network import NetworkSettings
from perdure_node.gateway.checkpoints import State, stored_anchor
from tools.gateway_desk import GatewayDesk
from tools.light_site import LightSite
from tools.many_sites import is_home, newest, sites_of
from tools.relay_desk import RelayDesk, sealed
from tools.reorgs import saved, taken_back
from tools.site_network import SiteNetwork, copied, found_network, open_network


@pytest.fixture(scope="module")
def weak(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of five validators whose rule asks for three seals: two quorums need not share an honest one."""
    directory = tmp_path_factory.mktemp("weak") / "chain"
    found_network(directory, NetworkSettings(validators=5))
    with open_network(directory) as network:
        trust = network.trust
    (epoch,) = trust.epochs
    weaker = replace(epoch, client="goquorum", quorum_rule="2f+1")
    assert not weaker.is_final
    (directory / TRUST_NAME).write_bytes(encode_trust_file(replace(trust, epochs=(weaker,))))
    return directory


@pytest.fixture
def network(weak: Path, tmp_path: Path) -> Iterator[SiteNetwork]:
    with open_network(copied(weak, tmp_path / "chain")) as opened:
        yield opened


@pytest.fixture
def relay(network: SiteNetwork, tmp_path: Path) -> Iterator[RelayDesk]:
    desk = GatewayDesk(network, tmp_path / "gateway")
    yield RelayDesk(desk)
    desk.gateway.close()


def topics(network: SiteNetwork) -> list[bytes]:
    with network.anchor_chain() as chain:
        found = chain.client.fetch_events(chain.registry.address, (), 1, chain.client.head_number())
    return [each.log.topics[0] for each in found]


def canonical(relay: RelayDesk, site: LightSite) -> bool:
    """Whether the evidence at home is of a block that the chain has."""
    from perdure_anchor.header import encode_header

    anchor = stored_anchor(relay.desk.gateway.database, newest(relay.desk, site).digest)
    if anchor is None:
        return False
    return encode_header(relay.network.client().fetch_header(anchor.block_number)) == anchor.proof.headers[0]


@pytest.mark.parametrize("by_hand", [False, True], ids=["rounds", "delivery"])
def test_anchors_whose_evidence_is_at_home_are_noticed_when_the_chain_takes_them_back(
    network: SiteNetwork, relay: RelayDesk, tmp_path: Path, *, by_hand: bool
) -> None:
    older, newer, both = sealed(sites_of(network, 3))
    for site in (older, both):
        relay.take_in(site)
    relay.drain()
    before = saved(network, tmp_path / "before.sqlite")
    both.seal(3)
    for site in (newer, both):
        relay.take_in(site)
    relay.drain()
    assert all(is_home(relay.desk, site) for site in (older, newer, both))
    kept = stored_anchor(relay.desk.gateway.database, newest(relay.desk, older).digest)
    with taken_back(network, before):
        network.pass_time(15)
        assert topics(network).count(ANCHORED_TOPIC) == 2
        if by_hand:
            assert relay.desk.deliver_bundles().unfinished == ()
        else:
            relay.until(lambda _: topics(network).count(ANCHORED_TOPIC) == 4)
            relay.drain()
        for site in (older, newer, both):
            assert is_home(relay.desk, site)
            assert canonical(relay, site)
        assert topics(network).count(ANCHORED_TOPIC) == 4
        assert ANCHORED_BEFORE_TOPIC not in topics(network)
        # what still stands is left alone
        assert stored_anchor(relay.desk.gateway.database, newest(relay.desk, older).digest) == kept
        # and logs go on
        both.seal(2)
        relay.take_in(both)
        relay.drain()
        assert is_home(relay.desk, both)


def test_the_same_bytes_are_sent_again_after_a_block_was_taken_back(
    network: SiteNetwork, relay: RelayDesk, tmp_path: Path
) -> None:
    (site,) = sealed(sites_of(network, 1))
    before = saved(network, tmp_path / "before.sqlite")
    relay.take_in(site)
    relay.drain()
    database = relay.desk.gateway.database
    raws = database.rows("SELECT raw FROM relay_transaction")
    with taken_back(network, before):
        relay.until(lambda _: topics(network).count(ANCHORED_TOPIC) == 1)
        relay.drain()
        assert database.rows("SELECT raw FROM relay_transaction") == raws
        assert is_home(relay.desk, site)


def test_a_rival_block_with_the_same_anchor_makes_evidence_anew(
    network: SiteNetwork, relay: RelayDesk, tmp_path: Path
) -> None:
    """The transaction gets into another block: the registry knows the checkpoint, and the evidence's block is not the chain's."""
    (site,) = sealed(sites_of(network, 1))
    before = saved(network, tmp_path / "before.sqlite")
    relay.take_in(site)
    relay.drain()
    ((raw,),) = relay.desk.gateway.database.rows("SELECT raw FROM relay_transaction")
    with taken_back(network, before):
        network.client().send_transaction(bytes(raw))
        network.pass_time(15)
        assert not canonical(relay, site)
        relay.until(lambda _: canonical(relay, site))
        assert relay.drain().unproved == 0
        assert newest(relay.desk, site).state is State.ANCHORED
        assert topics(network).count(ANCHORED_TOPIC) == 1
