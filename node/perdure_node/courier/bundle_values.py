"""Values that stand in several places of a bundle's head, as they are read (SPEC.md, section 12.2)."""

from perdure_anchor.base64_text import parse_hash32
from perdure_anchor.checkpoint import MAX_TREE_SIZE
from perdure_anchor.hashes import Address, Hash32, parse_hex
from perdure_anchor.strict_json import (
    JsonValue,
    take_integer,
    take_list,
    take_text,
)

from perdure_node.courier.bundle import (
    ID_SIZE,
)
from perdure_node.courier.errors import BundleError


def parse_hex_octets(value: JsonValue, size: int, what: str) -> bytes:
    """As many bytes, in lower-case hexadecimal digits without a prefix."""
    text = take_text(value, what, 2 * size)
    try:
        octets = bytes.fromhex(text)
    except ValueError:
        octets = b""
    if len(octets) != size or octets.hex() != text:
        raise BundleError(f"{what}: want {2 * size} lower-case hexadecimal digits")
    return octets


def parse_challenge(value: JsonValue) -> bytes | None:
    """16 bytes, or None for null; raises `EncodingError`."""
    return None if value is None else parse_hex_octets(value, ID_SIZE, "challenge")


def parse_address(value: JsonValue, what: str) -> Address:
    """An account; raises `HexError`."""
    return Address(parse_hex(value, 20, what))


def parse_hashes(value: JsonValue, what: str, at_most: int) -> tuple[Hash32, ...]:
    """A list of hashes in base64; raises `EncodingError`."""
    return tuple([parse_hash32(each, what) for each in take_list(value, what, at_most)])


def parse_size(value: JsonValue, what: str) -> int:
    """Of a log, or an index in it; raises `WrongType`."""
    return take_integer(value, what, MAX_TREE_SIZE)


def parse_log_size(value: JsonValue, what: str) -> int:
    """Of a log that is signed: it has a last record."""
    size = parse_size(value, what)
    if not size:
        raise BundleError(f"{what}: got 0, and nobody signs a log without records")
    return size
