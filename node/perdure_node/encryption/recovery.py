"""The recovery key: a second private key that opens the vault, written down for the day when the passphrase is lost.

It is shown once, as text to be printed or copied by hand: ``perdure-recovery-1``, then the 32 bytes of the key and the first
four of their SHA-256 in Base32 (RFC 4648, section 6), in groups of four. The checksum tells a slip of the pen from a wrong key.
"""

import base64
import hashlib

from perdure_node.encryption.hybrid import KEY_SIZE, PrivateKey
from perdure_node.errors import RecoveryKeyError

PREFIX = "perdure-recovery-1"
_CHECKSUM_SIZE = 4
_GROUP = 4


def format_recovery_key(key: PrivateKey) -> str:
    """The key as text, on one line."""
    digits = _digits(key + _checksum(key)).lower()
    groups = (digits[start : start + _GROUP] for start in range(0, len(digits), _GROUP))
    return "-".join((PREFIX, *groups))


def parse_recovery_key(text: str) -> PrivateKey:
    """The key in the text, wherever it has blanks, hyphens, line breaks or capitals; raises `RecoveryKeyError`."""
    plain = "".join(text.replace("-", " ").split()).upper()
    digits = plain.removeprefix("".join(PREFIX.split("-")).upper())
    if digits == plain:
        raise RecoveryKeyError(f"recovery key: does not begin with {PREFIX}", hint="give the whole text")
    try:
        octets = base64.b32decode(digits + "=" * (-len(digits) % 8))
    except ValueError:
        raise RecoveryKeyError(
            "recovery key: has a character that is no letter and no digit from 2 to 7",
            hint="there is no zero and no one: they are the letters O and I",
        ) from None
    key, checksum = octets[:KEY_SIZE], octets[KEY_SIZE:]
    # the last digit has bits that say nothing: another one in its place is a slip all the same
    if checksum != _checksum(key) or _digits(octets) != digits:
        raise RecoveryKeyError(
            "recovery key: its checksum does not fit", hint="compare each group with what was written down"
        )
    return PrivateKey(key)


def _digits(octets: bytes) -> str:
    return base64.b32encode(octets).decode().rstrip("=")


def _checksum(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()[:_CHECKSUM_SIZE]
