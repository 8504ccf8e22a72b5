"""`perdure audit`: each thing that can be wrong with a vault is found, each by its own kind, and nothing else is."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from perdure_anchor.audit_report import AuditReport, encode_report, parse_report, recover_report_signer
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_anchor.verdict import Grade, KeyStatus
from perdure_anchor.verify_audit_report import verify_audit_report
from perdure_node.audit.auditing import Audited, AuditOptions, audit
from perdure_node.audit.numbering import parse_numbering
from perdure_node.changes import erase
from perdure_node.database import Database
from perdure_node.documents import hash_document
from perdure_node.encryption.identity import KdfCost
from perdure_node.holds import hold, release
from perdure_node.intake import Details, add_document
from perdure_node.operators.acting import key_attestor
from perdure_node.operators.adopting import adopt_policy
from perdure_node.operators.attesting import Attestor
from perdure_node.operators.operator_keys import OperatorKeyRing, operator_key_file
from perdure_node.operators.people import NewOperator, Operator, add_operator, change_roles, remove_operator
from perdure_node.operators.policy import policy_template
from perdure_node.operators.roles import Role
from perdure_node.records import record_by_index
from perdure_node.traces import Reason
from perdure_node.vault import Vault, open_vault
from tools.site_desk import Site, keys_of
from tools.site_network import STOPPED, copied, counted_bytes, open_network

QUICK = KdfCost(8, 1, 1)
WORDS = "a passphrase of his own"


def person(vault: Vault, name: str, *roles: Role) -> Operator:
    new = NewOperator(name, frozenset(roles), WORDS)
    return add_operator(vault, keys_of(vault), new, clock=STOPPED, randomness=os.urandom, cost=QUICK)


def signing(vault: Vault, who: Operator) -> Attestor:
    return key_attestor(vault, who, OperatorKeyRing(vault, who.number, lambda: WORDS).signing_key())


# what any young vault on a devnet is told
ALWAYS = {"devnet", "no_recovery_key", "not_backed_up"}


@pytest.fixture(scope="module")
def stocked_folder(registered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network and a vault whose records 1 to 5 are anchored in two checkpoints, to be copied."""
    folder = copied(registered, tmp_path_factory.mktemp("stocked") / "both")
    with open_network(folder / "chain") as network, open_vault(folder / "site" / ".perdure") as vault:
        site = Site(network, vault)
        for numbers in ((1, 2), (3, 4, 5)):
            site.add(*numbers)
            site.sync()
    return folder


@pytest.fixture
def stocked(stocked_folder: Path, tmp_path: Path) -> Iterator[Site]:
    """Records 1 to 5 are anchored in two checkpoints."""
    folder = copied(stocked_folder, tmp_path / "stocked")
    with open_network(folder / "chain") as network, open_vault(folder / "site" / ".perdure") as vault:
        yield Site(network, vault)


def audited(site: Site, **options: object) -> Audited:
    return audit(site.vault, keys_of(site.vault), AuditOptions(**options), clock=site.network.clock)  # type: ignore[arg-type]


def kinds(report: AuditReport) -> set[str]:
    return {finding.kind for finding in report.findings} - ALWAYS


def examples(report: AuditReport, kind: str) -> tuple[str, ...]:
    return next(finding.examples for finding in report.findings if finding.kind == kind)


def test_a_whole_vault_has_no_findings(stocked: Site) -> None:
    done = audited(stocked, connect=lambda: stocked.network.anchor_chain(stocked.vault.trust))
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


# --- damage


def damage(database: Database, table: str, column: str, where: str, at: int = 20) -> None:
    """Change a bit of a value."""
    sql = f"SELECT {column} FROM {table} WHERE {where}"  # constants
    octets = bytearray(database.rows(sql)[0][0])
    octets[at] ^= 1
    database.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", bytes(octets))  # constants


def damage_tile(database: Database) -> None:
    damage(database, "tile", "octets", "level = 0")


def found_after(site: Site, *statements: str) -> AuditReport:
    site.vault.database.execute("PRAGMA foreign_keys=OFF")
    for statement in statements:
        site.vault.database.execute(statement)
    return audited(site).report


