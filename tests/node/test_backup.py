"""Backups of a vault: whole, small, and restored to what it was."""

import os
from pathlib import Path

import pytest
from perdure_anchor.verdict import Grade
from perdure_node.backup.checking import check_backup, damaged_files
from perdure_node.backup.choosing import WithPassphrase, choose_backup
from perdure_node.backup.restoring import Restored, restore
from perdure_node.backup.taking import Taken, take_backup
from perdure_node.errors import NotReconciled, WrongPassphrase
from perdure_node.listing import list_records
from perdure_node.sealing import seal
from perdure_node.vault import Vault, open_vault
from tools.site_desk import Site, add_numbers, keys_of
from tools.site_network import PASSPHRASE, STOPPED


def backed_up(vault: Vault, folder: Path, **options: object) -> Taken:
    folder.mkdir(exist_ok=True)
    return take_backup(
        vault, folder, keys_of(vault).private_key, clock=STOPPED, randomness=os.urandom, **options
    )  # type: ignore[arg-type]


def restored(folder: Path, target: Path, which: str | None = None, passphrase: str = PASSPHRASE) -> Restored:
    opened = WithPassphrase(lambda: passphrase)(choose_backup(folder, which))
    return restore(opened, target, clock=STOPPED, randomness=os.urandom)


def names(vault: Vault) -> list[tuple[object, ...]]:
    return [
        (each.sequence, each.index, each.leaf_hash, each.document_name)
        for each in list_records(vault, keys_of(vault))
    ]


def test_what_is_backed_up_is_restored(site: Site, tmp_path: Path) -> None:
    site.add(0, 1, 2)
    site.sync()
    add_numbers(site.vault, 3)
    backed_up(site.vault, tmp_path / "stick")
    made = restored(tmp_path / "stick", tmp_path / "new")
    with open_vault(made.folder) as vault:
        assert names(vault) == names(site.vault)
        assert keys_of(vault).site_key() == site.keys.site_key()
        with pytest.raises(NotReconciled):
            seal(vault, keys_of(vault), clock=STOPPED)
        after = Site(site.network, vault)
        after.sync()
        assert after.is_final(0, 1, 2, 3)


def test_a_backup_is_checked(site: Site, tmp_path: Path) -> None:
    site.add(*range(5))
    site.sync()
    add_numbers(site.vault, 7)
    backed_up(site.vault, tmp_path / "stick")
    opened = WithPassphrase(lambda: PASSPHRASE)(choose_backup(tmp_path / "stick"))
    checked = check_backup(opened, keys_of, 20, beside=tmp_path, randomness=os.urandom)
    assert checked.grades == {Grade.FINAL: 5, Grade.RECORDED: 1}
    assert (checked.checkpoints, checked.log_size, checked.waiting) == (1, 5, 1)
    assert damaged_files(opened.backup.site_folder) == []
    assert not list(tmp_path.glob("perdure-verify-*"))


def test_a_wrong_passphrase(offline_vault: Vault, tmp_path: Path) -> None:
    backed_up(offline_vault, tmp_path / "stick")
    with pytest.raises(WrongPassphrase):
        restored(tmp_path / "stick", tmp_path / "new", passphrase="wrong")
    assert not (tmp_path / "new").exists()
