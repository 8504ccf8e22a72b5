"""What each slot of a record may hold (SPEC.md, section 2.2).

None is allowed everywhere: an empty slot looks like a filled one from outside. Values are checked when a record is made
and again when a verifier reads a disclosure, so that nobody downstream meets a signer that is not a name.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from perdure_anchor.errors import EncodingError, PerdureError
from perdure_anchor.strict_json import JsonValue, check_value, take_integer, take_list, take_object, take_text
from perdure_anchor.timestamp import TimestampError, check_timestamp

MAX_VALUE_DEPTH = 8
MAX_SIGNERS = 64
MAX_TEXT = 1024
SIGNER_KEYS = ("name", "id", "organization", "certificate_sha256")

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_BLOCK_HASH = re.compile(r"0x[0-9a-f]{64}", re.ASCII)
_PLAIN_TEXT = re.compile(rf"[ -~]{{0,{MAX_TEXT}}}")


class SlotValueError(EncodingError):
    """A value that the slot cannot hold."""


def slots_to_check(slots: Mapping[str, JsonValue]) -> list[str]:
    """Those of the given slots, known ones all, whose values `check_slot_value` must look at.

    A glance has shown that each of the others is empty or holds `MAX_TEXT` printable characters of ASCII at most.
    """
    # by type, not isinstance: nothing is known of what a subclass of str would encode to
    return [
        slot
        for slot, value in slots.items()
        if (type(value) is not str or not _GLANCES[slot](value)) and value is not None
    ]


def check_slot_value(slot: str, value: JsonValue) -> None:
    """Raise `SlotValueError` unless the slot may hold the value."""
    try:
        check_value(value, slot, max_depth=MAX_VALUE_DEPTH)
        if value is not None:
            SLOT_CHECKS[slot](value, slot)
    except SlotValueError:
        raise
    except PerdureError as error:
        raise SlotValueError(str(error), hint=error.hint) from None


def _digest(value: JsonValue, what: str) -> None:
    if not _SHA256.fullmatch(take_text(value, what)):
        raise SlotValueError(f"{what}: want 64 lower-case hexadecimal digits")


def _block_hash(value: JsonValue, what: str) -> None:
    if not _BLOCK_HASH.fullmatch(take_text(value, what)):
        raise SlotValueError(f"{what}: want 0x and 64 lower-case hexadecimal digits")


def _text(value: JsonValue, what: str) -> None:
    take_text(value, what, MAX_TEXT)


def _size(value: JsonValue, what: str) -> None:
    take_integer(value, what)


def _time(value: JsonValue, what: str) -> None:
    check_timestamp(value, what)


def _signers(value: JsonValue, what: str) -> None:
    for number, signer in enumerate(take_list(value, what, MAX_SIGNERS), 1):
        where = f"{what}, number {number}"
        for key, member in take_object(signer, where, ("name",), SIGNER_KEYS[1:]).items():
            (_digest if key == "certificate_sha256" else _text)(member, f"{where}, {key}")


def _versioned(value: JsonValue, what: str) -> None:
    """An object whose shape may grow: its version stands under ``v``."""
    if not isinstance(value, dict) or "v" not in value:
        raise SlotValueError(f"{what}: want an object with its version under the key v")
    take_integer(value["v"], f"{what}, v")


def _object(value: JsonValue, what: str) -> None:
    if not isinstance(value, dict):
        raise SlotValueError(f"{what}: want an object")


# the slots in their order, which is part of the leaf's format and never changes
SLOT_CHECKS: Mapping[str, Callable[[JsonValue, str], None]] = {
    "document_sha256": _digest,
    "document_size": _size,
    "document_name": _text,
    "media_type": _text,
    "document_type": _text,
    "signers": _signers,
    "signed_at": _time,
    "signature": _versioned,
    "recorded_by": _text,
    "recorded_at": _time,
    "confirmation": _versioned,
    "late": _versioned,
    "supersedes": _digest,
    "after": _block_hash,
    "extra": _object,
}


def _is_time(text: str) -> bool:
    try:
        check_timestamp(text, "")
    except TimestampError:
        return False
    return True


def _none(_: str) -> bool:
    """Of values that are no text, none is seen to be in order."""
    return False


# for each check what tells most of the values that pass it, in one call: a register is long, and the close look is slow;
# times and block hashes are the same on many rows of it
_GLANCE_FOR: Mapping[Callable[[JsonValue, str], None], Callable[[str], object]] = {
    _digest: _SHA256.fullmatch,
    _block_hash: lru_cache(maxsize=64)(_BLOCK_HASH.fullmatch),
    _text: _PLAIN_TEXT.fullmatch,
    _time: lru_cache(maxsize=64)(_is_time),
}
_GLANCES = {slot: _GLANCE_FOR.get(check, _none) for slot, check in SLOT_CHECKS.items()}
