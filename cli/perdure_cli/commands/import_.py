"""`perdure import`: record what a register lists, all of it or nothing."""

import os
from pathlib import Path

import click
from perdure_node.clock import system_clock
from perdure_node.importing import import_file

from perdure_cli.options import READABLE_FILE, json_option, vault_option
from perdure_cli.output import print_json, print_line, tell_next
from perdure_cli.progress import TerminalProgress
from perdure_cli.record_texts import plural
from perdure_cli.site import open_site


@click.command("import", short_help="Record what a register lists.")
@click.argument("file", type=READABLE_FILE)
@click.option(
    "--format",
    "list_format",
    type=click.Choice(["csv", "jsonl", "digests"]),
    help="What the list is; by default as its name and content say.",
)
@click.option("--again", is_flag=True, help="Record documents that are recorded already, in other words.")
@vault_option
@json_option
def import_(
    file: Path, list_format: str | None, again: bool, vault_folder: Path | None, as_json: bool
) -> None:
    """Record what a list names: .csv, .jsonl, or SHA-256 digests as sha256sum prints them.

    A fault in one row leaves everything as it was. A row that was recorded before is not recorded twice.
    """
    with open_site(vault_folder) as vault, TerminalProgress() as progress:
        imported = import_file(
            vault,
            file,
            clock=system_clock(),
            randomness=os.urandom,
            again=again,
            progress=progress,
            format=list_format,
        )
    if as_json:
        print_json(
            {
                "ok": True,
                "file": str(file),
                "format": imported.format,
                "rows": imported.rows,
                "added": imported.added,
                "was_there": imported.was_there,
            }
        )
        return
    print_line(f"recorded {plural(imported.added, 'record')} of {plural(imported.rows, 'row')} in {file}")
    if imported.was_there:
        print_line(f"{plural(imported.was_there, 'row')} had been recorded before")
    tell_next("perdure sync, when there is a network")
