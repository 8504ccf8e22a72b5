"""A stripe: one text for each row, each different one kept once, laid out so that a scan of the bytes tells which rows hold what. Pure."""

import struct
import sys
from array import array
from collections.abc import Sequence
from functools import cached_property
from typing import Final, TypeVar

# one byte for each row, 0 or 1
Flags = bytes

# how many texts, the size of all of them with the line feeds around them, and the size of the codes
_HEAD = struct.Struct(">III")
_LINE: Final = b"\n"
# no byte of UTF-8
_HIT: Final = b"\xff"
_ALL_BUT_HITS = bytes(set(range(256)) - {*_LINE, *_HIT})
_MISSES = bytes.maketrans(_LINE, b"\0")
_SMALL = 256
# beyond so many hits in a stripe it is faster to look at all of its lines at once
_SPARSE = 256
_Value = TypeVar("_Value")


class Stripe:
    """What stands at ``at`` in a column's bytes, up to `end`. Needles are not empty, and hold no line feed."""

    def __init__(self, raw: bytes, at: int) -> None:
        self._count, size, codes = _HEAD.unpack_from(raw, at)
        self._raw, self._begin = raw, at + _HEAD.size
        self._last = self._begin + size
        self.end = self._last + codes

    def holding(self, needle: bytes) -> Flags | None:
        """Flags of the rows whose text holds a needle; None where there is none, as in all of these."""
        return self._found(needle)

    def beginning_with(self, needle: bytes) -> Flags | None:
        """Flags of the rows whose text begins with a needle."""
        return self._found(_LINE + needle)

    def ending_with(self, needle: bytes) -> Flags | None:
        """Flags of the rows whose text ends with a needle."""
        return self._found(needle + _LINE)

    def equal_to(self, text: bytes) -> Flags | None:
        """Flags of the rows with this text."""
        return self._found(_LINE + text + _LINE)

    def texts(self) -> Sequence[bytes]:
        """Each row's text."""
        return rows_of(self._raw[self._begin : self._last].split(_LINE)[1:-1], self._codes)

    @cached_property
    def _codes(self) -> bytes:
        return self._raw[self._last : self.end]

    def _found(self, pattern: bytes) -> Flags | None:
        at = self._raw.find(pattern, self._begin, self._last)
        if at < 0:
            return None
        return flags_of_rows(self._few(pattern, at) or self._many(pattern), self._codes)

    def _few(self, pattern: bytes, at: int) -> Flags | None:
        """Flags of the texts with a pattern that first occurs at a place; None where there are too many for this."""
        raw, flags = self._raw, bytearray(self._count)
        leading = pattern.startswith(_LINE)
        number, passed = 0, self._begin + 1
        for _ in range(_SPARSE):
            at += leading
            number += raw.count(_LINE, passed, at)
            flags[number] = 1
            # no text is looked at twice
            passed = raw.index(_LINE, at)
            at = raw.find(pattern, passed, self._last)
            if at < 0:
                return bytes(flags)
        return None

    def _many(self, pattern: bytes) -> Flags:
        """The same by a few passes over all bytes: what remains of each text is whether there was a hit."""
        text = pattern.strip(_LINE)
        marked = self._raw[self._begin : self._last]
        marked = marked.replace(pattern, pattern.replace(text, _HIT)).translate(None, _ALL_BUT_HITS)
        while _HIT * 2 in marked:
            marked = marked.replace(_HIT * 2, _HIT)
        return marked[1:].replace(_HIT + _LINE, b"\1").translate(_MISSES)


def stored_stripe(texts: Sequence[str]) -> bytes:
    """One text for each row, none with a line feed in it."""
    known: dict[str, int] = {}
    codes = code_rows([known.setdefault(text, len(known)) for text in texts], len(known))
    values = "\n".join(("", *known, "")).encode()
    return _HEAD.pack(len(known), len(values), len(codes)) + values + codes


def code_rows(codes: list[int], count: int) -> bytes:
    """Which of ``count`` values each row has, so that `rows_of` knows it; nothing where row n has value n."""
    if count == len(codes) and codes == list(range(count)):
        return b""
    if count <= _SMALL:
        return b"B" + bytes(codes)
    return b"H" + raw_numbers(array("H", codes))


def rows_of(values: Sequence[_Value], coded: bytes) -> Sequence[_Value]:
    """Each row's value."""
    codes = _decoded(coded)
    return values if codes is None else [values[code] for code in codes]


def flags_of_rows(values: Flags, coded: bytes) -> Flags:
    """Flags of rows from flags of values."""
    codes = _decoded(coded)
    if codes is None:
        return values
    if isinstance(codes, bytes):
        return codes.translate(values.ljust(_SMALL, b"\0"))
    return bytes(map(values.__getitem__, codes))


def raw_numbers(numbers: "array[int]") -> bytes:
    """As they are stored, the least byte first."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def numbers_of(kind: str, raw: bytes) -> "array[int]":
    """The inverse of `raw_numbers`."""
    numbers = array(kind)
    numbers.frombytes(raw)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _decoded(coded: bytes) -> "bytes | array[int] | None":
    if not coded:
        return None
    return coded[1:] if coded.startswith(b"B") else numbers_of("H", coded[1:])
