"""`perdure node token`: who may read where the node's settings want a token."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from perdure_node.clock import system_clock

from perdure_cli.confirming import confirm
from perdure_cli.gateways import gateway_option, open_named_gateway
from perdure_cli.options import Duration, json_option, yes_option
from perdure_cli.output import print_json, print_line, print_row, tell, tell_next
from perdure_cli.record_texts import time_text

if TYPE_CHECKING:
    from perdure_node.api.tokens import Token

_SCOPES = ("read", "submit", "metrics", "peer")


@click.group(short_help="Make, list and revoke API tokens.")
def token() -> None:
    """Make, list and revoke the tokens that others send to the node as `Authorization: Bearer TOKEN`.

    They are asked for where node.toml says reading = "tokens" or metrics = false, and between the two nodes of a pair. Of a token only a
    digest is kept.
    """


@token.command(short_help="Make a token, and show it once.")
@click.option("--name", required=True, metavar="WHO", help="For whom it is; shown in the list.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(_SCOPES),
    default=("read",),
    show_default=True,
    help="What it lets its holder do: read everything; submit (for sites, and bound to none: hand in, a site's standing, what returns); metrics; peer (another node). "
    "Can be given more than once.",
)
@click.option(
    "--expires",
    type=Duration(),
    metavar="IN",
    help="After which time it counts no more: 90d, 12h. By default never; it can be revoked.",
)
@gateway_option
@json_option
def new(
    name: str, scopes: tuple[str, ...], expires: int | None, gateway_folder: Path | None, as_json: bool
) -> None:
    """Make a token and print it. It is shown this once and kept nowhere: give it to its holder on a way that others cannot read."""
    from perdure_node.api.tokens import Scope, new_token

    now = int(system_clock().now())
    with open_named_gateway(gateway_folder) as opened:
        made = new_token(
            opened.database,
            name,
            map(Scope, scopes),
            now=now,
            expires_at=None if expires is None else now + expires,
            randomness=os.urandom,
        )
        reading = opened.settings.access.reading
    if as_json:
        print_json({**_members(made.token, now), "token": made.text})
        return
    print_line(made.text)
    tell(f"token {made.token.id} for {name}: {_scopes(made.token)}; it is shown this once")
    if reading == "open" and made.token.scopes <= {Scope.READ, Scope.SUBMIT}:
        tell('node.toml has reading = "open": everybody may read, with a token or without')
    tell_next(f"perdure node token revoke {made.token.id}, should it get lost")


@token.command("list", short_help="List the tokens.")
@gateway_option
@json_option
def list_(gateway_folder: Path | None, as_json: bool) -> None:
    """List the tokens, with when each was last used (to a minute), and those that have ended."""
    from perdure_node.api.tokens import all_tokens

    now = int(system_clock().now())
    with open_named_gateway(gateway_folder) as opened:
        found = all_tokens(opened.database)
    if as_json:
        for each in found:
            print_json(_members(each, now))
        return
    for each in found:
        print_line(f"{each.id}  {each.name}", style="bold")
        print_row("scopes", _scopes(each))
        print_row("counts", _counts(each, now))
        print_row("last used", time_text(each.used_at) or "never")
    tell_next("perdure node token new --name WHO" if not found else "perdure node token revoke ID")


@token.command(short_help="Let a token count no more.")
@click.argument("identity", metavar="ID")
@yes_option
@gateway_option
@json_option
def revoke(identity: str, yes: bool, gateway_folder: Path | None, as_json: bool) -> None:
    """Let the token ID count no more, from the next request on, also at a node that runs. It cannot be undone."""
    from perdure_node.api.tokens import revoke_token

    if not yes:
        confirm(
            [
                f"token {identity} counts no more after this, and cannot be brought back: its holder needs a new one"
            ],
            "Type the token's ID to revoke it",
            identity,
            "it was not revoked",
        )
    now = int(system_clock().now())
    with open_named_gateway(gateway_folder) as opened:
        revoked = revoke_token(opened.database, identity, now)
    if as_json:
        print_json(_members(revoked, now))
        return
    print_line(f"token {revoked.id} for {revoked.name} is revoked", style="bold")
    tell_next("perdure node token list")


def _members(token: "Token", now: int) -> dict[str, Any]:
    return {
        "ok": True,
        "id": token.id,
        "name": token.name,
        "scopes": sorted(each.value for each in token.scopes),
        "counts": token.lives(now),
        "made_at": time_text(token.made_at),
        "expires_at": time_text(token.expires_at),
        "revoked_at": time_text(token.revoked_at),
        "used_at": time_text(token.used_at),
    }


def _scopes(token: "Token") -> str:
    return ", ".join(sorted(each.value for each in token.scopes))


def _counts(token: "Token", now: int) -> str:
    if token.revoked_at is not None:
        return f"no: revoked {time_text(token.revoked_at)}"
    if token.expires_at is None:
        return "yes, until it is revoked"
    return f"{'until' if token.lives(now) else 'no: expired'} {time_text(token.expires_at)}"
