"""`perdure withdraw`: take a record back that waits to be sealed."""

import os

import click
from perdure_node.changes import withdraw as withdraw_record
from perdure_node.clock import system_clock
from perdure_node.operators.roles import Action
from perdure_node.selectors import parse_selector

from perdure_cli.commands.acting_options import Change, change_options
from perdure_cli.output import print_json, print_line, tell_next
from perdure_cli.waiting_record import the_waiting_record


@click.command(short_help="Take back a record that waits.")
@click.argument("selector")
@change_options
def withdraw(selector: str, change: Change) -> None:
    """Take back a record that waits to be sealed: SELECTOR is a document's file, its SHA-256, or a leaf hash.

    It never comes into the log. It stays in the vault with who took it back, when and why, and its document can be recorded anew.
    A sealed record cannot be withdrawn: correct it by `perdure add FILE --supersedes LEAF_HASH --reason WHY`.
    """
    with change.site() as vault:
        record = the_waiting_record(vault, parse_selector(selector))
        actor = change.actor(vault, Action.CHANGE)
        # an operator's passphrase shows that it is he
        actor.show_presence("withdraw a record")
        withdraw_record(
            vault,
            record,
            change.reason(actor),
            actor.key_holder,
            clock=system_clock(),
            randomness=os.urandom,
        )
    if change.as_json:
        print_json({"ok": True, "leaf_hash": record.leaf_hash.hex()})
        return
    print_line(f"withdrawn: leaf hash {record.leaf_hash.hex()}")
    tell_next(f"perdure show {record.leaf_hash.hex()}")
