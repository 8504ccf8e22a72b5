"""Rows turned into columns, as bytes: each kind of search reads those that it needs, and scans before it takes rows apart. Pure.

A text column holds each different text once, in lines, and for each row which line is its; where all texts differ, as names do, line n
is row n's. So what recurs (types, people) takes little room, and is compared once.
"""

import struct
import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import Final

from perdure_node.searching.rows import NO_DIGEST, Row

TEXTS: Final = ("name", "type", "signers", "by", "extra", "more")
TIMES: Final = ("signed", "recorded")
DOCUMENT: Final = "document"
SUPERSEDES: Final = "supersedes"
NAMES: Final = (*TEXTS, *TIMES, DOCUMENT, SUPERSEDES)

_DIGEST_SIZE = 32
_SUPERSEDED = struct.Struct(">H32s")
_HEAD = struct.Struct(">I")
# beyond so many hits in a column it is faster to take all lines apart
_DENSE = 256


class TextColumn:
    """``lines`` are the different texts, UTF-8, one a line; ``codes`` each row's line, None where row n has line n."""

    def __init__(self, lines: bytes, codes: "array[int] | None") -> None:
        self._lines, self._codes = lines, codes

    @classmethod
    def of(cls, texts: Sequence[str]) -> "TextColumn":
        known: dict[str, int] = {}
        codes = array("H", [known.setdefault(text, len(known)) for text in texts])
        return cls("\n".join(known).encode(), None if len(known) == len(texts) else codes)

    @classmethod
    def parse(cls, raw: bytes) -> "TextColumn":
        (size,) = _HEAD.unpack_from(raw)
        end = _HEAD.size + size
        return cls(raw[_HEAD.size : end], _numbers("H", raw[end:]) if len(raw) > end else None)

    def encode(self) -> bytes:
        codes = b"" if self._codes is None else _raw(self._codes)
        return _HEAD.pack(len(self._lines)) + self._lines + codes

    def holding(self, needle: bytes) -> Iterable[int]:
        """The rows whose text holds these bytes."""
        return self._rows(_lines_with(self._lines, needle))

    def equal_to(self, text: bytes) -> Iterable[int]:
        """The rows with this text."""
        return self._rows([line for line, each in enumerate(self._lines.split(b"\n")) if each == text])

    def _rows(self, lines: list[int]) -> Iterable[int]:
        if self._codes is None or not lines:
            return lines
        wanted = frozenset(lines)
        return [row for row, code in enumerate(self._codes) if code in wanted]


def encode_columns(rows: Sequence[Row]) -> dict[str, bytes]:
    """All columns of these rows, by their names."""
    columns = {name: TextColumn.of([getattr(row, name) for row in rows]).encode() for name in TEXTS}
    columns |= {name: _raw(array("q", [getattr(row, name) for row in rows])) for name in TIMES}
    columns[DOCUMENT] = b"".join([row.document for row in rows])
    columns[SUPERSEDES] = b"".join(
        [
            _SUPERSEDED.pack(number, row.supersedes)
            for number, row in enumerate(rows)
            if row.supersedes != NO_DIGEST
        ]
    )
    return columns


def parse_times(raw: bytes) -> "array[int]":
    """Microseconds since 1970 of each row."""
    return _numbers("q", raw)


def parse_superseding(raw: bytes) -> list[tuple[int, bytes]]:
    """The rows that supersede another record, each with that one's leaf hash."""
    return [(row, digest) for row, digest in _SUPERSEDED.iter_unpack(raw)]


def digests_beginning(raw: bytes, digits: str) -> list[int]:
    """The rows whose digest begins with these hexadecimal digits."""
    whole = bytes.fromhex(digits[: len(digits) // 2 * 2])
    found, at = [], raw.find(whole)
    while at >= 0:
        row, offset = divmod(at, _DIGEST_SIZE)
        if not offset and raw[at : at + _DIGEST_SIZE].hex().startswith(digits):
            found.append(row)
        at = raw.find(whole, at + 1)
    return found


def _lines_with(lines: bytes, needle: bytes) -> list[int]:
    """The numbers of the lines that hold a needle."""
    found: list[int] = []
    line, counted, at = 0, 0, lines.find(needle)
    while at >= 0:
        if len(found) == _DENSE:
            return [number for number, each in enumerate(lines.split(b"\n")) if needle in each]
        line += lines.count(b"\n", counted, at)
        found.append(line)
        counted = lines.find(b"\n", at)
        if counted < 0:
            break
        at = lines.find(needle, counted)
    return found


def _raw(numbers: "array[int]") -> bytes:
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()


def _numbers(kind: str, raw: bytes) -> "array[int]":
    numbers = array(kind)
    numbers.frombytes(raw)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
