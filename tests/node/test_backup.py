"""Backups of a vault: whole, small, consistent while it is in use, and restored to what it was."""

import io
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perdure_anchor.checkpoint import parse_origin
from perdure_anchor.verdict import Grade
from perdure_node.backup import pack
from perdure_node.backup.checking import check_backup, damaged_files
from perdure_node.backup.choosing import WithKeys, choose_backup, find_backups
from perdure_node.backup.errors import NoSuchBackup, NotABackupFolder, SeveralSites
from perdure_node.backup.folder import SiteFolder
from perdure_node.backup.history import last_backup
from perdure_node.backup.keys import BACKUP_KEY_FILE
from perdure_node.backup.pack import PackWriter
from perdure_node.backup.pages import Shelf, store_file, write_files
from perdure_node.backup.restoring import restore
from perdure_node.changes import erase
from perdure_node.clock import Clock
from perdure_node.encryption.age import NotForThisKey
from perdure_node.encryption.hybrid import new_private_key, public_key_of
from perdure_node.errors import NotReconciled, VaultExists, WrongPassphrase
from perdure_node.key_changes import change_passphrase, recover_identity, replace_recovery_key
from perdure_node.keys.keyring import RecoveryKeyRing
from perdure_node.log.reconciliation import Reason as DueReason
from perdure_node.log.reconciliation import open_reconciliation
from perdure_node.log.sealing import seal
from perdure_node.selectors import find_records, parse_selector
from perdure_node.status import read_status
from perdure_node.traces import Reason
from perdure_node.vault import Vault, open_vault
from tools.backups import backed_up, bytes_in, files_of, names, names_in, no_passphrase, opened, restored
from tools.limited import beside
from tools.site_desk import Site, add_numbers, document, import_file, keys_of
from tools.site_network import PASSPHRASE, START, STOPPED, new_vault


def filled(vault: Vault, count: int, path: Path) -> None:
    """A vault with many records, imported at once."""
    rows = [f"{document(number).sha256.hex()},{number}.txt" for number in range(10**6, 10**6 + count)]
    path.write_text("\n".join(["document_sha256,document_name", *rows]) + "\n")
    import_file(vault, path)


def stopped_at(now: float) -> Clock:
    return Clock(lambda: now, lambda: now, lambda _: None)


# restoring


def test_what_is_backed_up_is_restored_and_goes_on_once_it_is_reconciled(site: Site, tmp_path: Path) -> None:
    site.add(0, 1, 2)
    site.sync()
    add_numbers(site.vault, 3)
    backed_up(site.vault, tmp_path / "stick")
    made = restored(tmp_path / "stick", tmp_path / "new")
    with open_vault(made.folder) as vault:
        assert names(vault) == names(site.vault)
        assert keys_of(vault).site_key() == site.keys.site_key()
        assert (vault.config, vault.trust_raw) == (site.vault.config, site.vault.trust_raw)
        due = open_reconciliation(vault.database)
        assert due is not None
        assert due.reason is DueReason.RESTORED
        with pytest.raises(NotReconciled):
            seal(vault, keys_of(vault), clock=STOPPED)
        after = Site(site.network, vault)
        after.sync()
        assert after.is_final(0, 1, 2, 3)


def test_on_another_machine_only_the_folder_and_the_passphrase_are_there(site: Site, tmp_path: Path) -> None:
    site.add(*range(4))
    site.sync()
    backed_up(site.vault, tmp_path / "stick")
    shutil.copytree(tmp_path / "stick", tmp_path / "elsewhere" / "stick")
    shutil.rmtree(tmp_path / "stick")
    site.vault.close()
    shutil.rmtree(site.vault.folder)
    made = restored(tmp_path / "elsewhere" / "stick", tmp_path / "elsewhere" / "vault")
    with open_vault(made.folder) as vault:
        assert [entry[3] for entry in names(vault)] == [f"{number}.txt" for number in range(4)]


def test_nothing_is_written_over_and_nothing_stays_of_what_failed(
    offline_vault: Vault, tmp_path: Path
) -> None:
    backed_up(offline_vault, tmp_path / "stick")
    (tmp_path / "taken").mkdir()
    with pytest.raises(VaultExists):
        restored(tmp_path / "stick", tmp_path / "taken")
    with pytest.raises(WrongPassphrase):
        opened(tmp_path / "stick", passphrase="wrong")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["offline", "stick", "taken"]


