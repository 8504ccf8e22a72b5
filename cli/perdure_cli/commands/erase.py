"""`perdure erase`: destroy what records say, for good, which becomes a record itself."""

import os
from collections.abc import Sequence

import click
from perdure_node.changes import Erased
from perdure_node.changes import erase as erase_record
from perdure_node.clock import system_clock
from perdure_node.erasures import Category
from perdure_node.holds import check_not_held
from perdure_node.keys.keyring import KeyRing
from perdure_node.listing import show_record
from perdure_node.operators.roles import Action
from perdure_node.records import EncryptedRecord
from perdure_node.selectors import Selector, parse_selector
from perdure_node.vault import Vault

from perdure_cli.commands.acting_options import Change, change_options
from perdure_cli.commands.hold import all_option
from perdure_cli.confirming import confirm
from perdure_cli.output import print_json, print_line, tell, tell_next, tell_warning
from perdure_cli.record_texts import summary_line
from perdure_cli.waiting_record import meant_records


@click.command(short_help="Destroy what a record says, for good.")
@click.argument("selector")
@all_option
@click.option(
    "--category",
    type=click.Choice([each.value for each in Category]),
    default=Category.OTHER.value,
    show_default=True,
    help="Why, in the word that goes into the log; --reason stays in the vault.",
)
@click.option("--yes", is_flag=True, help="Do not ask: it cannot be undone.")
@change_options
def erase(
    selector: str,
    everything: bool,
    category: str,
    yes: bool,
    change: Change,
) -> None:
    """Destroy what a record says, and the seed that opens its leaf: SELECTOR as for `perdure show`.

    The leaf stays in the log, so the proofs of all other records stay good; nobody can tell any more what it stands for. That it was
    erased, when, by whom and of which category the reason is becomes a record of the log, which repeats nothing of it. A record that
    is held (`perdure hold`) is not erased.

    Out of reach are evidence that was handed out, documents, records that superseded or were superseded, and backups that were made
    before: `perdure backup DIR --keep 1 --thorough` takes it out of a folder of backups, but not out of copies of that folder. It
    cannot be undone.
    """
    with change.site() as vault:
        records = meant_records(vault, parse_selector(selector), everything=everything)
        actor = change.actor(vault, Action.ERASE)
        # an operator's passphrase shows that it is he
        actor.attestor()
        for record in records:
            check_not_held(vault.database, record, actor.keys)
        if not yes:
            _confirm(vault, actor.keys, records)
        actor.show_presence("erase a record")
        for record in records:
            erased = erase_record(
                vault,
                record,
                change.reason(actor),
                actor.keys,
                Category(category),
                actor.key_holder,
                clock=system_clock(),
                randomness=os.urandom,
            )
            _print_erased(record, erased, change.as_json)
    if change.as_json:
        return
    tell(
        "evidence that was handed out and earlier backups still say it: `perdure backup DIR --keep 1 --thorough` for a folder of those"
    )
    tell_next("perdure sync, when there is a network, so that the log says that it was erased")


def _print_erased(record: EncryptedRecord, erased: Erased, as_json: bool) -> None:
    if not erased.overwritten:
        tell_warning(
            "another process reads the vault: until it ends, the old bytes stay in the vault's files; `perdure review` removes them"
        )
    name, recorded = record.leaf_hash.hex(), erased.erasure.hex()
    if as_json:
        print_json({"ok": True, "leaf_hash": name, "overwritten": erased.overwritten, "recorded": recorded})
    else:
        print_line(f"erased: leaf hash {name}, recorded as leaf hash {recorded}")


def _confirm(vault: Vault, keys: KeyRing, records: Sequence[EncryptedRecord]) -> None:
    """Show the records, and ask."""
    lines = []
    for record in records:
        details = show_record(vault, keys, Selector(record.leaf_hash.hex(), either=record.leaf_hash))
        lines.append(summary_line(details.summary).strip())
    digits = records[0].leaf_hash.hex()[:8]
    what = "this record" if len(records) == 1 else f"these {len(records)} records"
    confirm(lines, f"It cannot be undone. Type {digits} to erase {what}", digits, "nothing was erased")
