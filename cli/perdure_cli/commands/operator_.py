"""`perdure operator`: the people of a site."""

import os
from pathlib import Path

import click
from perdure_node.clock import system_clock
from perdure_node.operators.consequences import NO_KEEPER, leaves_no_keeper
from perdure_node.operators.membership import NewOperator, add_operator, change_roles, remove_operator
from perdure_node.operators.people import operator_named, operators
from perdure_node.operators.roles import ROLES, Role

from perdure_cli.commands.acting_options import SYNC_STEP, Managing, manage_options
from perdure_cli.commands.operator_credential import (
    credential,
    enrol,
    passkey_option,
    security_key_option,
)
from perdure_cli.commands.operator_passphrase import passphrase
from perdure_cli.commands.operator_totp import totp
from perdure_cli.confirming import confirm
from perdure_cli.operator_texts import operator_members, print_operator
from perdure_cli.options import json_option, vault_option, yes_option
from perdure_cli.output import print_json, print_line, tell, tell_next
from perdure_cli.site import new_passphrase, open_site

OPERATOR_VARIABLE = "PERDURE_OPERATOR_PASSPHRASE"

roles_option = click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice(ROLES),
    help="What he is; repeatable.",
)


@click.group(short_help="Say who records, confirms, reviews.")
def operator() -> None:
    """Say who records, confirms, reviews, audits and keeps the site. Whose key is whose is recorded in the site's log."""


operator.add_command(credential)
operator.add_command(passphrase)
operator.add_command(totp)


@operator.command(short_help="Add somebody.")
@click.argument("name")
@roles_option
@passkey_option
@security_key_option
@click.option(
    "--operator-passphrase-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help=f"File whose first line is his passphrase; else {OPERATOR_VARIABLE}, else a prompt for him.",
)
@manage_options
def add(
    name: str,
    roles: tuple[str, ...],
    through: str | None,
    operator_passphrase_file: Path | None,
    managing: Managing,
) -> None:
    """Add somebody, with a key under a passphrase of his own: he signs with it, and reads what is recorded.

    A site keeper's passphrase opens all that the vault's does. The first operators are added with the vault's passphrase; once there
    is a site keeper, he adds the others (--as). With --passkey or --security-key he gets no key under a passphrase, and signs with
    that: he reads with the vault's passphrase, if he knows it. `perdure operator credential add` gives somebody both.
    """
    with managing.site() as vault:
        actor = managing.manager(vault, "add an operator")
        chosen, passkeys = None, []
        if through is None:
            chosen = new_passphrase(
                operator_passphrase_file,
                os.environ,
                "--operator-passphrase-file",
                OPERATOR_VARIABLE,
                f"operator {name}",
            )
        else:
            passkeys = [enrol(name, through, None)]
        new = NewOperator(name, _roles(roles), chosen)
        added = add_operator(
            vault, actor.keys, new, clock=system_clock(), randomness=os.urandom, passkeys=passkeys
        )
        keepers = [each for each in operators(vault.database) if Role.SITE_KEEPER in each.roles]
    if managing.as_json:
        print_json({"ok": True, **operator_members(added)})
        return
    print_operator(added)
    if not keepers:
        tell("this site has no site keeper: whoever has the vault's passphrase keeps it")
    tell_next(f"perdure add FILE --as {name!r}" if Role.RECORDER in added.roles else "perdure operator list")


@operator.command("list", short_help="List everybody.")
@vault_option
@json_option
def list_(vault_folder: Path | None, as_json: bool) -> None:
    """List who is at this site: roles, credentials, and the record of the log that says so. Needs no passphrase."""
    with open_site(vault_folder) as vault:
        found = operators(vault.database)
    for each in found:
        if as_json:
            print_json(operator_members(each))
        else:
            print_operator(each)
    if not found and not as_json:
        tell("this site has no operators: whoever has its passphrase does everything")
        tell_next("perdure operator add NAME --role site-keeper")


@operator.command(short_help="Give somebody other roles.")
@click.argument("name")
@roles_option
@manage_options
def roles(
    name: str,
    roles: tuple[str, ...],
    managing: Managing,
) -> None:
    """Give somebody these roles in place of the ones that he has. What he confirmed stays confirmed."""
    with managing.site() as vault:
        actor = managing.manager(vault, "change somebody's roles")
        before = operator_named(vault.database, name)
        last = leaves_no_keeper(operators(vault.database), before)
        changed = change_roles(
            vault,
            actor.keys,
            before,
            _roles(roles),
            clock=system_clock(),
            randomness=os.urandom,
        )
    if last and Role.SITE_KEEPER not in changed.roles:
        tell(f"warning: {NO_KEEPER}")
    if managing.as_json:
        print_json({"ok": True, **operator_members(changed)})
        return
    print_operator(changed)


@operator.command(short_help="Remove somebody.")
@click.argument("name")
@yes_option
@manage_options
def remove(
    name: str,
    yes: bool,
    managing: Managing,
) -> None:
    """Let somebody act no more. What he recorded and confirmed stays good; that his key is gone becomes a record of the log.

    What he could read he may have copied. His key can never be anybody else's.
    """
    with managing.site() as vault:
        managing.manager(vault, "remove an operator")
        gone = operator_named(vault.database, name)
        if leaves_no_keeper(operators(vault.database), gone):
            tell(f"warning: {NO_KEEPER}")
        if not yes:
            confirm(
                [f"{gone.name} will act no more at this site, and read nothing that is recorded from now on"],
                f"Type {gone.name} to remove him",
                gone.name,
                "nobody was removed",
            )
        remove_operator(vault, gone, clock=system_clock(), randomness=os.urandom)
    if managing.as_json:
        print_json({"ok": True, "name": gone.name})
        return
    print_line(f"removed: {gone.name}")
    tell_next(SYNC_STEP)


def _roles(names: tuple[str, ...]) -> frozenset[Role]:
    return frozenset(map(Role, names))
