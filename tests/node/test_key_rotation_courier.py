"""Rotations that travel by courier: with what they are for, late, and under keys that the registry takes no more."""

from pathlib import Path

import pytest
from perdure_anchor.key_rotation import MAX_GRACE_PERIOD
from perdure_contracts.rpc import RpcUnreachable
from perdure_node.encryption.hybrid import PrivateKey
from perdure_node.errors import GracePeriodTooLong
from perdure_node.key_changes import change_passphrase, recover_identity, replace_recovery_key
from perdure_node.keys.keyring import KeyRing, RecoveryKeyRing
from perdure_node.keys.signing_keys import site_keys
from perdure_node.site_keys.checkpoint_signatures import checkpoint_signer
from perdure_node.site_keys.rotating import make_site_key, rotate_site_key
from perdure_node.site_keys.standing import (
    rotations_under_way,
)
from perdure_node.vault import Vault, open_vault
from tools.gateway_desk import GatewayDesk, pack_to, receive_from
from tools.rotations import held, known, newest, randomness, revoke, rotate, set_key
from tools.site_desk import Site, keys_of
from tools.site_network import CHEAP, STOPPED, lost_answer


def test_a_rotation_travels_in_a_bundle_with_what_it_is_for(site: Site, tmp_path: Path, stick: Path) -> None:
    gateway = GatewayDesk(site.network, tmp_path / "gateway")
    site.add(1)
    site.seal()
    old, new = site.vault.site_address, rotate(site, "second")
    newer = rotate(site, "third")
    site.add(2)
    site.seal()
    out = pack_to(site.vault, stick, site.network)
    delivered = gateway.deliver(out)
    assert (delivered.refused, delivered.unfinished) == ((), ())
    received = receive_from(site.vault, gateway.answer(out, stick), site.network)
    assert (received.anchored, received.doubted) == ((2,), ())
    assert rotations_under_way(site.vault.database) == []
    assert (known(site).key, known(site).previous_key, known(site).key_nonce) == (newer, new, 2)
    # what came home was verified, so it is as good a reason to destroy the older keys as a sync
    assert held(site.vault) == [False, False, True]
    assert site.is_final(1, 2)
    assert old != new


def test_a_stick_from_before_a_rotation_comes_home_after_it(site: Site, tmp_path: Path, stick: Path) -> None:
    """The checkpoint was signed anew meanwhile; evidence takes the signature that was on the stick."""
    gateway = GatewayDesk(site.network, tmp_path / "gateway")
    site.add(1)
    site.seal()
    old = site.vault.site_address
    out = pack_to(site.vault, stick, site.network)
    make_site_key(site.vault, clock=site.network.clock, randomness=randomness("new"))
    assert checkpoint_signer(site.vault, newest(site)) == site.vault.site_address != old
    assert gateway.deliver(out).refused == ()
    received = receive_from(site.vault, gateway.answer(out, stick), site.network)
    assert (received.anchored, received.doubted) == ((1,), ())
    assert checkpoint_signer(site.vault, newest(site)) == old
    assert site.is_final(1)


def test_what_an_old_key_signed_leaves_by_courier_under_the_new_one(
    site: Site, tmp_path: Path, stick: Path
) -> None:
    """The old key was revoked while records were under way: nothing that it signed is taken any more."""
    gateway = GatewayDesk(site.network, tmp_path / "gateway")
    site.add(1)
    site.seal()
    site.add(2)
    site.seal()
    revoke(site)
    key = make_site_key(site.vault, clock=site.network.clock, randomness=randomness("new"))
    set_key(site, key.address)
    out = pack_to(site.vault, stick, site.network)
    assert gateway.deliver(out).refused == ()
    assert receive_from(site.vault, gateway.answer(out, stick), site.network).anchored == (2,)
    assert site.is_final(1, 2)


@pytest.mark.parametrize("grace", [-1, MAX_GRACE_PERIOD + 1])
def test_a_grace_period_that_the_registry_refuses_is_refused_here(site: Site, grace: int) -> None:
    with pytest.raises(GracePeriodTooLong):
        rotate(site, "second", grace)
    assert held(site.vault) == [True]


def test_the_longest_grace_period_is_taken(site: Site) -> None:
    rotate(site, "second", MAX_GRACE_PERIOD)
    assert len(site.sync().rotated) == 1


def all_keys(vault: Vault, keys: KeyRing) -> list[bytes]:
    return [keys.site_key_of(key) for key in site_keys(vault.database)]


def test_every_key_opens_after_each_change_of_who_can_read(offline_vault: Vault) -> None:
    vault, keys = offline_vault, keys_of(offline_vault)
    recovery = PrivateKey(b"r" * 32)
    replace_recovery_key(vault, keys, recovery, STOPPED)
    for seed in ("second", "third"):
        rotate_site_key(vault, keys, clock=STOPPED, randomness=randomness(seed))
    want = all_keys(vault, keys)
    assert len(set(want)) == 3
    assert all_keys(vault, RecoveryKeyRing(vault, recovery)) == want
    change_passphrase(vault, keys, "another passphrase", randomness("a"), CHEAP)
    assert all_keys(vault, KeyRing(vault, lambda: "another passphrase")) == want
    recover_identity(
        vault,
        RecoveryKeyRing(vault, recovery),
        "a third passphrase",
        clock=STOPPED,
        randomness=randomness("b"),
        cost=CHEAP,
    )
    third = KeyRing(vault, lambda: "a third passphrase")
    assert all_keys(vault, third) == want
    newer = PrivateKey(b"s" * 32)
    replace_recovery_key(vault, third, newer, STOPPED)
    assert all_keys(vault, RecoveryKeyRing(vault, newer)) == want


def test_a_rotation_that_is_cut_off_leaves_the_old_key(offline_vault: Vault) -> None:
    """Killed before the transaction is written, and after."""
    old = offline_vault.site_address
    database = offline_vault.database

    class Killed(BaseException):
        pass

    calls = []

    def insert(sql: str, *parameters: object) -> int:
        calls.append(sql)
        if "key_rotation" in sql:
            raise Killed
        return original(sql, *parameters)

    original = database.insert
    database.insert = insert  # type: ignore[method-assign]  # a fault, made here
    with pytest.raises(Killed):
        rotate_site_key(offline_vault, keys_of(offline_vault), clock=STOPPED, randomness=randomness("2"))
    database.insert = original  # type: ignore[method-assign]  # mended
    assert len(calls) == 2
    with open_vault(offline_vault.folder) as again:
        assert again.site_address == old
        assert held(again) == [True]
        assert rotations_under_way(again.database) == []


def test_a_rotation_survives_a_lost_answer(site: Site) -> None:
    rotate(site, "second")
    site.network.faults["eth_sendRawTransaction"] = lost_answer()
    site.add(1)
    try:
        site.sync()
    except RpcUnreachable:
        site.sync()
    assert site.is_final(1)
    assert (known(site).key_nonce, site.sent()) == (1, 2)
