"""What a watched folder's files become: what is taken and when, what is said of it, and what is refused."""

import errno
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.hashes import sha256
from perdure_node.clock import Clock
from perdure_node.errors import (
    DetailsRefused,
    DocumentUnreadable,
    FolderUnreadable,
    IntakeError,
    VaultBusy,
)
from perdure_node.intake import Details
from perdure_node.seal_policy import SealPolicy
from perdure_node.vault import Vault
from perdure_node.watch.listing import Selection, list_folder
from perdure_node.watch.policy_sealer import PolicySealer
from perdure_node.watch.settling import Settling
from perdure_node.watch.watcher import Recorded, Refused
from perdure_node.watch.writers import is_being_written
from tools.site_desk import add_numbers, keys_of
from tools.site_network import START, STOPPED
from tools.watch_desk import Desk, refusal


@pytest.fixture
def desk(offline_vault: Vault, tmp_path: Path) -> Desk:
    return Desk(offline_vault, tmp_path / "scans")


# when


STATES = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3)), min_size=1, max_size=30)


@given(STATES, st.integers(0, 12))
def test_a_file_settles_once_it_has_looked_the_same_for_so_long(
    looks: list[tuple[int, int]], seconds: int
) -> None:
    settling: Settling[int] = Settling(seconds)
    now, history = 0, []
    for step, state in looks:
        now += step
        history.append((now, state))
        same_since = next(
            at for index, (at, _) in enumerate(history) if all(later == state for _, later in history[index:])
        )
        expected = ["a"] if now - same_since >= seconds else []
        assert settling.observe({"a": state}, now) == expected
        assert len(settling) == 1 - len(expected)


def test_a_file_that_goes_and_comes_settles_anew() -> None:
    settling: Settling[int] = Settling(5)
    assert settling.observe({"a": 1}, 0) == []
    assert settling.observe({}, 4) == []
    assert settling.observe({"a": 1}, 6) == []
    assert settling.observe({"a": 1}, 11) == ["a"]
    settling.begin_again("a")
    assert len(settling) == 1
    assert settling.observe({"a": 1}, 12) == []


def test_a_file_that_grows_is_left_until_it_is_whole(desk: Desk) -> None:
    path = desk.write("a.pdf", "begun")
    assert desk.look() == []
    for _ in range(5):
        desk.now += 4
        with path.open("a") as file:
            file.write(", and more")
        assert desk.look() == []
        assert desk.watcher.unsettled == 1
    (event,) = desk.settled()
    assert isinstance(event, Recorded)
    assert event.document.sha256 == sha256(path.read_bytes())
    assert desk.watcher.unsettled == 0
    assert desk.settled() == []


def test_a_file_that_somebody_has_open_to_write_is_left(desk: Desk) -> None:
    path = desk.write("a.pdf")
    with path.open("a"), path.open() as reader:
        if not is_being_written(reader.fileno()):
            pytest.skip("this file system does not tell who writes")
        assert desk.settled() == []
        assert desk.settled() == []
        assert desk.watcher.unsettled == 1
    assert len(desk.settled()) == 1


def test_to_ask_who_writes_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a")
    with path.open("rb") as reader:
        assert not is_being_written(reader.fileno())
        # a lease that was kept would make this one wait for it
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))


def test_a_file_that_is_written_to_while_it_is_read_is_left(desk: Desk) -> None:
    path = desk.write("a.pdf", "x" * 100)

    class Meddler:
        def stage(self, *_: object) -> None:
            pass

        def advance(self, _: int) -> None:
            if path.stat().st_size < 300:
                with path.open("a") as file:
                    file.write("y" * 100)

    desk.watcher._progress = Meddler()
    assert desk.settled() == []
    (event,) = desk.settled()
    assert isinstance(event, Recorded)
    assert event.document.size == 300


# what


