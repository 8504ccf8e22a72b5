"""The site's keys for people and programs: which signs, what the registry knows, what is on its way, what the partner sends."""

from typing import TYPE_CHECKING

from perdure_anchor.hashes import Address, checksum_address, to_hex
from perdure_node.keys.signing_keys import SiteKey, newest_site_key, site_keys
from perdure_node.site_keys.standing import (
    RegistryKeys,
    StoredRotation,
    is_reachable,
    last_known_keys,
    stored_rotations_under_way,
)

from perdure_cli.output import print_json, print_line, print_row
from perdure_cli.record_texts import plural, time_text

if TYPE_CHECKING:
    from perdure_node.site_keys.registration import PartnerRequest
    from perdure_node.vault import Vault

_DAY = 86_400


def print_site_keys(vault: "Vault") -> None:
    """The key that signs, those before it that are still held, and the rotations under way."""
    known, newest = last_known_keys(vault.database), newest_site_key(vault.database)
    print_line(f"site key {checksum_address(newest.address)}, signs since {time_text(newest.made_at)}")
    print_row("registered", registered_text(known, newest.address))
    for key in site_keys(vault.database)[:-1]:
        if key.is_held:
            print_row("older key", f"{checksum_address(key.address)}, kept until a newer one has an anchor")
    for rotation in stored_rotations_under_way(vault.database):
        print_row("rotation", rotation_text(rotation))
    for concern in concerns(known):
        print_row("note", concern)


def print_site_keys_json(vault: "Vault") -> None:
    """An object for each key, and one for each rotation under way."""
    known, newest = last_known_keys(vault.database), newest_site_key(vault.database)
    for key in site_keys(vault.database):
        print_json(
            {
                "ok": True,
                "kind": "site",
                "address": checksum_address(key.address),
                "made_at": time_text(key.made_at),
                "held": key.is_held,
                "signs": key == newest,
                "registered": None if known is None else known.key == key.address,
                "known_at": None if known is None else time_text(known.seen_at),
            }
        )
    for rotation in stored_rotations_under_way(vault.database):
        print_json({"ok": True, "kind": "rotation", **rotation_members(rotation)})


def registered_text(known: RegistryKeys | None, key: Address) -> str:
    """Whether the registry has this key, as last known."""
    if known is None:
        return "not known: the registry was not asked yet"
    as_of = f"as known on {time_text(known.seen_at)}"
    if not known.is_registered:
        return f"no, the site is not registered, {as_of}"
    if known.key == key:
        return f"yes, {as_of}"
    other = "no key" if known.key is None else checksum_address(known.key)
    return f"no, the registry has {other}, {as_of}"


def rotation_text(rotation: StoredRotation) -> str:
    """A rotation that is under way, in a line."""
    grace = plural(rotation.rotation.grace_period // _DAY, "day")
    return (
        f"to {checksum_address(rotation.rotation.new_key)}, signed {time_text(rotation.signed_at)}, on its way to the registry; "
        f"the old key then counts for {grace} more"
    )


def rotation_members(rotation: StoredRotation) -> dict[str, object]:
    """A rotation that is under way; ``grace_period`` in seconds."""
    return {
        "old_key": checksum_address(rotation.old_key),
        "new_key": checksum_address(rotation.rotation.new_key),
        "grace_period": rotation.rotation.grace_period,
        "nonce": rotation.rotation.nonce,
        "signed_at": time_text(rotation.signed_at),
    }


def concerns(known: RegistryKeys | None) -> list[str]:
    """What the partner has said of the site's keys that its keeper should know."""
    if known is None:
        return []
    said = []
    if known.successor is not None:
        said.append(
            f"the log is closed and goes on as the site {to_hex(known.successor)}: nothing more is anchored here"
        )
    if known.is_revoked:
        said.append(
            "the partner revoked the site's key: nothing is anchored until it sets a new one (`perdure key new`)"
        )
    if known.compromised_since is not None:
        said.append(
            f"the partner marked the site's key as compromised since {time_text(known.compromised_since)}: what was anchored "
            "later may be somebody else's word"
        )
    return said


def registry_members(known: RegistryKeys | None) -> dict[str, object] | None:
    """What the registry last said of the site's keys."""
    if known is None:
        return None
    return {
        "known_at": time_text(known.seen_at),
        "registered": known.is_registered,
        "key": None if known.key is None else checksum_address(known.key),
        "compromised_since": time_text(known.compromised_since),
        "successor": None if known.successor is None else to_hex(known.successor),
    }


def unregistered_key(vault: "Vault") -> SiteKey | None:
    """The key that signs now, if the registry gets to know it by the partner's doing only."""
    known, newest = last_known_keys(vault.database), newest_site_key(vault.database)
    return None if known is None or is_reachable(vault.database) else newest


def print_request(request: "PartnerRequest") -> None:
    """What the partner has to send."""
    print_line(f"the partner {request.partner} has to send this transaction once, from its account:")
    print_row("chain id", str(request.chain_id))
    print_row("from", checksum_address(request.account))
    print_row("to", checksum_address(request.registry))
    print_row("input", "0x" + request.calldata.hex())
    print_row("which calls", request.call_text)


def request_members(request: "PartnerRequest") -> dict[str, object]:
    """As `print_request`."""
    return {
        "chain_id": request.chain_id,
        "from": checksum_address(request.account),
        "to": checksum_address(request.registry),
        "input": "0x" + request.calldata.hex(),
    }
