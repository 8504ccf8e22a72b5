"""Asking a security key that is plugged in, without a browser (FIDO CTAP 2 over USB, by the library fido2).

The key's answer is judged as a browser's is: `perdure_node.operators.passkeys.ceremony`. A key that cannot know its user, by a PIN
or a finger, is refused.
"""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from perdure_node.operators.errors import NoSecurityKey, PasskeyNotGiven, PasskeyRefused
from perdure_node.operators.passkeys.ceremony import RP_ID, Ceremony

if TYPE_CHECKING:
    from fido2.client import ClientError, Fido2Client, UserInteraction
    from fido2.ctap import CtapDevice

Answer = TypeVar("Answer")

TIME_FOR_A_TOUCH: Final = 60.0
# nothing answers there: it names who asked, as a page's address does
USB_ORIGIN: Final = f"https://{RP_ID}"
_DEVICES: Final = Path("/dev")
_CANCELLED: Final = frozenset({"KEEPALIVE_CANCEL", "OPERATION_DENIED"})
_HINTS: Final = {
    "PIN_INVALID": "that was not its PIN; after eight wrong ones it is locked for good",
    "PIN_AUTH_INVALID": "that was not its PIN; after eight wrong ones it is locked for good",
    "PIN_AUTH_BLOCKED": "three wrong PINs: pull it out, plug it in again, and take care",
    "PIN_BLOCKED": "it has been locked by wrong PINs, and works only once it is reset",
    "CREDENTIAL_EXCLUDED": "it is enrolled for this operator already",
    "NO_CREDENTIALS": "it is another one than was enrolled",
}


class Hands(Protocol):
    """Whoever tells the user what to do, and asks him for the key's PIN (None: he has none to give)."""

    def touch(self) -> None: ...

    def pin(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class _Question:
    hands: Hands
    seconds: float


def ask_device(
    ceremony: Ceremony[Answer],
    hands: Hands,
    *,
    devices: "Callable[[], list[CtapDevice]] | None" = None,
    seconds: float = TIME_FOR_A_TOUCH,
) -> Answer:
    """Ask the security key that is plugged in; raises `NoSecurityKey`, `PasskeyNotGiven` or `PasskeyRefused`."""
    found = (devices or plugged_in)()
    if len(found) != 1:
        for each in found:
            each.close()
        raise NoSecurityKey(
            f"security key: {len(found)} are plugged in" if found else "security key: none is plugged in",
            hint="leave one plugged in" if found else "plug it in, and try again",
        )
    with found[0] as device:
        return ceremony.judge(_answer(device, ceremony, _Question(hands, seconds)), USB_ORIGIN)


def plugged_in() -> "list[CtapDevice]":
    """The security keys on USB; raises `NoSecurityKey` where there may be one that this user cannot open."""
    from fido2.hid import CtapHidDevice

    found: list[CtapDevice] = []
    try:
        found.extend(CtapHidDevice.list_devices())
    except OSError as error:
        raise NoSecurityKey(
            f"security key: it cannot be opened: {error.strerror}",
            hint="its udev rules are missing (Debian: libu2f-udev or libfido2-1), or another program has it",
        ) from None
    closed = [str(each) for each in _DEVICES.glob("hidraw*") if not os.access(each, os.R_OK | os.W_OK)]
    if not found and closed:
        raise NoSecurityKey(
            f"security key: none is found, and this user may not open {', '.join(sorted(closed))}",
            hint="if one is plugged in, its udev rules are missing (Debian: libu2f-udev or libfido2-1)",
        )
    return found


def _answer(device: "CtapDevice", ceremony: Ceremony[Answer], question: _Question) -> dict[str, object]:
    """What the key says, as a browser would post it."""
    from fido2.client import ClientError, PinRequiredError
    from fido2.ctap import CtapError

    end = threading.Event()
    timer = threading.Timer(question.seconds, end.set)
    timer.daemon = True
    timer.start()
    try:
        client = _client(device, question.hands)
        if ceremony.verb == "create":
            return dict(client.make_credential(ceremony.options(), end))  # type: ignore[arg-type]  # by the verb
        return dict(client.get_assertion(ceremony.options(), end).get_response(0))  # type: ignore[arg-type]
    except PinRequiredError:
        raise PasskeyNotGiven("security key: its PIN was not given") from None
    except ClientError as error:
        raise _told(error, question.seconds if end.is_set() else None) from None
    except (CtapError, OSError, ValueError) as error:
        raise PasskeyRefused(
            f"security key: it does not answer as it should: {type(error).__name__}"
        ) from None
    finally:
        timer.cancel()


def _client(device: "CtapDevice", hands: Hands) -> "Fido2Client":
    from fido2.client import DefaultClientDataCollector, Fido2Client

    return Fido2Client(device, DefaultClientDataCollector(USB_ORIGIN), user_interaction=_interaction(hands))


def _interaction(hands: Hands) -> "UserInteraction":
    from fido2.client import UserInteraction
    from fido2.ctap2.pin import ClientPin

    class _Interaction(UserInteraction):
        def prompt_up(self) -> None:
            hands.touch()

        def request_pin(self, permissions: ClientPin.PERMISSION, rp_id: str | None) -> str | None:  # noqa: ARG002
            return hands.pin()

        def request_uv(self, permissions: ClientPin.PERMISSION, rp_id: str | None) -> bool:  # noqa: ARG002
            hands.touch()
            return True

    return _Interaction()


def _told(error: "ClientError", waited: float | None) -> Exception:
    """The library's error in our words."""
    from fido2.client import ClientError
    from fido2.ctap import CtapError

    if waited is not None:
        return PasskeyNotGiven(f"security key: nobody touched it within {waited:g} seconds")
    name = error.cause.code.name if isinstance(error.cause, CtapError) else ""
    if name in _CANCELLED or error.code is ClientError.ERR.TIMEOUT:
        return PasskeyNotGiven("security key: it was not touched, or cancelled")
    if not name and error.code is ClientError.ERR.CONFIGURATION_UNSUPPORTED:
        return PasskeyRefused(
            "security key: it cannot ask for a PIN or a finger",
            hint="set a PIN on it first, with its maker's program or a browser",
        )
    return PasskeyRefused(
        f"security key: it refused: {name or error.code.name}".lower().replace("_", " "),
        hint=_HINTS.get(name),
    )
