"""Search: finds what opening every record finds, keeps nothing of what was erased, and is built anew where it is damaged."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from perdure_anchor.hashes import sha256
from perdure_node.changes import erase
from perdure_node.documents import DocumentFacts
from perdure_node.intake import Details, add_document
from perdure_node.records import record_by_sequence
from perdure_node.searching import segments as segments_module
from perdure_node.searching.criteria import Criteria
from perdure_node.searching.search import Standing, search
from perdure_node.searching.segments import Segments
from perdure_node.traces import Reason
from perdure_node.vault import Vault
from tools.site_desk import keys_of
from tools.site_network import STOPPED


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
