"""Recursive Length Prefix encoding (Ethereum Yellow Paper, appendix B), strict.

An item is bytes or a list of items. Decoding accepts exactly one canonical item and nothing behind it, so that
``encode(decode(raw)) == raw`` for whatever is accepted: two different byte strings never mean the same header.
"""

from collections.abc import Sequence
from typing import TypeAlias, Union

from perdure_anchor.errors import EncodingError

RlpItem: TypeAlias = Union[bytes, Sequence["RlpItem"]]
Decoded: TypeAlias = Union[bytes, list["Decoded"]]

# a header nests three deep (extraData's vote), a receipt four (topics): more is an attack on the stack
MAX_DEPTH = 16

_SHORT_STRING, _LONG_STRING, _SHORT_LIST, _LONG_LIST = 0x80, 0xB7, 0xC0, 0xF7


class RlpError(EncodingError):
    """The bytes are not one canonical RLP item, or not of the wanted shape."""


def encode(item: RlpItem) -> bytes:
    """RLP of bytes, or of nested sequences of bytes."""
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < _SHORT_STRING:
            return item
        return _prefix(len(item), _SHORT_STRING, _LONG_STRING) + item
    payload = b"".join(map(encode, item))
    return _prefix(len(payload), _SHORT_LIST, _LONG_LIST) + payload


def _prefix(size: int, short: int, long: int) -> bytes:
    if size < 56:
        return bytes((short + size,))
    length = encode_int(size)
    return bytes((long + len(length),)) + length


def decode(raw: bytes) -> Decoded:
    """The one item that ``raw`` encodes; raises `RlpError` for anything but its canonical encoding."""
    item, end = _item(raw, 0, len(raw), 0)
    if end != len(raw):
        raise RlpError(f"trailing bytes after the item: {len(raw) - end}")
    return item


def decode_list(raw: bytes, what: str) -> list[Decoded]:
    """As `decode`, for an item that has to be a list."""
    item = decode(raw)
    if not isinstance(item, list):
        raise RlpError(f"{what}: got a string, want a list")
    return item


def _item(raw: bytes, start: int, limit: int, depth: int) -> tuple[Decoded, int]:
    if depth > MAX_DEPTH:
        raise RlpError(f"nested deeper than {MAX_DEPTH} lists")
    if start >= limit:
        raise RlpError("truncated: an item is missing")
    first = raw[start]
    if first < _SHORT_STRING:
        return raw[start : start + 1], start + 1
    is_list = first >= _SHORT_LIST
    begin, end = _payload(
        raw, start, limit, *((_SHORT_LIST, _LONG_LIST) if is_list else (_SHORT_STRING, _LONG_STRING))
    )
    if is_list:
        return _items(raw, begin, end, depth + 1), end
    if end - begin == 1 and raw[begin] < _SHORT_STRING:
        raise RlpError("not canonical: a single byte below 0x80 has a length prefix")
    return raw[begin:end], end


def _items(raw: bytes, begin: int, end: int, depth: int) -> list[Decoded]:
    items: list[Decoded] = []
    while begin < end:
        item, begin = _item(raw, begin, end, depth)
        items.append(item)
    return items


def _payload(raw: bytes, start: int, limit: int, short: int, long: int) -> tuple[int, int]:
    """Where the payload of the string or list at ``start`` begins and ends."""
    first = raw[start]
    begin, size = start + 1, first - short
    if first > long:
        width = first - long
        begin += width
        if begin > limit:
            raise RlpError("truncated: the length of an item is cut off")
        size = int.from_bytes(raw[start + 1 : begin], "big")
        if raw[start + 1] == 0 or size < 56:
            raise RlpError("not canonical: the long form of a length that has a shorter one")
    if begin + size > limit:
        raise RlpError(f"truncated: an item of {size} bytes, {limit - begin} are there")
    return begin, begin + size


def encode_int(number: int) -> bytes:
    """A non-negative integer as RLP has it: big-endian, no leading zero, zero is the empty string."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def decode_int(octets: Decoded, what: str, bits: int = 64) -> int:
    """The integer that `encode_int` made ``octets`` from; below ``2**bits``."""
    if not isinstance(octets, bytes):
        raise RlpError(f"{what}: got a list, want an integer")
    if octets[:1] == b"\0":
        raise RlpError(f"{what}: an integer with a leading zero")
    number = int.from_bytes(octets, "big")
    if number >> bits:
        raise RlpError(f"{what}: an integer of more than {bits} bits")
    return number


def decode_bytes(item: Decoded, what: str, size: int | None = None) -> bytes:
    """A string item, of exactly ``size`` bytes if given."""
    if not isinstance(item, bytes):
        raise RlpError(f"{what}: got a list, want a string")
    if size is not None and len(item) != size:
        raise RlpError(f"{what}: got {len(item)} bytes, want {size}")
    return item
