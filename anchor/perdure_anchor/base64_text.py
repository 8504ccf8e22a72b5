"""Base64 (RFC 4648, section 4) with exactly one spelling for each byte string: padded, no white space, no stray bits."""

import binascii

from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Hash32
from perdure_anchor.strict_json import JsonValue

_HASH_SIZE, _HASH_LENGTH = 32, 44
_LAST_OF_HASH = "AEIMQUYcgkosw048"


class Base64Error(EncodingError):
    """A value is not canonical base64 text of the wanted length."""


def encode_base64(octets: bytes) -> str:
    """The canonical text."""
    return binascii.b2a_base64(octets, newline=False).decode("ascii")


def parse_base64(
    value: JsonValue, what: str, *, exactly: int | None = None, at_most: int | None = None
) -> bytes:
    """The bytes that the text stands for; sizes in bytes. Raises `Base64Error`."""
    if not isinstance(value, str):
        raise Base64Error(f"{what}: want base64 text")
    try:
        octets = binascii.a2b_base64(value, strict_mode=True)
    except ValueError:  # of which `binascii.Error` is one; other than ASCII is another
        raise Base64Error(f"{what}: not base64 text") from None
    if binascii.b2a_base64(octets, newline=False).decode("ascii") != value:
        raise Base64Error(f"{what}: not the canonical base64 text of its bytes")
    if exactly is not None and len(octets) != exactly:
        raise Base64Error(f"{what}: got {len(octets)} bytes, want {exactly}")
    if at_most is not None and len(octets) > at_most:
        raise Base64Error(f"{what}: got {len(octets)} bytes, want at most {at_most}")
    return octets


def parse_hash32(value: JsonValue, what: str) -> Hash32:
    """As `parse_base64` for exactly 32 bytes, in half the time: evidence has two dozen of these.

    Their text is 43 letters and one sign of padding, and what the last letter says beyond the bytes is zero.
    """
    if isinstance(value, str) and len(value) == _HASH_LENGTH and value[-2] in _LAST_OF_HASH:
        try:
            octets = binascii.a2b_base64(value, strict_mode=True)
        except ValueError:
            octets = b""
        if len(octets) == _HASH_SIZE:
            return Hash32(octets)
    return Hash32(parse_base64(value, what, exactly=_HASH_SIZE))
