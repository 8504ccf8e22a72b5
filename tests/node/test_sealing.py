import fcntl
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perdure_anchor.checkpoint import recover_checkpoint_signer
from perdure_anchor.log import MemoryLog
from perdure_node.errors import VaultBusy, VaultDamaged, WrongPassphrase
from perdure_node.keys.keyring import KeyRing
from perdure_node.locks import SEALER_LOCK_FILE, sealer_lock
from perdure_node.log.sealing import seal
from perdure_node.log.site_log import checkpoint_of_size, newest_checkpoint
from perdure_node.vault import Vault
from tools.site_desk import add_numbers, leaf_hashes
from tools.site_network import PASSPHRASE, START, STOPPED


@pytest.fixture
def keys(offline_vault: Vault) -> KeyRing:
    return KeyRing(offline_vault, lambda: PASSPHRASE)


def test_records_are_sealed_in_the_order_in_which_they_were_added(
    offline_vault: Vault, keys: KeyRing
) -> None:
    added = add_numbers(offline_vault, 3, 1, 2)
    sealed = seal(offline_vault, keys, STOPPED)
    assert sealed is not None
    assert (sealed.previous_size, sealed.size, sealed.sealed_at) == (0, 3, int(START))
    assert leaf_hashes(offline_vault) == [each.leaf_hash for each in added]
    assert offline_vault.log_size == 3


def test_the_sites_key_signs_the_log(offline_vault: Vault, keys: KeyRing) -> None:
    add_numbers(offline_vault, *range(300))
    seal(offline_vault, keys, STOPPED)
    add_numbers(offline_vault, *range(300, 305))
    seal(offline_vault, keys, STOPPED)
    log = MemoryLog(leaf_hashes(offline_vault))
    for size in (300, 305):
        stored = checkpoint_of_size(offline_vault, size)
        assert stored is not None
        assert stored.checkpoint.root == log.root(size)
        signer = recover_checkpoint_signer(offline_vault.trust.domain, stored.checkpoint, stored.signature)
        assert signer == offline_vault.site_address
    assert newest_checkpoint(offline_vault) == checkpoint_of_size(offline_vault, 305)


def test_nothing_to_seal_needs_no_passphrase(offline_vault: Vault) -> None:
    def ask() -> str:
        raise AssertionError("asked for nothing")

    assert seal(offline_vault, KeyRing(offline_vault, ask), STOPPED) is None
    assert newest_checkpoint(offline_vault) is None


def test_a_wrong_passphrase_seals_nothing(offline_vault: Vault, keys: KeyRing) -> None:
    add_numbers(offline_vault, 1)
    with pytest.raises(WrongPassphrase):
        seal(offline_vault, KeyRing(offline_vault, lambda: "wrong"), STOPPED)
    assert offline_vault.log_size == 0
    assert seal(offline_vault, keys, STOPPED) is not None


def test_a_key_of_another_address_signs_nothing(offline_vault: Vault, keys: KeyRing) -> None:
    add_numbers(offline_vault, 1)
    with offline_vault.database.transaction():
        offline_vault.database.execute("UPDATE site_key SET address = ?", bytes(20))
    with pytest.raises(VaultDamaged, match="another one"):
        seal(offline_vault, keys, STOPPED)
    assert offline_vault.log_size == 0


def test_a_damaged_log_is_not_signed_over(offline_vault: Vault, keys: KeyRing) -> None:
    add_numbers(offline_vault, 1, 2, 3)
    seal(offline_vault, keys, STOPPED)
    add_numbers(offline_vault, 4)
    tiles = offline_vault.database.row("SELECT octets FROM tile")
    assert tiles is not None
    for damaged in (bytes(96), tiles[0][:64], b""):
        offline_vault.database.execute("UPDATE tile SET octets = ?", damaged)
        with pytest.raises(VaultDamaged):
            seal(offline_vault, keys, STOPPED)
        assert offline_vault.log_size == 3
    offline_vault.database.execute("UPDATE tile SET octets = ?", tiles[0])
    assert seal(offline_vault, keys, STOPPED) is not None


def test_one_process_seals_at_a_time(offline_vault: Vault, keys: KeyRing) -> None:
    add_numbers(offline_vault, 1)
    waits: list[float] = []
    descriptor = os.open(offline_vault.folder / SEALER_LOCK_FILE, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.write(descriptor, b"4711")
    clock = replace(STOPPED, monotonic=lambda: sum(waits), sleep=waits.append)
    with pytest.raises(VaultBusy, match="process 4711") as caught:
        seal(offline_vault, keys, clock)
    assert caught.value.pid == 4711
    assert 5 <= sum(waits) < 6
    os.close(descriptor)
    assert seal(offline_vault, keys, clock) is not None


def test_the_lock_names_its_holder_and_is_given_back(tmp_path: Path) -> None:
    with sealer_lock(tmp_path, STOPPED):
        assert (tmp_path / SEALER_LOCK_FILE).read_text().strip() == str(os.getpid())
        with pytest.raises(VaultBusy) as caught, sealer_lock(tmp_path, STOPPED, patience=0):
            pass
        assert caught.value.pid == os.getpid()
    with sealer_lock(tmp_path, STOPPED, patience=0):
        pass


batches = st.lists(st.integers(1, 40), min_size=1, max_size=4)


@settings(max_examples=8, deadline=None)
@given(batches=batches)
def test_any_batches_give_the_log_of_all_records(
    batches: list[int], tmp_path_factory: pytest.TempPathFactory, founded: Path
) -> None:
    from tools.site_network import new_vault

    with new_vault(founded, tmp_path_factory.mktemp("batches") / "vault") as vault:
        keys = KeyRing(vault, lambda: PASSPHRASE)
        numbers = iter(range(1000))
        for count in batches:
            add_numbers(vault, *(next(numbers) for _ in range(count)))
            sealed = seal(vault, keys, STOPPED)
            assert sealed is not None
            assert sealed.root == MemoryLog(leaf_hashes(vault)).root(sealed.size)
        assert vault.log_size == sum(batches)
