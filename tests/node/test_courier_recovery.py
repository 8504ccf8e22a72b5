"""Restored vaults and rival logs at a site that only couriers reach."""

from pathlib import Path

import pytest
from perdure_node.courier.bundle_file import load_bundle
from perdure_node.errors import NotReconciled
from perdure_node.log.reconciliation import Reason, open_reconciliation, require_reconciliation
from perdure_node.log.sealing import seal
from perdure_node.recovering.merging import merge_records
from perdure_node.recovering.recovery import OtherVaultSource, Recovered, Sources, recover
from perdure_node.status import read_status
from tools.gateway_desk import GatewayDesk, pack_to, receive_from
from tools.site_desk import Site, add_numbers, copy_of, document, keys_of, leaf_hashes, verdict_on
from tools.site_network import counted_bytes


def sealed(site: Site, *numbers: int) -> None:
    add_numbers(site.vault, *numbers, clock=site.network.clock)
    seal(site.vault, keys_of(site.vault), site.network.clock)


def restored(site: Site, folder: Path) -> Site:
    """The vault as it is now, in another place, as a backup would bring it."""
    copy = copy_of(site, folder)
    with copy.vault.database.transaction():
        now = int(site.network.clock.now())
        require_reconciliation(copy.vault.database, Reason.RESTORED, now, counted_bytes(b"challenge"))
    return copy


def exchange(site: Site, gateway: GatewayDesk, stick: Path):
    """A stick out and back."""
    out = pack_to(site.vault, stick, site.network)
    delivered = gateway.deliver(out)
    assert delivered.unfinished == ()
    return receive_from(site.vault, gateway.answer(out, stick), site.network)


def proves(site: Site, number: int) -> None:
    from perdure_node.evidence.proving import prove
    from perdure_node.selectors import parse_selector

    evidence = prove(site.vault, site.keys, parse_selector(document(number).sha256.hex())).evidence
    verdict = verdict_on(evidence, site.vault.trust, number)
    assert verdict.ok, verdict.errors


def test_a_restored_vault_is_compared_by_courier(
    site: Site, gateway: GatewayDesk, stick: Path, tmp_path: Path
) -> None:
    sealed(site, 1, 2)
    exchange(site, gateway, stick)
    copy = restored(site, tmp_path / "copy")
    add_numbers(copy.vault, 3, clock=site.network.clock)
    with pytest.raises(NotReconciled):
        seal(copy.vault, keys_of(copy.vault), site.network.clock)
    received = exchange(copy, gateway, stick)
    assert (received.reconciled, received.is_rival, received.adopted) == (True, False, None)
    seal(copy.vault, keys_of(copy.vault), site.network.clock)
    assert exchange(copy, gateway, stick).anchored == (3,)


def test_an_answer_from_before_the_fire_does_not_count(
    site: Site, gateway: GatewayDesk, stick: Path, tmp_path: Path
) -> None:
    sealed(site, 1)
    out = pack_to(site.vault, stick, site.network)
    gateway.deliver(out)
    earlier = gateway.answer(out, stick)
    copy = restored(site, tmp_path / "copy")
    sealed(site, 2)
    exchange(site, gateway, stick)
    received = receive_from(copy.vault, earlier, site.network)
    assert not received.reconciled
    assert open_reconciliation(copy.vault.database) is not None


def test_a_restored_vault_that_is_behind_takes_over_what_it_lost(
    site: Site, gateway: GatewayDesk, stick: Path, tmp_path: Path
) -> None:
    sealed(site, 1, 2)
    exchange(site, gateway, stick)
    copy = restored(site, tmp_path / "copy")
    sealed(site, 3, 4)
    exchange(site, gateway, stick)
    add_numbers(copy.vault, 5, clock=site.network.clock)
    received = exchange(copy, gateway, stick)
    assert received.doubted == ()
    assert received.adopted is not None
    assert (received.adopted.prefix, received.adopted.size, received.adopted.without_record) == (2, 4, 2)
    assert received.reconciled
    seal(copy.vault, keys_of(copy.vault), site.network.clock)
    assert exchange(copy, gateway, stick).anchored == (5,)
    proves(copy, 5)
    proves(copy, 1)


