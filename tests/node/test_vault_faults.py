"""What disks, users, clocks and other processes do to a vault: it says what is wrong, and what was acknowledged stays."""

import os
import random
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from perdure_anchor.errors import PerdureError
from perdure_anchor.trust_file import TrustFileError
from perdure_anchor.verdict import Grade
from perdure_node.changes import erase, withdraw
from perdure_node.clock_doubts import clock_doubts
from perdure_node.errors import (
    IdentityUnreadable,
    LookupKeyMissing,
    NotWritable,
    OlderVault,
    SettingsError,
    VaultDamaged,
    VaultNotFound,
    VaultStorageFailed,
    WrongPassphrase,
)
from perdure_node.evidence.proving import prove
from perdure_node.files import write_whole
from perdure_node.imports import importing
from perdure_node.imports.importing import abandon_imports
from perdure_node.key_changes import restore_lookup_key
from perdure_node.keys.keyring import KeyRing
from perdure_node.listing import list_records, show_record
from perdure_node.log.sealing import seal
from perdure_node.places import find_vault, is_vault
from perdure_node.records import State, record_by_sequence
from perdure_node.selectors import parse_selector
from perdure_node.status import read_status
from perdure_node.traces import Reason
from perdure_node.vault import Vault, open_vault
from tools.limited import as_nobody, fill, small_disk
from tools.numbered_vaults import files, listed, names, open_to_all, read_everything
from tools.site_desk import add_numbers, document, import_file, keys_of, leaf_hashes, verdict_on
from tools.site_network import START, STOPPED, copied, counted_bytes

pytestmark = pytest.mark.slow

CORRUPTIONS = int(os.environ.get("PERDURE_TORTURE", 0)) or 90


# disks


def test_a_full_disk_takes_nothing_and_loses_nothing(offline_vault: Vault, tmp_path: Path) -> None:
    offline_vault.close()
    path = listed(tmp_path / "list.csv", *range(100, 400))
    with small_disk(tmp_path / "disk", 4 << 20) as disk:
        folder = copied(offline_vault.folder, disk / ".perdure")
        with open_vault(folder) as vault:
            add_numbers(vault, 1, 2)
            ballast = fill(disk)
            for attempt in (
                lambda: add_numbers(vault, *range(3, 60)),
                lambda: import_file(vault, path),
                lambda: seal(vault, keys_of(vault), STOPPED),
                lambda: write_whole(folder / "config.toml", bytes(1 << 16)),
            ):
                with pytest.raises(VaultStorageFailed) as caught:
                    attempt()
                assert "disk" in str(caught.value.hint or caught.value) or "space" in str(caught.value)
                assert set(files(1, 2)) <= set(names(vault))
            ballast.unlink()
            there = names(vault)
            assert len(there) == len(set(there))
            add_numbers(vault, *range(3, 60))
            assert import_file(vault, path).added == 300
            sealed = seal(vault, keys_of(vault), STOPPED)
            assert sealed is not None
            assert sealed.size == 59 + 300
        with open_vault(folder) as vault:
            assert names(vault) == files(*range(1, 60), *range(100, 400))


@pytest.mark.parametrize("leave", range(0, 1 << 18, 3 << 13))
def test_wherever_the_disk_is_full_the_vault_goes_on(
    offline_vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leave: int
) -> None:
    monkeypatch.setattr(importing, "_CHUNK", 10)
    monkeypatch.setattr(importing, "_TRANSACTION", 50)
    offline_vault.close()
    path = listed(tmp_path / "list.csv", *range(100, 400))
    acknowledged: list[int] = []
    with small_disk(tmp_path / "disk", 3 << 20) as disk:
        folder = copied(offline_vault.folder, disk / ".perdure")
        with open_vault(folder) as vault:
            ballast = fill(disk, leave)
            failures = 0
            for number in range(30):
                try:
                    add_numbers(vault, number)
                    acknowledged.append(number)
                    if number == 10:
                        seal(vault, keys_of(vault), STOPPED)
                        import_file(vault, path)
                        acknowledged += range(100, 400)
                except VaultStorageFailed:
                    failures += 1
            assert failures
            ballast.unlink()
            assert set(names(vault)) >= set(files(*acknowledged))
            import_file(vault, path)
            add_numbers(vault, *range(30))
            seal(vault, keys_of(vault), STOPPED)
        with open_vault(folder) as vault:
            assert sorted(map(str, names(vault))) == sorted(files(*range(30), *range(100, 400)))
            assert len(set(leaf_hashes(vault))) == vault.log_size == 330
            assert vault.database.row("PRAGMA integrity_check") == ("ok",)


