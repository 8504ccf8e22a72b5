"""`perdure seal`: seal what waits, now or if the site's policy says so; needs the passphrase, and no network."""

from pathlib import Path

import click
from perdure_node.clock import system_clock
from perdure_node.log.queue_state import read_queue
from perdure_node.log.sealing import Sealed, seal_if_due
from perdure_node.log.sealing import seal as seal_waiting
from perdure_node.seal_policy import Due, due_at
from perdure_node.vault import Vault

from perdure_cli.clock_doubt import warn_of_clock
from perdure_cli.opening_as import opening_as_option, opening_keys
from perdure_cli.options import json_option, passphrase_option, vault_option
from perdure_cli.output import print_json, print_line, tell, tell_next
from perdure_cli.progress import TerminalProgress
from perdure_cli.record_texts import plural, sealed_line, sealed_members, time_text
from perdure_cli.site import open_site


@click.command(short_help="Seal what waits, with no network.")
@click.option(
    "--if-due",
    is_flag=True,
    help="Seal only if the setting seal says that it is time: fit for cron. No passphrase is needed if it is not.",
)
@opening_as_option
@passphrase_option
@vault_option
@json_option
def seal(
    if_due: bool,
    who: str | None,
    passphrase_file: Path | None,
    vault_folder: Path | None,
    as_json: bool,
) -> None:
    """Close the waiting records into the log and sign a checkpoint over it: offline, with the site's key.

    What is sealed keeps its place for ever: it cannot be amended or withdrawn any more, only superseded. Seal as often as you like: on
    the chain the newest checkpoint is enough for all the records before it.
    """
    clock = system_clock()
    with open_site(vault_folder) as vault:
        warn_of_clock(vault, clock)
        keys = opening_keys(vault, who, passphrase_file)
        due: Due | None = None
        with TerminalProgress() as progress:
            if not if_due:
                sealed = seal_waiting(vault, keys, clock, progress)
            else:
                due, sealed = seal_if_due(vault, keys, clock, progress)
        waiting = read_queue(vault.database).waiting
        if as_json:
            print_json(_members(sealed, due, waiting))
        else:
            _print_result(vault, sealed, waiting)


def _print_result(vault: Vault, sealed: Sealed | None, waiting: int) -> None:
    if sealed is not None:
        print_line(sealed_line(sealed))
        tell_next("perdure sync, when there is a network")
    elif waiting:
        print_line(f"not due: {plural(waiting, 'record')} {'waits' if waiting == 1 else 'wait'}")
        _tell_when(vault)
    else:
        print_line("nothing waits")
        tell_next("perdure status")


def _tell_when(vault: Vault) -> None:
    policy = vault.config.seal
    if not policy.acts_alone:
        tell("the setting seal has no occasion but a sync: `perdure config set seal '1000 records,12 hours'`")
        return
    at = due_at(policy, read_queue(vault.database).counted_from)
    tell(f"due: {' or '.join(policy.texts)}" + (f", at {time_text(at)} at the latest" if at else ""))


def _members(sealed: Sealed | None, due: Due | None, waiting: int) -> dict[str, object]:
    return {
        "ok": True,
        "sealed": sealed_members(sealed),
        "due": None if due is None else due.value,
        "waiting": waiting,
    }
