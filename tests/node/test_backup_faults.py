"""Backups in the hands of disks, sticks, synchronising services and attackers: each fault has a name, and other backups stay whole."""

import json
import os
import random
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from perdure_anchor.errors import EncodingError, PerdureError, VerificationError
from perdure_anchor.hashes import sha256
from perdure_anchor.log import Gap, Gaps
from perdure_anchor.verdict import Grade
from perdure_node.backup import manifest
from perdure_node.backup.checking import check_backup, damaged_files
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
    BackupIncomplete,
    BackupKeyMissing,
    BackupUnproved,
    NewerBackup,
    NotABackupFolder,
)
from perdure_node.backup.folder import SiteFolder, backup_name
from perdure_node.backup.keys import BACKUP_KEY_FILE, new_backup_key, read_backup_key
from perdure_node.backup.manifest import Contents, FileEntry, read_backup, write_backup
from perdure_node.backup.pages import Shelf, pages_of
from perdure_node.backup.taking import take_backup
from perdure_node.changes import erase
from perdure_node.encryption import identity
from perdure_node.encryption.hybrid import new_private_key, public_key_of
from perdure_node.encryption.identity import KdfCost
from perdure_node.errors import VaultDamaged, VaultStorageFailed, WrongPassphrase
from perdure_node.key_changes import replace_recovery_key
from perdure_node.log.gaps import store_gaps
from perdure_node.log.site_log import nodes_at
from perdure_node.selectors import find_records, parse_selector
from perdure_node.traces import Reason
from perdure_node.vault import Vault, open_vault
from tools.backups import backed_up, files_of, names, names_in, no_passphrase, opened, restored
from tools.limited import fill, small_disk
from tools.site_desk import Site, add_numbers, document, keys_of
from tools.site_network import PASSPHRASE, START, STOPPED, new_vault

pytestmark = pytest.mark.slow

CHANGES = int(os.environ.get("PERDURE_TORTURE", 0)) or 60


@pytest.fixture
def two(offline_vault: Vault, tmp_path: Path) -> Path:
    """A folder with two backups, the second of which needs a pack of its own and the first one's."""
    for number in range(2):
        add_numbers(offline_vault, number)
        backed_up(offline_vault, tmp_path / "stick")
    return tmp_path / "stick"


def outcome(folder: Path, which: str, target: Path) -> list[tuple[object, ...]] | PerdureError:
    try:
        return names_in(folder, which, target)
    except PerdureError as error:
        return error
    finally:
        assert not target.exists()


def backups_in(folder: Path) -> list[Path]:
    return sorted(files_of(folder, "*/*.backup"), key=lambda path: path.name)


def packs_in(folder: Path) -> list[Path]:
    """By age."""
    return sorted(files_of(folder, "*/*.pack"), key=lambda path: path.stat().st_mtime_ns)


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


# a lying folder


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


# forgetting


def test_old_backups_are_forgotten_and_the_others_stay_whole(offline_vault: Vault, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    sizes = []
    for number in range(12):
        add_numbers(offline_vault, *range(5 * number, 5 * number + 5))
        taken = backed_up(offline_vault, stick, keep=3)
        sizes.append(sum(path.stat().st_size for path in packs_in(stick)))
        assert taken.forgotten is not None
        assert taken.forgotten.unreadable == ()
    assert [each.number for each in find_backups(stick).backups] == [10, 11, 12]
    for number in (10, 11, 12):
        assert len(names_in(stick, str(number), tmp_path / "new")) == 5 * number
    assert max(sizes) < 3 * sizes[0] + 200_000


def test_nothing_of_what_was_erased_stays_after_a_thorough_one(offline_vault: Vault, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    add_numbers(offline_vault, *range(20))
    backed_up(offline_vault, stick)
    record = find_records(offline_vault, parse_selector(document(1).sha256.hex()))[0]
    assert record.content is not None
    ciphertext = record.content[1]
    assert holds(stick, offline_vault, ciphertext)
    erase(
        offline_vault,
        record,
        Reason("a clerk", "asked for"),
        keys_of(offline_vault),
        clock=STOPPED,
        randomness=os.urandom,
    )
    backed_up(offline_vault, stick)
    assert holds(stick, offline_vault, ciphertext)
    backed_up(offline_vault, stick, keep=1, thorough=True)
    assert not holds(stick, offline_vault, ciphertext)
    assert needed(stick, offline_vault) == held(stick, offline_vault)
    # that it was erased is a record too
    assert len(names_in(stick, None, tmp_path / "new")) == 21


def shelf_of(stick: Path, vault: Vault) -> Shelf:
    key = read_backup_key(vault.folder)
    assert key is not None
    return Shelf(SiteFolder(packs_in(stick)[0].parent), key.chunk_key)


def held(stick: Path, vault: Vault) -> set[bytes]:
    return shelf_of(stick, vault).known


def needed(stick: Path, vault: Vault) -> set[bytes]:
    shelf, found = shelf_of(stick, vault), set()
    for each in find_backups(stick).backups:
        files = opened(stick, str(each.number)).contents.files
        found |= {group for entry in files for group in entry.groups}
        found |= {digest for digests in pages_of(files, shelf).values() for digest in digests}
    return found


def holds(stick: Path, vault: Vault, octets: bytes) -> bool:
    shelf = shelf_of(stick, vault)
    return any(octets in page for _, page in shelf.fetch(set(shelf.known)))


def test_nothing_is_cleared_away_beside_a_backup_that_cannot_be_read(two: Path, offline_vault: Vault) -> None:
    octets = backups_in(two)[0].read_bytes()
    backups_in(two)[0].write_bytes(octets[:-1])
    packs = set(packs_in(two))
    taken = backed_up(offline_vault, two, keep=1, unlock=no_passphrase)
    assert taken.forgotten is not None
    assert len(taken.forgotten.unreadable) == 1
    assert packs < set(packs_in(two))
    assert len(backups_in(two)) == 2
