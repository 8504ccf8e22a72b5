"""Records that leave in a bundle, and come back as evidence, on the devnet."""

from pathlib import Path

from perdure_node.courier.out import bundles_out, registry_view
from perdure_node.evidence.proving import prove
from perdure_node.log.sealing import seal
from perdure_node.selectors import parse_selector
from tools.gateway_desk import GatewayDesk, pack_to, receive_from
from tools.site_desk import Site, add_numbers, document, keys_of, verdict_on


def sealed(site: Site, *numbers: int) -> None:
    add_numbers(site.vault, *numbers, clock=site.network.clock)
    seal(site.vault, keys_of(site.vault), site.network.clock)


def prove_number(site: Site, number: int):
    digest = document(number).sha256.hex()
    return prove(site.vault, site.keys, parse_selector(digest)).evidence


def test_records_come_back_as_evidence(site: Site, gateway: GatewayDesk, stick: Path) -> None:
    sealed(site, 1, 2, 3)
    out = pack_to(site.vault, stick, site.network, "blue stick")
    assert [each.label for each in bundles_out(site.vault.database)] == ["blue stick"]
    delivered = gateway.deliver(out)
    assert (delivered.refused, delivered.unfinished) == ((), ())
    received = receive_from(site.vault, gateway.answer(out, stick), site.network)
    assert received.anchored == (3,)
    assert received.doubted == ()
    assert bundles_out(site.vault.database) == []
    view = registry_view(site.vault.database)
    assert view is not None
    assert (view.head_size, view.mirrored) == (3, 3)
    for number in (1, 2, 3):
        verdict = verdict_on(prove_number(site, number), site.vault.trust, number)
        assert verdict.ok, verdict.errors
        assert verdict.not_after is not None
        assert verdict.not_after.complete
