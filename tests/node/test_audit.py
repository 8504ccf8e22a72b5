"""`perdure audit`: a whole vault has no findings, the report is signed, and what stands around the log is told."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from perdure_anchor.audit_report import AuditReport, encode_report, parse_report
from perdure_anchor.verdict import Grade, KeyStatus
from perdure_anchor.verify_audit_report import verify_audit_report
from perdure_node.audit.auditing import AuditOptions, audit
from perdure_node.audit.registry_answers import by_chain
from perdure_node.vault import Vault
from tools.audits import audited, damage_tile, examples, found_after, kinds
from tools.site_desk import Site
from tools.site_network import STOPPED


def test_a_whole_vault_has_no_findings(stocked: Site) -> None:
    done = audited(stocked, nodes=[by_chain(lambda: stocked.network.anchor_chain(stocked.vault.trust))])
    assert kinds(done.report) == set()
    assert not done.could_not
    assert done.report.count_of("error") == 0
    states = {check.name: (check.state, check.count) for check in done.report.checks}
    assert states["log"] == ("done", 5)
    assert states["checkpoints"] == ("done", 2)
    assert states["anchors"] == ("done", 2)
    assert states["contents"] == ("done", 5)
    assert states["registry"] == ("done", 2)
    assert states["documents"][0] == "not asked"


def test_the_report_is_signed_and_vouched_for_by_its_anchor(stocked: Site) -> None:
    report = audited(stocked).report
    raw = encode_report(report)
    assert parse_report(raw) == report
    verdict = verify_audit_report(parse_report(raw), stocked.vault.trust)
    assert (verdict.ok, verdict.key) == (True, KeyStatus.BY_REGISTRY)
    assert verdict.signer == stocked.vault.site_address
    assert verdict.checkpoint is not None
    assert verdict.checkpoint.grade is Grade.FINAL


@pytest.mark.parametrize(
    "change",
    [
        lambda report: replace(report, findings=report.findings[1:]),
        lambda report: replace(report, made_at="2027-01-01T00:00:00Z"),
        lambda report: replace(report, software="another"),
        lambda report: replace(report, by="Ada"),
        lambda report: replace(report, counts=report.counts[1:]),
        lambda report: replace(report, checks=report.checks[1:]),
        lambda report: replace(report, anchor=None, hops=()),
        lambda report: replace(report, signature=None),
    ],
)
def test_a_changed_report_is_refused(stocked: Site, change: Callable[[AuditReport], AuditReport]) -> None:
    report = change(audited(stocked).report)
    assert not verify_audit_report(report, stocked.vault.trust).ok


def test_without_the_passphrase_the_log_is_checked_all_the_same(stocked: Site) -> None:
    done = audit(stocked.vault, None, AuditOptions(), clock=stocked.network.clock)
    assert (kinds(done.report), done.report.signature) == (set(), None)
    states = {check.name: check.state for check in done.report.checks}
    assert (states["log"], states["contents"]) == ("done", "not asked")
    damage_tile(stocked.vault.database)
    assert kinds(audit(stocked.vault, None, AuditOptions(), clock=stocked.network.clock).report) >= {
        "log_damaged"
    }


# --- what stands around


def test_what_waits_is_a_note(stocked: Site) -> None:
    stocked.add(6)
    stocked.seal()
    stocked.add(7)
    report = audited(stocked).report
    assert kinds(report) == {"not_sealed", "not_anchored"}
    assert report.count_of("error") == 0


def test_an_import_that_was_broken_off(stocked: Site) -> None:
    report = found_after(
        stocked,
        "INSERT INTO import_run (number, list, began_at, first_sequence, rows_done) VALUES (1, zeroblob(16), 1, 6, 7)",
    )
    assert (kinds(report), examples(report, "import_unfinished")) == (
        {"import_unfinished"},
        ("import 1: 7 rows are read",),
    )


def test_a_lookup_key_that_is_another_vaults(stocked: Site) -> None:
    (stocked.vault.folder / "lookup.key").write_text("ab" * 32)
    stocked.vault.__dict__.pop("lookup_key", None)
    assert kinds(audited(stocked).report) == {"key_missing"}


def test_a_clock_that_is_behind(stocked: Site) -> None:
    done = audit(stocked.vault, stocked.keys, AuditOptions(), clock=STOPPED)
    assert kinds(done.report) <= {"clock_doubted"}


def test_a_vault_without_records(offline_vault: Vault) -> None:
    done = audit(offline_vault, None, AuditOptions(), clock=STOPPED)
    assert kinds(done.report) <= {"clock_doubted"}
    assert done.report.checkpoint is None
