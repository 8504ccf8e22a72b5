"""Rows turned into columns, as bytes: each kind of search reads those that it needs, and scans before it takes rows apart. Pure.

A column holds each different value once, and for each row which of them it has; where all values differ, as names do, value n is
row n's. So what recurs (types, people, days) takes little room, and is compared once. Which rows are meant is told by flags: a byte for
each row, 1 or 0, which are combined as large numbers.
"""

import struct
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate, compress
from operator import methodcaller
from typing import Final

from perdure_node.searching.rows import NO_DIGEST, Row

TEXTS: Final = ("name", "type", "signers", "by", "extra", "more")
TIMES: Final = ("signed", "recorded")
DOCUMENT: Final = "document"
SUPERSEDES: Final = "supersedes"
NAMES: Final = (*TEXTS, *TIMES, DOCUMENT, SUPERSEDES)

# one byte for each row, 0 or 1
Flags = bytes

_DIGEST_SIZE = 32
_SUPERSEDED = struct.Struct(">H32s")
_HEAD = struct.Struct(">I")
_SMALL = 256
# beyond so many hits in a column it is faster to take all lines apart
_DENSE = 2048
_LINES = methodcaller("count", b"\n")


class Column:
    """The different values as ``raw[4:end]``; ``codes`` are each row's value by its number, None where row n has value n."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.end = _HEAD.size + _HEAD.unpack_from(raw)[0]
        self._codes: bytes | array[int] | None = None
        if kind := raw[self.end : self.end + 1]:
            codes = raw[self.end + 1 :]
            self._codes = codes if kind == b"B" else _numbers("H", codes)

    def texts_holding(self, needle: bytes) -> Flags | None:
        """Flags of the rows whose text holds a needle; None where there is none."""
        return self._rows(self._lines_with(needle))

    def texts_equal_to(self, text: bytes) -> Flags | None:
        """Flags of the rows with this text; None where there is none."""
        lines = self.raw[_HEAD.size : self.end].split(b"\n")
        return self._rows(bytes(line == text for line in lines) if text in lines else None)

    def times_between(self, begin: int, end: int) -> Flags | None:
        """Flags of the rows whose time is begin at least and before the end; None where there is none."""
        times = _numbers("q", self.raw[_HEAD.size : self.end])
        first, last = bisect_left(times, begin), bisect_left(times, end)
        return self._rows(
            bytes(first) + b"\1" * (last - first) + bytes(len(times) - last) if first < last else None
        )

    def times(self) -> list[int]:
        """Each row's time."""
        times = _numbers("q", self.raw[_HEAD.size : self.end])
        return list(times) if self._codes is None else [times[code] for code in self._codes]

    def texts(self) -> list[str]:
        """Each row's text."""
        lines = self.raw[_HEAD.size : self.end].decode().split("\n")
        return lines if self._codes is None else [lines[code] for code in self._codes]

    def _rows(self, values: Flags | None) -> Flags | None:
        """Flags of rows from flags of values."""
        if values is None or self._codes is None:
            return values
        if isinstance(self._codes, bytes):
            return self._codes.translate(values.ljust(_SMALL, b"\0"))
        return bytes(map(values.__getitem__, self._codes))

    def _lines_with(self, needle: bytes) -> Flags | None:
        raw, end = self.raw, self.end
        if raw.find(needle, _HEAD.size, end) < 0:
            return None
        values = raw[_HEAD.size : end]
        # a needle holds no line feed: so many lines as end before it does are before the line that holds it
        before = values.split(needle)[:-1]
        if len(before) > _DENSE:
            return bytes([needle in line for line in values.split(b"\n")])
        flags = bytearray(values.count(b"\n") + 1)
        for line in accumulate(map(_LINES, before)):
            flags[line] = 1
        return bytes(flags)


def encode_columns(rows: Sequence[Row]) -> dict[str, bytes]:
    """All columns of these rows, by their names."""
    columns = {name: _text_column([getattr(row, name) for row in rows]) for name in TEXTS}
    columns |= {name: _time_column([getattr(row, name) for row in rows]) for name in TIMES}
    columns[DOCUMENT] = b"".join([row.document for row in rows])
    superseding = [(number, row.supersedes) for number, row in enumerate(rows) if row.supersedes != NO_DIGEST]
    columns[SUPERSEDES] = b"".join([_SUPERSEDED.pack(*each) for each in superseding])
    return columns


def superseding_rows(raw: bytes) -> list[tuple[int, bytes]]:
    """The rows that supersede another record, each with that one's leaf hash."""
    return [(row, digest) for row, digest in _SUPERSEDED.iter_unpack(raw)]


def digests_beginning(raw: bytes, digits: str) -> Flags | None:
    """Flags of the rows whose digest begins with these hexadecimal digits, two at least; None where there is none."""
    whole = bytes.fromhex(digits[: len(digits) // 2 * 2])
    found = bytearray(len(raw) // _DIGEST_SIZE)
    at = raw.find(whole)
    while at >= 0:
        row, offset = divmod(at, _DIGEST_SIZE)
        if not offset and raw[at : at + _DIGEST_SIZE].hex().startswith(digits):
            found[row] = 1
        at = raw.find(whole, at + 1)
    return bytes(found) if 1 in found else None


def either(flags: Iterable[Flags | None]) -> Flags | None:
    """Flags of the rows that one of them flags."""
    given = [each for each in flags if each is not None]
    if len(given) <= 1:
        return given[0] if given else None
    united = 0
    for each in given:
        united |= int.from_bytes(each, "little")
    return united.to_bytes(len(given[0]), "little")


def both(one: Flags, other: Flags) -> Flags | None:
    """Flags of the rows that both flag; None where there is none."""
    common = int.from_bytes(one, "little") & int.from_bytes(other, "little")
    return common.to_bytes(len(one), "little") if common else None


def flagged(flags: Flags | None) -> Iterable[int]:
    """The rows, in order."""
    return () if flags is None else compress(range(len(flags)), flags)


def _text_column(texts: Sequence[str]) -> bytes:
    known: dict[str, int] = {}
    codes = [known.setdefault(text, len(known)) for text in texts]
    return _column("\n".join(known).encode(), codes, len(known))


def _time_column(times: Sequence[int]) -> bytes:
    different = sorted(set(times))
    number_of = {time: number for number, time in enumerate(different)}
    return _column(_raw(array("q", different)), [number_of[time] for time in times], len(different))


def _column(values: bytes, codes: list[int], count: int) -> bytes:
    head = _HEAD.pack(len(values))
    # sorted times of rows that come in another order need their codes
    if count == len(codes) and codes == list(range(count)):
        return head + values
    if count <= _SMALL:
        return head + values + b"B" + bytes(codes)
    return head + values + b"H" + _raw(array("H", codes))


def _raw(numbers: "array[int]") -> bytes:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _numbers(kind: str, raw: bytes) -> "array[int]":
    numbers = array(kind)
    numbers.frombytes(raw)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
