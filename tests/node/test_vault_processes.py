"""A vault on which several processes work: everybody gets a turn, and who waits is told for whom."""

import fcntl
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from perdure_node.clock import system_clock
from perdure_node.errors import (
    VaultBusy,
)
from perdure_node.imports import importing
from perdure_node.locks import WriterLock, import_lock, sealer_lock
from perdure_node.log.sealing import seal
from perdure_node.records import State
from perdure_node.status import read_status
from perdure_node.vault import Vault, open_vault
from tools.limited import beside
from tools.numbered_vaults import files, listed, names
from tools.site_desk import add_numbers, import_file, keys_of, leaf_hashes
from tools.site_network import STOPPED

pytestmark = pytest.mark.slow


def hold_writing(folder: Path, begun: Any) -> None:
    with open_vault(folder) as vault, vault.database.transaction():
        begun.set()
        time.sleep(60)


def hold_lock(take: Callable[..., Any], folder: Path, begun: Any) -> None:
    with take(folder, STOPPED):
        begun.set()
        time.sleep(60)


def test_who_waits_in_vain_to_write_is_told_for_whom(offline_vault: Vault) -> None:
    begun = multiprocessing.Event()
    with beside(hold_writing, offline_vault.folder, begun) as other:
        assert begun.wait(10)
        began = time.monotonic()
        with pytest.raises(VaultBusy, match=f"process {other.pid} is writing") as caught:
            add_numbers(offline_vault, 1)
        assert 4.9 < time.monotonic() - began < 7
        assert caught.value.pid == other.pid
        assert read_status(offline_vault).waiting == 0
    add_numbers(offline_vault, 1)


@pytest.mark.parametrize(
    ("take", "doing"), [(sealer_lock, "sealing or syncing"), (import_lock, "importing a list")]
)
def test_one_process_seals_and_one_imports_while_all_add(
    offline_vault: Vault, tmp_path: Path, take: Callable[..., Any], doing: str
) -> None:
    begun = multiprocessing.Event()
    with beside(hold_lock, take, offline_vault.folder, begun) as other:
        assert begun.wait(10)
        add_numbers(offline_vault, 1)
        with (
            pytest.raises(VaultBusy, match=f"process {other.pid} is {doing}"),
            take(offline_vault.folder, hurried()),
        ):
            pass
        if take is sealer_lock:
            assert import_file(offline_vault, listed(tmp_path / "list.csv", 2)).added == 1
        else:
            assert seal(offline_vault, keys_of(offline_vault), STOPPED) is not None
    with take(offline_vault.folder, STOPPED):
        pass


def hurried() -> Any:
    """A clock in whose time five seconds are soon over."""
    return replace(STOPPED, monotonic=lambda: 1000 * time.monotonic(), sleep=lambda _: time.sleep(0.001))


def test_a_lock_does_not_outlive_its_holder_in_a_forked_process(tmp_path: Path) -> None:
    begun, ended = multiprocessing.Event(), multiprocessing.Event()

    def sleep() -> None:
        begun.set()
        ended.wait(30)

    with sealer_lock(tmp_path, STOPPED):
        process = multiprocessing.get_context("fork").Process(target=sleep)
        process.start()
        assert begun.wait(10)
    with sealer_lock(tmp_path, hurried()):
        pass
    ended.set()
    process.join()


def import_for_ever(folder: Path, lists: Path, begun: Any) -> None:
    importing._TRANSACTION, importing._CHUNK = 200, 100
    with open_vault(folder) as vault:
        for number in range(1000):
            path = listed(
                lists / f"{number}.csv", *range(1_000_000 + 1000 * number, 1_001_000 + 1000 * number)
            )
            import_file(vault, path)
            begun.set()


def seal_for_ever(folder: Path, _lists: Path, begun: Any) -> None:
    with open_vault(folder) as vault:
        while True:
            seal(vault, keys_of(vault), STOPPED)
            begun.set()


@pytest.mark.parametrize("other", [import_for_ever, seal_for_ever])
def test_an_addition_gets_its_turn_beside_whoever_else_writes(
    offline_vault: Vault, tmp_path: Path, other: Callable[..., None]
) -> None:
    begun = multiprocessing.Event()
    with beside(other, offline_vault.folder, tmp_path, begun) as process:
        assert begun.wait(20)
        for number in range(20):
            began = time.monotonic()
            add_numbers(offline_vault, number)
            assert time.monotonic() - began < 2.5
        assert process.is_alive()
    there = set(names(offline_vault))
    assert set(files(*range(20))) <= there
    seal(offline_vault, keys_of(offline_vault), STOPPED)
    assert len(set(leaf_hashes(offline_vault))) == len(names(offline_vault, State.SEALED))


def write_for_ever(folder: Path, begun: Any) -> None:
    lock = WriterLock(folder, system_clock())
    while True:
        with lock.held():
            begun.set()
            time.sleep(0.1)


def test_who_writes_again_and_again_lets_others_in_between(tmp_path: Path) -> None:
    """Without turns, whoever looks every hundredth of a second would find the lock taken for ever."""
    begun, longest = multiprocessing.Event(), 0.0
    lock = WriterLock(tmp_path, system_clock())
    with beside(write_for_ever, tmp_path, begun):
        assert begun.wait(10)
        for _ in range(10):
            began = time.monotonic()
            with lock.held():
                longest = max(longest, time.monotonic() - began)
    lock.close()
    assert longest < 1


def test_locks_are_files_that_anybody_can_look_at(offline_vault: Vault) -> None:
    """The sealer's lock is a plain flock: shell scripts such as backups can hold it too."""
    with (offline_vault.folder / "sealer.lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(VaultBusy), sealer_lock(offline_vault.folder, hurried()):
            pass
