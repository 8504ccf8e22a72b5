"""Hash functions and fixed-length byte strings.

`Hash32` and `Address` are what the standards call a hash or an account; both travel as "0x" hexadecimal in JSON. Keccak
is Ethereum's (the padding from before FIPS 202), by safe-pysha3: three times as fast as the alternatives, and the only
thing taken from that package.
"""

import hashlib
from functools import lru_cache
from typing import NewType

import sha3

from perdure_anchor.errors import EncodingError

Hash32 = NewType("Hash32", bytes)
Address = NewType("Address", bytes)

ZERO_ADDRESS = Address(bytes(20))
ZERO_HASH = Hash32(bytes(32))


class HexError(EncodingError):
    """Text is not "0x" hexadecimal of the wanted length."""


def sha256(message: bytes) -> Hash32:
    """SHA-256 (FIPS 180-4) of the message."""
    return Hash32(hashlib.sha256(message).digest())


def keccak256(message: bytes) -> Hash32:
    """Keccak-256 as Ethereum uses it (Yellow Paper, appendix: KEC)."""
    # without the call that a NewType is: this is done for each receipt of a block
    digest: Hash32 = sha3.keccak_256(message).digest()
    return digest


def to_hex(octets: bytes) -> str:
    """Lower-case hexadecimal with the "0x" prefix of Ethereum's JSON-RPC."""
    return "0x" + octets.hex()


def parse_hex(text: object, size: int | None, what: str) -> bytes:
    """Bytes of "0x" hexadecimal text; ``size`` in bytes, None for any. Raises `HexError` naming ``what``."""
    octets = _octets(text) if isinstance(text, str) and text.startswith("0x") else None
    if octets is None:
        raise HexError(f"{what}: not hexadecimal text starting with 0x")
    if size is not None and len(octets) != size:
        raise HexError(f"{what}: got {len(octets)} bytes, want {size}")
    return octets


def _octets(text: str) -> bytes | None:
    """What the digits behind "0x" stand for; None if there is anything else among them."""
    try:
        octets = bytes.fromhex(text[2:])
    except ValueError:
        return None
    # white space is passed over, and would be missing here
    return octets if len(text) == 2 + 2 * len(octets) else None


# a file or a batch names the same few again and again
@lru_cache(maxsize=256)
def checksum_address(address: Address) -> str:
    """The address with the mixed-case checksum of EIP-55."""
    digits = address.hex()
    nibbles = keccak256(digits.encode()).hex()
    return "0x" + "".join(d.upper() if n >= "8" else d for d, n in zip(digits, nibbles, strict=False))