def test_which_files_are_documents(desk: Desk) -> None:
    for place in ("a.pdf", "deeper/B.PDF", "c", "ünï.txt"):
        desk.write(place, place)
    for place in (
        *(
            ".hidden",
            "a.pdf.evidence.json",
            "x.json",
            "half.part",
            "half.PDF.TMP",
            "~$letter.docx",
            "letter.txt~",
        ),
        *(".git/a.pdf", "Thumbs.db", "a.crdownload"),
    ):
        desk.write(place, place)
    desk.write("empty.pdf", "")
    (desk.folder / "link.pdf").symlink_to("a.pdf")
    (desk.folder / "deeper" / "loop").symlink_to("..")
    os.mkfifo(desk.folder / "pipe.pdf")
    assert list(list_folder(desk.folder, Selection())) == ["a.pdf", "c", "ünï.txt", "deeper/B.PDF"]
    assert list(list_folder(desk.folder, Selection(include=("*.pdf",)))) == ["a.pdf", "deeper/B.PDF"]
    assert list(list_folder(desk.folder, Selection(ignore=("A*",)))) == ["c", "ünï.txt", "deeper/B.PDF"]
    left_out = Selection(leave_out=(desk.folder / "deeper" / ".." / "deeper",))
    assert list(list_folder(desk.folder, left_out)) == ["a.pdf", "c", "ünï.txt"]
    assert len(desk.settled()) == 4
    assert desk.names() == ["B.PDF", "a.pdf", "c", "ünï.txt"]


def test_a_vault_in_the_folder_is_no_document(desk: Desk) -> None:
    import shutil

    shutil.copytree(desk.vault.folder, desk.folder / "copied")
    assert desk.settled() == []


def test_a_name_that_is_no_text_is_recorded_as_far_as_it_can_be_read(desk: Desk) -> None:
    (desk.folder / os.fsdecode(b"sc\xffan.pdf")).write_bytes(b"a scan")
    assert len(desk.settled()) == 1
    assert desk.names() == ["sc�an.pdf"]
    assert desk.settled() == []


def test_an_empty_file_is_taken_once_something_is_in_it(desk: Desk) -> None:
    path = desk.write("a.pdf", "")
    assert desk.settled() == []
    path.write_text("now")
    assert len(desk.settled()) == 1


# details


def test_what_is_said_of_all_and_of_one(desk: Desk) -> None:
    desk.start(details=Details(document_type="letter", recorded_by="the scanner"))
    desk.write("a.pdf", "a")
    desk.write("b.pdf", "b")
    desk.write(
        "b.json", {"document_type": "deed", "signers": ["Ada <ada@acme.example>"], "extra": {"tray": 3}}
    )
    desk.write("c.pdf", "c")
    desk.write("c.json", {"document_type": "not this one"})
    desk.write(
        "c.pdf.json", {"document_name": "Contract C.pdf", "document_sha256": sha256(b"c").hex().upper()}
    )
    a, b, c = map(desk.record, desk.settled())
    assert (a["document_type"], a["signers"], a["recorded_by"]) == ("letter", None, "the scanner")
    assert (b["document_type"], b["extra"]) == ("deed", {"tray": 3})
    assert b["signers"] == [{"name": "Ada", "id": "ada@acme.example"}]
    assert (c["document_type"], c["document_name"]) == ("letter", "Contract C.pdf")


@pytest.mark.parametrize(
    ("details", "message"),
    [
        ("no JSON", "a.json: expecting value"),
        ("[1]", "a.json: want an object"),
        ('{"colour": 1}', "a.json: colour: no such slot"),
        ('{"signed_at": "yesterday"}', "a.json: signed_at: not a time with a zone"),
        ('{"document_type": "a", "document_type": "b"}', "a.json: "),
        ('{"file": "../../secret"}', "a.json: file: names a document"),
        ('{"document_sha256": "%s"}' % ("0" * 64), "document_sha256: the details say 0000"),
        ('{"document_size": 7}', "document_size: the details say 7, the document's is 10"),
        ('{"extra": {"x": "%s"}}' % ("x" * 33_000), ""),
        ('{"recorded_at": "2026-05-04T10:00:00Z"}', "a.json: recorded_at: no such slot"),
        (" " * 300_000 + "{}", "a.json: 300002 bytes, want 262144 at most"),
    ],
)
def test_details_that_cannot_be_used_are_told_once_and_again_after_a_change(
    desk: Desk, details: str, message: str
) -> None:
    desk.write("a.pdf")
    path = desk.write("a.json", details)
    error = refusal(desk.settled())
    assert isinstance(error, DetailsRefused | IntakeError)
    assert str(error).startswith(message)
    assert desk.settled() == []
    # nor by a new process, as cron starts them; unless it is told to
    desk.start()
    assert desk.settled() == []
    desk.watcher.try_refused_again()
    assert len(desk.settled()) == 1
    path.write_text('{"document_type": "mended"}')
    (event,) = desk.settled()
    assert desk.record(event)["document_type"] == "mended"
    assert desk.settled() == []


