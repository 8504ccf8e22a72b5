"""Signed documents in a watched folder: checked as `perdure add` does, their signatures never taken for documents."""

import json
from pathlib import Path

import pytest
from perdure_node.clock import Clock
from perdure_node.records import open_record, record_by_leaf
from perdure_node.signatures.faults import SignatureRefused
from perdure_node.signatures.looking import Asked
from perdure_node.vault import Vault
from perdure_node.watch.watcher import Recorded, Refused, Watcher, WatchOptions
from tools.site_desk import keys_of
from tools.site_network import START, counted_bytes
from tools.wallet import ADA, wallet_export

CONTENT = b"We agree.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "scans"
    path.mkdir()
    (path / "note.txt").write_bytes(CONTENT)
    (path / "note.txt.sig.json").write_bytes(wallet_export(CONTENT))
    return path


def watched(vault: Vault, folder: Path, options: WatchOptions) -> list[Recorded | Refused]:
    now = [0.0]
    clock = Clock(lambda: START + now[0], lambda: now[0], lambda _: None)
    watcher = Watcher(vault, folder, options, clock=clock, randomness=counted_bytes(b"watch"))
    watcher.try_refused_again()
    first = list(watcher.round())
    now[0] += 60
    return first + list(watcher.round())


def test_a_signature_is_checked_and_moves_with_its_document(
    offline_vault: Vault, folder: Path, tmp_path: Path
) -> None:
    [event] = watched(offline_vault, folder, WatchOptions(move_to=tmp_path / "done"))
    assert isinstance(event, Recorded)
    assert event.added is not None
    stored = record_by_leaf(offline_vault.database, event.added.leaf_hash)
    assert stored is not None
    record = open_record(stored, keys_of(offline_vault)).record
    slot = record.value("signature")
    assert isinstance(slot, dict)
    assert slot["verdict"] == "valid"
    assert record.value("signers") == [{"name": ADA.address}]
    assert sorted(path.name for path in (tmp_path / "done").iterdir()) == ["note.txt", "note.txt.sig.json"]


def test_details_win_and_a_difference_is_told(offline_vault: Vault, folder: Path) -> None:
    (folder / "note.txt.json").write_text(json.dumps({"signers": [{"name": "Bob"}]}))
    [event] = watched(offline_vault, folder, WatchOptions())
    assert isinstance(event, Recorded)
    assert event.differences == (f"signers: you say Bob; by the signatures they are {ADA.address}",)


def test_a_bad_signature_is_refused_where_the_policy_says_so(offline_vault: Vault, folder: Path) -> None:
    (folder / "note.txt").write_bytes(b"We do not agree.\n")
    [event] = watched(offline_vault, folder, WatchOptions(asked=Asked(refuse_bad=True)))
    assert isinstance(event, Refused)
    assert isinstance(event.error, SignatureRefused)
    [event] = watched(offline_vault, folder, WatchOptions(asked=Asked(skip=True)))
    assert isinstance(event, Recorded)
    assert event.look.check is None


def test_a_signature_that_comes_first_is_no_document(offline_vault: Vault, folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    for name in ("contract.pdf.p7s", "contract.pdf.sig", "contract.pdf.asc", "contract.pdf.sig.json"):
        (folder / name).write_bytes(b"a signature")
    assert watched(offline_vault, folder, WatchOptions()) == []
    (folder / "sent.p7s").write_bytes(b"named by itself")
    [event] = watched(offline_vault, folder, WatchOptions())
    assert event.path.name == "sent.p7s"
