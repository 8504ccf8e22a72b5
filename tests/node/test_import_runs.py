"""Imports that are broken off, forgotten, or rehearsed: a list is recorded as a whole, with exactly what it would have brought at once."""

from collections.abc import Callable
from pathlib import Path

import pytest
from perdure_node.errors import ImportRefused, RejectsTaken, VaultStorageFailed
from perdure_node.imports import importing
from perdure_node.imports.importing import Imported, abandon_imports
from perdure_node.listing import list_records
from perdure_node.log.sealing import seal
from perdure_node.records import State
from perdure_node.status import NextStep, read_status
from perdure_node.vault import Vault
from tools.site_desk import add_numbers, document, import_file, keys_of, leaf_hashes
from tools.site_network import STOPPED, copied, new_vault

ROWS = 230
HEAD = "document_sha256,document_name,document_size,media_type,document_type\n"


class Killed(BaseException):
    """Nothing in the node catches this, as nothing catches a kill."""


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_CHUNK", 10)
    monkeypatch.setattr(importing, "_TRANSACTION", 40)
    monkeypatch.setattr(importing, "_WORTH_PROCESSES", 20)


def row(digest: str, number: int) -> str:
    """What `add_numbers` records of a document, in the same words."""
    return f"{digest},{number}.txt,{document(number).size},text/plain,letter"


def rejected(path: Path) -> list[str]:
    head, *rows = path.read_text("utf-8-sig").splitlines()
    assert head == HEAD.strip()
    return rows


def listed(folder: Path, numbers: range, name: str = "list.csv", bad: tuple[int, ...] = ()) -> Path:
    rows = [row("x" if number in bad else document(number).sha256.hex(), number) for number in numbers]
    path = folder / name
    path.write_text(HEAD + "\n".join(rows) + "\n")
    return path


