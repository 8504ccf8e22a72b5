"""Asking people for a security key that is plugged in: what to touch, and its PIN."""

from typing import TypeVar

from perdure_node.operators.passkeys.ceremony import Ceremony
from perdure_node.operators.passkeys.usb import ask_device

from perdure_cli.output import tell
from perdure_cli.site import ask_passphrase

Answer = TypeVar("Answer")
_HINT = "a security key's PIN is asked for on a terminal only; a key with a fingerprint reader needs none"


class _AtTheTerminal:
    def touch(self) -> None:
        tell("touch the security key")

    def pin(self) -> str | None:
        return ask_passphrase("PIN of the security key", hint=_HINT)


def ask_security_key(ceremony: Ceremony[Answer]) -> Answer:
    """Show what is asked, and ask the key that is plugged in; raises `NoSecurityKey`, `PasskeyNotGiven` or `PasskeyRefused`."""
    tell(f"{ceremony.title}:")
    for what, value in ceremony.lines:
        tell(f"  {what:<16} {value}")
    return ask_device(ceremony, _AtTheTerminal())
