"""Watching a folder: recorded files are put away, and nothing is written over."""

import errno
import os
from pathlib import Path

import pytest
from perdure_node.errors import (
    CannotPutAway,
    FolderUnreadable,
)
from perdure_node.vault import Vault
from perdure_node.watch import moving
from perdure_node.watch.watcher import Recorded
from tools.watch_desk import Desk, names_in


@pytest.fixture
def desk(offline_vault: Vault, tmp_path: Path) -> Desk:
    return Desk(offline_vault, tmp_path / "scans")


def test_recorded_files_are_put_away_with_their_details(desk: Desk, tmp_path: Path) -> None:
    away = tmp_path / "away"
    desk.start(move_to=away)
    desk.write("in/a.pdf", "a")
    desk.write("in/a.json", {"document_type": "deed"})
    desk.write("b.pdf", "b")
    desk.write("refused.pdf", "r")
    desk.write("refused.json", "[]")
    moved = [event.moved_to for event in desk.settled() if isinstance(event, Recorded)]
    assert moved == [away / "b.pdf", away / "in" / "a.pdf"]
    assert (away / "in" / "a.json").exists()
    left = sorted(path.name for path in desk.folder.rglob("*") if path.is_file())
    assert left == ["refused.json", "refused.pdf"]


def test_details_of_two_documents_go_with_the_last(desk: Desk, tmp_path: Path) -> None:
    away = tmp_path / "away"
    desk.start(move_to=away)
    desk.write("a.pdf", "a")
    desk.write("a.tif", "b")
    desk.write("a.json", {"document_type": "deed"})
    assert [desk.record(event)["document_type"] for event in desk.settled()] == ["deed", "deed"]
    assert names_in(away) == ["a.json", "a.pdf", "a.tif"]


def test_nothing_is_written_over(desk: Desk, tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.mkdir()
    (away / "a.pdf").write_text("another")
    (away / "a-2.pdf").symlink_to("nowhere")
    (away / "b.pdf").write_text("b")
    desk.start(move_to=away)
    desk.write("a.pdf", "a")
    desk.write("b.pdf", "b")
    moved = [event.moved_to for event in desk.settled() if isinstance(event, Recorded)]
    assert moved == [away / "a-3.pdf", away / "b.pdf"]
    assert (away / "a.pdf").read_text() == "another"
    assert (away / "a-3.pdf").read_text() == "a"
    assert names_in(desk.folder) == []


def test_what_was_recorded_but_not_put_away_is_so_by_the_next_process(desk: Desk, tmp_path: Path) -> None:
    desk.write("a.pdf")
    desk.settled()
    desk.start(move_to=tmp_path / "away")
    (event,) = desk.settled()
    assert isinstance(event, Recorded)
    assert (event.added, event.moved_to) == (None, tmp_path / "away" / "a.pdf")


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EPERM])
def test_files_are_copied_where_no_link_can_be(
    desk: Desk, tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refuse)
    away = tmp_path / "away"
    away.mkdir()
    (away / ".a.pdf.part").write_text("left by a killed one")
    desk.start(move_to=away)
    desk.write("a.pdf", "a")
    assert [getattr(event, "moved_to", None) for event in desk.settled()] == [away / "a.pdf"]
    assert names_in(away) == ["a.pdf"]
    assert (away / "a.pdf").read_text() == "a"


def test_a_file_that_is_written_to_while_it_is_copied_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "a.pdf"
    source.write_text("a")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "other device")

    real = moving._copy

    def copy_then_write(given: Path, target: Path) -> None:
        real(given, target)
        source.write_text("b")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(moving, "_copy", copy_then_write)
    with pytest.raises(CannotPutAway, match="it was written to while it was copied"):
        moving.put_away(source, tmp_path / "away", "a.pdf")
    assert source.read_text() == "b"


def test_what_cannot_be_put_away_stays_and_is_told_once(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "away").write_text("no folder")
    desk.start(move_to=tmp_path / "away")
    desk.write("a.pdf")
    (event,) = desk.settled()
    assert isinstance(event, Recorded)
    assert isinstance(event.not_moved, CannotPutAway)
    assert desk.settled() == []
    assert (desk.folder / "a.pdf").exists()


def test_the_folder_itself_is_no_place_to_put_files_away(desk: Desk) -> None:
    with pytest.raises(FolderUnreadable, match="moved to where they are"):
        desk.start(move_to=desk.folder / ".." / "scans")
