"""`perdure audit` goes on where one was broken off, and believes no notes but its own."""

import json

import pytest
from tools.audits import (
    audited,
    damage,
    kinds,
)
from tools.site_desk import Site


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


def broken_off(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """An audit that is ended behind the records."""
    with monkeypatch.context() as patch:
        patch.setattr("perdure_node.audit.auditing.check_site", _end)
        with pytest.raises(KeyboardInterrupt):
            audited(site)


def _end(*_: object) -> int:
    raise KeyboardInterrupt


def test_what_changed_since_is_read_again(stocked: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure_node.audit.contents.STRETCH", 2)
    broken_off(stocked, monkeypatch)
    damage(stocked.vault.database, "content", "encrypted", "sequence = 4")
    again = audited(stocked)
    assert (again.reused, kinds(again.report)) == (3, {"content_unreadable"})


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
