"""Asking people for their passkeys: on a page in the browser, or at a security key that is plugged in."""

import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from perdure_anchor.confirmation import CONFIRMED, RECORDED
from perdure_anchor.hashes import Hash32
from perdure_anchor.slot_words import claim_lines
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.webauthn import Assertion
from perdure_node.operators.passkeys.ceremony import Ceremony, Passkey, Signing, presence_challenge

from perdure_cli.output import tell

Answer = TypeVar("Answer")

BROWSER: Final = "browser"
USB: Final = "usb"
# "none": the page's address is printed, and nothing is opened
_BROWSER_VARIABLE: Final = "PERDURE_BROWSER"
_TITLES: Final = {RECORDED: "Sign that you record this", CONFIRMED: "Confirm this record"}
_NAMES: Final = {
    "document_name": "Document",
    "document_type": "Type",
    "document_sha256": "SHA-256",
    "document_size": "Size in bytes",
    "signers": "Signers",
    "signed_at": "Signed at",
    "recorded_at": "Recorded at",
    "recorded_by": "Recorded by",
    "media_type": "Media type",
    "supersedes": "Corrects record",
    "after": "After block",
}


@dataclass(frozen=True, slots=True)
class PasskeySigner:
    """Signs by asking somebody for his passkey, who is shown what of; for use as an `Attestor`'s ``sign``."""

    name: str
    passkey: Passkey
    through: str | None

    def __call__(self, digest: Hash32, part: int, slots: Mapping[str, JsonValue], /) -> Assertion:
        return self._ask(digest, _TITLES[part], shown_slots(slots))

    def show_presence(self, what: str) -> None:
        """Sign something that means nothing, to show that he is there who does ``what``."""
        self._ask(presence_challenge(os.urandom), f"Show that it is you: {what}", ())

    def _ask(self, digest: Hash32, title: str, lines: tuple[tuple[str, str], ...]) -> Assertion:
        shown = (("You are", self.name), *lines)
        return ask(Signing(self.name, digest, self.passkey, title, shown), self.through)


def shown_slots(slots: Mapping[str, JsonValue]) -> tuple[tuple[str, str], ...]:
    """All that a record says, in words, what people look at first at the top."""
    there = {slot: value for slot, value in slots.items() if value is not None and slot != "confirmation"}
    ordered = [slot for slot in _NAMES if slot in there] + [slot for slot in there if slot not in _NAMES]
    return tuple((_NAMES.get(slot, slot), "; ".join(claim_lines(slot, there[slot]))) for slot in ordered)


def ask(ceremony: Ceremony[Answer], through: str | None) -> Answer:
    """Ask in the way in which the passkey was enrolled; raises `PasskeyNotGiven` or `PasskeyRefused`."""
    if through == USB:
        from perdure_cli.security_key_asking import ask_security_key

        return ask_security_key(ceremony)
    from perdure_node.operators.passkeys.page_server import ask_browser

    return ask_browser(ceremony, _open, randomness=os.urandom)


def _open(address: str) -> None:
    tell(f"for your passkey go to {address}")
    if os.environ.get(_BROWSER_VARIABLE) != "none" and _has_windows():
        import webbrowser

        # some browsers keep whoever starts them waiting
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def _has_windows() -> bool:
    """Whether a browser can show a page; one for terminals knows no passkeys."""
    named = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    return sys.platform in ("darwin", "win32") or any(os.environ.get(each) for each in named)
