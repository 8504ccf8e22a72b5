"""Backups in the hands of disks, sticks, synchronising services and attackers: each fault has a name, and other backups stay whole."""

import os
import random
import shutil
from pathlib import Path

import pytest
from perdure_anchor.errors import EncodingError, PerdureError, VerificationError
from perdure_anchor.hashes import sha256
from perdure_anchor.log import Gap, Gaps
from perdure_anchor.verdict import Grade
from perdure_node.backup.checking import check_backup, damaged_files
from perdure_node.backup.choosing import (
    find_backups,
)
from perdure_node.backup.errors import (
    BackupDamaged,
    BackupIncomplete,
    BackupKeyMissing,
    BackupUnproved,
    NewerBackup,
    NotABackupFolder,
)
from perdure_node.backup.folder import SiteFolder, backup_name
from perdure_node.backup.keys import BACKUP_KEY_FILE
from perdure_node.backup.manifest import read_backup
from perdure_node.backup.taking import take_backup
from perdure_node.errors import VaultDamaged, VaultStorageFailed
from perdure_node.log.gaps import store_gaps
from perdure_node.log.site_log import nodes_at
from perdure_node.vault import Vault, open_vault
from tools.backups import backed_up, backups_in, files_of, names, names_in, opened, packs_in, restored
from tools.limited import fill, small_disk
from tools.site_desk import Site, add_numbers, keys_of
from tools.site_network import STOPPED

pytestmark = pytest.mark.slow

CHANGES = int(os.environ.get("PERDURE_TORTURE", 0)) or 60


def outcome(folder: Path, which: str, target: Path) -> list[tuple[object, ...]] | PerdureError:
    try:
        return names_in(folder, which, target)
    except PerdureError as error:
        return error
    finally:
        assert not target.exists()


# damage


