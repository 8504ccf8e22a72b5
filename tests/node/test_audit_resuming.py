"""`perdure audit` goes on where one was broken off, and believes no notes but its own."""

import json
from pathlib import Path

import pytest
from perdure_node.audit.auditing import AuditOptions, audit
from perdure_node.audit.numbering import parse_numbering
from perdure_node.vault import Vault
from tools.audits import audited, check_of, damage, erase_first, kinds
from tools.site_desk import Site, keys_of


def test_an_audit_that_was_broken_off_goes_on(stocked: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure_node.audit.contents.STRETCH", 2)
    monkeypatch.setattr("perdure_node.audit.contents._NOTED_TOGETHER", 1)
    damage(stocked.vault.database, "content", "encrypted", "sequence = 1")
    whole = audited(stocked, resume=False).report
    broken_off(stocked, monkeypatch)
    again = audited(stocked)
    assert again.reused == 5
    assert again.report.findings == whole.findings
    # it is over, so the next begins anew
    assert audited(stocked).reused == 0
    broken_off(stocked, monkeypatch)
    assert audited(stocked, resume=False).reused == 0


def broken_off(site: Site, monkeypatch: pytest.MonkeyPatch, **options: object) -> None:
    """An audit that is ended behind the records."""
    with monkeypatch.context() as patch:
        patch.setattr("perdure_node.audit.auditing.check_site", _end)
        with pytest.raises(KeyboardInterrupt):
            audited(site, **options)


def _end(*_: object) -> int:
    raise KeyboardInterrupt


@pytest.mark.parametrize("ended", [False, True])
def test_what_an_audit_noted_of_a_record_goes_with_it(
    stocked: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ended: bool
) -> None:
    (tmp_path / "1.txt").write_bytes(b"document 1")
    broken_off(stocked, monkeypatch, documents=[tmp_path / "1.txt"])
    database = stocked.vault.database
    noted = [row[0] for row in database.rows("SELECT encrypted FROM audit_stretch")]
    [[document]] = database.rows("SELECT document FROM audit_file")
    database.fold()
    assert noted
    assert all(each[:12] in files_of(stocked.vault) for each in (*noted, document))
    if ended:
        audited(stocked)
    erase_first(stocked)
    assert not any(each[:12] in files_of(stocked.vault) for each in (*noted, document))
    # and what is left goes on
    assert kinds(audited(stocked).report) == {"not_sealed"}


def files_of(vault: Vault) -> bytes:
    return b"".join(path.read_bytes() for path in vault.folder.glob("vault.sqlite*"))


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(("sequence", "reused"), [(1, 4), (4, 4), (5, 4), (None, 5)])
def test_what_changed_since_is_read_again(
    stocked: Site, monkeypatch: pytest.MonkeyPatch, jobs: int, sequence: int | None, reused: int
) -> None:
    monkeypatch.setattr("perdure_node.audit.contents.STRETCH", 1)
    broken_off(stocked, monkeypatch)
    if sequence is not None:
        damage(stocked.vault.database, "content", "encrypted", f"sequence = {sequence}")
    told, options = Told(), AuditOptions(jobs=jobs)
    again = audit(stocked.vault, keys_of(stocked.vault), options, clock=stocked.network.clock, progress=told)
    assert again.reused == reused
    assert kinds(again.report) == ({"content_unreadable"} if sequence is not None else set())
    assert told.done["read the records"] == sorted(told.done["read the records"])
    assert told.done["read the records"][-1] == 5


class Told:
    """The progress of each stage."""

    def __init__(self) -> None:
        self.done: dict[str, list[int]] = {}

    def stage(self, name: str, total: int | None, unit: str = "") -> None:
        self.name = name
        self.done[name] = []

    def advance(self, done: int) -> None:
        self.done[self.name].append(done)


def test_another_question_is_asked_anew(stocked: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    broken_off(stocked, monkeypatch)
    done = audited(stocked, numberings=[parse_numbering(r"document_name=(\d+)\.txt")])
    assert (done.reused, check_of(done.report, "numbering")[0]) == (0, "done")


def test_notes_that_somebody_forged_are_not_believed(stocked: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    damage(stocked.vault.database, "content", "encrypted", "sequence = 4")
    broken_off(stocked, monkeypatch)
    database = stocked.vault.database
    forged = json.dumps(
        {
            "records": 5,
            "erased": 0,
            "found": [],
            "numbers": [],
            "unmatched": [],
            "supersedes": [],
            "names": [],
        }
    )
    database.execute("UPDATE audit_stretch SET encrypted = ?", b"\0" * 12 + forged.encode())
    again = audited(stocked)
    assert (again.reused, kinds(again.report)) == (0, {"content_unreadable"})


def test_on_two_cores_the_report_is_the_same(stocked: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure_node.audit.contents.STRETCH", 2)
    damage(stocked.vault.database, "content", "encrypted", "sequence = 4")
    assert audited(stocked, jobs=2).report.findings == audited(stocked).report.findings
