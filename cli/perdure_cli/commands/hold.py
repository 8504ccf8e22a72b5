"""`perdure hold` and `perdure release`: keep a record from being erased, and let it go."""

import os

import click
from perdure_node.clock import system_clock
from perdure_node.holds import hold as hold_records
from perdure_node.holds import release as release_records
from perdure_node.operators.roles import Action
from perdure_node.selectors import parse_selector

from perdure_cli.commands.acting_options import Change, change_options
from perdure_cli.output import print_json, print_line, tell_next
from perdure_cli.record_texts import plural
from perdure_cli.waiting_record import meant_records

all_option = click.option(
    "--all-of-document", "everything", is_flag=True, help="All records of the document, not one only."
)


@click.command(short_help="Keep a record from being erased.")
@click.argument("selector")
@all_option
@change_options
def hold(
    selector: str,
    everything: bool,
    change: Change,
) -> None:
    """Keep a record, for instance for a lawsuit: while it is held, it cannot be erased. SELECTOR as for `perdure show`.

    Each hold is of one matter; a record that is held several times goes free with the last. A hold binds those who use the command,
    not who can write to the vault's files, and it holds what the vault says: keep the document yourself.
    """
    with change.site() as vault:
        records = meant_records(vault, parse_selector(selector), everything=everything)
        actor = change.actor(vault, Action.HOLD)
        # an operator's passphrase shows that it is he
        actor.attestor()
        numbers = hold_records(
            vault,
            records,
            change.reason(actor),
            actor.key_holder,
            clock=system_clock(),
            randomness=os.urandom,
        )
    for record, number in zip(records, numbers, strict=True):
        if change.as_json:
            print_json({"ok": True, "leaf_hash": record.leaf_hash.hex(), "hold": number})
        else:
            print_line(f"held: leaf hash {record.leaf_hash.hex()}, hold {number}")
    if not change.as_json:
        tell_next(
            f"perdure release {records[0].leaf_hash.hex()} --reason WHY, once it need not be kept any more"
        )


@click.command(short_help="Let go of a record that is held.")
@click.argument("selector")
@all_option
@click.option(
    "--hold",
    "number",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="Which hold, where there are several.",
)
@change_options
def release(
    selector: str,
    everything: bool,
    number: int | None,
    change: Change,
) -> None:
    """Let go of a record that is held: SELECTOR as for `perdure show`. Once no hold is left it can be erased again."""
    if everything and number is not None:
        raise click.UsageError("--hold is of one record, and --all-of-document means several")
    with change.site() as vault:
        records = meant_records(vault, parse_selector(selector), everything=everything)
        actor = change.actor(vault, Action.HOLD)
        actor.attestor()
        gone = release_records(
            vault,
            records,
            change.reason(actor),
            actor.key_holder,
            number,
            clock=system_clock(),
            randomness=os.urandom,
        )
    if change.as_json:
        print_json({"ok": True, "leaf_hashes": [each.leaf_hash.hex() for each in records], "released": gone})
        return
    print_line(f"released: {plural(gone, 'hold')}")
    tell_next(f"perdure show {records[0].leaf_hash.hex()}")
