"""The sites of a partner and their keys through their lives, as the registry knows them."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from perdure_anchor.checkpoint import Origin
from perdure_anchor.hashes import Address

from perdure_cli.consortium.options import StepOptions, step_options
from perdure_cli.consortium.performing import Planned, finish, perform
from perdure_cli.options import Duration, Moment, OriginType
from perdure_cli.signer_options import AccountType

if TYPE_CHECKING:
    from perdure_node.chain.anchor_chain import AnchorChain


@click.command("register-site", short_help="Register a site with its key.")
@click.argument("origin", metavar="SITE", type=OriginType())
@click.argument("key", metavar="KEY", type=AccountType())
@step_options
def register_site(origin: Origin, key: Address, step: StepOptions) -> None:
    """Register SITE, as acme/rotterdam, with its KEY, which `perdure init` showed as the site key.

    By the account of the partner before the slash. A site's name is given once, for ever.
    """
    plan = _planned(lambda chain: chain.registry.register_site_call(origin, key), origin.text)
    finish(step, perform(step, plan))


@click.command("rotate-key", short_help="Replace a site's key.")
@click.argument("origin", metavar="SITE", type=OriginType())
@click.argument("key", metavar="[KEY]", type=AccountType(), required=False)
@click.option(
    "--grace",
    type=Duration(),
    metavar="TIME",
    help="How long the old key may go on signing: 30d, 12h. By default not at all.",
)
@click.option(
    "--message",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Relay the old key's own signed rotation, in place of KEY and --grace; any account may.",
)
@step_options
def rotate_key(
    origin: Origin, key: Address | None, grace: int | None, message: Path | None, step: StepOptions
) -> None:
    """Replace the key of SITE by KEY, on the partner's word; or relay the old key's own message, whoever sends it.

    Checkpoints that the old key signed and that are still on their way are taken until --grace is over, 366 days at most; a key
    before the old one ends now. After a theft give no grace, or revoke-key first.
    """
    if (key is None) == (message is None) or (message is not None and grace is not None):
        raise click.UsageError("want KEY, maybe with --grace; or --message FILE alone")
    if message is not None:
        plan = _relayed(origin, message)
    else:
        assert key is not None
        new_key, period = key, grace or 0
        plan = _planned(
            lambda chain: chain.registry.rotate_key_call(origin.site, new_key, period), origin.text
        )
    finish(step, perform(step, plan))


@click.command("revoke-key", short_help="End a site's key at once.")
@click.argument("origin", metavar="SITE", type=OriginType())
@step_options
def revoke_key(origin: Origin, step: StepOptions) -> None:
    """End the key of SITE at once, and the grace period of the one before, on the partner's word.

    What it signed and what is not anchored yet can never be anchored. The site anchors again once rotate-key sets a new key: its
    log goes on, and its waiting records are sealed under that key.
    """
    finish(
        step, perform(step, _planned(lambda chain: chain.registry.revoke_key_call(origin.site), origin.text))
    )


@click.command("retire-site", short_help="End a site that is no longer used.")
@click.argument("origin", metavar="SITE", type=OriginType())
@step_options
def retire_site(origin: Origin, step: StepOptions) -> None:
    """End SITE, which is no longer used: its key is revoked, and what it anchored stays.

    Let it sync first: nothing that waits there can be anchored afterwards. The contract knows no more than revoked: as long as you are a
    partner you could set a key again with rotate-key. To close a log so that nobody ever can, name its successor: succeed.
    """
    plan = _planned(
        lambda chain: chain.registry.revoke_key_call(origin.site),
        origin.text,
        "perdure consortium trust-file, to publish that the key is revoked",
    )
    finish(step, perform(step, plan))


@click.command("mark-compromised", short_help="State since when a key may be stolen.")
@click.argument("origin", metavar="SITE", type=OriginType())
@click.option(
    "--since",
    type=Moment(),
    required=True,
    metavar="TIME",
    help="Such as 2026-05-04T10:00:00Z; not in the future.",
)
@step_options
def mark_compromised(origin: Origin, since: int, step: StepOptions) -> None:
    """State, for ever and publicly, since when the key of SITE may have been in other hands.

    It stops nobody from signing: revoke-key does, and comes first. Every key that the site had between that time and now is meant, so set
    the new one afterwards. What was anchored before stays good. The time can only ever be moved to an earlier one.
    """
    plan = _planned(
        lambda chain: chain.registry.mark_compromised_call(origin.site, since),
        origin.text,
        "perdure consortium trust-file, to publish it to whoever verifies offline",
    )
    finish(step, perform(step, plan))


@click.command(short_help="Close a site's log in favour of another.")
@click.argument("old", metavar="OLD", type=OriginType())
@click.argument("new", metavar="NEW", type=OriginType())
@step_options
def succeed(old: Origin, new: Origin, step: StepOptions) -> None:
    """Close the log of the site OLD for ever, and name NEW, a site of the same partner, as the one in which it goes on.

    For a stolen or lost log that cannot be continued. Nothing is ever anchored in OLD again; what was anchored stays good.
    """
    plan = _planned(lambda chain: chain.registry.succeed_call(old.site, new.site), f"{old.text} {new.text}")
    finish(step, perform(step, plan))


def _planned(
    call: "Callable[[AnchorChain], Any]", names: str, next_step: str = "perdure consortium show"
) -> "Callable[[AnchorChain], Planned]":
    return lambda chain: Planned(call(chain), tuple(names.split()), next_step=next_step)


def _relayed(origin: Origin, file: Path) -> "Callable[[AnchorChain], Planned]":
    from perdure_node.consortium.rotation_message import MAX_MESSAGE_SIZE, parse_rotation_message

    from perdure_cli.files import read_bounded

    def plan(chain: "AnchorChain") -> Planned:
        raw = read_bounded(file, MAX_MESSAGE_SIZE)
        message = parse_rotation_message(raw, chain.trust.domain, origin)
        rotation = message.rotation
        call = chain.registry.rotate_key_call(
            rotation.site, rotation.new_key, rotation.grace_period, message.signature
        )
        return Planned(call, (origin.text,))

    return plan
