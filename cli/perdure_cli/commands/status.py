"""`perdure status`: how the site stands, read from its vault alone."""

from itertools import islice
from pathlib import Path

import click
from perdure_node.adopting.past_adoptions import PastAdoption
from perdure_node.clock import system_clock
from perdure_node.operators.policy import PolicyState
from perdure_node.seal_policy import DEFAULT_POLICY, Due
from perdure_node.status import Losses, Status, read_status

from perdure_cli.awaiting_texts import awaiting_members, awaiting_text
from perdure_cli.courier_texts import outlook_members, print_outlook
from perdure_cli.nodes.texts import node_members, node_text
from perdure_cli.options import json_option, vault_option
from perdure_cli.output import print_json, print_line, print_row, tell_next, tell_warning
from perdure_cli.record_texts import plural, time_text
from perdure_cli.site import open_site
from perdure_cli.site_key_texts import concerns, registry_members, rotation_members, rotation_text

_NOTES_SHOWN = 3
_DUE_TEXTS = {
    Due.CLOCK: ", since the clock was put back and nobody knows for how long the records have waited"
}

_POLICY_TEXTS = {
    PolicyState.CHANGED: "policy.toml was changed since it was put in force: nobody may act by it",
    PolicyState.GONE: "policy.toml is gone: nobody may act without it",
    PolicyState.REFUSED: "policy.toml was put in force, and this Perdure refuses it: `perdure policy show` says why",
}

_DAYS_WITHOUT_BACKUP = 7
_DAY = 86_400

# more of them are counted
_MOST_GAPS = 8


@click.command(short_help="Say what waits, what is anchored, what to do.")
@vault_option
@json_option
def status(vault_folder: Path | None, as_json: bool) -> None:
    """Say what waits, what is sealed, what is anchored, and what to do next. Asks no chain."""
    with open_site(vault_folder) as vault:
        found = read_status(vault, system_clock())
    if as_json:
        print_json(_members(found))
    else:
        _print_status(found)
        _warn_of_old_backup(found, system_clock().now())
        tell_next(found.next_step.text)


def _print_status(found: Status) -> None:
    print_line(f"{found.origin.text}, vault {found.folder}", style="bold")
    _print_records(found)
    _print_chain(found)
    if not found.has_recovery_key:
        print_row("recovery key", "none: who loses the passphrase loses what the records say")
    if found.policy in _POLICY_TEXTS:
        print_row("policy", _POLICY_TEXTS[found.policy])
    print_row("last backup", _backup_text(found))
    _print_clock(found)
    if not found.is_writable:
        print_row("read only", "nothing can be recorded here")


def _print_records(found: Status) -> None:
    """How far the records have come."""
    oldest = f", the oldest since {time_text(found.waiting_since)}" if found.waiting_since else ""
    _print_awaiting(found, system_clock().now())
    print_row("waiting", f"{plural(found.waiting, 'record')}{oldest}")
    if text := _policy_text(found):
        print_row("seal", text)
    unsent = found.unanchored_checkpoints
    several = f"; of {unsent} checkpoints the newest is enough" if unsent > 1 else ""
    print_row("sealed", f"{plural(found.sealed, 'record')}, not anchored yet{several}")
    if found.claimed:
        print_row(
            "claimed",
            f"{plural(found.claimed, 'record')}: said to be anchored, the registry was not asked yet",
        )
    print_row("anchored", f"{plural(found.anchored, 'record')}{_evidence_text(found)}")
    _print_losses(found.losses)
    if found.withdrawn:
        print_row("withdrawn", f"{plural(found.withdrawn, 'record')}, those that were amended included")
    if found.rejected:
        print_row("rejected", f"{plural(found.rejected, 'record')}: `perdure list --state rejected`")
    if found.erased:
        print_row("erased", plural(found.erased, "record"))
    if found.unfinished_imports:
        lists = plural(found.unfinished_imports, "list")
        print_row("imports", f"{lists} not finished: import again to go on, or `perdure import --abandon`")