def test_a_record_that_was_changed(stocked: Site) -> None:
    damage(stocked.vault.database, "content", "encrypted", "sequence = 3")
    report = audited(stocked).report
    assert kinds(report) == {"content_unreadable"}
    assert examples(report, "content_unreadable")[0].startswith("leaf 2: ")


def test_contents_that_were_exchanged(stocked: Site) -> None:
    swap = "UPDATE content SET encrypted = (SELECT encrypted FROM content AS other WHERE other.sequence = 5) WHERE sequence = 4"
    assert kinds(found_after(stocked, swap)) == {"content_unreadable"}


def test_a_content_that_is_gone(stocked: Site) -> None:
    report = found_after(stocked, "DELETE FROM content WHERE sequence = 2")
    assert (kinds(report), examples(report, "content_missing")) == ({"content_missing"}, ("leaf 1",))


@pytest.mark.parametrize("column", ["document", "words"])
def test_a_look_up_digest_that_was_changed(stocked: Site, column: str) -> None:
    damage(stocked.vault.database, "record", column, "sequence = 3", at=5)
    report = audited(stocked).report
    assert kinds(report) == {"lookup_damaged"}
    assert examples(report, "lookup_damaged")[0].startswith("leaf 2: ")


def test_a_link_that_was_changed(stocked: Site, tmp_path: Path) -> None:
    older = record_by_index(stocked.vault.database, 2)
    assert older is not None
    add_contract(stocked, "newer", tmp_path, supersedes=older.leaf_hash.hex())
    assert "link_damaged" not in kinds(audited(stocked).report)
    damage(stocked.vault.database, "supersession", "superseded", "1")
    report = audited(stocked).report
    assert "link_damaged" in kinds(report)
    assert f"supersedes {older.leaf_hash.hex()}, not " in examples(report, "link_damaged")[0]


@pytest.mark.parametrize(("column", "at"), [("hash", 3), ("headers", 200), ("headers", 0)])
def test_a_known_block_that_was_changed(stocked: Site, column: str, at: int) -> None:
    named = "id = (SELECT max(after_block) FROM record)"
    damage(stocked.vault.database, "known_block", column, named, at=at)
    assert kinds(audited(stocked).report) >= {"block_damaged"}


@pytest.mark.parametrize("column", ["hash", "raw"])
def test_a_transaction_that_was_changed(stocked: Site, column: str) -> None:
    damage(stocked.vault.database, "relay_transaction", column, "number = 1")
    assert kinds(audited(stocked).report) == {"transaction_damaged"}


def test_a_note_that_was_changed(stocked: Site, tmp_path: Path) -> None:
    record = record_by_index(stocked.vault.database, 2)
    assert record is not None
    reason = Reason("Ada", "a request")
    erase(stocked.vault, record, reason, stocked.keys, clock=STOPPED, randomness=counted_bytes(b"e"))
    damage(stocked.vault.database, "change", "encrypted", "number = 1")
    assert kinds(audited(stocked).report) == {"trace_unreadable", "not_sealed"}


def test_a_recipient_that_was_changed(stocked: Site) -> None:
    damage(stocked.vault.database, "recipient", "public_key", "number = 1")
    report = audited(stocked).report
    assert kinds(report) == {"key_missing"}
    assert "identity.json" in examples(report, "key_missing")[0]
    assert report.signature is None


@pytest.fixture
def staffed(stocked: Site) -> Site:
    """Ada keeps the site and was the confirmer, Bob is removed, and there is a policy."""
    vault = stocked.vault
    ada, bob = person(vault, "Ada", Role.SITE_KEEPER, Role.RECORDER), person(vault, "Bob", Role.CONFIRMER)
    change_roles(
        vault, keys_of(vault), ada, frozenset({Role.SITE_KEEPER}), clock=STOPPED, randomness=os.urandom
    )
    remove_operator(vault, bob, clock=STOPPED, randomness=os.urandom)
    adopt_policy(vault, policy_template(), clock=STOPPED, randomness=os.urandom)
    return stocked


STAFFED = {"not_sealed", "operator_one_factor", "auditor_unnamed"}


def test_people_as_the_log_has_them(staffed: Site) -> None:
    assert kinds(audited(staffed).report) == STAFFED


