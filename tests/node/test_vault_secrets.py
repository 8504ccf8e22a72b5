"""What a thief of the disk finds: nothing that was said of a document, no key, and nothing at all of what was erased."""

import base64
import json
import logging
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from perdure_anchor.evidence import encode_evidence
from perdure_anchor.hashes import sha256
from perdure_anchor.verdict import Grade
from perdure_node.changes import amend, erase, withdraw
from perdure_node.database import Database
from perdure_node.details import Signer
from perdure_node.documents import DocumentFacts
from perdure_node.encryption.contents import decrypt_content
from perdure_node.encryption.hybrid import PrivateKey
from perdure_node.encryption.recovery import format_recovery_key
from perdure_node.errors import ImportRefused
from perdure_node.evidence.proving import prove
from perdure_node.intake import Details, add_document
from perdure_node.key_changes import change_passphrase, replace_recovery_key
from perdure_node.keys.keyring import KeyRing
from perdure_node.listing import list_records
from perdure_node.log.sealing import seal
from perdure_node.records import EncryptedRecord, record_by_leaf, record_by_sequence
from perdure_node.selectors import parse_selector
from perdure_node.traces import Reason
from perdure_node.vault import Vault, open_vault
from tools.site_desk import add_numbers, document, import_file, keys_of
from tools.site_network import CHEAP, PASSPHRASE, STOPPED, counted_bytes

pytestmark = pytest.mark.slow

# each long enough not to be found by chance
NAME, TYPE, SIGNER, SIGNER_ID = "canary-name-é.pdf", "canary-type-ж", "Canary Signer", "canary@signer.example"
CLERK, EXTRA, WHY, WHO = "canary clerk 7", "canary extra text", "canary reason why", "canary who did it"
AMENDED, LISTED = "canary amended type", "canary listed type"
NEW_PASSPHRASE = "canary passphrase of the site"
DOCUMENT = DocumentFacts(sha256(b"canary"), 6, NAME, "application/x-canary-media")
TEXTS = (NAME, TYPE, SIGNER, SIGNER_ID, CLERK, EXTRA, WHY, WHO, AMENDED, LISTED, DOCUMENT.media_type or "")


def spelled(text: str) -> set[bytes]:
    """The text as somebody might have let it slip: in several encodings, and escaped as in JSON."""
    escaped = json.dumps(text)[1:-1].encode()
    encodings = {text.encode(), text.encode("utf-16-le"), text.encode("utf-16-be"), escaped}
    return {spelling for octets in encodings for spelling in wrapped(octets)}


def wrapped(octets: bytes) -> set[bytes]:
    """Bytes as they are, in hexadecimal, and in Base64 at each of its three phases."""
    found = {octets, octets.hex().encode(), octets.hex().upper().encode()}
    for phase in range(3):
        inner = base64.b64encode(bytes(phase) + octets)
        # the digits at both ends hold bits of the neighbours
        found.add(inner[4 if phase else 0 : len(inner) - len(inner) % 4 - 4])
    return {each for each in found if len(each) >= 8}


def files_in(*folders: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for each in folders for path in each.rglob("*") if path.is_file()}


def assert_absent(files: dict[Path, bytes], secrets: set[bytes]) -> None:
    for path, octets in files.items():
        for secret in secrets:
            assert secret not in octets, f"{path}: {secret!r}"


def secrets_of(vault: Vault, keys: KeyRing) -> set[bytes]:
    """All that no file may hold: texts, digests of documents, seeds and keys."""
    octets = [sha256(b"canary"), *(document(number).sha256 for number in range(20))]
    for sequence, number, encrypted, name in vault.database.rows(
        "SELECT sequence, data_key, encrypted, leaf_hash FROM content JOIN record USING (sequence)"
    ):
        assert sequence
        key = keys.data_key(number)
        octets += [key.key, decrypt_content(key, encrypted, name)[1]]
    octets += [keys.private_key(), keys.site_key(), keys.relay_key()]
    spelled_texts = {spelling for text in (*TEXTS, PASSPHRASE, NEW_PASSPHRASE) for spelling in spelled(text)}
    return spelled_texts | {spelling for each in octets for spelling in wrapped(bytes(each))}


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    for name in ("TMPDIR", "SQLITE_TMPDIR"):
        monkeypatch.setenv(name, str(folder))
    return folder


