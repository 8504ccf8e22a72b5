"""Many sites at one gateway: what the registry takes gets there, what it would refuse is put aside with its reason."""

from dataclasses import replace
from pathlib import Path

from perdure_anchor.hashes import Hash32
from perdure_contracts.consortium import ConsortiumContract, partner_id
from perdure_node.courier.bundle import LeafRange
from perdure_node.courier.errors import LeavesMismatch, NotExtending, NotSignedBySite, SiteNotRegistered
from perdure_node.gateway.checkpoints import State, checkpoints_of, stored_anchor
from perdure_node.gateway.sites import site_of
from tools.gateway_desk import GatewayDesk
from tools.light_site import LightSite
from tools.many_sites import as_partner, is_home, newest, sent, sites_of
from tools.site_network import SiteNetwork


def test_many_sites_in_few_blocks(network: SiteNetwork, gateway: GatewayDesk) -> None:
    sites = sites_of(network, 24)
    for site in sites:
        site.seal(3)
    before = network.chain.head.number
    delivered = gateway.deliver_bundles(*(site.bundle() for site in sites))
    assert (delivered.refused, delivered.unfinished) == ((), ())
    assert all(is_home(gateway, site) for site in sites)
    assert sent(gateway) == len(sites)
    blocks = {
        stored_anchor(gateway.gateway.database, newest(gateway, site).digest).block_number for site in sites
    }
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


def reason(gateway: GatewayDesk, site: LightSite) -> str:
    found = newest(gateway, site)
    assert found.state is State.ASIDE
    return found.reason or ""


def test_what_the_registry_refuses_is_set_aside_and_the_rest_goes_on(
    network: SiteNetwork, gateway: GatewayDesk
) -> None:
    good, retired, rival, stale, unproved = sites_of(network, 5)
    (frozen,) = sites_of(network, 1, "globex")
    everybody = (good, retired, rival, stale, unproved, frozen)
    for site in everybody:
        site.seal(2)
    assert gateway.deliver_bundles(rival.bundle(), stale.bundle(), unproved.bundle()).unfinished == ()
    with network.anchor_chain() as chain:
        registry = chain.registry
        as_partner(network, registry.succeed_call(retired.origin.site, good.origin.site))
        consortium = ConsortiumContract(chain.client, chain.trust.consortium.address)
        as_partner(network, consortium.propose_expulsion_call(partner_id("globex")))
        as_partner(network, consortium.approve_call(1), "initech")
        as_partner(network, consortium.execute_call(1))
    other = LightSite(network.trust.domain, rival.origin.text, b"a restored backup")
    other.seal(9)
    old = LightSite(network.trust.domain, stale.origin.text, b"an old copy")
    old.seal(1)
    for site in (good, stale):
        site.seal(1)
    unproved.seal(5)
    bundles = [good.bundle(), retired.bundle(), other.bundle(), old.bundle(), frozen.bundle()]
    # leaf hashes that begin after what is mirrored, and no proof from there
    bundles.append(unproved.bundle(unproved.head(begin=3, proofs_from=[0])))
    delivered = gateway.deliver_bundles(*bundles)
    assert (delivered.refused, delivered.unfinished) == ((), ())
    assert is_home(gateway, good)
    assert "closed" in reason(gateway, retired)
    assert "expelled" in reason(gateway, frozen)
    assert "other records from index 0" in reason(gateway, other)
    database = gateway.gateway.database
    known = site_of(database, stale.origin)
    (first, _) = checkpoints_of(database, known, *State)
    assert first.state is State.ASIDE
    assert "no append proof" in reason(gateway, unproved)
    # a bundle that has what was missing
    again = gateway.deliver_bundles(unproved.bundle(), stale.bundle())
    assert (again.refused, again.unfinished) == ((), ())
    assert is_home(gateway, unproved)
    assert is_home(gateway, stale)


