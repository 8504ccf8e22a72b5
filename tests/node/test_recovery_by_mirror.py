"""Recovering with what others still have of a log, whose word alone is not believed."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from perdure_node.chain.errors import (
    BundleWithoutAnchor,
    NewestAnchorDoubted,
    TrueLogBroken,
)
from perdure_node.courier.bundle import Request
from perdure_node.courier.bundle_file import Bundle, load_bundle
from perdure_node.courier.receiving import receive
from perdure_node.gateway.answering import answer
from perdure_node.gateway.sites import site_of
from perdure_node.log.reconciliation import open_reconciliation
from perdure_node.status import read_status
from tools.gateway_desk import GatewayDesk, pack_to, written
from tools.recovered_sites import bring_back, copy_of, empty_vault
from tools.site_desk import Site
from tools.site_network import counted_bytes, with_result


@pytest.fixture
def fresh(site: Site, tmp_path: Path) -> Iterator[Site]:
    made = empty_vault(site, tmp_path / "fresh")
    yield made
    made.vault.close()


def test_a_node_that_tells_another_log_is_not_believed(site: Site, fresh: Site) -> None:
    """The events of the registry are of the chain's past; a node that leaves one out, or changes one, contradicts itself."""
    site.add(1, 2)
    site.sync()
    site.add(3)
    site.sync()

    def without_last(request: Any, ask: Any) -> Any:
        reply = ask()
        reply["result"] = reply["result"][:-1]
        return reply

    def other_peaks(request: Any, ask: Any) -> Any:
        reply = ask()
        for event in reply["result"]:
            event["data"] = event["data"][:-8] + "00000000"
        return reply

    for fault in (without_last, other_peaks, with_result([])):
        fresh.network.faults["eth_getLogs"] = fault
        with pytest.raises((TrueLogBroken, Exception)) as caught:
            bring_back(fresh)
        assert type(caught.value).__name__ in ("TrueLogBroken", "RpcBadAnswer")
        assert fresh.vault.log_size == 0
    fresh.network.faults.clear()


def test_an_anchor_that_the_validators_did_not_seal_is_not_believed(site: Site, fresh: Site) -> None:
    from perdure_anchor.hashes import Address

    site.add(1)
    site.sync()
    trust = fresh.vault.trust
    strangers = tuple(Address(bytes((number,)) * 20) for number in range(1, 5))
    fresh.vault.trust = replace(trust, epochs=(replace(trust.epochs[0], validators=strangers),))
    with pytest.raises(NewestAnchorDoubted):
        bring_back(fresh)
    assert fresh.vault.log_size == 0


def test_without_the_calldata_the_peaks_do(site: Site, fresh: Site) -> None:
    """Nodes may forget transactions; events are evidence, and stay."""
    site.add(1, 2, 3)
    site.sync()
    fresh.network.faults["eth_getTransactionByHash"] = with_result(None)
    assert bring_back(fresh).adopted.unknown == 3
    fresh.network.faults.clear()
    fresh.add(4)
    fresh.sync()
    assert fresh.is_final(4)


@pytest.fixture
def mirrored(site: Site, tmp_path: Path) -> Iterator[Any]:
    """A gateway that has relayed the site's log, and what it answers to whoever asks for all leaf hashes."""
    desk = GatewayDesk(site.network, tmp_path / "gateway")
    sticks = tmp_path / "sticks"
    sticks.mkdir()

    def answered(**changes: Any) -> Bundle:
        known = site_of(desk.gateway.database, site.vault.origin)
        assert known is not None
        with site.network.anchor_chain() as chain:
            told, pieces = answer(
                desk.gateway,
                chain,
                known,
                Request(0, 0),
                clock=site.network.clock,
                randomness=counted_bytes(b"told"),
            )
            bundle = load_bundle(written(sticks, told, pieces))
            return replace(bundle, head=replace(bundle.head, **changes))

    def relay() -> Any:
        site.seal()
        desk.deliver(pack_to(site.vault, sticks, site.network))
        return answered

    yield relay
    desk.gateway.close()


def test_a_mirror_brings_back_all_leaf_hashes_without_a_network(
    site: Site, fresh: Site, mirrored: Any, tmp_path: Path
) -> None:
    site.add(1, 2, 3)
    backup = copy_of(site, tmp_path / "backup")
    mirrored()
    site.add(4, 5)
    bundle = mirrored()()
    done = bring_back(fresh, backup, offline=True, bundles=[bundle])
    assert (done.source, done.adopted.size, done.adopted.unknown) == ("a gateway's mirror", 5, 0)
    assert (done.merged.added, done.adopted.without_record) == (3, 2)
    receive(fresh.vault, bundle, clock=site.network.clock)
    assert fresh.is_final(1, 2, 3), "the bundle brings the evidence too"
    assert open_reconciliation(fresh.vault.database) is not None
    fresh.add(6)
    fresh.sync()
    assert fresh.is_final(1, 2, 3, 6)
    status = read_status(fresh.vault)
    assert (status.losses.known_by_hash, status.losses.gaps.width) == (2, 0)
    backup.vault.close()


def test_a_gateway_is_not_believed_without_anchors(site: Site, fresh: Site, mirrored: Any) -> None:
    site.add(1, 2, 3)
    answered = mirrored()
    told = answered().head.answer
    assert told is not None
    with pytest.raises(BundleWithoutAnchor):
        bring_back(fresh, offline=True, bundles=[answered(answer=replace(told, anchors=()))])
    proof = told.anchors[0].proof
    lie = replace(told.anchors[0], proof=replace(proof, log_position=proof.log_position + 1))
    with pytest.raises(BundleWithoutAnchor):
        bring_back(fresh, offline=True, bundles=[answered(answer=replace(told, anchors=(lie,)))])
    assert fresh.vault.log_size == 0


def test_a_recovered_site_goes_on_by_courier(site: Site, fresh: Site, mirrored: Any, tmp_path: Path) -> None:
    """It hands on no leaf hash that it has lost, and its gateway, which has them all, takes what comes."""
    site.add(1, 2, 3)
    mirrored()
    bring_back(fresh)
    fresh.sync()
    fresh.add(4)
    fresh.seal()
    folder = tmp_path / "out"
    folder.mkdir()
    packed = load_bundle(pack_to(fresh.vault, folder, site.network)).head
    assert (packed.leaves.begin, packed.leaves.end, len(packed.checkpoints)) == (3, 4, 1)
