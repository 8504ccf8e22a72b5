"""`perdure list`: the site's records, a line each."""

from pathlib import Path

import click
from perdure_node.listing import list_records
from perdure_node.records import State

from perdure_cli.opening_as import opening_as_option, opening_keys
from perdure_cli.options import json_option, passphrase_option, vault_option
from perdure_cli.output import print_json, print_line, tell, tell_next
from perdure_cli.record_texts import summary_line, summary_members
from perdure_cli.site import open_site


@click.command("list", short_help="List records.")
@click.option("--last", type=click.IntRange(min=1), metavar="N", help="Only the newest N.")
@click.option(
    "--state", type=click.Choice([state.value for state in State]), help="Only those that are so far."
)
@opening_as_option
@passphrase_option
@vault_option
@json_option
def list_(
    last: int | None,
    state: str | None,
    who: str | None,
    passphrase_file: Path | None,
    vault_folder: Path | None,
    as_json: bool,
) -> None:
    """List records in the order in which they were added: index in the log, state, time, digest, name."""
    wanted = None if state is None else State(state)
    shown, index = 0, None
    with open_site(vault_folder) as vault:
        keys = opening_keys(vault, who, passphrase_file)
        records = list_records(vault, keys, state=wanted, newest_first=last is not None, limit=last)
        for record in records if last is None else reversed(list(records)):
            shown, index = shown + 1, record.index if record.index is not None else index
            if as_json:
                print_json(summary_members(record))
            else:
                print_line(summary_line(record))
    if as_json:
        return
    if not shown:
        tell("no such records" if wanted else "nothing is recorded yet")
        tell_next("perdure list" if wanted else "perdure add FILE")
    else:
        tell_next("perdure show FILE" if index is None else f"perdure show {index}")
