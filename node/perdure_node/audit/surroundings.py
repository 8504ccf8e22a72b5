"""What stands around the log: keys, clock, imports, losses, backups, what waits. Needs no passphrase."""

from perdure_anchor.timestamp import format_seconds

from perdure_node.audit.findings import Found
from perdure_node.backup.history import last_backup, records_ever
from perdure_node.clock import Clock
from perdure_node.clock_doubts import clock_doubts, clock_notes, count_clock_notes
from perdure_node.errors import LookupKeyMissing, SettingsError
from perdure_node.evidence.lost_evidence import lost_sizes
from perdure_node.imports.runs import unfinished_runs
from perdure_node.keys.data_keys import has_recovery_key
from perdure_node.log.queue_state import waiting_records
from perdure_node.log.reconciliation import open_reconciliation
from perdure_node.operators.confirming import awaiting_records, count_awaiting
from perdure_node.operators.people import has_second_factor, operators
from perdure_node.operators.policy import policy_in_force
from perdure_node.records import registered_size
from perdure_node.site_keys.standing import last_known_keys
from perdure_node.vault import Vault

_MOST_NOTES = 20
_DAY = 86_400


def check_site(vault: Vault, clock: Clock, found: Found) -> int:
    """Everything that `perdure status` would warn of, and more; how many things were looked at."""
    _check_keys(vault, found)
    _check_policy(vault, found)
    _check_people(vault, clock, found)
    _check_clock(vault, clock, found)
    _check_what_waits(vault, found)
    _check_losses(vault, found)
    _check_backup(vault, found)
    if vault.trust.devnet:
        found.add("devnet", vault.trust.name)
    return 8


def _check_policy(vault: Vault, found: Found) -> None:
    try:
        policy_in_force(vault.folder, vault.database)
    except SettingsError as error:
        found.add("policy_not_in_force", str(error))


def _check_people(vault: Vault, clock: Clock, found: Found) -> None:
    """The operators, and who waits for whom."""
    for operator in operators(vault.database):
        if not has_second_factor(operator):
            found.add("operator_one_factor", operator.name)
    shown = awaiting_records(vault.database, _MOST_NOTES)
    for each in shown:
        days = max(0, int(clock.now()) - each.since) // _DAY
        by = "somebody" if each.recorder is None else each.recorder
        wanted = ", ".join(each.people) or f"nobody there with the role {' or '.join(each.roles)}"
        found.add(
            "awaiting_confirmation",
            f"record {each.record.leaf_hash.hex()} of {by} waits for {wanted}, since {days} days",
        )
    if (more := count_awaiting(vault.database) - len(shown)) > 0:
        found.add("awaiting_confirmation", count=more)


def _check_clock(vault: Vault, clock: Clock, found: Found) -> None:
    database = vault.database
    for doubt in clock_doubts(database, clock):
        found.add("clock_doubted", doubt.text)
    notes = clock_notes(database, _MOST_NOTES)
    for note in notes:
        found.add("clock_was_wrong", f"{note.doubt.text}; noted after record {note.sequence}")
    if (more := count_clock_notes(database) - len(notes)) > 0:
        found.add("clock_was_wrong", count=more)


def _check_what_waits(vault: Vault, found: Found) -> None:
    database = vault.database
    for number in unfinished_runs(database):
        rows = database.number("SELECT rows_done FROM import_run WHERE number = ?", number)
        found.add("import_unfinished", f"import {number}: {rows} rows are read")
    waiting = waiting_records(database)
    if waiting:
        found.add("not_sealed", f"{waiting} records", waiting)
    unanchored = vault.log_size - registered_size(database)
    if unanchored > 0:
        found.add("not_anchored", f"{unanchored} records", unanchored)


def _check_losses(vault: Vault, found: Found) -> None:
    database = vault.database
    if database.has_table("anchored_elsewhere"):
        for size in lost_sizes(vault):
            found.add("evidence_lost", f"the checkpoint of {size}")
    open_one = open_reconciliation(database)
    if open_one is not None:
        found.add("not_compared", f"{open_one.reason.value} at {format_seconds(open_one.since)}")


def _check_keys(vault: Vault, found: Found) -> None:
    try:
        vault.lookup_key  # noqa: B018  # read to see whether it can be
    except LookupKeyMissing as error:
        found.add("key_missing", f"the look-up key: {error}")
    if not has_recovery_key(vault.database):
        found.add("no_recovery_key")
    known = last_known_keys(vault.database)
    if known is not None and (known.is_revoked or known.compromised_since is not None):
        found.add("site_key_revoked", f"as known since {format_seconds(known.seen_at)}")


def _check_backup(vault: Vault, found: Found) -> None:
    last, records = last_backup(vault.database), records_ever(vault.database)
    since = records - (0 if last is None else last.records)
    if since > 0:
        when = (
            "there is no backup" if last is None else f"the last backup is of {format_seconds(last.taken_at)}"
        )
        found.add("not_backed_up", f"{when}; {since} records were added since", since)
