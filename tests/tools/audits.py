"""Audits for tests: of a site's vault, what was found, and damage to be found."""

import os
from pathlib import Path
from typing import Any

from perdure_anchor.audit_report import AuditReport
from perdure_node.audit.auditing import Audited, AuditOptions, audit
from perdure_node.changes import erase
from perdure_node.database import Database
from perdure_node.documents import hash_document
from perdure_node.encryption.identity import KdfCost
from perdure_node.intake import Details, add_document
from perdure_node.operators.membership import NewOperator, add_operator
from perdure_node.operators.people import Operator
from perdure_node.operators.roles import Role
from perdure_node.records import record_by_index
from perdure_node.traces import Reason
from perdure_node.vault import Vault
from tools.site_desk import Site, keys_of
from tools.site_network import STOPPED, counted_bytes

# what any young vault on a devnet is told
ALWAYS = {"devnet", "no_recovery_key", "not_backed_up"}
WORDS = "a passphrase of his own"
_QUICK = KdfCost(8, 1, 1)


def audited(site: Site, **options: Any) -> Audited:
    return audit(site.vault, keys_of(site.vault), AuditOptions(**options), clock=site.network.clock)


def kinds(report: AuditReport) -> set[str]:
    return {finding.kind for finding in report.findings} - ALWAYS


def examples(report: AuditReport, kind: str) -> tuple[str, ...]:
    return next(finding.examples for finding in report.findings if finding.kind == kind)


def check_of(report: AuditReport, name: str) -> tuple[str, str | None]:
    """The state of a check, and what is said of it."""
    return next((each.state, each.why) for each in report.checks if each.name == name)


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


def person(vault: Vault, name: str, *roles: Role) -> Operator:
    new = NewOperator(name, frozenset(roles), WORDS)
    return add_operator(vault, keys_of(vault), new, clock=STOPPED, randomness=os.urandom, cost=_QUICK)


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


def erase_first(site: Site) -> None:
    record = record_by_index(site.vault.database, 0)
    assert record is not None
    erase(site.vault, record, Reason(None, "why"), site.keys, clock=STOPPED, randomness=os.urandom)