def _print_awaiting(found: Status, now: float) -> None:
    """Who waits for whom, and for how long."""
    label = "awaiting"
    for each in found.awaiting_first:
        print_row(label, awaiting_text(each, now))
        label = ""
    more = found.awaiting - len(found.awaiting_first)
    if more > 0:
        print_row(label, f"and {plural(more, 'record')} more: `perdure list --state awaiting`")


def _evidence_text(found: Status) -> str:
    """How much of the evidence is there; of what is claimed there is none."""
    lacking = found.losses.without_evidence - found.claimed
    if lacking <= 0:
        return "" if found.claimed and not found.anchored else ", evidence at home"
    at_home = found.anchored - lacking
    return f", evidence of the first {at_home} at home" if at_home else ", no evidence at home"


def _print_chain(found: Status) -> None:
    """What is under way, and what the chain was seen to say."""
    if found.time_runs_open:
        print_row("time", f"by one proposer's word so far for {plural(found.time_runs_open, 'anchor')}")
    if found.open_transaction is not None:
        print_row("on its way", f"transaction 0x{found.open_transaction.hash.hex()}")
    for each in found.nodes:
        print_row("node", node_text(each, found.log_size if found.sealed else None))
    print_outlook(found.courier, found.registry)
    _print_keys(found)
    print_row("last sync", time_text(found.last_sync_at) or "never")
    if found.known_block is not None:
        block = found.known_block
        print_row(
            "known block", f"{block.number} of {time_text(block.time)}: new records are bound to be after it"
        )
    if found.reconciliation is not None:
        due = found.reconciliation
        print_row(
            "seals nothing",
            f"it was {due.reason.value} on {time_text(due.since)}: compare it with the registry",
        )


def _policy_text(found: Status) -> str | None:
    """When what waits is sealed; None where the default says it, which needs no line."""
    policy = found.seal_policy
    if policy == DEFAULT_POLICY:
        return None
    if policy.by_hand:
        return "by hand: `perdure seal`"
    text = " or ".join(policy.texts)
    if found.seal_due is not None:
        return f"{text}: due now{_DUE_TEXTS.get(found.seal_due, '')}"
    return text if found.seal_due_at is None else f"{text}: due at {time_text(found.seal_due_at)} or before"


def _print_clock(found: Status) -> None:
    """What is wrong with the clock, and what was."""
    for doubt in found.clock_doubts:
        print_row("clock", doubt.text)
    for note in found.clock_notes[:_NOTES_SHOWN]:
        again = f" ({note.times} times, the last at {time_text(note.last_said)})" if note.times > 1 else ""
        print_row("clock noted", f"after {plural(note.sequence, 'record')}: {note.doubt.text}{again}")
    more = found.clock_note_count - _NOTES_SHOWN
    if more > 0:
        print_row("", f"and {plural(more, 'note')} before; the records' order does not depend on the clock")


def _print_keys(found: Status) -> None:
    for rotation in found.rotations:
        print_row("key rotation", rotation_text(rotation))
    for concern in concerns(found.registry_keys):
        print_row("site key", concern)


def _backup_text(found: Status) -> str:
    last = found.last_backup
    if last is None:
        return "never"
    since = f", {plural(found.records_since_backup, 'record')} since" if found.records_since_backup else ""
    return f"{time_text(last.taken_at)} in {last.folder}{since}"


def _warn_of_old_backup(found: Status, now: float) -> None:
    """Whoever makes backups shall notice that they have stopped; whoever never made one sees "never"."""
    if found.last_backup is not None:
        days = int(now - found.last_backup.taken_at) // _DAY
        if days >= _DAYS_WITHOUT_BACKUP:
            tell_warning(f"the last backup is {days} days old: `perdure backup {found.last_backup.folder}`")