@pytest.mark.parametrize("how", ["flip", "cut", "grow", "zeros"])
def test_damage_to_any_file_is_named_and_harms_no_other_backup(two: Path, tmp_path: Path, how: str) -> None:
    chance = random.Random(how)
    whole = {which: outcome(two, which, tmp_path / "new") for which in "12"}
    first_needs = {backups_in(two)[0], packs_in(two)[0]}
    for _ in range(CHANGES // 4):
        for path in (*backups_in(two), *packs_in(two)):
            before = path.read_bytes()
            path.write_bytes(damaged(before, how, chance))
            assert [str(path) in str(fault) for fault in damaged_files(SiteFolder(path.parent))] == [True]
            results = {which: outcome(two, which, tmp_path / "new") for which in "12"}
            if path not in first_needs:
                assert results["1"] == whole["1"]
            for which, result in results.items():
                assert result == whole[which] or isinstance(result, EncodingError | VerificationError)
            assert any(isinstance(result, PerdureError) for result in results.values())
            path.write_bytes(before)
    assert {which: outcome(two, which, tmp_path / "new") for which in "12"} == whole


def damaged(octets: bytes, how: str, chance: random.Random) -> bytes:
    place = chance.randrange(len(octets))
    match how:
        case "flip":
            return octets[:place] + bytes([octets[place] ^ 1 << chance.randrange(8)]) + octets[place + 1 :]
        case "cut":
            return octets[:place]
        case "grow":
            return octets + chance.randbytes(1 + place % 100)
        case _:
            # what a stick has that was taken out too early: the right size, and nothing in it from some place on
            return octets[:place] + bytes(len(octets) - place - 1) + b"\1"


def test_a_backup_after_damage_writes_anew_what_the_vault_still_has(
    two: Path, offline_vault: Vault, tmp_path: Path
) -> None:
    """Seen where the pack's index is hurt, as by a copy that was broken off; deeper damage is for `verify` to find."""
    packs_in(two)[0].write_bytes(packs_in(two)[0].read_bytes()[:-100])
    taken = backed_up(offline_vault, two)
    assert len(taken.damaged) == 1
    assert names_in(two, "3", tmp_path / "new") == names(offline_vault)
    assert isinstance(outcome(two, "1", tmp_path / "new"), PerdureError)


def test_a_pack_that_is_damaged_inside_is_deleted_and_made_good(
    two: Path, offline_vault: Vault, tmp_path: Path
) -> None:
    path = packs_in(two)[0]
    octets = bytearray(path.read_bytes())
    octets[len(octets) // 3] ^= 1
    path.write_bytes(octets)
    assert isinstance(outcome(two, "2", tmp_path / "new"), BackupDamaged)
    path.unlink()
    backed_up(offline_vault, two)
    assert names_in(two, "3", tmp_path / "new") == names(offline_vault)


def test_a_missing_pack_is_a_folder_that_is_not_copied_completely(two: Path, tmp_path: Path) -> None:
    packs_in(two)[0].unlink()
    with pytest.raises(BackupIncomplete, match="in no pack"):
        restored(two, tmp_path / "new")


def test_what_else_lies_there_is_left_alone(two: Path, offline_vault: Vault, tmp_path: Path) -> None:
    """Copies that a synchronising service makes of what it takes for a conflict, and what users put there."""
    site = backups_in(two)[0].parent
    strange = [
        two / "photo.jpg",
        site / f"{packs_in(two)[0].stem} (conflicted copy).pack",
        site / f"{backups_in(two)[0].stem} (1).backup",
        site / ".DS_Store",
    ]
    for path in strange:
        path.write_bytes(b"something")
    (two / "acme--rotterdam-00000000").mkdir()
    (two / "acme--rotterdam-00000000" / backups_in(two)[0].name).mkdir()
    backed_up(offline_vault, two, keep=1)
    assert all(path.read_bytes() == b"something" for path in strange)
    assert names_in(two, "3", tmp_path / "new") == names(offline_vault)


def test_a_newer_format_is_named(two: Path) -> None:
    octets = backups_in(two)[1].read_bytes().replace(b"perdure-backup/1", b"perdure-backup/2", 1)
    digest = sha256(octets).hex()[:32]
    path = backups_in(two)[1].parent / backup_name(9, "2026-01-01T00:00:00Z", digest)
    path.write_bytes(octets)
    with pytest.raises(NewerBackup):
        read_backup(path)
    assert [error for _, error in find_backups(two).unreadable if isinstance(error, NewerBackup)]


# disks


def test_a_full_stick(offline_vault: Vault, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2 << 20) as disk:
        stick = disk / "stick"
        add_numbers(offline_vault, 1)
        backed_up(offline_vault, stick)
        before = {path: path.read_bytes() for path in files_of(stick)}
        ballast = fill(disk)
        for number in range(2, 40):
            add_numbers(offline_vault, number)
        with pytest.raises(VaultStorageFailed, match="no space left"):
            backed_up(offline_vault, stick)
        assert {path: path.read_bytes() for path in files_of(stick)} == before
        ballast.unlink()
        assert len(names_in(stick, "1", tmp_path / "new")) == 1
        backed_up(offline_vault, stick)
        assert len(names_in(stick, "2", tmp_path / "new")) == 39


def test_a_full_disk_under_the_vault(offline_vault: Vault, tmp_path: Path) -> None:
    add_numbers(offline_vault, 1)
    offline_vault.close()
    with small_disk(tmp_path / "disk", 2 << 20) as disk:
        shutil.copytree(offline_vault.folder, disk / ".perdure")
        with open_vault(disk / ".perdure") as vault:
            backed_up(vault, tmp_path / "stick")
            fill(disk, leave=20_000)
            with pytest.raises(VaultStorageFailed, match="as much room"):
                backed_up(vault, tmp_path / "stick")
            assert not list(vault.folder.glob("*copy*"))
        assert len(names_in(tmp_path / "stick", "1", tmp_path / "new")) == 1


def test_restoring_to_a_full_disk(two: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1 << 20) as disk:
        fill(disk, leave=30_000)
        with pytest.raises(VaultStorageFailed):
            restored(two, disk / "new")
        assert [path.name for path in disk.iterdir()] == ["ballast"]


def test_no_stick(offline_vault: Vault, tmp_path: Path) -> None:
    with pytest.raises(NotABackupFolder, match="no such folder") as caught:
        take_backup(
            offline_vault,
            tmp_path / "nowhere",
            keys_of(offline_vault).private_key,
            clock=STOPPED,
            randomness=os.urandom,
        )
    assert "mounted" in (caught.value.hint or "")
    with pytest.raises(NotABackupFolder, match="in the vault itself"):
        backed_up(offline_vault, offline_vault.folder / "backups")


def test_a_damaged_backup_key(offline_vault: Vault, tmp_path: Path) -> None:
    backed_up(offline_vault, tmp_path / "stick")
    path = offline_vault.folder / BACKUP_KEY_FILE
    for octets in (b"", b"{}", path.read_bytes()[:-20], path.read_bytes().replace(b"age1", b"age2")):
        path.write_bytes(octets)
        with pytest.raises(BackupKeyMissing, match="not a file of the format"):
            backed_up(offline_vault, tmp_path / "stick")
    path.unlink()
    backed_up(offline_vault, tmp_path / "stick")
    assert opened(tmp_path / "stick", "2").is_authentic


# what `verify` finds


def test_a_log_that_does_not_fit_its_checkpoints(site: Site, tmp_path: Path) -> None:
    site.add(*range(3))
    site.sync()
    changes: list[tuple[str, str, type[PerdureError]]] = [
        ("root", "UPDATE checkpoint SET root = zeroblob(32)", VaultDamaged),
        ("signature", "UPDATE checkpoint SET sealed_at = sealed_at + 1", BackupUnproved),
        ("record", "UPDATE record SET leaf_hash = zeroblob(32) WHERE sequence = 2", VaultDamaged),
        ("anchor", "UPDATE anchor SET log_position = log_position + 1", BackupUnproved),
    ]
    for name, sql, error in changes:
        stick = tmp_path / name
        folder = tmp_path / f"vault-{name}" / ".perdure"
        shutil.copytree(site.vault.folder, folder)
        with open_vault(folder) as vault:
            with vault.database.transaction():
                vault.database.execute(sql)
            backed_up(vault, stick)
            with pytest.raises(error):
                check_backup(opened(stick), keys_of, 5, beside=tmp_path, randomness=os.urandom)
    assert not list(tmp_path.glob("perdure-verify-*"))


def test_a_log_with_a_gap_is_checked_as_far_as_it_is_known(site: Site, tmp_path: Path) -> None:
    """As a recovered vault has it: of one leaf nothing is known, neither its hash nor a record."""
    site.add(*range(4))
    site.sync()
    database = site.vault.database
    at = nodes_at(database, 4)
    known = {(1, 0): at(1, 0), (2, 0): at(2, 0)}
    with database.transaction():
        store_gaps(database, Gaps([Gap(1, 2)]), known)
        database.execute("DELETE FROM entry WHERE log_index = 1")
    backed_up(site.vault, tmp_path / "stick")
    checked = check_backup(opened(tmp_path / "stick"), keys_of, 9, beside=tmp_path, randomness=os.urandom)
    assert (checked.checkpoints, checked.log_size) == (1, 4)
    # the path of record 0 goes through the lost leaf
    assert checked.grades == {Grade.FINAL: 2}
    with database.transaction():
        database.execute("UPDATE known_node SET hash = zeroblob(32) WHERE level = 2")
    backed_up(site.vault, tmp_path / "stick")
    with pytest.raises(VaultDamaged, match="another root"):
        check_backup(opened(tmp_path / "stick"), keys_of, 9, beside=tmp_path, randomness=os.urandom)
