"""Evidence in bulk: names of files come from digests, a list is no program, and a folder says how far it is."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_cli import export
from perdure_cli.csv_text import harmless
from perdure_cli.documents import documents_below
from perdure_cli.export import first_gap
from perdure_cli.export_state import STATE_NAME, ExportState, OtherExport, load_state, store_state
from perdure_cli.main import main
from tools.commands import RunJson

SHOWN = frozenset({"document_sha256", "signers"})
HEAD = "file,index\n"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder for evidence, with nothing in it."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("contract.pdf", "contract.pdf"),
        ("", ""),
        ("=1+1", "'=1+1"),
        ("+49 30", "'+49 30"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1+1", "'  =1+1"),
        ("\t=1+1", "'\\t=1+1"),
        ("\r=1+1", "'\\r=1+1"),
        ("\ufeff=1", "\\ufeff=1"),
        ("a=1", "a=1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("Ada; =cmd|x", "Ada; '=cmd|x"),
        ('Ada;"-1";@x', "Ada;\"'-1\";'@x"),
        ("Ada;'=1; b", "Ada;'=1; b"),
    ],
)
def test_harmless(cell: str, text: str) -> None:
    assert harmless(cell) == text


def test_a_state_comes_back_as_it_was(out: Path) -> None:
    state = load_state(out, "acme/x", SHOWN)
    assert (state.listed, state.done(5, 2)) == (0, 0)
    state.note(5, 2, 3)
    state.list(["a\n", "b\n", "c\n"], [0, 1, 2], 3)
    store_state(out, state, HEAD)
    again = load_state(out, "acme/x", SHOWN)
    assert (again.done(5, 2), again.listed, again.rows) == (3, 3, [])
    # a longer run of headers: the evidence is written again
    assert again.done(5, 3) == 0
    assert (out / "index.csv").read_text("utf-8") == HEAD + "a\nb\nc\n"


@given(chunks=st.lists(st.integers(1, 4), max_size=6), again=st.integers(0, 10))
def test_each_record_is_listed_once(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[int], again: int
) -> None:
    """Whatever is written again, also what a run that was killed had added behind its state."""
    folder = tmp_path_factory.mktemp("out")
    state = load_state(folder, "acme/x", SHOWN)
    rows = [f"{number}\n" for number in range(sum(chunks))]
    for begin in (0, min(again, len(rows))):
        at = begin
        for chunk in chunks:
            part = rows[at : at + chunk]
            state.list(part, list(range(at, at + len(part))), at + len(part))
            at += len(part)
        store_state(folder, state, HEAD)
        with (folder / "index.csv").open("a", encoding="utf-8") as stream:
            stream.write("half a ro")
    store_state(folder, state, HEAD)
    assert (folder / "index.csv").read_text("utf-8") == HEAD + "".join(rows)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"origin": "acme/x"}', '{"anchors": 1}'])
def test_a_state_that_nobody_can_read_begins_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / STATE_NAME).write_text(content, encoding="utf-8")
    assert load_state(tmp_path, "acme/x", SHOWN) == ExportState("acme/x", tuple(sorted(SHOWN)))


@pytest.mark.parametrize(("origin", "shown"), [("acme/y", SHOWN), ("acme/x", SHOWN | {"extra"})])
def test_another_export_in_the_same_folder_is_refused(out: Path, origin: str, shown: frozenset[str]) -> None:
    store_state(out, load_state(out, "acme/x", SHOWN), HEAD)
    with pytest.raises(OtherExport):
        load_state(out, origin, shown)


FOLDERS = {0: 1000, 1000: 1000, 2000: 100}


def test_what_was_removed_is_a_gap(tmp_path: Path) -> None:
    for number in range(2100):
        shard = number // 1000 * 1000
        path = tmp_path / (f"{shard:07d}" if shard else ".") / f"{number}.evidence.json"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert first_gap(tmp_path, 2100, FOLDERS) == 2100
    (tmp_path / "0002000" / "2099.evidence.json").unlink()
    assert (first_gap(tmp_path, 2100, FOLDERS), first_gap(tmp_path, 2099, FOLDERS)) == (2000, 2099)
    (tmp_path / "0001000" / "1999.evidence.json").unlink()
    assert first_gap(tmp_path, 2100, FOLDERS) == 1000
    (tmp_path / "5.evidence.json").unlink()
    assert first_gap(tmp_path, 2100, FOLDERS) == 0
    shutil.rmtree(tmp_path / "0002000")
    assert first_gap(tmp_path, 0, FOLDERS) == 0


def test_more_than_a_thousand(
    anchored_site: Path,
    run_json: RunJson,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A folder for each thousand; a disk without room is left alone; what was broken off goes on."""
    usage = shutil.disk_usage(anchored_site)
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
        code, (line,) = run_json("prove", "--all", "out")
    assert (code, line["errors"][0]["error"]) == (2, "NoSpace")
    assert not Path("out").exists()
    _break_off_after(2, monkeypatch)
    assert len(list(Path("out").rglob("*.evidence.json"))) >= 250
    assert run_json("prove", "--all", "out", "--jobs", "2") == (
        0,
        [
            {
                "ok": True,
                "folder": "out",
                "records": 1100,
                "were_there": 0,
                "unproven": 0,
                "without_record": 0,
                "material": None,
            }
        ],
    )
    assert run_json("prove", "--all", "out")[1][0]["records"] == 0
    with Path("out/index.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["index"]) for row in rows] == list(range(1100))
    assert [path for row in rows if not (path := Path("out", row["file"])).is_file()] == []
    assert rows[1099]["file"] == f"0001000/0001099-{rows[1099]['document_sha256'][:16]}.evidence.json"
    code, lines = run_json("verify", "out/0001000")
    assert (code, len(lines)) == (0, 100)


def _break_off_after(chunks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle of an export by one process."""
    prepared = export.chunks

    def interrupted(*arguments: object) -> object:
        for number, chunk in enumerate(prepared(*arguments)):  # type: ignore[arg-type]  # spread arguments
            if number == chunks:
                raise KeyboardInterrupt
            yield chunk

    with monkeypatch.context() as patch:
        patch.setattr(export, "chunks", interrupted)
        assert main(["prove", "--all", "out", "--jobs", "1"]) == 130


@pytest.fixture
def anchored_site(own_user: Path, monkeypatch: pytest.MonkeyPatch, devnet_folder: Path) -> Path:
    """A site of which 1100 records are anchored."""
    monkeypatch.setenv("PERDURE_PASSPHRASE", "a passphrase of the tests")
    lines = (json.dumps({"document_sha256": f"{number + 1:064x}"}) for number in range(1100))
    (own_user / "many.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    site = ("init", "acme/export", "--devnet", str(devnet_folder), "--no-recovery-key")
    for words in (site, ("import", "many.jsonl"), ("sync",)):
        assert main(list(words)) == 0
    return own_user


def test_a_folder_with_other_files_is_no_place_for_evidence(tmp_path: Path) -> None:
    (tmp_path / "contract.pdf").touch()
    with pytest.raises(OtherExport, match="holds other files"):
        load_state(tmp_path, "acme/x", SHOWN)


def test_an_export_begins_anew_where_its_list_is_lost_or_cut(out: Path) -> None:
    state = load_state(out, "acme/x", SHOWN)
    state.note(3, 2, 3)
    state.list(["a\n", "b\n", "c\n"], [0, 1, 2], 3)
    store_state(out, state, HEAD)
    index = out / "index.csv"
    index.write_bytes(index.read_bytes()[:-1])
    assert load_state(out, "acme/x", SHOWN).listed == 0
    index.unlink()
    assert load_state(out, "acme/x", SHOWN).done(3, 2) == 0


def test_links_in_folders_are_no_documents(out: Path) -> None:
    (out / "a.pdf").touch()
    (out / "link.pdf").symlink_to("/etc/passwd")
    assert [path.name for path in documents_below([out])] == ["a.pdf"]
    assert list(documents_below([out / "link.pdf"])) == [out / "link.pdf"], "but for those that are named"
