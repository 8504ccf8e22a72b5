"""The audit: all checks one after the other, what they found, and the report of it. Reads; what it notes is only how far it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from perdure_anchor.audit_report import MAX_TEXT, AuditReport, ReportedCheck, sign_report
from perdure_anchor.errors import ChainError, ConfigError, EncodingError, PerdureError
from perdure_anchor.statement import StatedCheckpoint
from perdure_anchor.timestamp import format_seconds

from perdure_node.audit.confirmations import Wanted, check_confirmations
from perdure_node.audit.contents import Contents, check_contents
from perdure_node.audit.documents import OnDisk, look_for_documents, tell_documents
from perdure_node.audit.findings import Found
from perdure_node.audit.log_checks import check_anchors, check_checkpoints, check_database, check_log
from perdure_node.audit.numbering import LAST_DIGITS, Numbering
from perdure_node.audit.own_word import (
    check_blocks,
    check_key_files,
    check_people,
    check_traces,
    check_transactions,
)
from perdure_node.audit.registry import check_registry
from perdure_node.audit.registry_answers import Ask
from perdure_node.audit.since import NOTES, check_since, notes_told
from perdure_node.audit.state import AuditState
from perdure_node.audit.surroundings import check_site
from perdure_node.clock import Clock
from perdure_node.errors import (
    IdentityUnreadable,
    LookupKeyMissing,
    RecoveryKeyError,
    SettingsError,
    VaultDamaged,
    VaultStorageFailed,
)
from perdure_node.evidence.anchors import newest_anchors_over
from perdure_node.evidence.hops import hop_table
from perdure_node.evidence.proving import checkpoint_of
from perdure_node.keys.keyring import KeyRing
from perdure_node.log.site_log import newest_checkpoint
from perdure_node.operators.errors import NotAllowed
from perdure_node.operators.operator_keys import OperatorKeyRing
from perdure_node.operators.policy import adopted_digest, policy_in_force
from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.vault import Vault

DONE, NOT_ASKED, COULD_NOT = "done", "not asked", "could not"
REGISTRY = "registry"
LOCKED = "the passphrase was not given"
_MISSING = "number_missing"


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """``documents`` None: not looked for. ``nodes`` are asked for the registry; None: it is not asked.

    ``need_registry``: that no node could be asked counts as something that could not be found out. ``numberings`` come beside
    those of the site's policy. ``by`` is the operator who acts. ``since`` is the report of an earlier audit, which the site signed.
    """

    documents: Sequence[Path] | None = None
    numberings: Sequence[Numbering] = ()
    nodes: Sequence[Ask] | None = None
    need_registry: bool = False
    resume: bool = True
    jobs: int = 1
    software: str = ""
    by: str | None = None
    since: AuditReport | None = None


@dataclass(slots=True)
class _Audit:
    vault: Vault
    keys: KeyRing | None
    options: AuditOptions
    clock: Clock
    progress: Progress
    state: AuditState
    # why there are no keys, and which state of a check that is
    locked: tuple[str, str]
    found: Found
    checks: list[ReportedCheck] = field(default_factory=list)

    def check(self, name: str, work: Callable[[], int]) -> None:
        """Run a check; a damaged vault is a finding, and what cannot be reached is said."""
        try:
            self.checks.append(ReportedCheck(name, DONE, work()))
        except (VaultDamaged, EncodingError) as error:
            self.found.add("database_damaged", f"{name}: {error}")
            self.checks.append(ReportedCheck(name, COULD_NOT, 0, str(error)))
        except (ChainError, ConfigError, ConnectionError, TimeoutError, VaultStorageFailed) as error:
            self.checks.append(ReportedCheck(name, COULD_NOT, 0, str(error)))

    def leave_out(self, name: str, why: str, state: str = NOT_ASKED) -> None:
        self.checks.append(ReportedCheck(name, state, 0, why))


@dataclass(frozen=True, slots=True)
class Audited:
    """The report, and how many records of an audit that was broken off were not read again."""

    report: AuditReport
    reused: int
    need_registry: bool = False

    @property
    def could_not(self) -> bool:
        """Whether something could not be found out; a registry that is out of reach counts only where it was needed."""
        return any(
            check.state == COULD_NOT and (check.name != REGISTRY or self.need_registry)
            for check in self.report.checks
        )


def audit(
    vault: Vault,
    keys: KeyRing | None,
    options: AuditOptions,
    *,
    clock: Clock,
    progress: Progress = NO_PROGRESS,
) -> Audited:
    """Check the whole vault; ``keys`` None: what needs the passphrase is left out, and the report is not signed.

    Raises what ``keys`` raise for a wrong passphrase, and nothing for what is wrong with the vault.
    """
    options = replace(options, numberings=(*options.numberings, *_numberings_of_policy(vault)))
    found, locked = Found(), (LOCKED, NOT_ASKED)
    try:
        state = AuditState(vault.database, keys)
    except IdentityUnreadable as error:
        # the check of the key files tells of it
        keys, locked = None, (str(error), COULD_NOT)
        state = AuditState(vault.database, None)
    if not (options.resume and state.was_broken_off):
        state.begin(int(clock.now()))
    run = _Audit(vault, keys, options, clock, progress, state, locked, found)
    if keys is not None and options.by is None and _has_operators(vault):
        found.add("auditor_unnamed")
    run.check("database", lambda: check_database(vault, run.found))
    run.check("log", lambda: check_log(vault, run.found, progress))
    run.check("checkpoints", lambda: check_checkpoints(vault, run.found, progress))
    run.check("anchors", lambda: check_anchors(vault, run.found, progress))
    run.check("blocks", lambda: check_blocks(vault, run.found))
    run.check("transactions", lambda: check_transactions(vault, run.found))
    run.check("key files", lambda: check_key_files(vault, run.found))
    disk = _look_for_documents(run)
    contents = _read_records(run, disk)
    if disk is not None:
        tell_documents(disk, contents.names, partial(_leaf_hash, run.vault), run.found)
    _check_own_word(run, contents)
    if (since := options.since) is not None:
        run.check("earlier report", lambda: check_since(vault, since, run.found))
    _check_numbering(run, contents)
    _ask_registry(run)
    run.check("site", lambda: check_site(vault, clock, run.found))
    key = _site_key(run)
    report = _report(run, contents, disk)
    if key is not None:
        report = replace(report, signature=sign_report(report, key))
    state.forget()
    return Audited(report, contents.reused, options.need_registry)


def _has_operators(vault: Vault) -> bool:
    return vault.database.has_table("credential") and bool(
        vault.database.number("SELECT count(*) FROM operator WHERE name IS NOT NULL AND removed_at IS NULL")
    )


def _numberings_of_policy(vault: Vault) -> list[Numbering]:
    """Of each field of ``extra`` that the policy says is numbered; none of a policy that is not in force, which is found later."""
    try:
        rules = policy_in_force(vault.folder, vault.database).documents
    except (SettingsError, VaultDamaged):
        return []
    fields = dict.fromkeys(rule.numbering for rule in rules if rule.numbering)
    return [Numbering(f"extra.{field}", LAST_DIGITS) for field in fields]


def _site_key(run: _Audit) -> bytes | None:
    """The key that signs the report, if it can be opened; the other keys are opened too, to see whether they can be."""
    if run.keys is None:
        run.leave_out("keys", *run.locked)
        return None
    keys, opened = run.keys, 0
    site_key: bytes | None = None
    for name, take in (("site", keys.site_key), ("relay", keys.relay_key), ("look-up", keys.lookup_key)):
        try:
            taken = take()
            opened += 1
        except NotAllowed as error:
            # an operator who keeps no site signs by himself
            run.leave_out("keys", str(error))
            return keys.signing_key() if isinstance(keys, OperatorKeyRing) else None
        except (VaultDamaged, RecoveryKeyError) as error:
            run.found.add("key_missing", f"{name} key: {error}")
        else:
            site_key = taken if isinstance(taken, bytes) and name == "site" else site_key
    run.checks.append(ReportedCheck("keys", DONE, opened))
    return site_key


def _look_for_documents(run: _Audit) -> OnDisk | None:
    paths = run.options.documents
    if paths is None:
        run.leave_out("documents", "no folder was named (--documents)")
        return None
    try:
        disk = look_for_documents(run.vault, paths, run.state, run.found, run.progress, jobs=run.options.jobs)
    except (LookupKeyMissing, VaultDamaged) as error:
        run.leave_out("documents", str(error), COULD_NOT)
        return None
    run.checks.append(ReportedCheck("documents", DONE, disk.files))
    return disk


def _read_records(run: _Audit, disk: OnDisk | None) -> Contents:
    if run.keys is None:
        run.leave_out("contents", *run.locked)
        return Contents()
    keys, contents = run.keys, Contents()

    def read() -> int:
        nonlocal contents
        contents = check_contents(
            run.vault,
            keys,
            run.state,
            run.found,
            run.progress,
            numberings=run.options.numberings,
            missing_documents=frozenset() if disk is None else disk.missing,
            names_on_disk=frozenset() if disk is None else disk.unknown,
            wanted=_wanted_by_policy(run.vault),
            jobs=run.options.jobs,
        )
        return contents.records

    run.check("contents", read)
    for name, where in contents.superseded.items():
        if run.vault.database.row("SELECT 1 FROM record WHERE leaf_hash = ?", bytes.fromhex(name)) is None:
            run.found.add("supersedes_unknown", f"{where} supersedes {name}")
    return contents


def _check_own_word(run: _Audit, contents: Contents) -> None:
    """Who the operators are, which policy is in force and what was noted of records: only the records themselves show whether it is so."""
    keys = run.keys
    if keys is None:
        run.leave_out("people", *run.locked)
        run.leave_out("confirmations", *run.locked)
        run.leave_out(NOTES, *run.locked)
        return
    if any(check.name == "contents" and check.state == DONE for check in run.checks):
        run.check("people", lambda: check_people(run.vault, contents, run.found))
        run.check("confirmations", lambda: _check_confirmations(run, contents))
    else:
        for name in ("people", "confirmations"):
            run.leave_out(name, "the records could not be read", COULD_NOT)
    run.check(NOTES, lambda: check_traces(run.vault, keys, run.found))
    if run.checks[-1].state == DONE:
        run.checks[-1] = replace(run.checks[-1], why=notes_told(run.vault.database))


def _check_confirmations(run: _Audit, contents: Contents) -> int:
    if not run.vault.database.has_table("supersession"):
        # as an older version left it: nobody was named then
        return 0
    return check_confirmations(run.vault, contents.people, contents.own, run.found)


def _wanted_by_policy(vault: Vault) -> Wanted | None:
    """What the policy wants of what came after it; None without one, or where it is not in force, which is found later."""
    try:
        policy = policy_in_force(vault.folder, vault.database)
    except (SettingsError, VaultDamaged):
        return None
    row = adopted_digest(vault.database) and vault.database.row("SELECT max(own_record) FROM policy")
    return Wanted(policy, row[0]) if row else None


def _check_numbering(run: _Audit, contents: Contents) -> None:
    numberings = run.options.numberings
    if not numberings:
        run.leave_out("numbering", "no field was named (--numbering)")
        return
    if run.keys is None:
        run.leave_out("numbering", *run.locked)
        return
    numbers, superseded = contents.numbers, contents.superseded.keys()
    found = list(numbers.gaps_and_doubles(numberings, partial(_leaf_hash, run.vault), superseded))
    # an erased record says no number any more: what is missing may be theirs, as long as it is no more than they are
    missing = sum(count for kind, _, count in found if kind == _MISSING)
    for kind, example, count in found:
        was_erased = kind == _MISSING and missing <= contents.erased
        run.found.add("number_erased" if was_erased else kind, example, count)
    run.checks.append(ReportedCheck("numbering", DONE, numbers.count))


def _leaf_hash(vault: Vault, sequence: int) -> str:
    """A record's leaf hash in hexadecimal."""
    row = vault.database.row("SELECT leaf_hash FROM record WHERE sequence = ?", sequence)
    return "" if row is None else bytes(row[0]).hex()


