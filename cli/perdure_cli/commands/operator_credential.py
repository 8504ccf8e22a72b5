"""`perdure operator credential`: what an operator signs with, beside or in place of a key under a passphrase."""

import os
from pathlib import Path

import click
from perdure_node.clock import system_clock
from perdure_node.operators.credentials import NewPasskey
from perdure_node.operators.enrolling import add_passkey, remove_credential
from perdure_node.operators.passkeys.ceremony import enrolment
from perdure_node.operators.people import Operator, StoredCredential, operator_named

from perdure_cli.acting import chosen_credential
from perdure_cli.commands.acting_options import SYNC_STEP, Managing, manage_options
from perdure_cli.confirming import confirm
from perdure_cli.operator_texts import (
    credential_line,
    credential_members,
    operator_members,
    print_operator,
)
from perdure_cli.options import json_option, vault_option, yes_option
from perdure_cli.output import print_json, print_line, print_row, tell, tell_next
from perdure_cli.passkey_asking import BROWSER, USB, ask
from perdure_cli.site import open_site

passkey_option = click.option(
    "--passkey",
    "through",
    flag_value=BROWSER,
    help="A passkey: on a page in the browser, by finger, face, PIN, phone or security key.",
)
security_key_option = click.option(
    "--security-key",
    "through",
    flag_value=USB,
    help="A security key (FIDO2) that is plugged in by USB, without a browser.",
)


@click.group(short_help="Say what an operator signs with.")
def credential() -> None:
    """Say what an operator signs with, beside or in place of a key under a passphrase. Each change is a record of the log."""


@credential.command(short_help="Enrol a passkey or a security key.")
@click.argument("name")
@passkey_option
@security_key_option
@click.option("--label", metavar="LABEL", help="A word for it, to choose it by where he has several.")
@manage_options
def add(
    name: str,
    through: str | None,
    label: str | None,
    managing: Managing,
) -> None:
    """Enrol a passkey or a security key for NAME, who has to be there with it: his finger, face or PIN is asked for.

    With --passkey a page opens in the browser; it comes from this computer alone, at an address that nobody else can guess.
    """
    if through is None:
        raise click.UsageError("want --passkey or --security-key")
    with managing.site() as vault:
        actor = managing.manager(vault, "enrol a credential")
        given = operator_named(vault.database, name)
        new = enrol(given.name, through, label, given)
        changed = add_passkey(actor.vault, given, new, clock=system_clock(), randomness=os.urandom)
    if managing.as_json:
        print_json({"ok": True, **operator_members(changed)})
        return
    print_operator(changed)
    tell_next(SYNC_STEP)


@credential.command("list", short_help="List what somebody signs with.")
@click.argument("name")
@vault_option
@json_option
def list_(name: str, vault_folder: Path | None, as_json: bool) -> None:
    """List what NAME signs with. Needs no passphrase."""
    with open_site(vault_folder) as vault:
        found = operator_named(vault.database, name)
    for each in found.credentials:
        if as_json:
            print_json(credential_members(each))
        else:
            print_row(each.label or each.kind, credential_line(each))


@credential.command(short_help="Remove what somebody signs with.")
@click.argument("name")
@click.argument("label")
@yes_option
@manage_options
def remove(
    name: str,
    label: str,
    yes: bool,
    managing: Managing,
) -> None:
    """Let the credential LABEL of NAME's count no more: what he signed with it stays good, and nobody can enrol it again.

    Where it has no label, LABEL is the beginning of its digest, which the list shows; "key" is the key under his passphrase, with
    which he still reads.
    """
    with managing.site() as vault:
        actor = managing.manager(vault, "remove a credential")
        given = operator_named(vault.database, name)
        gone = chosen_credential(given, label)
        if not yes:
            _confirm(given, gone)
        changed = remove_credential(
            actor.vault, given, gone.number, clock=system_clock(), randomness=os.urandom
        )
    if managing.as_json:
        print_json({"ok": True, **operator_members(changed)})
        return
    print_line(f"removed: {credential_line(gone)}")
    tell_next(SYNC_STEP)


def enrol(name: str, through: str, label: str | None, known: Operator | None = None) -> NewPasskey:
    """Ask somebody for a new passkey; raises `PasskeyNotGiven` or `PasskeyRefused`."""
    if through == BROWSER:
        tell(f"{name} has to be here now, with what the passkey is to be kept on")
    others = () if known is None else known.credentials
    identifiers = [each.credential_id for each in others if each.credential_id is not None]
    return NewPasskey(ask(enrolment(name, identifiers, os.urandom), through), through, label)


def _confirm(who: Operator, gone: StoredCredential) -> None:
    confirm(
        [f"{who.name} will sign with {credential_line(gone)} no more, and nobody can ever enrol it again"],
        f"Type {who.name} to remove it",
        who.name,
        "nothing was removed",
    )
