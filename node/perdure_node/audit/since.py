"""Whether a vault has gone on from where the report of an earlier audit found it: the log, the records, and the notes of what was done.

Notes are numbered without gaps, so one that is gone from between others shows by itself (`perdure_node.audit.notes`); that the newest are
gone shows only to who knows that there were more. A report says how many there were and has a digest over them, and whoever
can write to the vault cannot change a report that somebody else keeps. What was done, when and by whom is in the digest, and on
which record; the reasons are not, as they go when a record is erased. Of notes that came and went after the report it says nothing.
"""

import re
from hashlib import sha256
from typing import Final

from perdure_anchor.audit_report import AuditReport
from perdure_anchor.errors import ConfigError
from perdure_anchor.log import root_at
from perdure_anchor.verify_audit_report import ReportKeyNotVouched, verify_audit_report

from perdure_node.audit.findings import Found
from perdure_node.database import Database
from perdure_node.log.gaps import log_gaps
from perdure_node.log.site_log import nodes_at
from perdure_node.vault import Vault

NOTES: Final = "notes"
_PAGE: Final = 1000
_TOLD: Final = re.compile(r"1 to ([0-9]{1,15}) have the SHA-256 ([0-9a-f]{64})")


class NotThisVaultsReport(ConfigError):
    """The earlier report is not shown to be one of this site's."""


def check_earlier(report: AuditReport, vault: Vault) -> None:
    """Raise `NotThisVaultsReport` unless a key of the site's signed the report."""
    if (report.domain, report.origin) != (vault.trust.domain, vault.origin):
        raise NotThisVaultsReport(
            f"the earlier report is of {report.origin.text}, or of another registry: want one of {vault.origin.text}"
        )
    verdict = verify_audit_report(report, vault.trust)
    own = verdict.signer == vault.site_address
    for error in verdict.errors:
        # before the first anchor only the vault knows its key
        if not (own and isinstance(error, ReportKeyNotVouched)):
            raise NotThisVaultsReport(
                f"the earlier report: {error}", hint="`perdure verify` says what is wrong with it"
            )


def notes_told(database: Database) -> str | None:
    """What a report says of the notes, for a later audit; None where there are none."""
    last = database.number("SELECT coalesce(max(number), 0) FROM change")
    return f"1 to {last} have the SHA-256 {_digest(database, last)}" if last else None


def check_since(vault: Vault, earlier: AuditReport, found: Found) -> int:
    """Hold the vault against the earlier report; how much of it could be held against: log, records, notes."""
    return (
        _check_log(vault, earlier, found)
        + _check_records(vault.database, earlier, found)
        + _check_notes(vault.database, earlier, found)
    )


def _check_log(vault: Vault, earlier: AuditReport, found: Found) -> int:
    checkpoint = earlier.checkpoint
    if checkpoint is None or log_gaps(vault.database):
        return 0
    is_beginning = (
        checkpoint.size <= vault.log_size
        and root_at(nodes_at(vault.database, checkpoint.size), checkpoint.size) == checkpoint.root
    )
    if not is_beginning:
        found.add(
            "log_damaged",
            f"the report of {earlier.made_at} names a log of {checkpoint.size} with the root {checkpoint.root.hex()}: "
            "this vault's does not begin with it",
        )
    return 1


def _check_records(database: Database, earlier: AuditReport, found: Found) -> int:
    then, now = dict(earlier.counts).get("records"), database.number("SELECT count(*) FROM record")
    # what an import had stored that was broken off is given up with it
    if then is None or any(each.kind == "import_unfinished" for each in earlier.findings):
        return 0
    if now < then:
        found.add(
            "record_dropped",
            f"the report of {earlier.made_at} counted {then} records, now there are {now}",
            then - now,
        )
    return 1


def _check_notes(database: Database, earlier: AuditReport, found: Found) -> int:
    check = next((each for each in earlier.checks if each.name == NOTES and each.state == "done"), None)
    if check is None:
        return 0
    told = _TOLD.fullmatch(check.why or "")
    now = database.number("SELECT count(*) FROM change")
    if now < check.count:
        gone = f"the report of {earlier.made_at} counted {check.count} notes, now there are {now}"
        found.add("note_missing", gone, check.count - now)
    elif told is not None and _digest(database, int(told[1])) != told[2]:
        others = f"notes 1 to {told[1]} are not those of the report of {earlier.made_at}"
        found.add("note_missing", others)
    return 1


def _digest(database: Database, last: int) -> str:
    """SHA-256 over the notes up to that number, a line each: the number, the record's, what, who, when, and what took its place."""
    digest, at = sha256(), 0
    while rows := database.rows(
        "SELECT number, sequence, kind, operator, changed_at, successor FROM change WHERE number > ? AND number <= ? "
        "ORDER BY number LIMIT ?",
        at,
        last,
        _PAGE,
    ):
        at = rows[-1][0]
        digest.update("".join(",".join(map(str, row)) + "\n" for row in rows).encode())
    return digest.hexdigest()
