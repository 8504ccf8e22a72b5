"""`perdure audit` and what is outside of the vault: documents on the disk, and the site's own numbers."""

from pathlib import Path

from perdure_node.audit.numbering import parse_numbering
from tools.audits import add_contract, audited, erase_first, examples, kinds
from tools.site_desk import Site


def test_documents_are_found_changed_and_missing(stocked: Site, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    for number in (1, 2, 3, 5):
        (folder / f"{number}.txt").write_bytes(b"document %d" % number)
    (folder / "3.txt").write_bytes(b"another content")
    (folder / "moved and renamed").write_bytes(b"document 5")
    (folder / "5.txt").unlink()
    (folder / "new.txt").write_bytes(b"new")
    done = audited(stocked, documents=sorted(folder.iterdir()))
    report = done.report
    assert kinds(report) == {"document_changed", "document_missing", "document_unrecorded"}
    assert str(folder / "3.txt") in examples(report, "document_changed")[0]
    assert examples(report, "document_missing")[0].startswith("4.txt, record ")
    assert examples(report, "document_unrecorded") == (str(folder / "new.txt"),)


def test_a_document_that_cannot_be_read(stocked: Site, tmp_path: Path) -> None:
    done = audited(stocked, documents=[tmp_path / "absent"])
    assert {"document_unreadable", "document_missing"} <= kinds(done.report)


def test_gaps_and_doubles_in_the_sites_own_numbers(site: Site, tmp_path: Path) -> None:
    for name in ("C-2026-001.pdf", "C-2026-002.pdf", "C-2026-005.pdf", "C-2025-009.pdf", "other.pdf"):
        first = add_contract(site, name, tmp_path)
    add_contract(site, "C-2026-002 .pdf", tmp_path)
    second = add_contract(site, "C-2026-005 .pdf", tmp_path)
    third = add_contract(site, "C-2026-005  .pdf", tmp_path, supersedes=second)
    numbering = parse_numbering(r"document_name=C-(?P<series>\d{4})-(?P<number>\d+)")
    report = audited(site, numberings=[numbering]).report
    assert examples(report, "number_missing") == ("document_name, series '2026': 3 to 4",)
    doubles = examples(report, "number_double")
    assert len(doubles) == 2
    assert doubles[0].startswith("document_name, series '2026': 2 in ")
    assert third in doubles[1]
    assert second not in doubles[1]
    assert report.count_of("error") == 4
    assert len(examples(report, "number_unread")) == 1
    assert first
    # nobody takes a number of the log away by calling its record withdrawn
    site.sync()
    site.vault.database.execute("UPDATE record SET words = NULL")
    assert examples(audited(site, numberings=[numbering]).report, "number_double") == doubles


def test_numbers_of_erased_records_may_be_missing(site: Site, tmp_path: Path) -> None:
    for name in ("C-002.pdf", "C-001.pdf", "C-003.pdf"):
        add_contract(site, name, tmp_path)
    site.sync()
    erase_first(site)
    numbering = parse_numbering(r"document_name=C-(\d+)")
    report = audited(site, numberings=[numbering]).report
    assert examples(report, "number_erased") == ("document_name: 2",)
    assert report.count_of("error") == 0
    # more than were erased were never recorded
    add_contract(site, "C-005.pdf", tmp_path)
    assert len(examples(audited(site, numberings=[numbering]).report, "number_missing")) == 2