@pytest.mark.parametrize("operator", [2, 3])
@pytest.mark.parametrize("column", ["public_key", "members"])
def test_a_credential_that_was_changed(staffed: Site, column: str, operator: int) -> None:
    database = staffed.vault.database
    if column == "public_key":
        damage(database, "credential", column, f"operator = {operator}", at=3)
    else:
        database.execute(
            "UPDATE credential SET members = replace(members, '0x', '0X') WHERE operator = ?", operator
        )
    report = audited(staffed).report
    assert "operator_differs" in kinds(report)
    assert examples(report, "operator_differs")[0].startswith("Ada" if operator == 2 else "Bob")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE operator SET name = 'Eve' WHERE number = 2",
        "UPDATE operator_role SET role = 'confirmer'",
        "UPDATE operator SET removed_at = NULL WHERE number = 3",
        "UPDATE operator SET own_record = (SELECT min(sequence) FROM record) WHERE number = 2",
        "UPDATE operator SET own_record = 6 WHERE number = 2",
        "INSERT INTO operator_role (operator, role) VALUES (2, 'recorder')",
        "UPDATE operator_role SET role = 'confirmes'",
        "UPDATE credential SET members = x'80ff'",
    ],
)
def test_an_operator_who_was_changed(staffed: Site, statement: str) -> None:
    assert "operator_differs" in kinds(found_after(staffed, statement))


def test_a_policy_that_was_exchanged(staffed: Site) -> None:
    damage(staffed.vault.database, "policy", "sha256", "number = 1")
    assert kinds(audited(staffed).report) == {*STAFFED, "policy_differs", "policy_not_in_force"}


def test_a_vaults_own_key_file_that_is_garbage(stocked: Site) -> None:
    (stocked.vault.folder / "identity.json").write_bytes(b"garbage")
    done = audited(stocked)
    assert (kinds(done.report), done.could_not) == ({"key_missing"}, True)


@pytest.mark.parametrize("how", ["garbage", "missing", "other", "reading_key"])
def test_an_operators_key_file_that_was_changed(staffed: Site, how: str) -> None:
    path = operator_key_file(staffed.vault.folder, 2)
    if how == "garbage":
        path.write_bytes(os.urandom(400))
    elif how == "missing":
        path.unlink()
    elif how == "other":
        path.write_bytes((staffed.vault.folder / "identity.json").read_bytes())
    else:
        damage(staffed.vault.database, "operator", "reading_key", "number = 2")
    assert kinds(audited(staffed).report) == {*STAFFED, "operator_key_damaged"}


def test_an_erased_record_is_none_and_its_digests_are_checked(stocked: Site) -> None:
    record = record_by_index(stocked.vault.database, 2)
    assert record is not None
    reason = Reason("Ada", "a request")
    erase(stocked.vault, record, reason, stocked.keys, clock=STOPPED, randomness=counted_bytes(b"e"))
    # that it was erased is a record too
    assert kinds(audited(stocked).report) == {"not_sealed"}
    damage(stocked.vault.database, "erased", "slot_digests", "1")
    assert kinds(audited(stocked).report) == {"content_unreadable", "not_sealed"}


def test_a_data_key_that_is_gone(stocked: Site) -> None:
    report = found_after(stocked, "DELETE FROM wrapped_data_key")
    assert kinds(report) == {"key_missing"}


def test_a_tile_that_was_changed(stocked: Site) -> None:
    damage_tile(stocked.vault.database)
    assert kinds(audited(stocked).report) >= {"log_damaged", "record_not_in_log"}


def test_a_tile_that_is_gone(stocked: Site) -> None:
    assert "log_damaged" in kinds(found_after(stocked, "DELETE FROM tile WHERE level = 0"))


def test_records_that_changed_places(stocked: Site) -> None:
    report = found_after(
        stocked,
        "UPDATE entry SET sequence = 99 WHERE log_index = 0",
        "UPDATE entry SET sequence = 1 WHERE log_index = 1",
        "UPDATE entry SET sequence = 2 WHERE log_index = 0",
    )
    assert kinds(report) == {"record_not_in_log"}
    assert len(examples(report, "record_not_in_log")) == 2


