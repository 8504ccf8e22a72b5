"""The mirror grows by what was hashed when leaf hashes came, or is hashed anew where it has moved on meanwhile."""

from dataclasses import replace
from pathlib import Path

import pytest
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import append_to_tiles
from perdure_node.courier.bundle import BundleHead
from perdure_node.courier.bundle_file import Bundle, encode_bundle, read_bundle
from perdure_node.courier.errors import LeavesMismatch
from perdure_node.gateway import mirroring
from perdure_node.gateway.intake import take_in
from perdure_node.gateway.sites import site_of
from tools.gateway_desk import GatewayDesk
from tools.light_site import LightSite
from tools.many_sites import is_home, newest, sites_of
from tools.site_network import SiteNetwork, unreachable

OTHER = Hash32(b"\x07" * 32)


def mirrored(gateway: GatewayDesk, site: LightSite) -> int:
    known = site_of(gateway.gateway.database, site.origin)
    assert known is not None
    return known.mirrored


def tiles_of(gateway: GatewayDesk) -> dict[tuple[int, int], bytes]:
    rows = gateway.gateway.database.rows("SELECT level, tile_index, octets FROM tile")
    return {(level, index): octets for level, index, octets in rows}


def expected_tiles(site: LightSite) -> dict[tuple[int, int], bytes]:
    leaves = [site.log.node_at(0, index) for index in range(site.log.size)]
    return {
        (tile.level, tile.index): tile.octets
        for tile in append_to_tiles(lambda _level, _index: b"", 0, leaves)
    }


def hashed_on(gateway: GatewayDesk) -> list[int | None]:
    rows = gateway.gateway.database.rows("SELECT hashed_on FROM waiting_leaves ORDER BY length(octets)")
    return [row[0] for row in rows]


def keep(gateway: GatewayDesk, network: SiteNetwork, bundle: Bundle) -> None:
    with network.anchor_chain() as chain:
        take_in(gateway.gateway, chain, bundle, network.clock)


def never(*_: object) -> None:
    raise AssertionError("hashed again")


def test_leaf_hashes_are_hashed_once(
    network: SiteNetwork, gateway: GatewayDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirroring, "extended_mirror", never)
    (site,) = sites_of(network, 1)
    # ends inside of tiles, at their ends, and bundles that begin before the mirror's end
    for count, before in ((1, 0), (300, 1), (211, 40), (256, 0), (3, 259), (300, 100)):
        begin = site.log.size - before
        site.seal(count)
        delivered = gateway.deliver_bundles(site.bundle(site.head(begin=begin)))
        assert (delivered.refused, delivered.unfinished) == ((), ())
        assert is_home(gateway, site)
        assert tiles_of(gateway) == expected_tiles(site)
    assert gateway.gateway.database.rows("SELECT * FROM waiting_leaves") == []
    assert gateway.gateway.database.rows("SELECT * FROM waiting_tile") == []


def test_a_mirror_that_has_moved_on_is_hashed_anew(
    network: SiteNetwork, gateway: GatewayDesk, tmp_path: Path
) -> None:
    (site,) = sites_of(network, 1)
    site.seal(300)
    first = site.bundle()
    site.seal(500)
    second = site.bundle()
    keep(gateway, network, first)
    keep(gateway, network, second)
    assert hashed_on(gateway) == [0, 0]
    elsewhere = GatewayDesk(network, tmp_path / "elsewhere", relay_key=b"\x22" * 32)
    with elsewhere.gateway:
        assert elsewhere.deliver_bundles(first).unfinished == ()
    network.faults = {"eth_sendRawTransaction": unreachable}
    gateway.deliver_bundles(wait=2.0)
    network.faults = {}
    assert mirrored(gateway, site) == 300
    assert hashed_on(gateway) == [0]
    assert gateway.deliver_bundles().unfinished == ()
    assert is_home(gateway, site)
    assert tiles_of(gateway) == expected_tiles(site)


def test_tiles_of_a_rival_are_not_used_on_another_mirror(
    network: SiteNetwork, gateway: GatewayDesk, tmp_path: Path
) -> None:
    """Its roots alone would not show it: they are over the rival's own upper tiles."""
    (site,) = sites_of(network, 1)
    site.seal(300)
    rival = LightSite(network.trust.domain, site.origin.text, b"a restored backup")
    rival.seal(900)
    keep(gateway, network, site.bundle())
    keep(gateway, network, rival.bundle())
    elsewhere = GatewayDesk(network, tmp_path / "elsewhere", relay_key=b"\x22" * 32)
    with elsewhere.gateway:
        assert elsewhere.deliver_bundles(site.bundle()).unfinished == ()
    network.faults = {"eth_sendRawTransaction": unreachable}
    gateway.deliver_bundles(wait=2.0)
    assert mirrored(gateway, site) == 300
    known = site_of(gateway.gateway.database, site.origin)
    assert known is not None
    assert mirroring.nodes_of_log(gateway.gateway.database, known, newest(gateway, rival)) is None


def test_leaf_hashes_of_before_the_tables_had_tiles(network: SiteNetwork, gateway: GatewayDesk) -> None:
    (site,) = sites_of(network, 1)
    site.seal(600)
    keep(gateway, network, site.bundle())
    with gateway.gateway.database.transaction():
        gateway.gateway.database.execute("UPDATE waiting_leaves SET hashed_on = NULL")
        gateway.gateway.database.execute("DELETE FROM waiting_tile")
    assert gateway.deliver_bundles().unfinished == ()
    assert is_home(gateway, site)
    assert tiles_of(gateway) == expected_tiles(site)


def bent(site: LightSite, head: BundleHead, index: int) -> Bundle:
    """The bundle with another leaf hash at this index."""
    leaves = [site.log.node_at(0, each) for each in range(head.leaves.begin, head.leaves.end)]
    leaves[index - head.leaves.begin] = OTHER
    return read_bundle(b"".join(encode_bundle(head, leaves)))


@pytest.mark.parametrize(
    ("begin", "index"), [(300, 300), (300, 512), (300, 899), (256, 700), (100, 100), (0, 299)]
)
def test_no_leaf_hash_is_taken_that_was_not_signed(
    network: SiteNetwork, gateway: GatewayDesk, begin: int, index: int
) -> None:
    (site,) = sites_of(network, 1)
    site.seal(300)
    assert gateway.deliver_bundles(site.bundle()).unfinished == ()
    site.seal(400)
    site.seal(200)
    head = site.head(begin=begin)
    delivered = gateway.deliver_bundles(bent(site, head, index))
    assert [type(error) for _, error in delivered.refused] == [LeavesMismatch]
    if begin:
        peaks = (OTHER, *head.leaves.peaks[1:])
        wrong = site.bundle(replace(head, leaves=replace(head.leaves, peaks=peaks)))
        assert [type(error) for _, error in gateway.deliver_bundles(wrong).refused] == [LeavesMismatch]
    assert mirrored(gateway, site) == 300
    assert gateway.deliver_bundles(site.bundle(head)).unfinished == ()
    assert is_home(gateway, site)
    assert tiles_of(gateway) == expected_tiles(site)