def test_details_that_are_no_text(desk: Desk) -> None:
    desk.write("a.pdf")
    (desk.folder / "a.json").write_bytes(b"\xff\xfe{}")
    assert str(refusal(desk.settled())) == "a.json: is not UTF-8"


def test_a_document_can_wait_for_its_details(desk: Desk) -> None:
    desk.start(wait_for_details=True)
    desk.write("a.pdf")
    assert desk.settled() == []
    assert desk.watcher.unsettled == 0
    desk.write("a.json", {"document_type": "deed"})
    (event,) = desk.settled()
    assert desk.record(event)["document_type"] == "deed"


# faults


def test_a_file_that_cannot_be_read_is_told_once_a_process(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write("a.pdf")
    desk.write("b.pdf", "b")

    def fail(path: Path) -> object:
        if path.name == "a.pdf":
            raise OSError(errno.EIO, "Input/output error")
        return path.open("rb")

    monkeypatch.setattr("perdure_node.watch.intake.open_regular", fail)
    first, second = desk.settled()
    assert isinstance(first, Refused)
    assert isinstance(first.error, DocumentUnreadable)
    assert isinstance(second, Recorded)
    assert desk.settled() == []
    monkeypatch.undo()
    desk.start()
    assert len(desk.settled()) == 1


def test_a_folder_that_goes_and_comes_back(desk: Desk) -> None:
    desk.write("a.pdf")
    assert len(desk.settled()) == 1
    away = desk.folder.rename(desk.folder.parent / "unplugged")
    with pytest.raises(FolderUnreadable, match="no such file or directory"):
        desk.look()
    away.rename(desk.folder)
    desk.write("b.pdf", "b")
    assert len(desk.settled()) == 1


def test_a_busy_vault_loses_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("a.pdf")
    desk.look()
    desk.now += 5

    def busy(*_: object, **__: object) -> None:
        raise VaultBusy("process 7 is writing to this vault", pid=7)

    with monkeypatch.context() as patched:
        patched.setattr("perdure_node.watch.watcher.record_new", busy)
        with pytest.raises(VaultBusy):
            desk.look()
    desk.now += 1
    assert len(desk.look()) == 1


# sealing


def test_a_long_watch_seals_by_a_steady_clock_however_the_other_jumps(offline_vault: Vault) -> None:
    offline_vault.config = replace(offline_vault.config, seal=SealPolicy(False, None, 3600))
    now, wrong = [0.0], [0.0]
    clock = Clock(lambda: START + now[0] + wrong[0], lambda: now[0], lambda _: None)
    sealer = PolicySealer(offline_vault, keys_of(offline_vault), clock)
    seals = []
    for step in range(240):
        # a minute each, for four hours, with a clock that is a year off every other minute
        now[0] += 60
        wrong[0] = 366 * 86_400.0 * (step % 2)
        add_numbers(offline_vault, step, clock=clock)
        if sealer.seal() is not None:
            seals.append(now[0])
    assert 3 <= len(seals) <= 5
    assert all(later - earlier >= 3600 for earlier, later in pairwise(seals))


def test_a_long_watch_seals_by_number_as_often_as_it_is_due(offline_vault: Vault) -> None:
    offline_vault.config = replace(offline_vault.config, seal=SealPolicy(False, 2, 3600))
    sealer = PolicySealer(offline_vault, keys_of(offline_vault), STOPPED)
    assert sealer.seal() is None
    sizes = []
    for number in range(7):
        add_numbers(offline_vault, number)
        if sealed := sealer.seal():
            sizes.append(sealed.size)
    assert sizes == [2, 4, 6]