def test_a_database_that_may_not_grow_says_so_and_goes_on(
    offline_vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a full disk, where none can be had."""
    add_numbers(offline_vault, 1)
    pages = offline_vault.database.number("PRAGMA page_count")
    offline_vault.database._set(max_page_count=pages + 4)
    path = listed(tmp_path / "list.csv", *range(100, 400))
    for attempt in (
        lambda: add_numbers(offline_vault, *range(2, 99)),
        lambda: import_file(offline_vault, path),
    ):
        with pytest.raises(VaultStorageFailed, match="full"):
            attempt()
        assert "1.txt" in names(offline_vault)
    offline_vault.database._set(max_page_count=1 << 30)
    import_file(offline_vault, path)
    assert len(names(offline_vault, State.WAITING)) == offline_vault.database.number(
        "SELECT count(*) FROM record"
    )


# users


def test_a_vault_without_permission_says_so(readable: Path) -> None:
    def try_all() -> list[str]:
        found = []
        for attempt in (
            lambda: open_vault(readable),
            lambda: find_vault(readable.parent),
            lambda: find_vault(readable),
        ):
            with pytest.raises(VaultNotFound, match="permission denied") as caught:
                attempt()
            found.append(str(caught.value.hint))
        return found

    assert set(as_nobody(try_all)) == {"use the vault as the user who made it"}


@pytest.mark.parametrize("name", ["config.toml", "trust.json", "identity.json", "lookup.key", "vault.sqlite"])
def test_a_file_without_permission_is_named(readable: Path, name: str) -> None:
    open_to_all(readable)
    (readable / name).chmod(0)

    def attempt() -> str:
        with pytest.raises(PerdureError) as caught, open_vault(readable) as vault:
            read_everything(vault)
        return str(caught.value)

    told = as_nobody(attempt)
    assert name in told
    assert "denied" in told or name == "vault.sqlite"


@pytest.mark.parametrize("with_log", [False, True])
def test_a_vault_that_cannot_be_written_to_can_be_read(readable: Path, with_log: bool) -> None:
    """Also where the process that wrote last was killed, so that the newest records are in the log only."""
    if not with_log:
        open_vault(readable).close()
    assert readable.joinpath("vault.sqlite-wal").exists() == with_log
    open_to_all(readable)

    def attempt() -> tuple[tuple[int, list[str | None], Grade], list[str]]:
        with open_vault(readable) as vault:
            found = read_everything(vault)
            told = []
            for change in (
                lambda: add_numbers(vault, 4),
                lambda: withdraw(
                    vault, waiting(vault), Reason(None, "x"), clock=STOPPED, randomness=os.urandom
                ),
                lambda: abandon_imports(vault, STOPPED),
                lambda: seal(vault, keys_of(vault), STOPPED),
            ):
                with pytest.raises((NotWritable, VaultStorageFailed)) as caught:
                    change()
                told.append(type(caught.value).__name__)
            assert not read_status(vault).is_writable
            return found, told

    found, told = as_nobody(attempt)
    assert found == (3, files(1, 2, 3), Grade.SIGNED)
    assert told[:2] == ["NotWritable", "NotWritable"]


def waiting(vault: Vault) -> Any:
    record = record_by_sequence(vault.database, 3)
    assert record is not None
    return record


def test_a_log_whose_index_is_gone_is_not_passed_over(readable: Path) -> None:
    """The newest records are in it: to read the database without it would be to forget them."""
    assert readable.joinpath("vault.sqlite-wal").exists()
    readable.joinpath("vault.sqlite-shm").unlink()
    open_to_all(readable)

    def attempt() -> str:
        try:
            with open_vault(readable) as vault:
                return str(read_everything(vault))
        except NotWritable as error:
            return str(error.hint)

    told = as_nobody(attempt)
    assert told in (
        str((3, files(1, 2, 3), Grade.SIGNED)),
        "open it once as the user who made it, or copy its folder",
    )


# damage


def test_a_vault_of_before_encryption_is_told_apart(offline_vault: Vault) -> None:
    offline_vault.close()
    connection = sqlite3.connect(offline_vault.folder / "vault.sqlite")
    connection.execute("PRAGMA user_version=1")
    connection.close()
    with pytest.raises(OlderVault) as caught:
        open_vault(offline_vault.folder)
    assert "perdure init" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("identity.json", None, IdentityUnreadable),
        ("identity.json", b"\xff{}", IdentityUnreadable),
        ("lookup.key", None, LookupKeyMissing),
        ("lookup.key", b"", LookupKeyMissing),
        ("lookup.key", b"\xff" * 64, LookupKeyMissing),
        ("lookup.key", b"00" * 31, LookupKeyMissing),
        ("lookup.key", b"00" * 32, LookupKeyMissing),
        ("config.toml", None, VaultDamaged),
        ("config.toml", b"\xff", SettingsError),
        ("config.toml", b"origin = 7", SettingsError),
        ("trust.json", None, VaultDamaged),
        ("trust.json", b"\xff{", TrustFileError),
        ("trust.json", b"{}", TrustFileError),
    ],
)
def test_a_file_that_is_lost_or_garbled_is_told_and_nothing_is_changed(
    offline_vault: Vault, name: str, content: bytes | None, error: type[PerdureError]
) -> None:
    add_numbers(offline_vault, 1)
    offline_vault.close()
    path = offline_vault.folder / name
    whole = path.read_bytes()
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(error) as caught, open_vault(offline_vault.folder) as vault:
        add_numbers(vault, 2)
        assert names(vault)
    assert caught.value.hint or error in (SettingsError, TrustFileError)
    path.write_bytes(whole)
    with open_vault(offline_vault.folder) as vault:
        assert names(vault)[0] == "1.txt"


def test_a_lost_database_is_no_invitation_to_a_new_vault(offline_vault: Vault) -> None:
    offline_vault.close()
    (offline_vault.folder / "vault.sqlite").unlink()
    assert is_vault(offline_vault.folder)
    with pytest.raises(VaultDamaged, match=r"vault.sqlite is missing"):
        open_vault(offline_vault.folder)


def test_the_look_up_key_comes_back_from_the_vault(offline_vault: Vault) -> None:
    path = offline_vault.folder / "lookup.key"
    whole = path.read_bytes()
    path.unlink()
    restore_lookup_key(offline_vault, keys_of(offline_vault))
    assert path.read_bytes() == whole
    with pytest.raises(WrongPassphrase):
        restore_lookup_key(offline_vault, KeyRing(offline_vault, lambda: "wrong"))


def test_without_the_passphrase_records_are_added_and_not_read(offline_vault: Vault) -> None:
    def refuse() -> str:
        raise WrongPassphrase("nobody is here")

    locked = KeyRing(offline_vault, refuse)
    add_numbers(offline_vault, 1)
    assert read_status(offline_vault).waiting == 1
    for attempt in (
        lambda: list(list_records(offline_vault, locked)),
        lambda: seal(offline_vault, locked, STOPPED),
        lambda: prove(
            offline_vault, locked, parse_selector(document(1).sha256.hex()), require=Grade.RECORDED
        ),
    ):
        with pytest.raises(WrongPassphrase):
            attempt()
    assert read_status(offline_vault).waiting == 1


def test_whatever_is_damaged_is_never_taken_for_true(offline_vault: Vault) -> None:
    """Bits, stretches and whole pages of the database: each answer is the right one, or a refusal that says what it is."""
    keys = keys_of(offline_vault)
    add_numbers(offline_vault, *range(40))
    seal(offline_vault, keys, STOPPED)
    add_numbers(offline_vault, *range(40, 80))
    for sequence, change in ((41, withdraw_one), (4, erase_one)):
        change(offline_vault, sequence)
    right = {summary.leaf_hash: summary for summary in list_records(offline_vault, keys)}
    offline_vault.close()
    path = offline_vault.folder / "vault.sqlite"
    whole, chance = path.read_bytes(), random.Random(20260504)
    refused = 0
    for number in range(CORRUPTIONS):
        for name in ("vault.sqlite-wal", "vault.sqlite-shm"):
            path.with_name(name).unlink(missing_ok=True)
        path.write_bytes(DAMAGES[number % 3](bytearray(whole), chance))
        refused += len(refusals(offline_vault.folder, right))
    assert refused > CORRUPTIONS / 2


def withdraw_one(vault: Vault, sequence: int) -> None:
    record = record_by_sequence(vault.database, sequence)
    assert record is not None
    withdraw(vault, record, Reason(None, "x"), clock=STOPPED, randomness=os.urandom)


def erase_one(vault: Vault, sequence: int) -> None:
    record = record_by_sequence(vault.database, sequence)
    assert record is not None
    erase(vault, record, Reason(None, "x"), keys_of(vault), clock=STOPPED, randomness=os.urandom)


def bits(octets: bytearray, chance: random.Random) -> bytearray:
    for _ in range(8):
        octets[chance.randrange(100, len(octets))] ^= 1 << chance.randrange(8)
    return octets


def stretch(octets: bytearray, chance: random.Random) -> bytearray:
    begin = chance.randrange(100, len(octets) - 64)
    octets[begin : begin + 64] = chance.randbytes(64)
    return octets


def page(octets: bytearray, chance: random.Random) -> bytearray:
    begin = max(100, 4096 * chance.randrange(len(octets) // 4096))
    end = begin // 4096 * 4096 + 4096
    octets[begin:end] = chance.randbytes(end - begin)
    return octets


DAMAGES = (bits, stretch, page)


def refusals(folder: Path, right: dict[Any, Any]) -> list[PerdureError]:
    """Read and write all that can be, and see that what is answered is right; returns the vault's refusals."""
    steps = (
        read_status,
        lambda vault: check_lists(vault, right),
        show_some,
        check_proofs,
        add_some,
        seal_all,
    )
    refused = []
    try:
        with open_vault(folder) as vault:
            for step in steps:
                try:
                    step(vault)
                except PerdureError as error:
                    refused.append(error)
    except PerdureError as error:
        refused.append(error)
    return refused


def check_lists(vault: Vault, right: dict[Any, Any]) -> None:
    """A record's state and place may be lost; what it says may not be another thing."""
    for state in (None, State.WAITING, State.SEALED, State.WITHDRAWN):
        for summary in list_records(vault, keys_of(vault), state=state):
            want = right[summary.leaf_hash]
            said = (summary.document_sha256, summary.document_name, summary.recorded_at)
            assert summary.is_erased or said == (want.document_sha256, want.document_name, want.recorded_at)


def show_some(vault: Vault) -> None:
    for index in range(0, 40, 7):
        show_record(vault, keys_of(vault), parse_selector(str(index)))


def check_proofs(vault: Vault) -> None:
    for number in range(0, 80, 9):
        selector = parse_selector(document(number).sha256.hex())
        proof = prove(vault, keys_of(vault), selector, require=Grade.RECORDED)
        assert verdict_on(proof.evidence, vault.trust, number, Grade.RECORDED).ok


def add_some(vault: Vault) -> None:
    add_numbers(vault, 100, 5)


def seal_all(vault: Vault) -> None:
    seal(vault, keys_of(vault), STOPPED)


# clocks


def at(seconds: float) -> Any:
    return replace(STOPPED, now=lambda: START + seconds)


def test_a_clock_that_jumps_back_is_doubted_and_changes_no_order(offline_vault: Vault) -> None:
    add_numbers(offline_vault, 1, clock=at(1000))
    assert clock_doubts(offline_vault.database, at(999)) == []
    (doubt,) = clock_doubts(offline_vault.database, at(0))
    assert (
        doubt.text == "the clock says 2026-01-01T00:00:00Z, but this vault was used at 2026-01-01T00:16:40Z"
    )
    add_numbers(offline_vault, 2, clock=at(-5000))
    seal(offline_vault, keys_of(offline_vault), at(-6000))
    add_numbers(offline_vault, 3, clock=at(-7000))
    seal(offline_vault, keys_of(offline_vault), at(2000))
    assert names(offline_vault, State.SEALED) == files(1, 2, 3)
    assert clock_doubts(offline_vault.database, at(1990))
    assert not clock_doubts(offline_vault.database, at(1996))


def test_a_data_key_serves_a_while_and_no_longer_whatever_the_clock_does(offline_vault: Vault) -> None:
    def keys_after(*seconds: float) -> int:
        for each in seconds:
            offline_vault.current_data_key.take(at(each), counted_bytes(b"%d" % each))
        return offline_vault.database.number("SELECT count(*) FROM data_key")

    assert keys_after(0, 1, 899) == 1
    assert keys_after(900, 901) == 2
    assert keys_after(899) == 3, "the clock was put back"
    assert keys_after(-10_000, -9_999) == 4
    assert keys_after(10_000) == 5
    offline_vault.current_data_key._uses = 65_536
    assert keys_after(10_000) == 6
