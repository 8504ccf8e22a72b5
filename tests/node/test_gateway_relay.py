"""Many sites at one gateway: what the registry takes gets there, what it would refuse is put aside with its reason."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from perdure_anchor.hashes import Hash32
from perdure_contracts.consortium import ConsortiumContract, partner_id
from perdure_contracts.signer import LocalSigner
from perdure_contracts.transactions import ContractCall, sign_call
from perdure_contracts.fees import LegacyFee, choose_fee
from perdure_node.courier.errors import LeavesMismatch, NotSignedBySite, SiteNotRegistered
from perdure_node.gateway.checkpoints import GatewayCheckpoint, State, checkpoints_of, stored_anchor
from perdure_node.gateway.sites import mirrored_leaves, site_of
from tools.gateway_desk import GatewayDesk
from tools.light_site import LightSite, register_all
from tools.site_network import SiteNetwork


@pytest.fixture
def gateway(network: SiteNetwork, tmp_path: Path) -> Iterator[GatewayDesk]:
    desk = GatewayDesk(network, tmp_path / "gateway")
    with desk.gateway:
        yield desk


def sites_of(network: SiteNetwork, count: int, partner: str = "acme") -> list[LightSite]:
    """Registered sites."""
    sites = [LightSite(network.trust.domain, f"{partner}/site-{number}") for number in range(count)]
    registered(network, *sites)
    return sites


def registered(network: SiteNetwork, *sites: LightSite) -> None:
    partner = sites[0].origin.partner
    with network.anchor_chain() as chain:
        key = network.partner_private_key(partner)
        register_all(chain.client, chain.registry, key, chain.trust.chain_id, sites)
        network.pass_time(1 + len(sites) // 40)
        assert None not in chain.registry.sites([site.origin.site for site in sites])


def as_partner(network: SiteNetwork, call: ContractCall, partner: str = "acme") -> None:
    """A transaction of a partner, in a block when this returns."""
    client = network.client()
    signer = LocalSigner(network.partner_private_key(partner))
    nonce = client.transaction_count(signer.address)
    signed = sign_call(
        signer, call, chain_id=network.trust.chain_id, nonce=nonce, gas=1_000_000, fee=choose_fee(client)
    )
    client.send_transaction(signed.raw)
    network.pass_time(1)
    receipt = client.fetch_transaction_receipt(signed.hash)
    assert receipt is not None
    assert receipt.status == 1


def newest(gateway: GatewayDesk, site: LightSite) -> GatewayCheckpoint:
    database = gateway.gateway.database
    known = site_of(database, site.origin)
    assert known is not None
    return checkpoints_of(database, known, *State)[-1]


def is_home(gateway: GatewayDesk, site: LightSite) -> bool:
    """Whether the newest checkpoint's evidence is at home, and all its leaf hashes are in the mirror."""
    database = gateway.gateway.database
    found, known = newest(gateway, site), site_of(database, site.origin)
    assert known is not None
    leaves = b"".join(site.log.node_at(0, index) for index in range(site.log.size))
    return (
        found.state is State.ANCHORED
        and stored_anchor(database, found.digest) is not None
        and known.mirrored == site.log.size
        and mirrored_leaves(database, known, 0, known.mirrored) == leaves
    )


def sent(gateway: GatewayDesk) -> int:
    """How many transactions of the relay's account are in the chain."""
    return gateway.network.client().transaction_count(gateway.keys.relay().address)


def test_many_sites_in_few_blocks(network: SiteNetwork, gateway: GatewayDesk) -> None:
    sites = sites_of(network, 60)
    for site in sites:
        site.seal(3)
    before = network.chain.head.number
    delivered = gateway.deliver_bundles(*(site.bundle() for site in sites))
    assert (delivered.refused, delivered.unfinished) == ((), ())
    assert all(is_home(gateway, site) for site in sites)
    assert sent(gateway) == len(sites)
    blocks = {stored_anchor(gateway.gateway.database, newest(gateway, site).digest).block_number for site in sites}
    assert max(blocks) - before <= 4


def test_the_newest_of_many_checkpoints_is_sent_and_covers_the_others(
    network: SiteNetwork, gateway: GatewayDesk
) -> None:
    (site,) = sites_of(network, 1)
    for count in (3, 2, 300, 1):
        site.seal(count)
    assert gateway.deliver_bundles(site.bundle()).unfinished == ()
    assert is_home(gateway, site)
    assert sent(gateway) == 1
    known = site_of(gateway.gateway.database, site.origin)
    states = [each.state for each in checkpoints_of(gateway.gateway.database, known, *State)]
    assert states == [State.COVERED, State.COVERED, State.COVERED, State.ANCHORED]