def test_a_stick_from_an_old_backup_conflicts_and_its_records_go_to_the_end(
    site: Site, gateway: GatewayDesk, stick: Path, tmp_path: Path
) -> None:
    """Two vaults of one site, both of which sealed: the registry took one, and the other's records follow it."""
    sealed(site, 1)
    exchange(site, gateway, stick)
    copy = copy_of(site, tmp_path / "copy")
    sealed(site, 2, 3)
    sealed(copy, 4)
    late = pack_to(copy.vault, stick, site.network)
    exchange(site, gateway, stick)
    gateway.deliver(late)
    answer = gateway.answer(late, stick)
    assert load_bundle(answer).head.leaves.count == 2
    received = receive_from(copy.vault, answer, site.network)
    assert received.adopted is not None
    assert (received.adopted.prefix, received.adopted.queued, received.adopted.size) == (1, 1, 3)
    assert not received.is_rival
    seal(copy.vault, keys_of(copy.vault), site.network.clock)
    assert exchange(copy, gateway, stick).anchored == (4,)
    proves(copy, 4)
    assert read_status(copy.vault).sealed == 0
    # and the first one learns of it in the same way
    sealed(site, 5)
    back = exchange(site, gateway, stick)
    if back.is_rival:
        back = exchange(site, gateway, stick)
    assert back.adopted is not None
    seal(site.vault, keys_of(site.vault), site.network.clock)
    assert exchange(site, gateway, stick).anchored == (5,)
    for number in (1, 2, 3, 5):
        proves(site, number)
    assert len(leaf_hashes(site.vault)) == 4


def taken_in(site: Site, other: Site) -> Recovered:
    """Its records come from another vault, and no chain is asked."""
    source = Sources(vaults=[OtherVaultSource(other.vault, other.keys)])
    return recover(site.vault, source, clock=site.network.clock, randomness=counted_bytes(b"merging"))


@pytest.mark.parametrize("mirror_first", [True, False])
def test_records_get_their_old_places_whichever_way_they_come(
    site: Site, gateway: GatewayDesk, stick: Path, tmp_path: Path, *, mirror_first: bool
) -> None:
    """The mirror's leaf hashes by courier, and the records out of the old vault: in both orders, and again."""
    sealed(site, 1, 2)
    exchange(site, gateway, stick)
    copy = restored(site, tmp_path / "copy")
    sealed(site, 3)
    exchange(site, gateway, stick)
    if mirror_first:
        assert exchange(copy, gateway, stick).adopted is not None
        done = taken_in(copy, site)
        assert (done.merged.added, done.adopted.found, done.adopted.without_record) == (1, 1, 0)
    else:
        assert taken_in(copy, site).adopted.without_record == 0
        exchange(copy, gateway, stick)
    assert taken_in(copy, site).adopted.found == 0
    exchange(copy, gateway, stick)
    seal(copy.vault, keys_of(copy.vault), site.network.clock)
    status = read_status(copy.vault)
    assert (status.waiting, status.log_size, status.losses.known_by_hash) == (0, 3, 0)
    proves(copy, 3)


def test_records_that_wait_though_the_log_has_them_are_placed_by_running_it_again(
    site: Site, gateway: GatewayDesk, stick: Path, tmp_path: Path
) -> None:
    """As earlier versions left them: in the queue, beside a leaf that is known by its hash only."""
    sealed(site, 1, 2)
    exchange(site, gateway, stick)
    copy = restored(site, tmp_path / "copy")
    sealed(site, 3)
    exchange(site, gateway, stick)
    exchange(copy, gateway, stick)
    merge_records(
        copy.vault, site.vault, site.keys, clock=site.network.clock, randomness=counted_bytes(b"merging")
    )
    assert read_status(copy.vault).waiting == 1
    assert taken_in(copy, site).adopted.found == 1
    status = read_status(copy.vault)
    assert (status.waiting, status.log_size, status.losses.known_by_hash) == (0, 3, 0)


def test_a_lie_about_the_registry_changes_no_log(
    site: Site, gateway: GatewayDesk, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from perdure_contracts.registry import Head, RegistryContract

    sealed(site, 1)
    exchange(site, gateway, stick)
    out = pack_to(site.vault, stick, site.network)
    with monkeypatch.context() as lying:
        lying.setattr(RegistryContract, "head", lambda *_: Head(9, document(9).sha256))
        answer = gateway.answer(out, stick)
    received = receive_from(site.vault, answer, site.network)
    assert received.is_rival
    assert received.adopted is None
    assert site.vault.log_size == 1
    # it heals: the next bundle asks, and an honest answer clears it
    assert not exchange(site, gateway, stick).is_rival
