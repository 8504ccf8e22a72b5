"""`perdure erase`: destroy what a record says, for good."""

import os
from pathlib import Path

import click
from perdure_node.changes import erase as erase_record
from perdure_node.clock import system_clock
from perdure_node.keyring import KeyRing
from perdure_node.listing import show_record
from perdure_node.operators.roles import Action
from perdure_node.records import EncryptedRecord
from perdure_node.selectors import Selector, find_records, parse_selector
from perdure_node.traces import Reason
from perdure_node.vault import Vault

from perdure_cli.acting import acting, as_option
from perdure_cli.confirming import confirm
from perdure_cli.options import by_option, json_option, passphrase_option, reason_option, vault_option
from perdure_cli.output import print_json, print_line, tell, tell_warning
from perdure_cli.record_texts import summary_line
from perdure_cli.site import open_site
from perdure_cli.waiting_record import SeveralRecords


@click.command(short_help="Destroy what a record says, for good.")
@click.argument("selector")
@reason_option
@by_option
@click.option("--yes", is_flag=True, help="Do not ask: it cannot be undone.")
@as_option
@passphrase_option
@vault_option
@json_option
def erase(
    selector: str,
    why: str,
    by: str | None,
    yes: bool,
    who: str | None,
    passphrase_file: Path | None,
    vault_folder: Path | None,
    as_json: bool,
) -> None:
    """Destroy what a record says, and the seed that opens its leaf: SELECTOR as for `perdure show`.

    The leaf stays in the log, so the proofs of all other records stay good; nobody can tell any more what it stands for. Out of
    reach are evidence that was handed out, documents, and backups that were made before: `perdure backup DIR --keep 1 --thorough`
    takes it out of a folder of backups, but not out of copies of that folder. It cannot be undone.
    """
    with open_site(vault_folder) as vault:
        record = _the_record(vault, parse_selector(selector))
        actor = acting(vault, who, passphrase_file, Action.ERASE)
        if not yes:
            _confirm(vault, actor.keys, record)
        actor.show_presence("erase a record")
        reason = Reason(by or actor.name or vault.config.recorded_by, why)
        gone = erase_record(vault, record, reason, actor.keys, clock=system_clock(), randomness=os.urandom)
    if not gone:
        tell_warning(
            "another process reads the vault: until it ends, the old bytes stay in the vault's files"
        )
    if as_json:
        print_json({"ok": True, "leaf_hash": record.leaf_hash.hex(), "overwritten": gone})
        return
    print_line(f"erased: leaf hash {record.leaf_hash.hex()}")
    tell(
        "evidence that was handed out and earlier backups still say it: `perdure backup DIR --keep 1 --thorough` for a folder of those"
    )


def _the_record(vault: Vault, selector: Selector) -> EncryptedRecord:
    found = find_records(vault, selector)
    if len(found) > 1:
        names = ", ".join(record.leaf_hash.hex() for record in found)
        raise SeveralRecords(
            f"{len(found)} records of this document: {names}",
            hint="name the one that you mean by its leaf hash",
        )
    return found[0]


def _confirm(vault: Vault, keys: KeyRing, record: EncryptedRecord) -> None:
    """Show the record, and ask."""
    details = show_record(vault, keys, Selector(record.leaf_hash.hex(), either=record.leaf_hash))
    digits = record.leaf_hash.hex()[:8]
    confirm(
        [summary_line(details.summary).strip()],
        f"It cannot be undone. Type {digits} to erase this record",
        digits,
        "nothing was erased",
    )