def test_the_passphrase_is_the_one_of_then(offline_vault: Vault, tmp_path: Path) -> None:
    backed_up(offline_vault, tmp_path / "stick")
    change_passphrase(offline_vault, keys_of(offline_vault), "another one", os.urandom)
    backed_up(offline_vault, tmp_path / "stick", unlock=no_passphrase)
    assert opened(tmp_path / "stick", "1").is_authentic
    assert opened(tmp_path / "stick", "2", "another one").is_authentic
    with pytest.raises(WrongPassphrase):
        opened(tmp_path / "stick", "2")


# keys


def test_the_first_backup_asks_for_the_passphrase_and_no_other(offline_vault: Vault, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="asked"):
        backed_up(offline_vault, tmp_path / "stick", unlock=no_passphrase)
    backed_up(offline_vault, tmp_path / "stick")
    backed_up(offline_vault, tmp_path / "other", unlock=no_passphrase)
    assert (offline_vault.folder / BACKUP_KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_whoever_is_named_opens_it_and_whoever_is_left_out_no_more(
    offline_vault: Vault, tmp_path: Path
) -> None:
    auditor, lawyer, recovery = (new_private_key(os.urandom) for _ in range(3))
    replace_recovery_key(offline_vault, keys_of(offline_vault), recovery, STOPPED)
    stick = tmp_path / "stick"
    first = backed_up(offline_vault, stick, recipients=[public_key_of(auditor), public_key_of(lawyer)])
    second = backed_up(offline_vault, stick, recipients=[public_key_of(auditor)], unlock=no_passphrase)
    third = backed_up(
        offline_vault, stick, recipients=[public_key_of(auditor), public_key_of(lawyer)], unlock=no_passphrase
    )
    assert first.path.parent != second.path.parent == third.path.parent
    assert (first.is_anew, second.is_anew, third.is_anew) == (True, True, False)
    newest = choose_backup(stick, "2")
    for key in (auditor, recovery):
        found = WithKeys((key,))(newest)
        assert found.is_authentic is None
        assert found.contents.records == 0
    with pytest.raises(NotForThisKey):
        WithKeys((lawyer,))(newest)
    made = restore(WithKeys((auditor,))(newest), tmp_path / "new", clock=STOPPED, randomness=os.urandom)
    with open_vault(made.folder) as vault:
        assert RecoveryKeyRing(vault, recovery).site_key() == keys_of(offline_vault).site_key()


def test_a_new_identity_begins_anew(offline_vault: Vault, tmp_path: Path) -> None:
    recovery = new_private_key(os.urandom)
    replace_recovery_key(offline_vault, keys_of(offline_vault), recovery, STOPPED)
    first = backed_up(offline_vault, tmp_path / "stick")
    ring = RecoveryKeyRing(offline_vault, recovery)
    recover_identity(offline_vault, ring, PASSPHRASE, clock=STOPPED, randomness=os.urandom)
    with pytest.raises(AssertionError, match="asked"):
        backed_up(offline_vault, tmp_path / "stick", unlock=no_passphrase)
    second = backed_up(offline_vault, tmp_path / "stick")
    assert first.path.parent != second.path.parent
    assert opened(tmp_path / "stick", "2").is_authentic


# sizes


def test_the_second_day_writes_little(offline_vault: Vault, tmp_path: Path) -> None:
    filled(offline_vault, 5000, tmp_path / "list.csv")
    stick = tmp_path / "stick"
    first = backed_up(offline_vault, stick)
    before = bytes_in(stick)
    quiet = backed_up(offline_vault, stick)
    assert bytes_in(stick) - before == quiet.written < 20_000
    add_numbers(offline_vault, *range(10))
    busy = backed_up(offline_vault, stick)
    assert busy.written < first.written / 15
    assert names_in(stick, None, tmp_path / "new") == names(offline_vault)


def test_files_are_never_changed(offline_vault: Vault, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    seen: dict[Path, bytes] = {}
    for number in range(4):
        add_numbers(offline_vault, number)
        backed_up(offline_vault, stick)
        assert all(path.read_bytes() == octets for path, octets in seen.items())
        seen = {path: path.read_bytes() for path in files_of(stick)}
    assert len(files_of(stick, "*/*.backup")) == 4
    assert all(path.stat().st_mode & 0o77 == 0 for path in seen)


def test_no_name_needs_more_than_fat_has(offline_vault: Vault, tmp_path: Path) -> None:
    backed_up(offline_vault, tmp_path / "stick")
    for path in (tmp_path / "stick").rglob("*"):
        assert path.name.isascii()
        assert not set(path.name) & set('"*/:<>?\\|')
        assert not path.name.endswith((".", " "))
        assert len(path.name) < 100


def test_nothing_that_was_recorded_can_be_read_there(offline_vault: Vault, tmp_path: Path) -> None:
    add_numbers(offline_vault, 1, 2)
    backed_up(offline_vault, tmp_path / "stick")
    database = (offline_vault.folder / "vault.sqlite").read_bytes()
    held = b"".join(path.read_bytes() for path in files_of(tmp_path / "stick"))
    assert b"letter" not in held
    assert b"SQLite" in database
    assert b"SQLite" not in held


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.binary(max_size=100), min_size=1, max_size=4),
    st.integers(0, 3),
    st.integers(1, 4000),
    st.binary(min_size=1, max_size=50),
)
def test_any_files_come_back(
    tmp_path_factory: pytest.TempPathFactory, seeds: list[bytes], which: int, repeated: int, patch: bytes
) -> None:
    """Files of all sizes, some of them alike, then with a piece of one exchanged: both states, and the first pages once."""
    folder = tmp_path_factory.mktemp("packs")
    states = [[seed * repeated for seed in seeds]]
    changed = list(states[0])
    changed[which % len(changed)] = patch + changed[which % len(changed)][len(patch) :]
    states.append(changed)
    entries = []
    for state in states:
        shelf = Shelf(SiteFolder(folder), bytes(32))
        writer = PackWriter(folder, bytes(32), os.urandom)
        entries.append(
            [
                store_file(f"file{number}", io.BytesIO(octets), shelf, writer, lambda _: None)
                for number, octets in enumerate(state)
            ]
        )
        writer.finish()
    shelf = Shelf(SiteFolder(folder), bytes(32))
    digests = [digest for each in shelf.packs for digest, _ in each.digests()]
    assert len(digests) == len(set(digests))
    for number, (state, stored) in enumerate(zip(states, entries, strict=True)):
        target = folder / f"out{number}"
        target.mkdir()
        write_files(target, stored, shelf, lambda _: None)
        assert [(target / f"file{place}").read_bytes() for place in range(len(state))] == state


