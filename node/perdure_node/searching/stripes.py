"""A stripe: one text for each row, each different one kept once, laid out so that a scan of the bytes tells which rows hold what. Pure."""

import struct
import sys
from array import array
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate, chain, compress, repeat
from operator import sub
from typing import Final, TypeVar

from perdure_node.searching.flags import Flags, either, others

# how many texts; the sizes of what they share, of all of them with the line feeds around them, and of the codes
_HEAD = struct.Struct(">IIII")
_LINE: Final = b"\n"
# no bytes of UTF-8
_HIT: Final = b"\xff"
_EMPTY: Final = b"\xfe"
_ALL_BUT_HITS = bytes(set(range(256)) - {*_LINE, *_HIT})
_MISSES = bytes.maketrans(_LINE, b"\0")
_SMALL = 256
# beyond so many hits in a stripe it is faster to look at all of its lines at once
_SPARSE = 128
_Value = TypeVar("_Value")


class Stripe:
    """What stands at ``at`` in a column's bytes, up to `end`. Needles are not empty, and hold no line feed.

    What all texts begin with, but for empty ones, is kept once: a needle is in it, behind it, or in both.
    """

    def __init__(self, raw: bytes, at: int) -> None:
        self._count, shared, size, codes = _HEAD.unpack_from(raw, at)
        begin = at + _HEAD.size
        self._raw, self._begin = raw, begin + shared
        self._shared = raw[begin : self._begin]
        self._last = self._begin + size
        self.end = self._last + codes

    def holding(self, needle: bytes) -> Flags | None:
        """Flags of the rows whose text holds a needle; None where there is none, as in all of these."""
        if needle in self._shared:
            return self._not_empty
        across = [_LINE + rest for rest in self._behind(needle) if rest]
        return either(map(self._found, (needle, *across)))

    def beginning_with(self, needle: bytes) -> Flags | None:
        """Flags of the rows whose text begins with a needle."""
        if self._shared.startswith(needle):
            return self._not_empty
        return self._found(_LINE + needle[len(self._shared) :]) if needle.startswith(self._shared) else None

    def ending_with(self, needle: bytes) -> Flags | None:
        """Flags of the rows whose text ends with a needle."""
        across = [_LINE + rest + _LINE for rest in self._behind(needle)]
        return either(map(self._found, (needle + _LINE, *across)))

    def equal_to(self, text: bytes) -> Flags | None:
        """Flags of the rows with this text, which may be empty."""
        if text and not text.startswith(self._shared):
            return None
        return self._found(_LINE + (text[len(self._shared) :] if text else _EMPTY) + _LINE)

    def texts(self) -> Sequence[bytes]:
        """Each row's text."""
        lines = self._raw[self._begin : self._last].split(_LINE)[1:-1]
        return rows_of([b"" if line == _EMPTY else self._shared + line for line in lines], self._codes)

    @cached_property
    def _codes(self) -> bytes:
        return self._raw[self._last : self.end]

    @property
    def _not_empty(self) -> Flags | None:
        """Of some rows: where all are empty they share nothing."""
        empty = self.equal_to(b"")
        return flags_of_rows(b"\1" * self._count, self._codes) if empty is None else others(empty)

    def _behind(self, needle: bytes) -> list[bytes]:
        """What of a needle comes behind what is shared, for each way in which that ends with the needle's begin."""
        return [needle[size:] for size in range(1, len(needle) + 1) if self._shared.endswith(needle[:size])]

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
    shared = _shared([text for text in known if text])
    lines = [text[len(shared) :].encode() if text else _EMPTY for text in known]
    begin, values = shared.encode(), _LINE.join((b"", *lines, b""))
    return _HEAD.pack(len(known), len(begin), len(values), len(codes)) + begin + values + codes


def _shared(texts: Sequence[str]) -> str:
    """What all of them begin with: what the first and the last in order do."""
    if not texts:
        return ""
    first, last = min(texts), max(texts)
    return first[
        : next((at for at, pair in enumerate(zip(first, last, strict=False)) if len({*pair}) > 1), len(first))
    ]


def code_rows(codes: list[int], count: int) -> bytes:
    """Which of ``count`` values each row has, so that `rows_of` knows it; nothing where row n has value n.

    Of a few values their number for each row; else of each value where its rows begin, and the rows of all values one after another.
    """
    if count == len(codes) and codes == list(range(count)):
        return b""
    if count <= _SMALL:
        return b"B" + bytes(codes)
    rows = sorted(range(len(codes)), key=codes.__getitem__)
    sizes = Counter(codes)
    begins = accumulate((sizes[code] for code in range(count)), initial=0)
    return b"H" + raw_numbers(array("H", [*begins, *rows]))


def rows_of(values: Sequence[_Value], coded: bytes) -> Sequence[_Value]:
    """Each row's value."""
    if not coded:
        return values
    if coded.startswith(b"B"):
        return [values[code] for code in coded[1:]]
    begins, rows = _rows_of_values(coded, len(values))
    found = dict(
        zip(rows, chain.from_iterable(map(repeat, values, map(sub, begins[1:], begins))), strict=True)
    )
    return [found[row] for row in range(len(rows))]


def flags_of_rows(values: Flags, coded: bytes) -> Flags:
    """Flags of rows from flags of values."""
    if not coded:
        return values
    if coded.startswith(b"B"):
        return coded[1:].translate(values.ljust(_SMALL, b"\0"))
    begins, rows = _rows_of_values(coded, len(values))
    # the fewer ones are gone through
    often = values.count(1) * 2 > len(values)
    flags = bytearray(b"\1" if often else b"\0") * len(rows)
    for value in compress(range(len(values)), others(values) if often else values):
        for row in rows[begins[value] : begins[value + 1]]:
            flags[row] = not often
    return bytes(flags)


def _rows_of_values(coded: bytes, count: int) -> tuple[Sequence[int], Sequence[int]]:
    """Where each value's rows begin, and one more, and the rows."""
    numbers = numbers_of("H", coded[1:])
    return numbers[: count + 1], numbers[count + 1 :]


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
