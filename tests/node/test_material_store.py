"""What checks of signatures rested on, in the vault: each once, encrypted, gone with the last record, carried along into another vault."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from perdure_anchor.hashes import sha256
from perdure_node.changes import amend, erase
from perdure_node.clock import system_clock
from perdure_node.documents import DocumentFacts
from perdure_node.errors import VaultDamaged
from perdure_node.intake import Details, add_document
from perdure_node.records import Added, open_record, record_by_leaf
from perdure_node.recovering.merging import merge_records
from perdure_node.signatures.material_store import named_material, read_material
from perdure_node.signatures.verdicts import (
    DocumentCheck,
    Format,
    Indication,
    Material,
    MaterialKind,
    SignatureCheck,
)
from perdure_node.traces import Reason
from perdure_node.vault import Vault
from tools.site_desk import keys_of
from tools.site_network import new_vault

CLOCK = system_clock()
SIGNATURE = SignatureCheck("Ada", None, Indication.VALID, None, None, None, None, None, None)


def material(*files: bytes) -> tuple[Material, ...]:
    return tuple(Material(MaterialKind.CERTIFICATE, sha256(octets), octets) for octets in files)


def add(vault: Vault, name: str, *files: bytes) -> Added:
    check = DocumentCheck(Format.PADES, (SIGNATURE,), "2026-05-04T10:00:00Z", None, material(*files))
    document = DocumentFacts(sha256(name.encode()), 1, name, None)
    return add_document(vault, document, Details(), clock=CLOCK, randomness=os.urandom, check=check)


def kept(vault: Vault, added: Added) -> list[bytes]:
    stored = record_by_leaf(vault.database, added.leaf_hash)
    assert stored is not None
    keys = keys_of(vault)
    named = named_material(open_record(stored, keys).record.value("signature"))
    return [file.octets for file in read_material(vault.database, vault.lookup_key, keys, named)]


def count(vault: Vault) -> int:
    return vault.database.number("SELECT count(*) FROM material")


def destroy(vault: Vault, added: Added) -> None:
    stored = record_by_leaf(vault.database, added.leaf_hash)
    assert stored is not None
    assert erase(vault, stored, Reason("a clerk", "why"), keys_of(vault), clock=CLOCK, randomness=os.urandom)


def test_each_file_is_kept_once_and_until_no_record_rests_on_it(offline_vault: Vault) -> None:
    first, second = add(offline_vault, "a", b"root", b"ada"), add(offline_vault, "b", b"root", b"bob")
    assert count(offline_vault) == 3
    destroy(offline_vault, first)
    assert count(offline_vault) == 2
    assert kept(offline_vault, second) == [b"root", b"bob"]
    destroy(offline_vault, second)
    assert count(offline_vault) == 0


def test_an_amended_record_rests_on_the_same(offline_vault: Vault) -> None:
    added = add(offline_vault, "a", b"root")
    stored = record_by_leaf(offline_vault.database, added.leaf_hash)
    assert stored is not None
    changed = amend(
        offline_vault,
        stored,
        {"document_type": "contract"},
        Reason("a clerk", "why"),
        keys_of(offline_vault),
        clock=CLOCK,
        randomness=os.urandom,
    )
    destroy(offline_vault, added)
    assert kept(offline_vault, changed) == [b"root"]


def test_a_file_in_the_place_of_another_is_noticed(offline_vault: Vault) -> None:
    added = add(offline_vault, "a", b"root", b"ada")
    database = offline_vault.database
    with database.transaction():
        database.execute(
            "UPDATE material SET encrypted = (SELECT encrypted FROM material AS other WHERE other.number <> material.number)"
        )
    with pytest.raises(VaultDamaged):
        kept(offline_vault, added)


@pytest.fixture
def other(founded: Path, tmp_path: Path) -> Iterator[Vault]:
    with new_vault(founded, tmp_path / "other" / ".perdure") as made:
        yield made


def test_records_that_are_merged_bring_it_along(offline_vault: Vault, other: Vault) -> None:
    added = add(other, "a", b"root", b"ada")
    again = add(offline_vault, "b", b"root")
    merge_records(offline_vault, other, keys_of(other), clock=CLOCK, randomness=os.urandom)
    assert kept(offline_vault, added) == [b"root", b"ada"]
    assert kept(offline_vault, again) == [b"root"]
    assert count(offline_vault) == 2