def test_many_packs(offline_vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "PACK_SIZE", 65_536)
    filled(offline_vault, 1000, tmp_path / "list.csv")
    backed_up(offline_vault, tmp_path / "stick")
    assert len(files_of(tmp_path / "stick", "*/*.pack")) > 5
    assert names_in(tmp_path / "stick", None, tmp_path / "new") == names(offline_vault)


# while it is in use


def record_all_the_time(folder: Path, begun: Path) -> None:
    with open_vault(folder) as vault:
        for number in range(10**6):
            add_numbers(vault, number)
            begun.touch()


def test_while_another_process_records(offline_vault: Vault, tmp_path: Path) -> None:
    """Each backup holds a beginning of what was recorded, and each begins with the one before."""
    filled(offline_vault, 2000, tmp_path / "list.csv")
    stick, begun = tmp_path / "stick", tmp_path / "begun"
    backed_up(offline_vault, stick)
    before = len(names(offline_vault))
    with beside(record_all_the_time, offline_vault.folder, begun):
        while not begun.exists():
            pass
        for _ in range(6):
            backed_up(offline_vault, stick)
    counts = [len(names_in(stick, str(number), tmp_path / "new")) for number in range(1, 8)]
    assert counts == sorted(counts)
    assert counts[0] == before < counts[-1]
    for number in range(1, 8):
        found = opened(stick, str(number))
        assert found.contents.records == counts[number - 1]
        check_backup(found, keys_of, 5, beside=tmp_path, randomness=os.urandom)


