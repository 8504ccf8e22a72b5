"""`perdure status`: how the site stands, read from its vault alone."""

from pathlib import Path

import click
from perdure_node.clock import system_clock
from perdure_node.status import Status, read_status

from perdure_cli.options import json_option, vault_option
from perdure_cli.output import print_json, print_line, print_row, tell_next, tell_warning
from perdure_cli.record_texts import plural, time_text
from perdure_cli.site import open_site

_DAYS_WITHOUT_BACKUP = 7
_DAY = 86_400


@click.command(short_help="Say what waits, what is anchored, what to do.")
@vault_option
@json_option
def status(vault_folder: Path | None, as_json: bool) -> None:
    """Say what waits, what is sealed, what is anchored, and what to do next. Asks no chain."""
    with open_site(vault_folder) as vault:
        found = read_status(vault)
    if as_json:
        print_json(_members(found))
    else:
        _print_status(found)
        _warn_of_old_backup(found, system_clock().now())
        tell_next(found.next_step.text)


def _print_status(found: Status) -> None:
    print_line(f"{found.origin.text}, vault {found.folder}", style="bold")
    oldest = f", the oldest since {time_text(found.waiting_since)}" if found.waiting_since else ""
    print_row("waiting", f"{plural(found.waiting, 'record')}{oldest}")
    print_row("sealed", f"{plural(found.sealed, 'record')}, not anchored yet")
    print_row("anchored", f"{plural(found.anchored, 'record')}, evidence at home")
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
    print_row("last sync", time_text(found.last_sync_at) or "never")
    if found.known_block is not None:
        block = found.known_block
        print_row(
            "known block", f"{block.number} of {time_text(block.time)}: new records are bound to be after it"
        )
    if not found.has_recovery_key:
        print_row("recovery key", "none: who loses the passphrase loses what the records say")
    print_row("last backup", _backup_text(found))
    if not found.is_writable:
        print_row("read only", "nothing can be recorded here")


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


def _members(found: Status) -> dict[str, object]:
    block, transaction, last = found.known_block, found.open_transaction, found.last_backup
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
        "time_runs_open": found.time_runs_open,
        "open_transaction": None if transaction is None else "0x" + transaction.hash.hex(),
        "last_sync_at": time_text(found.last_sync_at),
        "known_block": None if block is None else block.number,
        "last_backup_at": None if last is None else time_text(last.taken_at),
        "last_backup_folder": None if last is None else last.folder,
        "records_since_backup": found.records_since_backup,
        "next": found.next_step.name.lower(),
    }
