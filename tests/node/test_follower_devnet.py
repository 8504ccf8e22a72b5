"""The follower on the devnet, whose contracts, receipts and seals are real, beside a gateway that relays for some of the sites."""

from dataclasses import replace

from perdure_anchor.verdict import Grade
from perdure_anchor.verify import verify
from perdure_node.follower.following_chain import NEAR_HEAD, Doing, Follower
from perdure_node.follower.parts import parts_of
from perdure_node.follower.reading import (
    anchors_of_site,
    consortium_notices,
    followed_sites,
    newest_anchors,
    newest_verified,
    site_notices,
)
from perdure_node.gateway.checkpoints import SiteAnchors, State, checkpoints_of, stored_anchor
from perdure_node.gateway.sites import site_of
from tools.gateway_desk import GatewayDesk
from tools.light_site import LightSite
from tools.many_sites import sites_of
from tools.site_network import SiteNetwork


def anchored(gateway: GatewayDesk, sites: list[LightSite], count: int) -> None:
    for _ in range(count):
        bundles = []
        for site in sites:
            before = site.log.size
            carried = site.seal(2)
            head = site.head(begin=before, proofs_from=[before])
            bundles.append(site.bundle(head, checkpoints=(carried,)))
        assert gateway.deliver_bundles(*bundles).unfinished == ()


def test_what_the_contracts_say_is_followed_with_parts_that_verify(
    network: SiteNetwork, gateway: GatewayDesk
) -> None:
    home, database = gateway.gateway, gateway.gateway.database
    sites = sites_of(network, 3)
    anchored(gateway, sites, 2)
    network.pass_time(NEAR_HEAD + 10)  # those are caught up with
    anchored(gateway, sites, 1)
    network.pass_time(3)
    with network.anchor_chain() as chain, Follower(home, chain, network.clock, ahead=False) as follower:
        steps = [follower.step()]
        while steps[-1].doing is not Doing.WAITING:
            steps.append(follower.step())
    assert {step.doing for step in steps} == set(Doing) - {Doing.TAKING_BACK}
    found = newest_anchors(database, home.trust.domain, 100)
    assert len(found) == 9
    newest = newest_verified(database)
    assert newest is not None
    assert newest.number == network.client().head_number()
    assert {each.name for each in consortium_notices(database, 100)} == {"PartnerAdmitted"}
    assert [each.origin for each in followed_sites(database, 9)] == sorted(
        ["acme/rotterdam", *(site.origin.text for site in sites)]
    )
    for site in sites:
        assert [each.name for each in site_notices(database, site.origin.text, 9)] == ["SiteRegistered"]
        own = anchors_of_site(database, home.trust.domain, site.origin.text, 9)
        assert [each.checkpoint.size for each in own] == [6, 4, 2]
        known = site_of(database, site.origin)
        assert known is not None
        anchors = SiteAnchors(database, home.trust, known)
        for checkpoint in checkpoints_of(database, known, State.ANCHORED):
            captured = stored_anchor(database, checkpoint.digest)
            assert captured is not None
            parts = parts_of(home, checkpoint.digest)
            evidence = anchors.evidence_of_last(checkpoint.stored, captured)
            verdict = verify(replace(evidence, anchor=parts.proof), home.trust, require=Grade.FINAL)
            assert verdict.ok
            assert verdict.not_after is not None
            assert verdict.not_after.complete