def test_a_lost_record(stocked: Site) -> None:
    report = found_after(stocked, "DELETE FROM entry WHERE log_index = 3")
    assert kinds(report) == {"record_missing", "record_dropped"}
    # where a log was taken over, nobody knows whether its record was ever here
    stocked.vault.database.execute(
        "INSERT INTO adoption (adopted_at, source, old_size, common_prefix, new_size, queued, found) VALUES (1, 'x', 1, 1, 5, 0, 0)"
    )
    report = found_after(
        stocked, "DELETE FROM content WHERE sequence = 4", "DELETE FROM record WHERE sequence = 4"
    )
    assert kinds(report) == {"record_lost"}


def test_a_waiting_record_that_was_taken_out_of_the_queue(stocked: Site) -> None:
    stocked.add(6)
    assert kinds(found_after(stocked, "DELETE FROM queue")) == {"record_dropped"}


def test_a_hold_that_was_taken_away(stocked: Site) -> None:
    for index in (0, 1):
        record = record_by_index(stocked.vault.database, index)
        assert record is not None
        hold(stocked.vault, [record, record], Reason(None, "a case"), clock=STOPPED, randomness=os.urandom)
        release(
            stocked.vault,
            [record],
            Reason(None, "over"),
            1,
            index * 2 + 1,
            clock=STOPPED,
            randomness=os.urandom,
        )
    assert not kinds(audited(stocked).report)
    report = found_after(stocked, "DELETE FROM hold WHERE number = 2")
    assert kinds(report) == {"hold_differs"}
    assert "held 0 times, noted 1" in examples(report, "hold_differs")[0]


def test_an_erased_record_that_another_vault_held(stocked: Site) -> None:
    erase_first(stocked)
    report = found_after(
        stocked,
        "INSERT INTO change (sequence, kind, operator, changed_at, data_key, encrypted) "
        "SELECT sequence, 'held', operator, changed_at, data_key, encrypted FROM change WHERE kind = 'erased'",
    )
    assert kinds(report) == {"not_sealed"}


def test_a_checkpoint_that_is_gone(stocked: Site) -> None:
    report = found_after(stocked, "DELETE FROM checkpoint WHERE size = 2")
    assert "database_damaged" in kinds(report)


def test_a_root_that_was_changed(stocked: Site) -> None:
    damage(stocked.vault.database, "checkpoint", "root", "size = 2")
    assert kinds(audited(stocked).report) == {"log_damaged", "checkpoint_invalid"}


def test_a_signature_that_was_changed(stocked: Site) -> None:
    damage(stocked.vault.database, "checkpoint", "signature", "size = 2")
    assert "anchor_invalid" in kinds(audited(stocked).report)


def test_a_checkpoint_that_somebody_else_signed(stocked: Site) -> None:
    report = found_after(stocked, "DELETE FROM anchor", "UPDATE site_key SET address = zeroblob(20)")
    assert {"checkpoint_invalid", "key_missing"} <= kinds(report)
    assert report.signature is None


def test_slot_digests_that_are_another_records(stocked: Site) -> None:
    damage(stocked.vault.database, "checkpoint", "last_slot_digests", "size = 2")
    assert "checkpoint_invalid" in kinds(audited(stocked).report)


def test_an_anchor_that_does_not_verify(stocked: Site) -> None:
    damage(stocked.vault.database, "anchor", "headers", "size = 5", at=200)
    report = audited(stocked).report
    assert kinds(report) == {"anchor_invalid"}
    assert "the anchor of 5 in block" in examples(report, "anchor_invalid")[0]


def test_rows_that_name_others_that_are_not_there(stocked: Site) -> None:
    report = found_after(stocked, "DELETE FROM data_key")
    assert "database_damaged" in kinds(report)


# --- the registry


def test_a_registry_that_has_another_log(stocked: Site) -> None:
    connect = lambda: stocked.network.anchor_chain(stocked.vault.trust)  # noqa: E731
    stocked.vault.database.execute("PRAGMA foreign_keys=OFF")
    stocked.vault.database.execute("DELETE FROM checkpoint WHERE size = 5")
    stocked.vault.database.execute("DELETE FROM anchor WHERE size = 5")
    stocked.vault.database.execute("DELETE FROM entry WHERE log_index >= 2")
    assert "registry_rival" in kinds(audited(stocked, connect=connect).report)


