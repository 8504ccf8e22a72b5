"""Operators and what they sign with, in words and as JSON."""

from perdure_node.operators.people import Operator, StoredCredential, has_second_factor

from perdure_cli.credential_texts import credential_text
from perdure_cli.output import print_line, print_row


def print_operator(who: Operator) -> None:
    """Somebody by name, on some lines."""
    print_line(who.name, style="bold")
    print_row("roles", ", ".join(sorted(role.value for role in who.roles)) or "none")
    for each in who.credentials:
        print_row("signs with", credential_line(each))
    print_row("second factor", _second_factor(who))
    print_row("record", who.own_record.hex())


def _second_factor(who: Operator) -> str:
    if who.has_codes:
        return "one-time codes"
    if has_second_factor(who):
        return "passkey, which knows him by finger, face or PIN"
    return "none: his passphrase alone signs"


def credential_line(stored: StoredCredential) -> str:
    """A credential as people compare it, with its label and how it is reached."""
    reached = " (USB)" if stored.through == "usb" else ""
    text = credential_text(stored.credential) + reached
    return f"{text}, {stored.label}" if stored.label else text


def operator_members(who: Operator) -> dict[str, object]:
    """Somebody as JSON."""
    return {
        "name": who.name,
        "roles": sorted(role.value for role in who.roles),
        "credentials": [credential_members(each) for each in who.credentials],
        "one_time_codes": who.has_codes,
        "second_factor": has_second_factor(who),
        "leaf_hash": who.own_record.hex(),
    }


def credential_members(stored: StoredCredential) -> dict[str, object]:
    """A credential as JSON."""
    from perdure_anchor.confirmation import encode_credential

    return {"label": stored.label, "credential": encode_credential(stored.credential)}
