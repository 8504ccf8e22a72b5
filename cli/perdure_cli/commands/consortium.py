"""`perdure consortium`: the partners' own commands, each with its partner's key and nobody else's."""

import click

from perdure_cli.commands.consortium_carry import send, sign
from perdure_cli.commands.consortium_found import found
from perdure_cli.commands.consortium_members import approve, execute, propose, rotate_account
from perdure_cli.commands.consortium_show import history, show
from perdure_cli.commands.consortium_sites import (
    mark_compromised,
    register_site,
    retire_site,
    revoke_key,
    rotate_key,
    succeed,
)
from perdure_cli.commands.consortium_trust_file import trust_file


@click.group(short_help="Found a consortium, decide, keep sites' keys.")
def consortium() -> None:
    """Found a consortium, decide who is in it, and keep its sites' keys.

    Each partner acts with its own account's key: in a keystore, in a Web3Signer, or on a machine without network, to which a step is
    carried (--unsigned, sign, send). What cannot be undone is said before, and asked about.
    """


for command in (
    found,
    show,
    history,
    propose,
    approve,
    execute,
    register_site,
    rotate_key,
    revoke_key,
    retire_site,
    mark_compromised,
    succeed,
    rotate_account,
    trust_file,
    sign,
    send,
):
    consortium.add_command(command)
