"""Search: finds what opening every record finds, keeps nothing of what was erased, and is built anew where it is damaged."""

import multiprocessing
import os
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from perdure_anchor.hashes import sha256
from perdure_anchor.late import LateEntry, SupportingDocument
from perdure_node.changes import erase, withdraw
from perdure_node.documents import DocumentFacts
from perdure_node.encryption.hybrid import new_private_key
from perdure_node.intake import Details, add_document
from perdure_node.key_changes import recover_identity, replace_recovery_key
from perdure_node.keys.keyring import KeyRing, RecoveryKeyRing
from perdure_node.records import record_by_sequence
from perdure_node.searching import segments as segments_module
from perdure_node.searching.criteria import Criteria
from perdure_node.searching.rows import row_of
from perdure_node.searching.search import Standing, of_supporting, search
from perdure_node.searching.segments import Segments
from perdure_node.searching.stored import SEGMENT
from perdure_node.traces import Reason
from perdure_node.vault import Vault, open_vault
from tools.site_desk import import_file, keys_of
from tools.site_network import CHEAP, STOPPED


@pytest.fixture(autouse=True)
def _stored_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments_module, "WORTH_STORING", 1)


def add_named(vault: Vault, *names: str, **details: object) -> list[int]:
    """A record for each name."""
    return [
        add_document(
            vault,
            DocumentFacts(sha256(name.encode()), 1, name, "text/plain"),
            Details(**details),  # type: ignore[arg-type]
            clock=STOPPED,
            randomness=os.urandom,
        ).sequence
        for name in names
    ]


def found(vault: Vault, criteria: Criteria, standing: Standing | None = None) -> list[int]:
    segments = Segments(vault, keys_of(vault), clock=STOPPED, randomness=os.urandom)
    return [each for page in search(segments, vault.database, criteria, standing) for each in page]


def files_of(vault: Vault) -> bytes:
    """All bytes of the vault's database and its log."""
    vault_files: Iterable[Path] = vault.folder.glob("vault.sqlite*")
    return b"".join(path.read_bytes() for path in vault_files)


def test_words_are_found_in_any_case_and_all_must_occur(offline_vault: Vault) -> None:
    one, two = add_named(offline_vault, "Lease of the Old Mill.pdf", "Lease of the new mill.pdf")
    assert found(offline_vault, Criteria(("MILL", "lease"))) == [two, one]
    assert found(offline_vault, Criteria(("mill", "old"))) == [one]
    assert found(offline_vault, Criteria(("old mill",))) == [one]
    assert found(offline_vault, Criteria(("mill old",))) == []


def test_who_signed_is_found_by_his_name_and_not_by_letters_of_his_key() -> None:
    part = {
        "operator": "ad" * 32,
        "credential": {"kind": "key", "address": "0xBad0"},
        "signature": "bAdA+/==",
    }
    confirmation = {"v": 1, "recorded": {**part, "name": "Ada"}, "confirmed": {**part, "name": "Ben"}}
    assert row_of({"confirmation": confirmation}).more == ("ada", "ben")
    assert row_of({"confirmation": {"v": 2}}).more == row_of({}).more == ()


def test_what_is_added_after_a_search_is_found_by_the_next(offline_vault: Vault) -> None:
    add_named(offline_vault, "a", "b")
    assert found(offline_vault, Criteria(("c",))) == []
    [third] = add_named(offline_vault, "c")
    assert found(offline_vault, Criteria(("c",))) == [third]
    assert offline_vault.database.number("SELECT covered FROM search_segment") == third + 1


def test_what_was_erased_is_found_no_more_and_its_segment_is_in_no_file(offline_vault: Vault) -> None:
    kept, gone = add_named(offline_vault, "kept.pdf", "gone.pdf")
    assert found(offline_vault, Criteria(("pdf",))) == [gone, kept]
    old = [row[0] for row in offline_vault.database.rows("SELECT encrypted FROM search_column")]
    offline_vault.database.fold()
    assert all(each in files_of(offline_vault) for each in old)
    record = record_by_sequence(offline_vault.database, gone)
    assert record is not None
    keys = keys_of(offline_vault)
    assert erase(offline_vault, record, Reason(None, "why"), keys, clock=STOPPED, randomness=os.urandom)
    held = files_of(offline_vault)
    assert not any(each in held or each[:12] in held for each in old)
    assert found(offline_vault, Criteria(("pdf",))) == [kept]
    assert found(offline_vault, Criteria(), Standing.ERASED) == [gone]


def segment_count(vault: Vault) -> int:
    return vault.database.number("SELECT count(*) FROM search_segment")


def erase_by_sequence(vault: Vault, sequence: int) -> None:
    record = record_by_sequence(vault.database, sequence)
    assert record is not None
    erase(vault, record, Reason(None, "why"), keys_of(vault), clock=STOPPED, randomness=os.urandom)


