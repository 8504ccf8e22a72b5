"""JSON values of Ethereum's JSON-RPC: quantities, hexadecimal bytes, and what parameters may look like.

A quantity is "0x" and hexadecimal digits without leading zeros; we write that, and read leading zeros too, as geth's
neighbours do.
"""

import re
from typing import TypeAlias, Union

from perdure_anchor.hashes import Address, Hash32, HexError, parse_hex, to_hex

JsonValue: TypeAlias = Union[bool, int, float, str, list["JsonValue"], dict[str, "JsonValue"], None]
JsonObject = dict[str, JsonValue]

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}", re.ASCII)


class ParameterError(ValueError):
    """A parameter cannot be read; the message says which and why."""


def quantity(number: int) -> str:
    """The number in JSON-RPC's form."""
    return hex(number)


def hex_or_none(octets: bytes | None) -> str | None:
    """Hexadecimal, or null."""
    return None if octets is None else to_hex(octets)


def parse_quantity(value: JsonValue, what: str) -> int:
    """A non-negative integer of at most 256 bits."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise ParameterError(f"{what}: want a quantity, 0x and hexadecimal digits")
    return int(value, 16)


def parse_count(value: JsonValue, what: str) -> int:
    """A quantity, or the JSON number that some clients write in its place."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return parse_quantity(value, what)


def parse_bytes(value: JsonValue, what: str, size: int | None = None) -> bytes:
    """Hexadecimal bytes, of exactly ``size`` if given."""
    try:
        return parse_hex(value, size, what)
    except HexError as error:
        raise ParameterError(str(error)) from error


def parse_address(value: JsonValue, what: str = "address") -> Address:
    """20 bytes; the checksum's capitals are not looked at."""
    return Address(parse_bytes(value, what, 20))


def parse_hash(value: JsonValue, what: str = "hash") -> Hash32:
    """32 bytes."""
    return Hash32(parse_bytes(value, what, 32))


def parse_slot(value: JsonValue, what: str = "storage slot") -> int:
    """A storage slot: 32 bytes, or a quantity, or shorter bytes as clients write them."""
    return parse_quantity(value, what)


def parse_flag(value: JsonValue, what: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ParameterError(f"{what}: want true or false")
    return value