def kill_in(monkeypatch: pytest.MonkeyPatch, name: str, count: int) -> Callable[[], None]:
    """The import ends at its so-many-th call of a function of its module; gives what undoes that."""
    left, whole = [count], getattr(importing, name)

    def fault(*arguments: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return whole(*arguments)

    monkeypatch.setattr(importing, name, fault)
    return lambda: monkeypatch.setattr(importing, name, whole)


def documents(vault: Vault, state: State | None = None) -> set[str]:
    found = [
        summary.document_sha256.hex()
        for summary in list_records(vault, keys_of(vault), state=state)
        if summary.document_sha256 is not None
    ]
    assert len(found) == len(set(found))
    return set(found)


def digests(*numbers: int) -> set[str]:
    return {document(number).sha256.hex() for number in numbers}


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    ("place", "count"),
    [("store_progress", 0), ("store_progress", 1), ("store_progress", 5), ("_insert", 13), ("finish_run", 0)],
)
def test_an_import_that_was_killed_goes_on_and_brings_exactly_what_it_would_have(
    offline_vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int, place: str, count: int
) -> None:
    bad = (3, 77, 78, 201)
    path, rejects = listed(tmp_path, range(ROWS), bad=bad), tmp_path / "rejects.csv"
    undo = kill_in(monkeypatch, place, count)
    with pytest.raises(Killed):
        import_file(offline_vault, path, rejects=rejects, jobs=jobs)
    assert documents(offline_vault) == set()
    assert read_status(offline_vault).next_step is NextStep.IMPORT_AGAIN
    undo()
    imported = import_file(offline_vault, path, rejects=rejects, jobs=jobs)
    # four chunks of ten rows are a transaction
    done = {"store_progress": count, "_insert": count // 4, "finish_run": 6}[place]
    assert (imported.rows, imported.added, imported.rejected) == (ROWS, ROWS - len(bad), len(bad))
    assert imported.resumed_at == min(ROWS, 40 * done)
    assert documents(offline_vault, State.WAITING) == digests(*set(range(ROWS)) - set(bad))
    assert rejected(rejects) == [row("x", number) for number in bad]
    assert read_status(offline_vault).unfinished_imports == 0


def test_a_bad_row_after_many_transactions_leaves_nothing(offline_vault: Vault, tmp_path: Path) -> None:
    add_numbers(offline_vault, 9999)
    before = dump(offline_vault)
    with pytest.raises(ImportRefused, match=f"row {ROWS}"):
        import_file(offline_vault, listed(tmp_path, range(ROWS), bad=(ROWS - 2,)), jobs=2)
    assert dump(offline_vault) == before


def dump(vault: Vault) -> list[object]:
    """All that a vault holds but for keys, which are made for whatever may be recorded."""
    tables = ("record", "content", "queue", "entry", "import_run", "change", "erased")
    return [vault.database.rows(f"SELECT * FROM {table}") for table in tables]


@pytest.mark.parametrize("bad", [(), (5, 200)])
def test_a_dry_run_leaves_nothing_and_says_what_would_be(
    offline_vault: Vault, tmp_path: Path, bad: tuple[int, ...]
) -> None:
    add_numbers(offline_vault, 7)
    path, rejects = listed(tmp_path, range(ROWS), bad=bad), tmp_path / "rejects.csv"
    before = dump(offline_vault)
    told = import_file(offline_vault, path, rejects=rejects, dry_run=True)
    assert dump(offline_vault) == before
    assert not rejects.exists()
    assert counts(told) == (ROWS, ROWS - 1 - len(bad), 1, len(bad))
    assert counts(import_file(offline_vault, path, rejects=rejects)) == counts(told)
    assert rejects.exists() == bool(bad)


def counts(imported: Imported) -> tuple[int, int, int, int]:
    return imported.rows, imported.added, imported.was_there, imported.rejected


def test_what_is_added_during_an_import_is_recorded_at_once_and_once(
    offline_vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the list has brought it, once before that, and once in the middle of a seal."""
    path = listed(tmp_path, range(ROWS))
    undo = kill_in(monkeypatch, "store_progress", 3)
    with pytest.raises(Killed):
        import_file(offline_vault, path)
    early, late = add_numbers(offline_vault, 5, 150)
    assert (early.was_there, late.was_there) == (True, False)
    assert documents(offline_vault, State.WAITING) == digests(5, 150)
    sealed = seal(offline_vault, keys_of(offline_vault), STOPPED)
    assert sealed is not None
    assert sealed.size == 2
    undo()
    assert import_file(offline_vault, path).was_there == 1
    sealed = seal(offline_vault, keys_of(offline_vault), STOPPED)
    assert sealed is not None
    assert sealed.size == ROWS
    assert documents(offline_vault, State.SEALED) == digests(*range(ROWS))
    assert len(set(leaf_hashes(offline_vault))) == ROWS


def test_what_was_recorded_from_an_abandoned_list_stays(
    offline_vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_in(monkeypatch, "store_progress", 3)
    with pytest.raises(Killed):
        import_file(offline_vault, listed(tmp_path, range(ROWS)))
    add_numbers(offline_vault, 5)
    assert abandon_imports(offline_vault, STOPPED) == 3 * 40 - 1
    assert documents(offline_vault) == digests(5)
    assert offline_vault.database.number("SELECT count(*) FROM content") == 1
    assert abandon_imports(offline_vault, STOPPED) == 0


def test_a_list_is_no_excuse_for_another_one_that_was_broken_off(
    offline_vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that a list has stored but not recorded yet must not count as recorded for a second list."""
    undo = kill_in(monkeypatch, "store_progress", 3)
    first, second = listed(tmp_path, range(ROWS)), listed(tmp_path, range(100, 300), "second.csv")
    with pytest.raises(Killed):
        import_file(offline_vault, first)
    undo()
    with pytest.raises(ImportRefused, match=r"row 2: .*broken off") as caught:
        import_file(offline_vault, second, rejects=tmp_path / "rejects.csv")
    assert "--abandon" in str(caught.value.hint)
    abandon_imports(offline_vault, STOPPED)
    assert import_file(offline_vault, second).added == 200
    assert documents(offline_vault) == digests(*range(100, 300))
    assert import_file(offline_vault, first).added == 100


def test_a_list_that_goes_on_after_another_was_forgotten_is_recorded_as_a_whole(
    offline_vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the forgotten list leaves free is below the numbers with which the second one began."""
    first = listed(tmp_path, range(200), bad=(180,))
    second = listed(tmp_path, range(300, 350), "second.csv")
    undo = kill_in(monkeypatch, "store_progress", 3)
    with pytest.raises(Killed):
        import_file(offline_vault, first)
    undo()
    undo = kill_in(monkeypatch, "store_progress", 0)
    with pytest.raises(Killed):
        import_file(offline_vault, second)
    undo()
    with pytest.raises(ImportRefused):
        import_file(offline_vault, first)
    assert import_file(offline_vault, second).added == 50
    assert documents(offline_vault, State.WAITING) == digests(*range(300, 350))


def test_a_file_that_is_there_is_not_written_over_with_rejects(
    offline_vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, rejects = listed(tmp_path, range(ROWS), bad=(200,)), tmp_path / "rejects.csv"
    rejects.write_text("of another list")
    kill_in(monkeypatch, "store_progress", 1)
    for _ in range(2):
        with pytest.raises(RejectsTaken, match="is there already"):
            import_file(offline_vault, path, rejects=rejects)
    assert rejects.read_text() == "of another list"
    assert read_status(offline_vault).unfinished_imports == 0


def test_rejects_go_on_in_the_file_in_which_they_began(
    offline_vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, rejects = listed(tmp_path, range(ROWS), bad=(1, 200)), tmp_path / "rejects.csv"
    undo = kill_in(monkeypatch, "store_progress", 2)
    with pytest.raises(Killed):
        import_file(offline_vault, path, rejects=rejects)
    undo()
    with pytest.raises(RejectsTaken, match="broken off"):
        import_file(offline_vault, path, rejects=tmp_path / "others.csv")
    assert not (tmp_path / "others.csv").exists()
    assert import_file(offline_vault, path, rejects=rejects).resumed_at == 80
    assert rejected(rejects) == [row("x", 1), row("x", 200)]


def test_rejects_that_the_disk_does_not_take_stop_the_import_and_not_for_ever(
    offline_vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = listed(tmp_path, range(ROWS), bad=tuple(range(100, 200)))
    with pytest.raises(VaultStorageFailed, match="/dev/full"):
        import_file(offline_vault, path, rejects=FullFile("/dev/full"))
    assert documents(offline_vault) == set()
    imported = import_file(offline_vault, path, rejects=tmp_path / "rejects.csv")
    assert (imported.resumed_at, imported.rejected) == (80, 100)


class FullFile(type(Path())):  # type: ignore[misc]  # whatever the platform's paths are
    """A device that takes nothing, and is not there when it is asked for."""

    def exists(self, **_: object) -> bool:
        return False


def test_an_import_that_is_left_early_leaves_no_process(offline_vault: Vault, tmp_path: Path) -> None:
    """And so no open file of the lock, even while somebody still looks at the error."""
    import multiprocessing

    with pytest.raises(ImportRefused) as caught:
        import_file(offline_vault, listed(tmp_path, range(ROWS), bad=(100,)), jobs=2)
    assert multiprocessing.active_children() == []
    assert import_file(offline_vault, listed(tmp_path, range(50)), jobs=2).added == 50
    assert caught.value.row == 102


def test_two_vaults_do_not_share_runs(
    offline_vault: Vault, founded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = listed(tmp_path, range(ROWS))
    undo = kill_in(monkeypatch, "store_progress", 1)
    with pytest.raises(Killed):
        import_file(offline_vault, path)
    undo()
    with new_vault(founded, tmp_path / "other" / ".perdure") as other:
        assert import_file(other, path).resumed_at == 0
    copy = copied(offline_vault.folder, tmp_path / "copy")
    with Vault(copy) as other:
        assert import_file(other, path).resumed_at == 40