def test_a_former_segment_of_an_erased_record_is_in_no_file_either(offline_vault: Vault) -> None:
    [gone] = add_named(offline_vault, "gone.pdf")
    former = []
    for number in range(4):
        found(offline_vault, Criteria(("pdf",)))
        former += [row[0] for row in offline_vault.database.rows("SELECT encrypted FROM search_column")]
        add_named(offline_vault, f"{number}.pdf")
    erase_by_sequence(offline_vault, gone)
    held = files_of(offline_vault)
    assert not any(each[:12] in held for each in former)


def test_a_damaged_segment_is_built_anew(offline_vault: Vault) -> None:
    one, two = add_named(offline_vault, "a.pdf", "b.pdf")
    database = offline_vault.database
    assert found(offline_vault, Criteria(("pdf",))) == [two, one]
    for damage in (
        "UPDATE search_column SET encrypted = zeroblob(40) WHERE name = 'name'",
        "UPDATE search_column SET encrypted = 'text'",
        "DELETE FROM search_column WHERE name = 'extra'",
        "UPDATE search_segment SET covered = 2",
        "UPDATE search_segment SET kind = 'another'",
        "UPDATE search_column SET name = name || '.'",
    ):
        with database.transaction():
            database.execute(damage)
        assert found(offline_vault, Criteria(("pdf",))) == [two, one], damage
        assert found(offline_vault, Criteria(("a.pdf",))) == [one]


def test_columns_in_each_others_place_do_not_open(offline_vault: Vault) -> None:
    [one] = add_named(offline_vault, "a.pdf", recorded_by="desk")
    database = offline_vault.database
    assert found(offline_vault, Criteria(("a.pdf",))) == [one]
    with database.transaction():
        database.execute(
            "UPDATE search_column SET encrypted = (SELECT encrypted FROM search_column WHERE name = 'by') WHERE name = 'name'"
        )
    assert found(offline_vault, Criteria(("a.pdf",))) == [one]


def test_records_of_an_unfinished_import_are_not_found(offline_vault: Vault) -> None:
    one, two = add_named(offline_vault, "a.pdf", "b.pdf")
    database = offline_vault.database
    with database.transaction():
        database.execute(
            "INSERT INTO import_run (number, list, began_at, first_sequence) VALUES (7, zeroblob(16), 1, 1)"
        )
        database.execute("UPDATE record SET import_run = 7 WHERE sequence = ?", two)
    assert found(offline_vault, Criteria(("pdf",))) == [one]
    with database.transaction():
        database.execute("UPDATE import_run SET finished_at = 2")
    assert found(offline_vault, Criteria(("pdf",))) == [two, one]
    with database.transaction():
        database.execute("DELETE FROM queue WHERE sequence = ?", two)
        database.execute("DELETE FROM content WHERE sequence = ?", two)
        database.execute("DELETE FROM record WHERE sequence = ?", two)
    [again] = add_named(offline_vault, "c.pdf")
    assert again == two, "a number that was freed"
    assert found(offline_vault, Criteria(("b.pdf",))) == []
    assert found(offline_vault, Criteria(("c.pdf",))) == [two]