def test_bundles_that_are_refused_keep_nobody_out(network: SiteNetwork, gateway: GatewayDesk) -> None:
    good, forged, broken = sites_of(network, 3)
    stranger = LightSite(network.trust.domain, "acme/stranger")
    good.seal(3)
    stranger.seal(1)
    forged.seal(2, key=bytes(31) + b"\x05")
    broken.seal(4)
    head = broken.head()
    first = head.append_proofs[0]
    bent = replace(first, hashes=(Hash32(bytes(32)), *first.hashes[1:]))
    bundles = [
        forged.bundle(),
        stranger.bundle(),
        broken.bundle(head, append_proofs=(bent,)),
        good.bundle(),
        broken.bundle(broken.head(), checkpoints=(replace(broken.checkpoints[0], last_path=()),)),
    ]
    delivered = gateway.deliver_bundles(*bundles)
    assert [each.origin for each in delivered.taken] == [good.origin]
    kinds = {position: type(error) for position, error in delivered.refused}
    assert kinds == {0: NotSignedBySite, 1: SiteNotRegistered, 2: NotExtending, 4: LeavesMismatch}
    assert is_home(gateway, good)
    assert sent(gateway) == 1


def test_a_bundle_that_comes_twice_is_sent_once(network: SiteNetwork, gateway: GatewayDesk) -> None:
    (site,) = sites_of(network, 1)
    site.seal(3)
    bundle = site.bundle()
    gateway.deliver_bundles(bundle, bundle)
    network.calls.clear()
    again = gateway.deliver_bundles(bundle)
    assert [each.was_there for each in again.taken] == [True]
    assert sent(gateway) == 1
    assert "eth_sendRawTransaction" not in network.calls


def test_a_second_gateway_finds_everything_anchored(
    network: SiteNetwork, gateway: GatewayDesk, tmp_path: Path
) -> None:
    sites = sites_of(network, 3)
    for site in sites:
        site.seal(3)
    bundles = [site.bundle() for site in sites]
    gateway.deliver_bundles(*bundles)
    second = GatewayDesk(network, tmp_path / "second", relay_key=b"\x22" * 32)
    with second.gateway:
        delivered = second.deliver_bundles(*bundles)
        assert (delivered.refused, delivered.unfinished) == ((), ())
        assert all(is_home(second, site) for site in sites)
        assert sent(second) == 0
        # and what comes there first is no harm here
        sites[0].seal(2)
        second.deliver_bundles(sites[0].bundle())
        sites[0].seal(1)
        assert gateway.deliver_bundles(sites[0].bundle()).unfinished == ()
        assert is_home(gateway, sites[0])
        assert (sent(gateway), sent(second)) == (4, 1)


def test_checkpoints_and_rotations_go_in_the_order_in_which_the_registry_takes_them(
    network: SiteNetwork, gateway: GatewayDesk
) -> None:
    """The newest checkpoint is of the first key, and each rotation ends the key before at once."""
    (site,) = sites_of(network, 1)
    first_key = site.key
    site.rotate(b"\x01" * 32, 0, 0)
    site.rotate(b"\x02" * 32, 0, 1)
    site.seal(4, key=first_key)
    assert gateway.deliver_bundles(site.bundle()).unfinished == ()
    assert is_home(gateway, site)
    with network.anchor_chain() as chain:
        state = chain.registry.site(site.origin.site)
    assert state is not None
    assert state.key == site.address
    site.seal(1)
    assert gateway.deliver_bundles(site.bundle()).unfinished == ()
    assert is_home(gateway, site)


def test_leaf_hashes_that_end_before_the_newest_checkpoint_are_mirrored_once_it_is_proved(
    network: SiteNetwork, gateway: GatewayDesk
) -> None:
    (site,) = sites_of(network, 1)
    site.seal(3)
    site.seal(4)
    head = site.head()
    assert gateway.deliver_bundles(site.bundle(replace(head, leaves=LeafRange(0, 3)))).unfinished == ()
    known = site_of(gateway.gateway.database, site.origin)
    assert known is not None
    assert known.mirrored == 3
    assert gateway.deliver_bundles(site.bundle(site.head(begin=3))).unfinished == ()
    assert is_home(gateway, site)
