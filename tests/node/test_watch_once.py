"""Watching a folder: a document is recorded once, whatever is killed in between."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from perdure_node.changes import erase, withdraw
from perdure_node.database import Database
from perdure_node.documents import hash_document
from perdure_node.errors import (
    AlreadyRecorded,
)
from perdure_node.intake import Details, add_document
from perdure_node.records import record_by_leaf
from perdure_node.traces import Reason
from perdure_node.vault import Vault
from perdure_node.watch.watcher import Recorded
from tools.site_desk import keys_of
from tools.site_network import STOPPED, counted_bytes
from tools.watch_desk import Desk, names_in, refusal

REASON = Reason("a clerk", "a slip")


CHANGE = {"clock": STOPPED, "randomness": counted_bytes(b"changes")}


@pytest.fixture
def desk(offline_vault: Vault, tmp_path: Path) -> Desk:
    return Desk(offline_vault, tmp_path / "scans")


def test_a_new_process_reads_nothing_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        desk.write(f"{number}.pdf", str(number))
    assert len(desk.settled()) == 5
    desk.start(details=Details(document_type="other words now"))
    monkeypatch.setattr("perdure_node.watch.watcher.read_document", None)
    assert desk.settled() == []
    assert desk.watcher.unsettled == 0


def test_a_document_that_has_a_record_is_passed_over_in_whatever_words(desk: Desk) -> None:
    for place in ("recorded.pdf", "withdrawn.pdf"):
        facts = hash_document(desk.write(place, place))
        added = add_document(desk.vault, facts, Details("deed"), **CHANGE)
        if place == "withdrawn.pdf":
            stored = record_by_leaf(desk.vault.database, added.leaf_hash)
            assert stored is not None
            withdraw(desk.vault, stored, REASON, **CHANGE)
    desk.write("copy.pdf", "recorded.pdf")
    events = desk.settled()
    assert [event.added for event in events if isinstance(event, Recorded)] == [None] * 3
    assert len(desk.names()) == 2
    assert desk.settled() == []


def test_what_was_erased_is_not_recorded_again_while_its_file_lies_there(desk: Desk) -> None:
    desk.write("a.pdf")
    (event,) = desk.settled()
    assert isinstance(event, Recorded)
    assert event.added is not None
    stored = record_by_leaf(desk.vault.database, event.added.leaf_hash)
    assert stored is not None
    erase(desk.vault, stored, REASON, keys_of(desk.vault), **CHANGE)
    desk.start()
    assert desk.settled() == []


def test_the_database_names_no_file(desk: Desk) -> None:
    desk.write("a very secret name.pdf")
    desk.settled()
    rows = desk.vault.database.rows("SELECT folder, place, state FROM watched_file")
    assert [[len(octets) for octets in row] for row in rows] == [[16, 16, 16]]
    other = desk.folder.parent / "scans2"
    desk.folder.rename(other)
    desk.folder = other
    desk.start()
    # another folder: the files are read again, and the vault knows their documents
    (event,) = desk.settled()
    assert isinstance(event, Recorded)
    assert event.added is None


def test_files_that_are_gone_are_forgotten(desk: Desk) -> None:
    paths = [desk.write(f"{number}.pdf", str(number)) for number in range(3)]
    desk.settled()
    paths[1].unlink()
    desk.look()
    assert desk.vault.database.number("SELECT count(*) FROM watched_file") == 2
    paths[0].unlink()
    paths[2].unlink()
    desk.start()
    desk.look()
    assert desk.vault.database.number("SELECT count(*) FROM watched_file") == 0


def test_a_changed_file_is_another_document(desk: Desk) -> None:
    path = desk.write("a.pdf", "first")
    assert len(desk.settled()) == 1
    path.write_text("second")
    assert len(desk.settled()) == 1
    assert desk.names() == ["a.pdf", "a.pdf"]


def test_a_list_that_is_being_imported_has_not_recorded_yet(desk: Desk) -> None:
    facts = hash_document(desk.write("a.pdf"))
    added = add_document(desk.vault, facts, Details("of the list"), **CHANGE)
    with desk.vault.database.transaction():
        desk.vault.database.execute("DELETE FROM queue")
        run = desk.vault.database.insert(
            "INSERT INTO import_run (list, began_at, first_sequence) VALUES (zeroblob(16), 1, 1)"
        )
        desk.vault.database.execute(
            "UPDATE record SET import_run = ? WHERE sequence = ?", run, added.sequence
        )
    assert isinstance(refusal(desk.settled()), AlreadyRecorded)
    desk.start()
    assert isinstance(refusal(desk.settled()), AlreadyRecorded)
    # the list was abandoned
    with desk.vault.database.transaction():
        desk.vault.database.execute("DELETE FROM content")
        desk.vault.database.execute("DELETE FROM record")
    desk.start()
    assert len(desk.settled()) == 1
    assert desk.names() == ["a.pdf"]


class Killed(BaseException):
    """Nothing in the node catches this, as nothing catches a kill."""


@pytest.mark.parametrize("moves", [False, True])
def test_a_watch_can_be_killed_before_each_statement_and_each_step_of_a_move(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, moves: bool
) -> None:
    away = tmp_path / "away" if moves else None
    kinds = [(Database, "execute"), (Database, "insert"), (os, "link"), (Path, "unlink"), (Path, "mkdir")]
    killed = number = 0
    ended = False
    while not ended:
        number += 1
        desk.write(f"{number}.pdf", str(number))
        desk.start(move_to=away)
        desk.look()
        desk.now += 5
        left = [number]
        with monkeypatch.context() as patched:
            for owner, name in kinds:
                patched.setattr(owner, name, kill_at_zero(left, getattr(owner, name)))
            try:
                desk.look()
                ended = True
            except Killed:
                killed += 1
        # another process goes on
        desk.start(move_to=away)
        desk.settled()
        assert desk.names() == sorted(f"{each}.pdf" for each in range(1, number + 1))
        assert names_in(away or desk.folder) == desk.names()
    assert killed >= (7 if moves else 4)


def kill_at_zero(left: list[int], real: Callable[..., object]) -> Callable[..., object]:
    def call(*arguments: object, **named: object) -> object:
        left[0] -= 1
        if left[0] == 0:
            raise Killed
        return real(*arguments, **named)

    return call
