"""`perdure operator totp`: one-time codes beside an operator's passphrase."""

import os
from importlib.util import find_spec
from pathlib import Path

import click
from perdure_node.clock import system_clock
from perdure_node.operators.errors import OperatorRefused
from perdure_node.operators.one_time_codes import disable_codes, enable_codes, new_secret, otpauth_uri
from perdure_node.operators.operator_keys import OperatorKeyRing
from perdure_node.operators.people import Operator, operator_named
from perdure_node.vault import Vault

from perdure_cli.acting import CODE_VARIABLE, one_time_code
from perdure_cli.commands.acting_options import Managing, manage_options
from perdure_cli.operator_texts import operator_members, print_operator
from perdure_cli.output import print_json, tell, tell_next
from perdure_cli.site import ask_passphrase, site_passphrase, want_terminal

# PERDURE_TOTP cannot hold a code of a secret that was not there before
_FIRST, _LATER = "First code that the app shows", f"for later ones {CODE_VARIABLE} will do"


@click.command(short_help="Want one-time codes beside a passphrase.")
@click.argument("name")
@click.option("--enable", "what", flag_value="enable", help="Want a code from now on; replaces the app.")
@click.option("--disable", "what", flag_value="disable", help="Want none any more: needs a code.")
@click.option("--reset", "what", flag_value="reset", help="As a site keeper, for somebody who lost the app.")
@manage_options
def totp(
    name: str,
    what: str | None,
    managing: Managing,
) -> None:
    """Want a one-time code (TOTP) from an authenticator app beside the passphrase of NAME, whenever he acts.

    --enable shows him the secret, as a code to scan too, and wants a first code. Then a code is asked for at a prompt, or taken from
    PERDURE_TOTP. Each counts once. This guards the use of these commands: who has a copy of the vault's files and the passphrase can
    do without. Passkeys are stronger, since their keys are not in the vault.
    """
    if what is None:
        raise click.UsageError("want --enable, --disable or --reset")
    with managing.site() as vault:
        given = operator_named(vault.database, name)
        if what == "reset":
            managing.manager(vault, "reset somebody's one-time codes")
            with vault.database.transaction():
                disable_codes(vault.database, given.number)
        else:
            _by_himself(vault, given, what, managing.passphrase_file)
        changed = operator_named(vault.database, name)
    if managing.as_json:
        print_json({"ok": True, **operator_members(changed)})
        return
    print_operator(changed)
    if what == "reset":
        tell_next(f"perdure operator totp {given.name!r} --enable")


def _by_himself(vault: Vault, given: Operator, what: str, passphrase_file: Path | None) -> None:
    if not given.reads:
        raise OperatorRefused(
            f"{given.name} has no passphrase of his own, and signs with a passkey: he needs no codes",
        )
    keys = OperatorKeyRing(
        vault,
        given.number,
        lambda: site_passphrase(passphrase_file, os.environ, f"Passphrase of {given.name}"),
        lambda: one_time_code(given.name, os.environ),
    )
    own = keys.secret()
    if what == "disable":
        with vault.database.transaction():
            disable_codes(vault.database, given.number)
        return
    # before a secret is shown that nobody could answer for
    want_terminal(_FIRST, hint=_LATER)
    secret = new_secret(os.urandom)
    _show(otpauth_uri(secret, given.name, vault.origin.text))
    code = ask_passphrase(_FIRST, hint=_LATER)
    enable_codes(vault.database, given.number, own, secret, code, clock=system_clock(), randomness=os.urandom)


def _show(uri: str) -> None:
    if find_spec("segno") is not None:
        from perdure_cli.qr_codes import printed_code

        for line in printed_code(uri):
            tell(line)
    tell(f"for the authenticator app, by scanning or by hand: {uri}")
    tell("whoever sees this can make the codes: let nobody look on, and keep no picture of it")