def test_the_copy_of_the_database_never_has_a_name_for_long(
    offline_vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from perdure_node.backup import taking

    seen = []
    monkeypatch.setattr(
        taking,
        "store_file",
        lambda *given: (
            seen.append(sorted(path.name for path in offline_vault.folder.iterdir())) or store_file(*given)
        ),
    )
    backed_up(offline_vault, tmp_path / "stick")
    assert seen
    assert not any("copy" in name for names in seen for name in names)


# checking


def test_a_backup_is_checked(site: Site, tmp_path: Path) -> None:
    site.add(*range(5))
    site.sync()
    add_numbers(site.vault, 7)
    backed_up(site.vault, tmp_path / "stick")
    found = opened(tmp_path / "stick")
    checked = check_backup(found, keys_of, 20, beside=tmp_path, randomness=os.urandom)
    assert checked.grades == {Grade.FINAL: 5, Grade.RECORDED: 1}
    assert (checked.checkpoints, checked.log_size, checked.waiting) == (1, 5, 1)
    few = check_backup(found, keys_of, 2, beside=tmp_path, randomness=os.urandom)
    assert sum(few.grades.values()) == 2
    assert check_backup(found, None, 2, beside=tmp_path, randomness=os.urandom).grades == {}
    assert damaged_files(found.backup.site_folder) == []
    assert not list(tmp_path.glob("perdure-verify-*"))


def test_records_that_were_erased_or_withdrawn_are_no_fault(site: Site, tmp_path: Path) -> None:
    site.add(*range(3))
    site.sync()
    record = find_records(site.vault, parse_selector(document(1).sha256.hex()))[0]
    erase(site.vault, record, Reason("a clerk", "asked for"), site.keys, clock=STOPPED, randomness=os.urandom)
    backed_up(site.vault, tmp_path / "stick")
    checked = check_backup(opened(tmp_path / "stick"), keys_of, 20, beside=tmp_path, randomness=os.urandom)
    # that one was erased is a record too, which waits
    assert sum(checked.grades.values()) == 4


# choosing


def test_which_backup_is_meant(offline_vault: Vault, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    for day in range(3):
        now = START + 86_400 * day
        backed_up(offline_vault, stick, clock=stopped_at(now))
    meant = {
        None: 3,
        "1": 1,
        "2026-01-02": 2,
        "2026-01": 3,
        choose_backup(stick, "2").path.name[:20]: 2,
    }
    for which, number in meant.items():
        assert choose_backup(stick, which).number == number
    for which in ("7", "2027", "../../x"):
        with pytest.raises(NoSuchBackup):
            choose_backup(stick, which)
    with pytest.raises(NotABackupFolder):
        choose_backup(tmp_path / "offline")
    with pytest.raises(NotABackupFolder):
        choose_backup(tmp_path / "nowhere")


def test_two_machines_back_up_into_one_folder(founded: Path, offline_vault: Vault, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    with new_vault(founded, tmp_path / "other" / ".perdure", "globex/oslo") as other:
        for number in range(3):
            add_numbers(offline_vault, number)
            add_numbers(other, number + 10, number + 20)
            backed_up(offline_vault, stick, keep=1)
            backed_up(other, stick, keep=2)
        assert [each.origin.text for each in find_backups(stick).backups] == ["acme/rotterdam"] + [
            "globex/oslo"
        ] * 2
        with pytest.raises(SeveralSites):
            choose_backup(stick)
        found = choose_backup(stick, None, parse_origin("globex/oslo"))
        assert found.origin == other.origin


def test_a_restored_vault_has_a_folder_of_its_own(offline_vault: Vault, tmp_path: Path) -> None:
    """Both copies go on: neither touches the other's backups."""
    stick = tmp_path / "stick"
    backed_up(offline_vault, stick)
    made = restored(stick, tmp_path / "new")
    with open_vault(made.folder) as copy:
        assert not (copy.folder / BACKUP_KEY_FILE).exists()
        taken = backed_up(copy, stick, keep=1)
        assert taken.rolled_back is None
        backed_up(offline_vault, stick, keep=1)
        assert len(files_of(stick, "*/*.backup")) == 2


# what the vault remembers


def test_status_tells_of_the_last_backup(offline_vault: Vault, tmp_path: Path) -> None:
    add_numbers(offline_vault, 1, 2)
    assert read_status(offline_vault).last_backup is None
    assert read_status(offline_vault).records_since_backup == 2
    taken = backed_up(offline_vault, tmp_path / "stick")
    add_numbers(offline_vault, 3)
    found = read_status(offline_vault)
    assert found.last_backup == last_backup(offline_vault.database)
    assert found.last_backup is not None
    assert (found.last_backup.taken_at, found.last_backup.name) == (int(START), taken.path.name)
    assert found.last_backup.folder == str(tmp_path / "stick")
    assert found.records_since_backup == 1
