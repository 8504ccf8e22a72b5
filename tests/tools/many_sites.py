"""Registered light sites on a test's network, and what a gateway has of them."""

from perdure_contracts.fees import choose_fee
from perdure_contracts.signer import LocalSigner
from perdure_contracts.transactions import ContractCall, sign_call
from perdure_node.gateway.checkpoints import GatewayCheckpoint, State, checkpoints_of, stored_anchor
from perdure_node.gateway.sites import mirrored_leaves, site_of
from tools.gateway_desk import GatewayDesk
from tools.light_site import LightSite, register_all
from tools.site_network import SiteNetwork


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
