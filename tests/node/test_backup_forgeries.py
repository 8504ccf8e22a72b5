"""Backups in a folder that lies: forged, put back, exchanged, or led out of the vault."""

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from perdure_anchor.hashes import sha256
from perdure_node.backup import manifest
from perdure_node.backup.checking import damaged_files
from perdure_node.backup.choosing import (
    Chosen,
    WithKeys,
    WithPassphrase,
    choose_backup,
    find_backups,
    open_chosen,
)
from perdure_node.backup.errors import (
    BackupDamaged,
    BackupForged,
)
from perdure_node.backup.folder import SiteFolder, backup_name
from perdure_node.backup.keys import new_backup_key, read_backup_key
from perdure_node.backup.manifest import Contents, FileEntry, read_backup, write_backup
from perdure_node.encryption import identity
from perdure_node.encryption.hybrid import new_private_key, public_key_of
from perdure_node.encryption.identity import KdfCost
from perdure_node.errors import WrongPassphrase
from perdure_node.key_changes import replace_recovery_key
from perdure_node.vault import Vault
from tools.backups import (
    backed_up,
    backups_in,
    names_in,
    opened,
    packs_in,
)
from tools.site_desk import keys_of
from tools.site_network import PASSPHRASE, START, STOPPED, new_vault

pytestmark = pytest.mark.slow