def add_canary(vault: Vault) -> EncryptedRecord:
    details = Details(TYPE, (Signer(SIGNER, SIGNER_ID),), "2026-05-04T10:00Z", CLERK, extra={"x": EXTRA})
    added = add_document(vault, DOCUMENT, details, clock=STOPPED, randomness=os.urandom)
    return found(vault, added.leaf_hash)


def found(vault: Vault, leaf_hash: bytes) -> EncryptedRecord:
    record = record_by_leaf(vault.database, leaf_hash)  # type: ignore[arg-type]  # bytes as a hash, and a spread clock
    assert record is not None
    return record


def lived(vault: Vault, lists: Path) -> Iterator[str]:
    """A vault's life; between its steps the disk is looked at."""
    keys, change = keys_of(vault), {"clock": STOPPED, "randomness": os.urandom}
    record = add_canary(vault)
    yield "add"
    added = amend(vault, record, {"document_type": AMENDED}, Reason(WHO, WHY), keys, **change)  # type: ignore[arg-type]  # bytes as a hash, and a spread clock
    yield "amend"
    withdraw(vault, found(vault, added.leaf_hash), Reason(WHO, WHY), **change)  # type: ignore[arg-type]  # bytes as a hash, and a spread clock
    yield "withdraw"
    rows = [f"{document(number).sha256.hex()},{NAME},{LISTED},{SIGNER} <{SIGNER_ID}>" for number in range(9)]
    (lists / "list.csv").write_text(
        "document_sha256,document_name,document_type,signers\n" + "\n".join(rows) + "\n"
    )
    import_file(vault, lists / "list.csv")
    yield "csv"
    lines = [
        json.dumps({"document_sha256": document(number).sha256.hex(), "extra": {"text": EXTRA}})
        for number in range(9, 18)
    ]
    (lists / "list.jsonl").write_text("\n".join(lines) + "\n")
    import_file(vault, lists / "list.jsonl")
    yield "jsonl"
    (lists / "bad.csv").write_text(f"document_sha256,document_type\n{'9' * 64},{LISTED}\n{NAME},{LISTED}\n")
    with pytest.raises(ImportRefused):
        import_file(vault, lists / "bad.csv")
    yield "a refused list"
    seal(vault, keys, STOPPED)
    yield "seal"
    proof = prove(vault, keys, parse_selector(document(3).sha256.hex()), require=Grade.SIGNED)
    assert encode_evidence(proof.evidence)
    assert len(list(list_records(vault, keys))) == 20
    yield "prove and list"
    erase(vault, found(vault, proof.leaf_hash), Reason(WHO, WHY), keys, **change)  # type: ignore[arg-type]  # bytes as a hash, and a spread clock
    yield "erase"
    change_passphrase(vault, keys, NEW_PASSPHRASE, os.urandom, CHEAP)
    yield "another passphrase"