def test_a_registry_that_knows_another_key(stocked: Site) -> None:
    connect = lambda: stocked.network.anchor_chain(stocked.vault.trust)  # noqa: E731
    other = b"\x11" * 20
    stocked.vault.database.execute("INSERT INTO site_key (number, address, made_at) VALUES (9, ?, 1)", other)
    done = audit(stocked.vault, None, AuditOptions(connect=connect), clock=stocked.network.clock)
    assert kinds(done.report) == {"site_key_unknown"}


def test_a_registry_that_cannot_be_asked(stocked: Site) -> None:
    def connect() -> object:
        raise ConnectionError("no route")

    done = audited(stocked, connect=connect)
    assert done.could_not
    assert kinds(done.report) == set()
    check = next(check for check in done.report.checks if check.name == "registry")
    assert (check.state, check.why) == ("could not", "no route")


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


# --- documents


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


# --- numbers


def add_contract(site: Site, name: str, path: Path, supersedes: str | None = None) -> str:
    file = path / name
    file.write_bytes(name.encode() + (supersedes or "").encode())
    details = Details(
        document_type="contract", supersedes=None if supersedes is None else bytes.fromhex(supersedes)
    )  # type: ignore[arg-type]
    added = add_document(
        site.vault, hash_document(file), details, clock=STOPPED, randomness=counted_bytes(file.read_bytes())
    )
    return added.leaf_hash.hex()


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


# --- people


def test_operators_the_policy_and_who_waits_for_whom(site: Site, tmp_path: Path) -> None:
    vault = site.vault
    ada, bob = person(vault, "Ada", Role.RECORDER), person(vault, "Bob", Role.CONFIRMER)
    person(vault, "Cyd", Role.SITE_KEEPER)
    vault_policy = (
        b'[[documents]]\ntype = "contract"\nconfirmed_by = ["confirmer"]\nnumbering = "contract_number"\n'
    )
    adopt_policy(vault, vault_policy, clock=STOPPED, randomness=counted_bytes(b"p"))
    for number in ("2026-7", "2026-9"):
        file = tmp_path / number
        file.write_text(number)
        details = Details(document_type="contract", extra={"contract_number": number})
        who = signing(vault, ada)
        add_document(vault, hash_document(file), details, clock=STOPPED, randomness=os.urandom, who=who)
    report = audited(site).report
    assert {"operator_one_factor", "awaiting_confirmation", "number_missing"} <= kinds(report)
    assert report.count_of("error") == 1
    assert examples(report, "operator_one_factor") == ("Ada", "Bob", "Cyd")
    assert examples(report, "number_missing") == ("extra.contract_number, series '2026-': 8",)
    assert "of Ada waits for Bob" in examples(report, "awaiting_confirmation")[0]
    (vault.folder / "policy.toml").write_bytes(vault_policy + b"# changed\n")
    assert "policy_not_in_force" in kinds(audited(site).report)
    assert bob.has_key


def test_an_auditor_signs_by_himself(stocked: Site) -> None:
    eve = person(stocked.vault, "Eve", Role.AUDITOR)
    keys = OperatorKeyRing(stocked.vault, eve.number, lambda: WORDS)
    done = audit(stocked.vault, keys, AuditOptions(by="Eve"), clock=stocked.network.clock)
    assert done.report.by == "Eve"
    states = {check.name: (check.state, check.count) for check in done.report.checks}
    assert states["contents"][0] == "done"
    assert recover_report_signer(done.report) == address_from_private_key(keys.signing_key())
    # nothing in the report shows whose key that is
    verdict = verify_audit_report(done.report, stocked.vault.trust)
    assert [type(error).__name__ for error in verdict.errors] == ["ReportKeyNotVouched"]


# --- going on


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


def erase_first(site: Site) -> None:
    record = record_by_index(site.vault.database, 0)
    assert record is not None
    erase(site.vault, record, Reason(None, "why"), site.keys, clock=STOPPED, randomness=os.urandom)


def files_of(vault: Vault) -> bytes:
    return b"".join(path.read_bytes() for path in vault.folder.glob("vault.sqlite*"))


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


def test_a_vault_without_records(offline_vault: Vault) -> None:
    done = audit(offline_vault, None, AuditOptions(), clock=STOPPED)
    assert kinds(done.report) <= {"clock_doubted"}
    assert done.report.checkpoint is None
