"""`perdure audit` and people: operators and policies as the log has them, who waits for whom, and who audits."""

import os
from pathlib import Path

import pytest
from perdure_anchor.audit_report import recover_report_signer
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_anchor.verify_audit_report import verify_audit_report
from perdure_node.audit.auditing import AuditOptions, audit
from perdure_node.documents import hash_document
from perdure_node.intake import Details, add_document
from perdure_node.operators.acting import key_attestor
from perdure_node.operators.adopting import adopt_policy
from perdure_node.operators.attesting import Attestor
from perdure_node.operators.membership import change_roles, remove_operator
from perdure_node.operators.operator_keys import OperatorKeyRing, operator_key_file
from perdure_node.operators.people import Operator
from perdure_node.operators.policy import policy_template
from perdure_node.operators.roles import Role
from perdure_node.vault import Vault
from tools.audits import WORDS, audited, damage, examples, found_after, kinds, person
from tools.site_desk import Site, keys_of
from tools.site_network import STOPPED, counted_bytes


def signing(vault: Vault, who: Operator) -> Attestor:
    return key_attestor(vault, who, OperatorKeyRing(vault, who.number, lambda: WORDS).signing_key())


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


# --- who waits, and who audits


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
