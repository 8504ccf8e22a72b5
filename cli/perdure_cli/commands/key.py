"""`perdure key`: who can read a vault, and which key signs for its site."""

import os
from pathlib import Path

import click
from perdure_node.clock import system_clock
from perdure_node.encryption.hybrid import new_private_key
from perdure_node.encryption.recovery import format_recovery_key, parse_recovery_key
from perdure_node.key_changes import (
    change_passphrase,
    recover_identity,
    replace_recovery_key,
    restore_lookup_key,
)
from perdure_node.keys.data_keys import Recipient, all_recipients, has_recovery_key
from perdure_node.keys.keyring import RecoveryKeyRing
from perdure_node.vault import Vault

from perdure_cli.commands.key_message import message
from perdure_cli.commands.key_rotate import new, rotate
from perdure_cli.new_files import check_new_file
from perdure_cli.options import READABLE_FILE, json_option, passphrase_option, vault_option
from perdure_cli.output import print_json, print_line, print_row, tell, tell_next
from perdure_cli.record_texts import time_text
from perdure_cli.recovery import write_recovery_key
from perdure_cli.site import (
    NEW_ENVIRONMENT_VARIABLE,
    key_ring,
    new_passphrase,
    open_site,
    read_passphrase_file,
)
from perdure_cli.site_key_texts import print_request, print_site_keys, print_site_keys_json, unregistered_key


@click.group(short_help="Change the passphrase, the recovery key, and the site's key.")
def key() -> None:
    """Change who can read the vault, by its passphrase and its recovery key, and which key signs for the site.

    Recording needs no key. Reading needs the passphrase or the recovery key; who loses both loses for good what the records say.
    """


key.add_command(rotate)
key.add_command(new)
key.add_command(message)


@key.command(short_help="Show who can read, and which key signs.")
@vault_option
@json_option
def show(vault_folder: Path | None, as_json: bool) -> None:
    """Show which key signs for the site, and who can read what is recorded.

    Of the site's key: whether the registry has it, as last known, and what is on its way. Of readers: the vault's own identity, and
    the recovery key. Needs no passphrase, and asks no chain.
    """
    with open_site(vault_folder) as vault:
        recipients = all_recipients(vault.database)
        if as_json:
            print_site_keys_json(vault)
        else:
            print_site_keys(vault)
            if unregistered_key(vault) is not None:
                _print_request(vault)
    for recipient in recipients:
        if as_json:
            print_json(_recipient_members(recipient))
        else:
            retired = f", retired {time_text(recipient.retired_at)}" if recipient.retired_at else ""
            print_line(f"{recipient.kind}, since {time_text(recipient.added_at)}{retired}")
            print_row("public key", recipient.public_key.hex())
    if not as_json and not any(each.kind == "recovery" and not each.retired_at for each in recipients):
        tell_next("perdure key recovery FILE, for the day when the passphrase is lost")


def _print_request(vault: Vault) -> None:
    from perdure_node.site_keys.registration import key_request

    print_request(key_request(vault))


def _recipient_members(recipient: Recipient) -> dict[str, object]:
    return {
        "ok": True,
        "kind": recipient.kind,
        "public_key": recipient.public_key.hex(),
        "added_at": time_text(recipient.added_at),
        "retired_at": time_text(recipient.retired_at),
    }


@key.command(short_help="Choose another passphrase.")
@click.option(
    "--new-passphrase-file",
    type=READABLE_FILE,
    metavar="FILE",
    help=f"File with the new passphrase; else {NEW_ENVIRONMENT_VARIABLE}, else a prompt.",
)
@click.option(
    "--recovery-key",
    "recovery_file",
    type=READABLE_FILE,
    metavar="FILE",
    help="The passphrase is forgotten: open the vault with the recovery key in this file.",
)
@passphrase_option
@vault_option
@json_option
def passphrase(
    new_passphrase_file: Path | None,
    recovery_file: Path | None,
    passphrase_file: Path | None,
    vault_folder: Path | None,
    as_json: bool,
) -> None:
    """Choose another passphrase.

    Copies of the vault that were made before, such as backups, still open with the old one.
    """
    with open_site(vault_folder) as vault:
        if recovery_file is None:
            keys = key_ring(vault, passphrase_file)
            keys.private_key()
            change_passphrase(vault, keys, _chosen(new_passphrase_file), os.urandom)
        else:
            recovery = RecoveryKeyRing(vault, parse_recovery_key(read_passphrase_file(recovery_file)))
            recovery.site_key()
            recover_identity(
                vault, recovery, _chosen(new_passphrase_file), clock=system_clock(), randomness=os.urandom
            )
        recoverable = has_recovery_key(vault.database)
    if as_json:
        print_json({"ok": True, "has_recovery_key": recoverable})
        return
    print_line("the passphrase is changed")
    tell("copies of the vault that were made before still open with the old one")
    if not recoverable:
        tell_next("perdure key recovery FILE, for the day when the passphrase is lost")


@key.command(short_help="Make a new recovery key.")
@click.argument("file", type=click.Path(path_type=Path))
@passphrase_option
@vault_option
@json_option
def recovery(file: Path, passphrase_file: Path | None, vault_folder: Path | None, as_json: bool) -> None:
    """Make a new recovery key and write it to FILE, which must not exist; an older one opens nothing any more.

    Print it, or keep it on a stick in a safe, and delete the file: whoever has it and the vault can read and sign everything.
    """
    check_new_file(file)
    with open_site(vault_folder) as vault:
        keys = key_ring(vault, passphrase_file)
        keys.private_key()
        private_key = new_private_key(os.urandom)
        # written first: a key that opens the vault and that nobody has would be worse than one that opens nothing
        write_recovery_key(file, vault.origin.text, format_recovery_key(private_key))
        replace_recovery_key(vault, keys, private_key, system_clock())
    if as_json:
        print_json({"ok": True, "file": str(file)})
        return
    print_line(f"wrote the recovery key to {file}")
    tell_next(f"print {file}, keep it where the vault is not, and delete the file")


@key.command(short_help="Put the look-up key back.")
@passphrase_option
@vault_option
@json_option
def restore(passphrase_file: Path | None, vault_folder: Path | None, as_json: bool) -> None:
    """Write the vault's look-up key anew, where its file was lost."""
    with open_site(vault_folder) as vault:
        path = restore_lookup_key(vault, key_ring(vault, passphrase_file))
    if as_json:
        print_json({"ok": True, "file": str(path)})
        return
    print_line(f"wrote {path}")
    tell_next("perdure status")


def _chosen(file: Path | None) -> str:
    return new_passphrase(file, os.environ, "--new-passphrase-file", NEW_ENVIRONMENT_VARIABLE)
