"""`perdure operator passphrase`: another passphrase over an operator's own key."""

import os
from pathlib import Path

import click
from perdure_node.operators.changing_passphrase import change_own_passphrase
from perdure_node.operators.errors import OperatorRefused
from perdure_node.operators.operator_keys import OperatorKeyRing
from perdure_node.operators.people import operator_named

from perdure_cli.acting import one_time_code
from perdure_cli.operator_texts import operator_members
from perdure_cli.options import READABLE_FILE, json_option, passphrase_option, vault_option
from perdure_cli.output import print_json, print_line, tell
from perdure_cli.site import NEW_ENVIRONMENT_VARIABLE, new_passphrase, open_site, site_passphrase


@click.command(short_help="Choose another passphrase of one's own.")
@click.argument("name")
@click.option(
    "--new-passphrase-file",
    type=READABLE_FILE,
    metavar="FILE",
    help=f"File with the new passphrase; else {NEW_ENVIRONMENT_VARIABLE}, else a prompt.",
)
@passphrase_option
@vault_option
@json_option
def passphrase(
    name: str,
    new_passphrase_file: Path | None,
    passphrase_file: Path | None,
    vault_folder: Path | None,
    as_json: bool,
) -> None:
    """Choose another passphrase for the key of NAME: the old one is asked for, then the new one twice.

    His key stays the same, and so does the app for his one-time codes: nothing is recorded in the log. Copies of the vault that
    were made before, such as backups, still open with the old one.
    """
    with open_site(vault_folder) as vault:
        given = operator_named(vault.database, name)
        if not given.reads:
            raise OperatorRefused(
                f"{given.name} has no passphrase of his own: he signs with a passkey, and reads with the vault's",
                hint="`perdure key passphrase` chooses another one for the vault",
            )
        keys = OperatorKeyRing(
            vault,
            given.number,
            lambda: site_passphrase(passphrase_file, os.environ, f"Passphrase of {given.name}"),
            lambda: one_time_code(given.name, os.environ),
        )
        # the old one first: who does not know it is not asked for another
        keys.secret()
        chosen = new_passphrase(
            new_passphrase_file,
            os.environ,
            "--new-passphrase-file",
            NEW_ENVIRONMENT_VARIABLE,
            f"operator {given.name}",
        )
        change_own_passphrase(vault, given, keys, chosen, os.urandom)
    if as_json:
        print_json({"ok": True, **operator_members(given)})
        return
    print_line(f"the passphrase of {given.name} is changed")
    tell("copies of the vault that were made before still open with the old one")
