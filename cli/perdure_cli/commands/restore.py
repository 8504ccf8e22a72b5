"""`perdure restore`: a vault from a backup, on this machine or another."""

import os
from pathlib import Path

import click
from perdure_anchor.checkpoint import Origin
from perdure_anchor.trust_file import fingerprint
from perdure_node.backup.choosing import find_backups, open_chosen
from perdure_node.backup.restoring import Restored
from perdure_node.backup.restoring import restore as restore_vault
from perdure_node.clock import system_clock

from perdure_cli.backup_options import (
    at_option,
    folder_argument,
    opening,
    opening_options,
    site_option,
    warn_left_aside,
)
from perdure_cli.options import json_option
from perdure_cli.output import print_json, print_line, print_row, tell, tell_next, tell_warning
from perdure_cli.progress import TerminalProgress
from perdure_cli.record_texts import plural, time_text
from perdure_cli.site import new_vault_folder
from perdure_cli.trust_store import user_store


@click.command(short_help="Make a vault from a backup.")
@folder_argument
@at_option
@site_option
@click.option(
    "--vault",
    "vault_folder",
    type=click.Path(path_type=Path),
    metavar="NEWDIR",
    help="Where to make the vault; it must not exist. By default .perdure in this folder.",
)
@opening_options
@json_option
def restore(
    folder: Path,
    which: str | None,
    origin: Origin | None,
    vault_folder: Path | None,
    passphrase_file: Path | None,
    recovery_file: Path | None,
    identity_file: Path | None,
    as_json: bool,
) -> None:
    """Make a vault from the newest backup in DIR, or from the one --at says, with the passphrase that it had then.

    It seals nothing before it was compared with the registry, since more may have been sealed after the backup was made. Records that
    were added later are not in it: record them again. Where the old vault is still in use, do not use both.
    """
    how = opening(passphrase_file, recovery_file, identity_file)
    found = find_backups(folder, origin)
    chosen = open_chosen(found, folder, which, how.opener, system_clock())
    opened = chosen.opened
    # the newest may be among them
    warn_left_aside((*found.unreadable, *chosen.left_aside))
    target = new_vault_folder(vault_folder)
    with TerminalProgress() as progress:
        made = restore_vault(opened, target, clock=system_clock(), randomness=os.urandom, progress=progress)
    pinned = user_store(os.environ).holds(made.trust_raw)
    if as_json:
        print_json(_members(made, pinned))
        return
    contents = opened.contents
    print_line(f"restored {contents.origin.text} to {made.folder}")
    print_row("backup", f"{contents.number} of {time_text(contents.taken_at)}")
    print_row("holds", f"{plural(contents.records, 'record')}, {contents.log_size} of them in the log")
    print_row("trust file", f"{fingerprint(made.trust_raw)}{', pinned here' if pinned else ''}")
    if opened.is_authentic is None:
        tell_warning(
            "who made this backup is not known: only the passphrase tells. Compare the trust file's fingerprint with the consortium's"
        )
    elif not pinned:
        tell(
            "compare the trust file's fingerprint with the consortium's, by phone: `perdure trust fingerprint`"
        )
    tell("it seals nothing before it was compared with the registry, which `perdure sync` does first")
    if recovery_file is not None:
        tell(
            f"for a new passphrase: perdure key passphrase --recovery-key {recovery_file} --vault {made.folder}"
        )
    tell_next(
        f"perdure sync --vault {made.folder}; without a network: perdure courier pack, and receive what comes back"
    )


def _members(made: Restored, pinned: bool) -> dict[str, object]:
    contents = made.opened.contents
    return {
        "ok": True,
        "vault": str(made.folder),
        "site": contents.origin.text,
        "number": contents.number,
        "taken_at": time_text(contents.taken_at),
        "records": contents.records,
        "size": contents.log_size,
        "authentic": made.opened.is_authentic,
        "trust_fingerprint": fingerprint(made.trust_raw),
        "trust_pinned": pinned,
        "reconciled": False,
    }