def test_nothing_that_was_said_and_no_key_is_in_any_file(
    offline_vault: Vault, tmp_path: Path, temporary: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    lists = tmp_path / "lists"
    lists.mkdir()
    secrets = secrets_of(offline_vault, keys_of(offline_vault))
    for step in lived(offline_vault, lists):
        if step != "another passphrase":
            secrets |= secrets_of(offline_vault, keys_of(offline_vault))
        files = files_in(offline_vault.folder, temporary)
        assert any(path.name.endswith("-wal") for path in files)
        assert_absent(files, secrets)
    assert caplog.text == ""
    offline_vault.close()
    assert_absent(files_in(offline_vault.folder, temporary), secrets)


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    """Or all the other tests here would say nothing."""
    for text in TEXTS:
        for octets in (
            text.encode(),
            text.encode("utf-16-le"),
            b"12" + base64.b64encode(b"y" + text.encode() + b"z"),
            text.encode().hex().encode(),
            json.dumps({"a": text}).encode(),
        ):
            (tmp_path / "file").write_bytes(b"before" + octets + b"after")
            with pytest.raises(AssertionError):
                assert_absent(files_in(tmp_path), spelled(text))


def test_a_recovery_key_is_on_paper_only(offline_vault: Vault) -> None:
    recovery = PrivateKey(sha256(b"canary recovery"))
    replace_recovery_key(offline_vault, keys_of(offline_vault), recovery, STOPPED)
    text = format_recovery_key(recovery)
    assert_absent(
        files_in(offline_vault.folder), wrapped(recovery) | spelled(text) | spelled(text.replace("-", ""))
    )


KILLED = """
import os, sys
sys.path[:0] = {path!r}
from pathlib import Path
from node.test_vault_secrets import lived
from perdure_node.vault import open_vault

vault = open_vault(Path({folder!r}))
for step in lived(vault, Path({lists!r})):
    if step == {step!r}:
        os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("step", ["add", "withdraw", "jsonl", "a refused list", "seal", "erase"])
def test_a_killed_process_leaves_nothing_in_the_open(
    offline_vault: Vault, tmp_path: Path, temporary: Path, step: str
) -> None:
    offline_vault.close()
    lists = tmp_path / "lists"
    lists.mkdir()
    tests = str(Path(__file__).parents[1])
    script = KILLED.format(path=[tests], folder=str(offline_vault.folder), lists=str(lists), step=step)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert ended.returncode == -9, ended.stderr.decode()
    files = files_in(offline_vault.folder, temporary)
    assert any(path.name.endswith("-wal") for path in files)
    assert (ended.stdout, ended.stderr) == (b"", b"")
    with open_vault(offline_vault.folder) as vault:
        assert_absent(files, secrets_of(vault, keys_of(vault)))


def erase_some(vault: Vault, count: int, seed: int = 1) -> list[bytes]:
    """Erase records here and there; gives what was stored of them: what finds them, and the ciphertexts in pieces."""
    chance, keys = random.Random(seed), keys_of(vault)
    gone: list[bytes] = []
    for sequence in chance.sample(
        range(1, vault.database.number("SELECT max(sequence) FROM record") + 1), count
    ):
        record = record_by_sequence(vault.database, sequence)
        assert record is not None
        assert record.content is not None
        row = vault.database.row("SELECT document, words FROM record WHERE sequence = ?", sequence)
        assert row is not None
        encrypted = record.content[1]
        gone += [*row, *(encrypted[at : at + 16] for at in range(0, len(encrypted) - 15, 16))]
        assert erase(vault, record, Reason(WHO, WHY), keys, clock=STOPPED, randomness=os.urandom).overwritten
    return gone


def test_what_was_erased_is_gone_from_every_file(offline_vault: Vault) -> None:
    add_numbers(offline_vault, *range(30))
    seal(offline_vault, keys_of(offline_vault), STOPPED)
    add_numbers(offline_vault, *range(30, 60))
    gone = set(erase_some(offline_vault, 40))
    assert_absent(files_in(offline_vault.folder), gone)


def test_a_copy_that_stayed_where_rows_had_moved_is_gone_too(
    offline_vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What SQLite leaves behind in its pages comes by chance, so it is put there."""
    add_numbers(offline_vault, *range(3))
    record = record_by_sequence(offline_vault.database, 2)
    assert record is not None
    row = offline_vault.database.row(
        "SELECT document, words, substr(encrypted, 1, 12) FROM record JOIN content USING (sequence) WHERE sequence = 2"
    )
    assert row is not None
    offline_vault.close()
    for place, octets in enumerate(row):
        leave_behind(offline_vault.folder / "vault.sqlite", octets, 100 * (place + 1))
        assert_present(offline_vault.folder, octets)
    with open_vault(offline_vault.folder) as vault:
        assert vault.database.row("PRAGMA integrity_check") == ("ok",)
        assert erase(
            vault, record, Reason(None, "x"), keys_of(vault), clock=STOPPED, randomness=os.urandom
        ).overwritten
        assert_absent(files_in(vault.folder), set(row))
        # the erasure's own record among them
        assert len(list(list_records(vault, keys_of(vault)))) == 4


def leave_behind(path: Path, octets: bytes, place: int) -> None:
    """Put bytes into a page where nothing is: between the pointers and the cells of a table's root."""
    content = bytearray(path.read_bytes())
    page = int.from_bytes(content[16:18], "big")
    for begin in range(page, len(content), page):
        pointers, cells = (
            begin + 8 + 2 * content[begin + 4],
            begin + int.from_bytes(content[begin + 5 : begin + 7], "big"),
        )
        if content[begin] == 13 and cells - pointers > 1000:
            content[pointers + place : pointers + place + len(octets)] = octets
            path.write_bytes(content)
            return
    raise AssertionError("no page with room")


def assert_present(folder: Path, octets: bytes) -> None:
    assert any(octets in content for content in files_in(folder).values())


def test_a_document_with_another_record_is_still_found(offline_vault: Vault) -> None:
    """What finds the other one stays, and is no reason to make the database anew."""
    first = add_canary(offline_vault)
    details = Details("another type")
    add_document(offline_vault, DOCUMENT, details, clock=STOPPED, randomness=counted_bytes(), again=True)
    changed: list[str] = []
    offline_vault.database._connection.set_trace_callback(changed.append)
    assert erase(
        offline_vault, first, Reason(None, "x"), keys_of(offline_vault), clock=STOPPED, randomness=os.urandom
    ).overwritten
    assert "VACUUM" not in changed
    proof = prove(
        offline_vault, keys_of(offline_vault), parse_selector(DOCUMENT.sha256.hex()), require=Grade.RECORDED
    )
    assert proof.document_sha256 == DOCUMENT.sha256


@pytest.mark.parametrize("without", ["secure_delete", "fold"])
def test_erasing_relies_on_what_it_says_it_relies_on(
    offline_vault: Vault, monkeypatch: pytest.MonkeyPatch, without: str
) -> None:
    """Without overwriting, or without folding the log, what was erased would be found."""
    if without == "secure_delete":
        offline_vault.database._set(secure_delete="OFF")
        monkeypatch.setattr(Database, "_holds", lambda *_: False)
    else:
        monkeypatch.setattr(Database, "fold", lambda _: True)
        monkeypatch.setattr(Database, "_holds", lambda *_: False)
    add_numbers(offline_vault, *range(30))
    gone = set(erase_some(offline_vault, 20))
    with pytest.raises(AssertionError):
        assert_absent(files_in(offline_vault.folder), gone)


def test_a_reader_holds_the_old_bytes_back_and_erasing_says_so(offline_vault: Vault) -> None:
    record = add_canary(offline_vault)
    with open_vault(offline_vault.folder) as reader:
        reader.database._connection.execute("BEGIN")
        assert reader.database.number("SELECT count(*) FROM record") == 1
        offline_vault.database._set(busy_timeout=50)
        assert not erase(
            offline_vault,
            record,
            Reason(None, "x"),
            keys_of(offline_vault),
            clock=STOPPED,
            randomness=os.urandom,
        ).overwritten
        reader.database._connection.execute("ROLLBACK")
    assert record.content is not None
    assert offline_vault.database.fold()
    assert_absent(files_in(offline_vault.folder), {record.content[1][:16]})


def test_who_was_retired_finds_no_key_any_more(offline_vault: Vault) -> None:
    keys = keys_of(offline_vault)
    add_numbers(offline_vault, 1)
    replace_recovery_key(offline_vault, keys, PrivateKey(sha256(b"old")), STOPPED)
    old = offline_vault.database.rows(
        "SELECT wrapped FROM wrapped_data_key JOIN recipient ON number = recipient WHERE kind = 'recovery' "
        "UNION SELECT wrapped FROM wrapped_secret_key JOIN recipient ON number = recipient WHERE kind = 'recovery' "
        "UNION SELECT wrapped FROM wrapped_site_key JOIN recipient ON number = recipient WHERE kind = 'recovery'"
    )
    assert len(old) == 4
    replace_recovery_key(offline_vault, keys, PrivateKey(sha256(b"new")), STOPPED)
    assert_absent(files_in(offline_vault.folder), {bytes(row[0]) for row in old})
