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
# what stands before a string of 0 to 55 bytes, and before a list of as many
_BEFORE_STRING = tuple(bytes((_SHORT_STRING + size,)) for size in range(56))
_BEFORE_LIST = tuple(bytes((_SHORT_LIST + size,)) for size in range(56))


class RlpError(EncodingError):
    """The bytes are not one canonical RLP item, or not of the wanted shape."""


def encode(item: RlpItem) -> bytes:
    """RLP of bytes, or of nested sequences of bytes."""
    if isinstance(item, bytes):
        size = len(item)
        return item if size == 1 and item[0] < _SHORT_STRING else string_prefix(size) + item
    # short strings, which most elements are, are put here without a call for each
    payload = b"".join(
        [
            _BEFORE_STRING[len(element)] + element
            if isinstance(element, bytes) and 1 < len(element) < 56
            else encode(element)
            for element in item
        ]
    )
    return list_prefix(len(payload)) + payload


def string_prefix(size: int) -> bytes:
    """What stands before a string of ``size`` bytes; a single byte below 0x80 has nothing before it."""
    return _BEFORE_STRING[size] if size < 56 else _long_prefix(size, _LONG_STRING)


def list_prefix(size: int) -> bytes:
    """What stands before the items of a list, which take ``size`` bytes together."""
    return _BEFORE_LIST[size] if size < 56 else _long_prefix(size, _LONG_LIST)


def _long_prefix(size: int, long: int) -> bytes:
    """The byte that says how many bytes the size takes, and the size."""
    width = (size.bit_length() + 7) // 8
    return ((long + width << 8 * width) + size).to_bytes(width + 1, "big")


def decode(raw: bytes) -> Decoded:
    """The one item that ``raw`` encodes; raises `RlpError` for anything but its canonical encoding."""
    if not raw:
        raise RlpError("truncated: an item is missing")
    first, begin, end = raw[0], 0, 1
    if first >= _SHORT_STRING:
        begin, end = _payload(
            raw, 1, len(raw), first - (_SHORT_LIST if first >= _SHORT_LIST else _SHORT_STRING)
        )
    if end != len(raw):
        raise RlpError(f"trailing bytes after the item: {len(raw) - end}")
    return _items(raw, begin, end, 1) if first >= _SHORT_LIST else _items(raw, 0, end, 0)[0]


def decode_list(raw: bytes, what: str) -> list[Decoded]:
    """As `decode`, for an item that has to be a list."""
    item = decode(raw)
    if not isinstance(item, list):
        raise RlpError(f"{what}: got a string, want a list")
    return item


def _items(raw: bytes, begin: int, end: int, depth: int) -> list[Decoded]:
    """The items that fill ``raw[begin:end]``, which stand ``depth`` lists deep; in one piece, for all that is read comes through here."""
    if depth > MAX_DEPTH and begin < end:
        raise RlpError(f"nested deeper than {MAX_DEPTH} lists")
    items: list[Decoded] = []
    while begin < end:
        first = raw[begin]
        begin += 1
        if first < _SHORT_STRING:
            items.append(raw[begin - 1 : begin])
            continue
        is_list = first >= _SHORT_LIST
        size = first - (_SHORT_LIST if is_list else _SHORT_STRING)
        stop = begin + size
        if size > 55 or stop > end:
            begin, stop = _payload(raw, begin, end, size)
        if is_list:
            items.append(_items(raw, begin, stop, depth + 1))
        elif size == 1 and raw[begin] < _SHORT_STRING:
            raise RlpError("not canonical: a single byte below 0x80 has a length prefix")
        else:
            items.append(raw[begin:stop])
        begin = stop
    return items


def _payload(raw: bytes, begin: int, end: int, size: int) -> tuple[int, int]:
    """Where the payload begins and ends whose first byte said ``size``: above 55, so many bytes more than 55 say it."""
    if size > 55:
        start, begin = begin, begin + size - 55
        if begin > end:
            raise RlpError("truncated: the length of an item is cut off")
        size = int.from_bytes(raw[start:begin], "big")
        if raw[start] == 0 or size < 56:
            raise RlpError("not canonical: the long form of a length that has a shorter one")
    if begin + size > end:
        raise RlpError(f"truncated: an item of {size} bytes, {end - begin} are there")
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
    if isinstance(item, bytes):
        if size is None or len(item) == size:
            return item
        raise RlpError(f"{what}: got {len(item)} bytes, want {size}")
    raise RlpError(f"{what}: got a list, want a string")
