"""`perdure amend`: say something else in a record that waits to be sealed."""

import os

import click
from perdure_anchor.strict_json import JsonValue
from perdure_node.changes import amend as amend_record
from perdure_node.clock import system_clock
from perdure_node.intake import detail_slots
from perdure_node.operators.roles import Action
from perdure_node.selectors import parse_selector

from perdure_cli.awaiting_texts import step_after_recording
from perdure_cli.commands.acting_options import Change, change_options
from perdure_cli.commands.detail_options import detail_options, details_of
from perdure_cli.output import print_json, print_line, tell_next
from perdure_cli.waiting_record import the_waiting_record

# what can be emptied, by its option
_EMPTY = {
    "type": "document_type",
    "signer": "signers",
    "signed-at": "signed_at",
    "recorded-by": "recorded_by",
    "extra": "extra",
    "supersedes": "supersedes",
    "late": "late",
}


@click.command(short_help="Correct a record that waits.")
@click.argument("selector")
@detail_options
@click.option(
    "--empty",
    "emptied",
    multiple=True,
    type=click.Choice(list(_EMPTY)),
    metavar="WHAT",
    help="Leave this out from now on; repeatable.",
)
@change_options
def amend(
    selector: str,
    emptied: tuple[str, ...],
    change: Change,
    **said: object,
) -> None:
    """Correct a record that waits to be sealed: SELECTOR is a document's file, its SHA-256, or a leaf hash.

    What you give replaces what was said; the rest stays. The record gets a new leaf hash. The old one never comes into the log, and
    stays in the vault with who amended it, when and why. A sealed record cannot be amended: correct it by `perdure add FILE
    --supersedes LEAF_HASH --reason WHY`.
    """
    details = details_of(**said)  # type: ignore[arg-type]  # click gives what detail_options ask for
    changes: dict[str, JsonValue] = {
        slot: value for slot, value in detail_slots(details).items() if value is not None
    }
    changes |= dict.fromkeys(_EMPTY[each] for each in emptied)
    if not changes:
        raise click.UsageError("nothing to change: say what, for instance --type or --empty")
    with change.site() as vault:
        record = the_waiting_record(vault, parse_selector(selector))
        actor = change.actor(vault, Action.CHANGE)
        added = amend_record(
            vault,
            record,
            changes,
            change.reason(actor),
            actor.keys,
            clock=system_clock(),
            randomness=os.urandom,
            who=actor.attestor(),
        )
        step = step_after_recording(vault.database, added.sequence)
    if change.as_json:
        print_json(
            {
                "ok": True,
                "leaf_hash": added.leaf_hash.hex(),
                "sequence": added.sequence,
                "amended": record.leaf_hash.hex(),
            }
        )
        return
    print_line(f"amended: leaf hash {added.leaf_hash.hex()}, in place of {record.leaf_hash.hex()}")
    tell_next(step)
