"""`perdure key rotate` and `perdure key new`: another key signs for the site from now on."""

import os
from pathlib import Path

import click
from perdure_anchor.hashes import checksum_address
from perdure_node.clock import system_clock
from perdure_node.site_keys.rotating import RotationPlan, make_site_key, plan_rotation, rotate_site_key
from perdure_node.vault import Vault

from perdure_cli.confirming import confirm
from perdure_cli.options import json_option, passphrase_option, vault_option
from perdure_cli.output import print_json, print_line, print_row, tell, tell_next
from perdure_cli.record_texts import plural
from perdure_cli.site import key_ring, open_site
from perdure_cli.site_key_texts import print_request, request_members, rotation_members

_DAY = 86_400
_LONGEST_GRACE = 366
_OLD_COPIES = "backups, copies and recovery sheets from before do not have the new key: make new ones"


@click.command(short_help="Let a new site key take over, by the old one's word.")
@click.option(
    "--grace",
    type=click.IntRange(0, _LONGEST_GRACE),
    default=90,
    show_default=True,
    metavar="DAYS",
    help="How long the registry still takes what the old key signed, for sticks that are on their way.",
)
@click.option("--yes", is_flag=True, help="Do not ask: it cannot be undone.")
@passphrase_option
@vault_option
@json_option
def rotate(
    grace: int, yes: bool, passphrase_file: Path | None, vault_folder: Path | None, as_json: bool
) -> None:
    """Make a new site key that signs from now on, and let the old one sign for it. Needs no network.

    The signed message travels with the next `perdure sync`, or in a bundle; whoever carries it cannot alter it. Checkpoints that the
    old key signed are taken for --grace days, counted from the block that takes the message. The old key is destroyed once an anchor
    by the new one is at home.

    It cannot be taken back, and it is no remedy for a stolen key: a thief can rotate too. Then let the partner revoke the key.
    """
    with open_site(vault_folder) as vault:
        keys = key_ring(vault, passphrase_file)
        plan = plan_rotation(vault)
        if not yes:
            _confirm_rotation(plan, grace)
        rotation = rotate_site_key(
            vault, keys, clock=system_clock(), randomness=os.urandom, grace_period=grace * _DAY
        )
    if as_json:
        print_json({"ok": True, **rotation_members(rotation)})
        return
    print_line(f"signs from now on: {checksum_address(rotation.rotation.new_key)}")
    print_row(
        "old key",
        f"{checksum_address(rotation.old_key)}, for {plural(grace, 'day')} after the registry knows",
    )
    tell(_OLD_COPIES)
    tell("where a trust file pins the site's keys, let the consortium add the new one to its next version")
    tell_next("perdure sync, or perdure courier pack: the registry has to hear of it")


@click.command(short_help="Make a site key that the partner has to set.")
@click.option("--yes", is_flag=True, help="Do not ask: it cannot be undone.")
@passphrase_option
@vault_option
@json_option
def new(yes: bool, passphrase_file: Path | None, vault_folder: Path | None, as_json: bool) -> None:
    """Make a new site key where the old one cannot sign for it: it was revoked, stolen, or is unknown to the registry.

    Signs from now on; nothing of it is anchored before the site's partner has set the key, for which this prints the transaction.
    What was sealed before stays, and is signed anew then.
    """
    from perdure_node.site_keys.registration import key_request

    with open_site(vault_folder) as vault:
        key_ring(vault, passphrase_file).private_key()
        if not yes:
            _confirm_new(vault)
        key = make_site_key(vault, clock=system_clock(), randomness=os.urandom)
        request = key_request(vault)
    if as_json:
        print_json({"ok": True, "key": checksum_address(key.address), "request": request_members(request)})
        return
    print_line(f"signs from now on: {checksum_address(key.address)}")
    print_request(request)
    tell(_OLD_COPIES)
    tell_next("perdure sync, once the partner has sent it; perdure key show prints it again")


def _confirm_rotation(plan: RotationPlan, grace: int) -> None:
    old = checksum_address(plan.old_key.address)
    consequences = [
        f"the key {old} hands over to a new one; that cannot be taken back",
        f"what it signed counts for {plural(grace, 'day')} after the registry has heard of it, and no longer",
        _OLD_COPIES,
    ]
    if plan.under_way:
        consequences.append(
            f"{plural(plan.under_way, 'rotation')} before this one must reach the registry first"
        )
    confirm(consequences, "Type rotate to go on", "rotate", "the key stays")


def _confirm_new(vault: Vault) -> None:
    consequences = [
        f"the key {checksum_address(vault.site_address)} signs no longer; that cannot be taken back",
        "what the new key signs is not anchored before the site's partner has set it",
        _OLD_COPIES,
    ]
    confirm(consequences, "Type new to go on", "new", "the key stays")