def test_a_folder_that_was_put_back_is_noticed(offline_vault: Vault, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    backed_up(offline_vault, stick)
    shutil.copytree(stick, tmp_path / "earlier")
    second = backed_up(offline_vault, stick)
    shutil.rmtree(stick)
    shutil.move(tmp_path / "earlier", stick)
    third = backed_up(offline_vault, stick)
    assert third.rolled_back is not None
    assert third.rolled_back.name == second.path.name
    assert third.contents.number == 3
    assert backed_up(offline_vault, stick).rolled_back is None


def test_two_sticks_in_turn_are_no_roll_back(offline_vault: Vault, tmp_path: Path) -> None:
    for number in range(6):
        assert backed_up(offline_vault, tmp_path / f"stick{number % 2}").rolled_back is None


def test_a_backup_that_was_forged_for_the_vault_s_public_key(
    offline_vault: Vault, founded: Path, tmp_path: Path
) -> None:
    """Whoever can write to the folder reads the identity's public key there, and encrypts a vault of his own to it."""
    recovery = new_private_key(os.urandom)
    replace_recovery_key(offline_vault, keys_of(offline_vault), recovery, STOPPED)
    stick = tmp_path / "stick"
    true = backed_up(offline_vault, stick)
    with new_vault(founded, tmp_path / "forger" / ".perdure") as forgers:
        key = new_backup_key(
            new_private_key(os.urandom),
            [public_key_of(keys_of(offline_vault).private_key()), public_key_of(recovery)],
            os.urandom,
        )
        site = SiteFolder(true.path.parent)
        identity = (offline_vault.folder / "identity.json").read_bytes()
        contents = Contents(forgers.origin, 99, 2**31, 0, 0, None, ())
        write_backup(site, key, identity, contents, os.urandom)
    with pytest.raises(BackupForged, match="not made by this vault"):
        opened(stick)
    assert WithKeys((recovery,))(choose_backup(stick)).is_authentic is None
    assert opened(stick, "1").is_authentic


def forged(
    vault: Vault, site: SiteFolder, number: int, taken_at: float, identity_file: bytes | None = None
) -> Path:
    """A backup by somebody who can write to the folder, encrypted to the vault's public key, which the folder tells."""
    key = new_backup_key(
        new_private_key(os.urandom), [public_key_of(keys_of(vault).private_key())], os.urandom
    )
    contents = Contents(vault.origin, number, int(taken_at), 0, 0, None, ())
    own = (vault.folder / "identity.json").read_bytes()
    return write_backup(site, key, own if identity_file is None else identity_file, contents, os.urandom)


def chosen(folder: Path, which: str | None = None) -> Chosen:
    return open_chosen(find_backups(folder), folder, which, WithPassphrase(lambda: PASSPHRASE), STOPPED)


def test_a_date_that_is_none_names_its_file_and_hides_no_other(two: Path) -> None:
    octets = backups_in(two)[1].read_bytes()
    octets = re.sub(rb'"taken_at": \d+', b'"taken_at": 10000000000000', octets, count=1)
    path = backups_in(two)[1].parent / backup_name(3, "2026-01-01T00:00:00Z", sha256(octets).hex()[:32])
    path.write_bytes(octets)
    found = find_backups(two)
    assert [each.number for each in found.backups] == [1, 2]
    assert [(at, str(path) in str(error)) for at, error in found.unreadable] == [(path, True)]
    assert chosen(two, "2026-01-01").opened.contents.number == 2


@pytest.mark.parametrize(
    ("member", "value"), [("memory_kib", 4_194_304), ("iterations", 10**9), ("lanes", 65)]
)
def test_a_passphrase_that_is_dear_to_try_is_refused_before_it_is_tried(
    two: Path, offline_vault: Vault, monkeypatch: pytest.MonkeyPatch, member: str, value: int
) -> None:
    members = json.loads((offline_vault.folder / "identity.json").read_bytes())
    members["kdf"] |= {"memory_kib": 65_536, member: value}
    path = forged(
        offline_vault, SiteFolder(backups_in(two)[0].parent), 3, START, json.dumps(members).encode()
    )
    worked: list[int] = []
    stretched = identity.stretched

    def watched(passphrase: str, salt: bytes, cost: KdfCost) -> bytes:
        worked.append(cost.memory_kib)
        return stretched(passphrase, salt, cost)

    monkeypatch.setattr(identity, "stretched", watched)
    with pytest.raises(BackupDamaged, match=f"{path.name}: its passphrase is stretched with"):
        opened(two, "3")
    assert worked == []
    found = chosen(two)
    assert (found.opened.contents.number, [at for at, _ in found.left_aside]) == (2, [path])
    assert max(worked) < 65_536


def test_a_forgery_of_the_same_number_or_of_a_date_to_come_hides_none(
    two: Path, offline_vault: Vault
) -> None:
    site = SiteFolder(backups_in(two)[0].parent)
    same = forged(offline_vault, site, 1, START + 5)
    future = forged(offline_vault, site, 999_999_999_999, 4_000_000_000)
    first = chosen(two, "1")
    assert first.opened.is_authentic
    assert (first.opened.contents.number, [at for at, _ in first.left_aside]) == (1, [same])
    newest = chosen(two)
    assert newest.opened.is_authentic
    assert newest.opened.contents.records == 2
    assert {at for at, _ in newest.left_aside} >= {future}
    with pytest.raises(BackupForged):
        chosen(two, str(999_999_999_999))
    # and the next backup gets a number that its name has room for
    assert backed_up(offline_vault, two).contents.number == 3


def test_without_the_passphrase_a_date_to_come_is_the_last_that_is_taken(
    two: Path, offline_vault: Vault
) -> None:
    future = forged(offline_vault, SiteFolder(backups_in(two)[0].parent), 3, 4_000_000_000)
    opener = WithKeys((keys_of(offline_vault).private_key(),))
    found = open_chosen(find_backups(two), two, None, opener, STOPPED)
    assert found.opened.contents.number == 2
    assert [at for at, error in found.left_aside if "yet to come" in str(error)] == [future]
    assert open_chosen(find_backups(two), two, "3", opener, STOPPED).opened.backup.path == future


def test_a_wrong_passphrase_is_told_as_one_beside_a_forgery(two: Path, offline_vault: Vault) -> None:
    forged(offline_vault, SiteFolder(backups_in(two)[0].parent), 3, START, b"{}")
    with pytest.raises(WrongPassphrase):
        open_chosen(find_backups(two), two, None, WithPassphrase(lambda: "wrong"), STOPPED)


def test_an_old_backup_under_a_newer_one_s_number(two: Path, offline_vault: Vault) -> None:
    """It would be restored in the newest one's place, and the newest forgotten in its."""
    first, second = backups_in(two)
    copy = first.with_name(first.name.replace("000001", "000003"))
    shutil.copy(first, copy)
    shutil.copy(second, second.with_name("0" + second.name))
    assert [each.number for each in find_backups(two).backups] == [1, 2]
    taken = backed_up(offline_vault, two, keep=2)
    assert taken.contents.number == 3
    assert [each.number for each in find_backups(two).backups] == [2, 3]


def test_parts_of_two_backups_do_not_make_one(two: Path) -> None:
    first, second = (path.read_bytes() for path in backups_in(two))
    one, other = (read_backup(path) for path in backups_in(two))
    for octets in (
        first[: -len(one.body)] + other.body,
        second[: -len(other.body)] + one.body,
        first.replace(one.key, other.key) if len(one.key) == len(other.key) else first[:-1] + b"x",
    ):
        path = backups_in(two)[0].parent / backup_name(7, "2026-01-01T00:00:00Z", sha256(octets).hex()[:32])
        path.write_bytes(octets)
        with pytest.raises(BackupDamaged):
            opened(two, path.name[:-10])
        path.unlink()


def test_packs_under_each_other_s_names(two: Path, offline_vault: Vault, tmp_path: Path) -> None:
    """Names are for whoever has no key; who has it goes by what is in the packs."""
    one, other = packs_in(two)
    octets = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(octets)
    assert len(damaged_files(SiteFolder(one.parent))) == 2
    assert len(names_in(two, "2", tmp_path / "new")) == 2


def test_packs_of_another_vault_among_them(two: Path, founded: Path, tmp_path: Path) -> None:
    with new_vault(founded, tmp_path / "other" / ".perdure", "globex/oslo") as other:
        backed_up(other, tmp_path / "theirs")
    for path in packs_in(tmp_path / "theirs"):
        shutil.copy(path, packs_in(two)[0].parent)
    assert len(names_in(two, "2", tmp_path / "new")) == 2


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/passwd", "a/../../b", ".hidden", "a//b", "a\nb", "", "vault.sqlite\0"]
)
def test_a_name_that_leads_out_of_the_vault(offline_vault: Vault, tmp_path: Path, name: str) -> None:
    taken = backed_up(offline_vault, tmp_path / "stick")
    key = read_backup_key(offline_vault.folder)
    assert key is not None
    contents = replace(taken.contents, number=2, files=(FileEntry(name, 0, sha256(b""), ()),))
    identity = (offline_vault.folder / "identity.json").read_bytes()
    write_backup(SiteFolder(taken.path.parent), key, identity, contents, os.urandom)
    with pytest.raises(BackupDamaged, match="not those of a backup"):
        opened(tmp_path / "stick", "2")


def test_a_header_that_is_larger_than_it_says(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "_MAX_HEADER", 100)
    with pytest.raises(BackupDamaged, match="header"):
        read_backup(backups_in(two)[0])
