"""`perdure policy`: who may do what at this site, and which documents need a second person."""

import os
from hashlib import sha256
from pathlib import Path

import click
from perdure_anchor.errors import ConfigError
from perdure_node.clock import system_clock
from perdure_node.operators.adopting import adopt_policy
from perdure_node.operators.consequences import fits_every_type, people_doubts, policy_doubts
from perdure_node.operators.people import operators
from perdure_node.operators.policy import (
    MAX_POLICY_SIZE,
    NO_POLICY,
    Policy,
    parse_policy,
    policy_in_force,
    policy_template,
)
from perdure_node.operators.roles import Action, Role

from perdure_cli.acting import acting, as_option
from perdure_cli.options import READABLE_FILE, json_option, passphrase_option, vault_option
from perdure_cli.output import print_json, print_line, print_raw, print_row, tell, tell_next
from perdure_cli.site import open_site


class PolicyTooLarge(ConfigError):
    """A file is too large to be a policy."""


@click.group(short_help="Say who may do what, and what needs two people.")
def policy() -> None:
    """Say who may do what, and which documents need a second person before they are sealed."""


@policy.command(short_help="Print a policy to begin from.")
@json_option
def template(as_json: bool) -> None:
    """Print a policy file to begin from: each key with what it means and what it risks."""
    if as_json:
        print_json({"ok": True, "policy": policy_template().decode()})
        return
    print_raw(policy_template())
    tell_next("perdure policy set FILE, once it says what you want")


@policy.command(short_help="Check a policy file.")
@click.argument("file", type=READABLE_FILE)
@json_option
def check(file: Path, as_json: bool) -> None:
    """Check a policy file, and say what it means; nothing is changed."""
    found = parse_policy(_read(file), str(file))
    _print(found, as_json, file=str(file))
    _warn(policy_doubts(found))
    if not as_json:
        tell_next(f"perdure policy set {file}")


@policy.command("set", short_help="Put a policy in force.")
@click.argument("file", type=READABLE_FILE)
@as_option
@passphrase_option
@vault_option
@json_option
def set_(
    file: Path, who: str | None, passphrase_file: Path | None, vault_folder: Path | None, as_json: bool
) -> None:
    """Put a policy in force for all that is recorded from now on; its digest becomes a record of the log.

    What waits for somebody already goes on waiting for him.
    """
    raw = _read(file)
    found = parse_policy(raw, str(file))
    with open_site(vault_folder) as vault:
        actor = acting(vault, who, passphrase_file, Action.MANAGE, sets_policy=True)
        # who can open the vault keeps the site
        actor.keys.private_key()
        actor.show_presence("put a policy in force")
        added = adopt_policy(vault, raw, clock=system_clock(), randomness=os.urandom)
        everybody = operators(vault.database)
    _warn(policy_doubts(found) + people_doubts(found, everybody))
    digest = sha256(raw).hexdigest()
    if as_json:
        print_json({"ok": True, "sha256": digest, "leaf_hash": added.leaf_hash.hex()})
        return
    print_line(f"in force: SHA-256 {digest}, recorded as leaf hash {added.leaf_hash.hex()}")
    tell_next("perdure operator add NAME --role recorder")


@policy.command(short_help="Show the policy in force.")
@vault_option
@json_option
def show(vault_folder: Path | None, as_json: bool) -> None:
    """Show the policy that is in force."""
    with open_site(vault_folder) as vault:
        found = policy_in_force(vault.folder, vault.database)
    if found is NO_POLICY and not as_json:
        tell("no policy is in force: everybody may do everything, and nothing needs a second person")
        tell_next("perdure policy template > policy.toml")
        return
    _print(found, as_json, in_force=found is not NO_POLICY)


def _read(file: Path) -> bytes:
    with file.open("rb") as stream:
        raw = stream.read(MAX_POLICY_SIZE + 1)
    if len(raw) > MAX_POLICY_SIZE:
        raise PolicyTooLarge(f"{file}: larger than {MAX_POLICY_SIZE} bytes, so it is no policy")
    return raw


def _warn(doubts: list[str]) -> None:
    for doubt in doubts:
        tell(f"warning: {doubt}")


def _print(found: Policy, as_json: bool, **also: object) -> None:
    if as_json:
        print_json({"ok": True, **also, **_members(found)})
        return
    for role in Role:
        print_row(role.value, ", ".join(found.actions_of(role)) or "nothing")
    print_row("recorders sign", "yes" if found.recording.recorders_sign else "no")
    print_row("bad signatures", f"{found.recording.bad_signatures} them")
    for rule in found.documents:
        roles = " or ".join(rule.confirmed_by)
        print_row(f"type {rule.type}", f"confirmed by a {roles}" if roles else "nobody confirms")
    if not fits_every_type(found):
        print_row("other types" if found.documents else "all types", "nobody confirms")


def _members(found: Policy) -> dict[str, object]:
    return {
        "allowed": {role.value: list(found.actions_of(role)) for role in Role},
        "recorders_sign": found.recording.recorders_sign,
        "bad_signatures": found.recording.bad_signatures,
        "late_after_days": found.recording.late_after_days,
        "documents": [
            {
                "type": rule.type,
                "confirmed_by": list(rule.confirmed_by),
                "late_after_days": rule.late_after_days,
                "late_documents": rule.late_documents,
                "no_signing_time": rule.no_signing_time,
                "retention_days": rule.retention_days,
                "numbering": rule.numbering or None,
            }
            for rule in found.documents
        ],
    }