def _print_losses(losses: Losses) -> None:
    """What of the log is not whole, and why."""
    if losses.known_by_hash:
        leaves = plural(losses.known_by_hash, "leaf", "leaves")
        print_row("without record", f"{leaves} of the log, known by hash only: lost, or somebody else's")
    if losses.gaps:
        ranges = ", ".join(f"{gap.begin} to {gap.end - 1}" for gap in islice(losses.gaps, _MOST_GAPS))
        more = f" and {len(losses.gaps) - _MOST_GAPS} more" if len(losses.gaps) > _MOST_GAPS else ""
        leaves = plural(losses.gaps.width, "leaf", "leaves")
        print_row("gap", f"{leaves} of the log whose hashes are lost too: {ranges}{more}")
    if losses.without_evidence:
        print_row("evidence", f"of the last {plural(losses.without_evidence, 'leaf', 'leaves')} not at home")
    past = losses.last_adoption
    if past is not None:
        queued = (
            f"; {plural(past.queued, 'record')} of this vault went back to the queue" if past.queued else ""
        )
        print_row(
            "recovered",
            f"{time_text(past.adopted_at)} from {past.source}: the true log of {past.size} took the place of {past.old_size}{queued}",
        )


def _adoption_members(past: PastAdoption | None) -> dict[str, object] | None:
    if past is None:
        return None
    return {
        "adopted_at": time_text(past.adopted_at),
        "source": past.source,
        "old_size": past.old_size,
        "common_prefix": past.common_prefix,
        "size": past.size,
        "queued": past.queued,
        "found": past.found,
    }


def _members(found: Status) -> dict[str, object]:
    block, transaction, last = found.known_block, found.open_transaction, found.last_backup
    return {
        "ok": True,
        "site": found.origin.text,
        "vault": str(found.folder),
        "awaiting": found.awaiting,
        "awaiting_first": [awaiting_members(each) for each in found.awaiting_first],
        "waiting": found.waiting,
        "sealed": found.sealed,
        "anchored": found.anchored,
        "claimed": found.claimed,
        "total": found.total,
        "size": found.log_size,
        "withdrawn": found.withdrawn,
        "rejected": found.rejected,
        "erased": found.erased,
        "waiting_since": time_text(found.waiting_since),
        "seal": list(found.seal_policy.texts),
        "seal_due": None if found.seal_due is None else found.seal_due.value,
        "seal_due_at": time_text(found.seal_due_at),
        "unanchored_checkpoints": found.unanchored_checkpoints,
        "unfinished_imports": found.unfinished_imports,
        "policy": found.policy.value,
        "clock_doubts": [
            {"kind": doubt.kind.value, "expected": time_text(doubt.expected), "said": time_text(doubt.said)}
            for doubt in found.clock_doubts
        ],
        "clock_notes": [
            {
                "kind": note.doubt.kind.value,
                "after_records": note.sequence,
                "expected": time_text(note.doubt.expected),
                "said": time_text(note.doubt.said),
                "times": note.times,
                "last_said": time_text(note.last_said),
            }
            for note in found.clock_notes
        ],
        "clock_note_count": found.clock_note_count,
        "has_recovery_key": found.has_recovery_key,
        "writable": found.is_writable,
        "known_by_hash": found.losses.known_by_hash,
        "unknown_leaves": found.losses.gaps.width,
        "last_adoption": _adoption_members(found.losses.last_adoption),
        "time_runs_open": found.time_runs_open,
        "open_transaction": None if transaction is None else "0x" + transaction.hash.hex(),
        "rotations": [rotation_members(each) for each in found.rotations],
        "registry_keys": registry_members(found.registry_keys),
        "last_sync_at": time_text(found.last_sync_at),
        "known_block": None if block is None else block.number,
        "reconciliation": None if found.reconciliation is None else found.reconciliation.reason.value,
        "nodes": [node_members(each) for each in found.nodes],
        **outlook_members(found.courier, found.registry),
        "last_backup_at": None if last is None else time_text(last.taken_at),
        "last_backup_folder": None if last is None else last.folder,
        "records_since_backup": found.records_since_backup,
        "next": found.next_step.name.lower(),
    }
