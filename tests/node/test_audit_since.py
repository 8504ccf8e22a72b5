"""`perdure audit --since-report`: what a report of before shows to be gone, and whose report is taken."""

from dataclasses import replace

import pytest
from perdure_anchor.audit_report import AuditReport, encode_report, parse_report, sign_report
from perdure_node.audit.since import NotThisVaultsReport, check_earlier
from perdure_node.holds import hold, release
from perdure_node.records import record_by_sequence
from perdure_node.traces import Reason
from perdure_node.vault import Vault
from tools.audits import audited, check_of, examples, found_after, kinds
from tools.site_desk import Site, keys_of
from tools.site_network import STOPPED, counted_bytes

WHY = Reason("Ada", "the case of 2026/17")


def note(vault: Vault, sequence: int) -> None:
    """Two notes: a hold that is released leaves nothing else."""
    record = record_by_sequence(vault.database, sequence)
    assert record is not None
    hold(vault, [record], WHY, clock=STOPPED, randomness=counted_bytes(b"h"))
    release(vault, [record], WHY, clock=STOPPED, randomness=counted_bytes(b"r"))


@pytest.fixture
def noted(stocked: Site) -> Site:
    note(stocked.vault, 1)
    note(stocked.vault, 2)
    return stocked


def report_of(site: Site) -> AuditReport:
    report = parse_report(encode_report(audited(site).report))
    check_earlier(report, site.vault)
    return report


def since(site: Site, earlier: AuditReport) -> AuditReport:
    return audited(site, since=earlier).report


def test_a_vault_that_went_on_has_all_that_was_there(noted: Site) -> None:
    earlier = report_of(noted)
    state, why = check_of(earlier, "notes")
    assert state == "done"
    assert (why or "").startswith("1 to 4 have the SHA-256 ")
    note(noted.vault, 3)
    noted.add(6)
    noted.sync()
    report = since(noted, earlier)
    assert kinds(report) == set()
    assert check_of(report, "earlier report")[0] == "done"


def test_that_the_newest_notes_are_gone_is_shown_by_a_report_alone(noted: Site) -> None:
    earlier = report_of(noted)
    report = found_after(noted, "DELETE FROM change WHERE number > 2")
    assert kinds(report) == set(), "the vault itself shows it, so the report is not needed"
    report = since(noted, earlier)
    assert kinds(report) == {"note_missing"}
    assert examples(report, "note_missing") == (
        f"the report of {earlier.made_at} counted 4 notes, now there are 2",
    )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE change SET changed_at = changed_at + 1 WHERE number = 4",
        "UPDATE change SET sequence = 1 WHERE number = 4",
        "UPDATE change SET kind = 'reviewed' WHERE number = 4",
    ],
)
def test_other_notes_in_the_place_of_the_newest(noted: Site, statement: str) -> None:
    """Whoever deletes them may do something else afterwards, so that there are as many."""
    earlier = report_of(noted)
    note(noted.vault, 3)
    found_after(noted, statement)
    (told,) = (each for each in examples(since(noted, earlier), "note_missing") if "report" in each)
    assert told == f"notes 1 to 4 are not those of the report of {earlier.made_at}"


def test_a_record_that_was_not_sealed_is_gone(noted: Site) -> None:
    noted.add(6)
    earlier = report_of(noted)
    gone = ("queue", "content", "record")
    report = found_after(noted, *(f"DELETE FROM {table} WHERE sequence = 6" for table in gone))
    assert "record_dropped" not in kinds(report)
    assert examples(since(noted, earlier), "record_dropped") == (
        f"the report of {earlier.made_at} counted 6 records, now there are 5",
    )


def test_another_log_than_the_one_that_was_audited(noted: Site) -> None:
    earlier = report_of(noted)
    assert earlier.checkpoint is not None
    other = replace(earlier, checkpoint=replace(earlier.checkpoint, size=4))
    assert "names a log of 4" in examples(since(noted, other), "log_damaged")[0]
    longer = replace(earlier, checkpoint=replace(earlier.checkpoint, size=99))
    assert "names a log of 99" in examples(since(noted, longer), "log_damaged")[0]


def test_whose_report_is_taken(noted: Site) -> None:
    report = report_of(noted)
    for other, words in (
        (replace(report, signature=None), "nobody signed it"),
        (replace(report, made_at="2020-01-01T00:00:00Z"), "neither the trust file nor an anchor"),
        (
            replace(report, signature=sign_report(report, b"\x07" * 32)),
            "neither the trust file nor an anchor",
        ),
        (replace(report, domain=replace(report.domain, chain_id=7)), "of another registry"),
    ):
        with pytest.raises(NotThisVaultsReport, match=words):
            check_earlier(other, noted.vault)


def test_before_the_first_anchor_the_vaults_own_key_is_enough(site: Site) -> None:
    site.add(1)
    site.seal()
    report = audited(site).report
    check_earlier(report, site.vault)
    key = keys_of(site.vault).site_key()
    check_earlier(
        replace(report, by="Ada", signature=sign_report(replace(report, by="Ada"), key)), site.vault
    )