def test_a_record_that_is_erased_while_a_segment_is_built_does_not_come_back(
    offline_vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, gone = add_named(offline_vault, "kept.pdf", "gone.pdf")
    read = Segments._contents

    def erased_after_reading(self: Segments, begin: int, end: int) -> object:
        contents = read(self, begin, end)
        with open_vault(offline_vault.folder) as other:
            erase_by_sequence(other, gone)
        return contents

    with monkeypatch.context() as patch:
        patch.setattr(Segments, "_contents", erased_after_reading)
        segments = Segments(offline_vault, keys_of(offline_vault), clock=STOPPED, randomness=os.urandom)
        segments.build()
    assert segment_count(offline_vault) == 0
    assert found(offline_vault, Criteria(("pdf",))) == [kept]


def test_a_vault_that_cannot_be_written_to_is_searched_from_memory(offline_vault: Vault) -> None:
    [one] = add_named(offline_vault, "a.pdf")
    offline_vault.database.is_writable = False
    assert found(offline_vault, Criteria(("a.pdf",))) == [one]
    assert segment_count(offline_vault) == 0


def test_new_keys_open_what_was_built_before(offline_vault: Vault) -> None:
    [one] = add_named(offline_vault, "a.pdf")
    assert found(offline_vault, Criteria(("pdf",))) == [one]
    recovery = new_private_key(os.urandom)
    replace_recovery_key(offline_vault, keys_of(offline_vault), recovery, STOPPED)
    before = offline_vault.database.rows("SELECT encrypted FROM search_column")
    ring = RecoveryKeyRing(offline_vault, recovery)
    recover_identity(
        offline_vault, ring, "another passphrase", clock=STOPPED, randomness=os.urandom, cost=CHEAP
    )
    keys = KeyRing(offline_vault, lambda: "another passphrase")
    segments = Segments(offline_vault, keys, clock=STOPPED, randomness=os.urandom)
    assert [*search(segments, offline_vault.database, Criteria(("pdf",)))] == [[one]]
    assert offline_vault.database.rows("SELECT encrypted FROM search_column") == before


def test_no_type_at_all_is_not_searched_for(offline_vault: Vault) -> None:
    [kept, _] = add_named(offline_vault, "kept.pdf", "other.pdf")
    erase_by_sequence(offline_vault, kept)
    assert found(offline_vault, Criteria(types=("",))) == []


def test_what_is_superseded(offline_vault: Vault) -> None:
    old, other = add_named(offline_vault, "old.pdf", "other.pdf")
    record = record_by_sequence(offline_vault.database, old)
    assert record is not None
    [new] = add_named(offline_vault, "new.pdf", supersedes=record.leaf_hash)
    assert found(offline_vault, Criteria(), Standing.SUPERSEDED) == [old]
    assert found(offline_vault, Criteria(("other",)), Standing.SUPERSEDED) == []
    successor = record_by_sequence(offline_vault.database, new)
    assert successor is not None
    withdraw(offline_vault, successor, Reason(None, "why"), clock=STOPPED, randomness=os.urandom)
    assert found(offline_vault, Criteria(), Standing.SUPERSEDED) == []
    assert other not in found(offline_vault, Criteria(("old",)))


def test_a_late_entry_is_found_by_what_supports_it(offline_vault: Vault) -> None:
    letter, other = sha256(b"a letter"), sha256(b"another")
    documents = (SupportingDocument("letter.txt", letter, 8), SupportingDocument(None, other, 7))
    add_named(offline_vault, "in time.pdf")
    [late] = add_named(offline_vault, "late.pdf", late=LateEntry("no power", documents))
    [later] = add_named(offline_vault, "later.pdf", late=LateEntry("no power either", documents[:1]))

    def supported(digits: str) -> frozenset[int]:
        segments = Segments(offline_vault, keys_of(offline_vault), clock=STOPPED, randomness=os.urandom)
        return of_supporting(segments, digits)

    assert supported(letter.hex()) == {late, later}
    assert supported(other.hex()[:5]) == {late}
    assert supported(sha256(b"in time.pdf").hex()) == frozenset()
    # the same from what is stored, and no more once it is erased
    assert segment_count(offline_vault) == 1
    assert supported(letter.hex()) == {late, later}
    erase_by_sequence(offline_vault, later)
    assert supported(letter.hex()) == {late}


def test_more_records_than_a_segment_has(offline_vault: Vault, tmp_path: Path) -> None:
    count = SEGMENT + 300
    path = tmp_path / "SHA256SUMS"
    path.write_text("".join(f"{sha256(b'%d' % n).hex()}  {n:05d}.pdf\n" for n in range(1, count + 1)))
    import_file(offline_vault, path)
    assert found(offline_vault, Criteria((".pdf",))) == list(range(count, 0, -1))
    assert found(offline_vault, Criteria(("08191.pdf",))) == [SEGMENT - 1]
    assert found(offline_vault, Criteria(("08192.pdf",))) == [SEGMENT]
    assert segment_count(offline_vault) == 2
    erase_by_sequence(offline_vault, SEGMENT)
    assert segment_count(offline_vault) == 1
    assert found(offline_vault, Criteria(("0819",)))[:-1] == [
        8199,
        8198,
        8197,
        8196,
        8195,
        8194,
        8193,
        8191,
        8190,
    ]
    assert found(offline_vault, Criteria(digest=sha256(b"8195").hex()[:12])) == [8195]


def build_for_ever(folder: Path) -> None:
    while True:
        with open_vault(folder) as vault:
            found(vault, Criteria(("pdf",)))
            with vault.database.transaction():
                vault.database.execute("DELETE FROM search_segment")


def test_whoever_builds_can_be_killed_and_two_can_build(offline_vault: Vault) -> None:
    expected = add_named(offline_vault, *(f"{number}.pdf" for number in range(20)))[::-1]
    context = multiprocessing.get_context("fork")
    for round_number in range(4):
        workers = [context.Process(target=build_for_ever, args=(offline_vault.folder,)) for _ in range(2)]
        for worker in workers:
            worker.start()
        for _ in range(3):
            assert found(offline_vault, Criteria(("pdf",))) == expected
        time.sleep(0.02 * round_number)
        for worker in workers:
            worker.kill()
            worker.join()
        assert found(offline_vault, Criteria(("pdf",))) == expected
    assert offline_vault.database.row("PRAGMA integrity_check") == ("ok",)
    assert offline_vault.database.rows("PRAGMA foreign_key_check") == []
