"""`perdure status`: how the site stands, read from its vault alone."""

from itertools import islice
from pathlib import Path

import click
from perdure_node.clock import system_clock
from perdure_node.past_adoptions import PastAdoption
from perdure_node.status import Losses, Status, read_status

from perdure_cli.courier_texts import outlook_members, print_outlook
from perdure_cli.options import json_option, vault_option
from perdure_cli.output import print_json, print_line, print_row, tell_next
from perdure_cli.record_texts import plural, time_text
from perdure_cli.site import open_site

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
        tell_next(found.next_step.text)


def _print_status(found: Status) -> None:
    print_line(f"{found.origin.text}, vault {found.folder}", style="bold")
    oldest = f", the oldest since {time_text(found.waiting_since)}" if found.waiting_since else ""
    print_row("waiting", f"{plural(found.waiting, 'record')}{oldest}")
    print_row("sealed", f"{plural(found.sealed, 'record')}, not anchored yet")
    print_row("anchored", f"{plural(found.anchored, 'record')}, evidence at home")
    _print_losses(found.losses)
    if found.withdrawn:
        print_row("withdrawn", f"{plural(found.withdrawn, 'record')}, those that were amended included")
    if found.erased:
        print_row("erased", plural(found.erased, "record"))
    if found.unfinished_imports:
        lists = plural(found.unfinished_imports, "list")
        print_row("imports", f"{lists} not finished: import again to go on, or `perdure import --abandon`")
    if found.time_runs_open:
        print_row("time", f"by one proposer's word so far for {plural(found.time_runs_open, 'anchor')}")
    if found.open_transaction is not None:
        print_row("on its way", f"transaction 0x{found.open_transaction.hash.hex()}")
    print_outlook(found.courier, found.registry)
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
    if not found.has_recovery_key:
        print_row("recovery key", "none: who loses the passphrase loses what the records say")
    if not found.is_writable:
        print_row("read only", "nothing can be recorded here")


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
    block, transaction = found.known_block, found.open_transaction
    return {
        "ok": True,
        "site": found.origin.text,
        "vault": str(found.folder),
        "waiting": found.waiting,
        "sealed": found.sealed,
        "anchored": found.anchored,
        "total": found.total,
        "size": found.log_size,
        "withdrawn": found.withdrawn,
        "erased": found.erased,
        "waiting_since": time_text(found.waiting_since),
        "unfinished_imports": found.unfinished_imports,
        "has_recovery_key": found.has_recovery_key,
        "writable": found.is_writable,
        "known_by_hash": found.losses.known_by_hash,
        "unknown_leaves": found.losses.gaps.width,
        "last_adoption": _adoption_members(found.losses.last_adoption),
        "time_runs_open": found.time_runs_open,
        "open_transaction": None if transaction is None else "0x" + transaction.hash.hex(),
        "last_sync_at": time_text(found.last_sync_at),
        "known_block": None if block is None else block.number,
        "reconciliation": None if found.reconciliation is None else found.reconciliation.reason.value,
        **outlook_members(found.courier, found.registry),
        "next": found.next_step.name.lower(),
    }