def _ask_registry(run: _Audit) -> None:
    """Two checks: whether it could be asked, and whether what was said against the vault's log is shown by anything."""
    nodes = run.options.nodes
    if nodes is None:
        run.leave_out(REGISTRY, "it was not to be asked")
        return
    try:
        asked = check_registry(run.vault, nodes, run.found, run.progress)
    except VaultDamaged as error:
        run.found.add("log_damaged", f"as the registry is compared: {error}")
        run.leave_out(REGISTRY, str(error), COULD_NOT)
        return
    if not asked.answers:
        run.found.add("registry_not_asked")
        run.leave_out(REGISTRY, "; ".join(asked.failures) or "no node is known", COULD_NOT)
        return
    run.checks.append(ReportedCheck(REGISTRY, DONE, asked.anchors, asked.shown))
    if asked.unclear:
        run.leave_out("the registry's log", "; ".join(asked.unclear), COULD_NOT)


def _report(run: _Audit, contents: Contents, disk: OnDisk | None) -> AuditReport:
    vault, database = run.vault, run.vault.database
    counts = {
        "log": vault.log_size,
        "records": database.number("SELECT count(*) FROM record"),
        "waiting": database.number("SELECT count(*) FROM queue"),
        "erased": database.number("SELECT count(*) FROM erased"),
        "checkpoints": database.number("SELECT count(*) FROM checkpoint"),
        "anchors": database.number("SELECT count(*) FROM anchor"),
        "records_read": contents.records,
        "documents": 0 if disk is None else disk.files,
    }
    report = AuditReport(
        domain=vault.trust.domain,
        origin=vault.origin,
        made_at=format_seconds(int(run.clock.now())),
        software=run.options.software,
        by=run.options.by,
        counts=tuple(counts.items()),
        checks=tuple(
            replace(check, why=None if check.why is None else check.why[:MAX_TEXT]) for check in run.checks
        ),
        findings=run.found.reported(),
    )
    try:
        return _with_checkpoint(vault, report)
    except PerdureError:
        # a vault that is damaged there has findings that say so
        return report


def _with_checkpoint(vault: Vault, report: AuditReport) -> AuditReport:
    """The report with the newest anchored checkpoint, else the newest one."""
    anchor = next(newest_anchors_over(vault.database, 0), None)
    stored = newest_checkpoint(vault) if anchor is None else checkpoint_of(vault, anchor)
    if stored is None:
        return report
    signed = stored.checkpoint
    checkpoint = StatedCheckpoint(signed.size, signed.root, signed.sealed_at, stored.signature)
    if anchor is None:
        return replace(report, checkpoint=checkpoint)
    hops = hop_table(vault.database, vault.trust).leading_through(anchor.block_number)
    return replace(report, checkpoint=checkpoint, anchor=anchor.proof, hops=hops)
