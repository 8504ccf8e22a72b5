"""Rows turned into columns, as bytes: each kind of search reads those that it needs, and scans before it takes rows apart. Pure.

A text's column has stripes: one for the folder of a name and one for the rest, or one for each part of what has parts. A stripe holds
each different text once, and for each row which of them it has; where all differ, text n is row n's. So what recurs (types, people,
folders, days) takes little room, and is compared once. Which rows are meant is told by flags: a byte for each row, 1 or 0, which are
combined as large numbers.
"""

import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import chain, compress
from typing import Final

from perdure_node.searching.rows import NO_DIGEST, Row
from perdure_node.searching.stripes import (
    Flags,
    Stripe,
    code_rows,
    flags_of_rows,
    numbers_of,
    raw_numbers,
    rows_of,
    stored_stripe,
)

NAME: Final = "name"
# texts of one part, and of several
_SINGLE: Final = ("type", "by")
_PARTED: Final = ("signers", "extra", "more")
# those that take little to scan come first
TEXTS: Final = (*_SINGLE, "more", "signers", "extra", NAME)
TIMES: Final = ("signed", "recorded")
DOCUMENT: Final = "document"
SUPERSEDES: Final = "supersedes"
NAMES: Final = (*TEXTS, *TIMES, DOCUMENT, SUPERSEDES)

# stripes for parts at most; the last has all further parts of its row
_STRIPES: Final = 8
# around each part where several stand in one text: in no folded text
_PART: Final = "\x1f"
_SLASH: Final = "/"

_DIGEST_SIZE = 32
_SUPERSEDED = struct.Struct(">H32s")
_HEAD = struct.Struct(">I")


class Texts:
    """A column of texts, of which each row has none, one or several."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    @cached_property
    def stripes(self) -> list[Stripe]:
        found, at = [], 0
        while at < len(self._raw):
            found.append(Stripe(self._raw, at))
            at = found[-1].end
        return found

    def holding(self, needle: bytes) -> Flags | None:
        """Flags of the rows of which a text holds a needle; None where there is none."""
        return either(stripe.holding(needle) for stripe in self.stripes)

    def equal_to(self, text: bytes) -> Flags | None:
        """Flags of the rows that have this text; None where there is none."""
        part = _PART.encode()
        among_more = self.stripes[-1].holding(part + text + part) if len(self.stripes) == _STRIPES else None
        return either(chain((stripe.equal_to(text) for stripe in self.stripes), (among_more,)))


class Names(Texts):
    """A column of names: a stripe of what stands before and with their last slash, and one of the rest."""

    def holding(self, needle: bytes) -> Flags | None:
        folder, slash, rest = needle.rpartition(_SLASH.encode())
        if not slash:
            return super().holding(needle)
        folders, rests = self.stripes
        whole, ending = folders.holding(needle), folders.ending_with(folder + slash)
        if not rest or ending is None:
            return whole
        beginning = rests.beginning_with(rest)
        return whole if beginning is None else either((whole, both(ending, beginning)))

    def texts(self) -> list[str]:
        """Each row's name."""
        folders, rests = (stripe.texts() for stripe in self.stripes)
        return [(folder + rest).decode() for folder, rest in zip(folders, rests, strict=True)]


class Times:
    """A column of times: the different ones in order, and which of them each row has."""

    def __init__(self, raw: bytes) -> None:
        end = _HEAD.size + _HEAD.unpack_from(raw)[0]
        self._times = numbers_of("q", raw[_HEAD.size : end])
        self._codes = raw[end:]

    def between(self, begin: int, end: int) -> Flags | None:
        """Flags of the rows whose time is begin at least and before the end; None where there is none."""
        first, last = bisect_left(self._times, begin), bisect_left(self._times, end)
        if first >= last:
            return None
        flags = bytes(first) + b"\1" * (last - first) + bytes(len(self._times) - last)
        return flags_of_rows(flags, self._codes)

    def times(self) -> Sequence[int]:
        """Each row's time."""
        return rows_of(self._times, self._codes)


def text_column(name: str, raw: bytes) -> Texts:
    """One of the columns `TEXTS`."""
    return Names(raw) if name == NAME else Texts(raw)


def encode_columns(rows: Sequence[Row]) -> dict[str, bytes]:
    """All columns of these rows, by their names."""
    columns = {name: _text_column([(getattr(row, name),) for row in rows]) for name in _SINGLE}
    columns |= {name: _text_column([_few(getattr(row, name)) for row in rows]) for name in _PARTED}
    columns[NAME] = _text_column([_split(row.name) for row in rows])
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
    """Flags of the rows that one of them flags; those that come after all rows are flagged are not asked for."""
    united: Flags | None = None
    for each in flags:
        if united is None:
            united = each
        elif each is not None:
            united = _large(int.from_bytes(united, "little") | int.from_bytes(each, "little"), len(each))
        if united is not None and 0 not in united:
            break
    return united


def both(one: Flags, other: Flags) -> Flags | None:
    """Flags of the rows that both flag; None where there is none."""
    common = int.from_bytes(one, "little") & int.from_bytes(other, "little")
    return _large(common, len(one)) if common else None


def flagged(flags: Flags | None, begin: int) -> list[int]:
    """The rows, in order, where the first is called ``begin``."""
    return [] if flags is None else [*compress(range(begin, begin + len(flags)), flags)]


def _large(number: int, size: int) -> Flags:
    return number.to_bytes(size, "little")


def _split(name: str) -> tuple[str, str]:
    folder, slash, rest = name.rpartition(_SLASH)
    return folder + slash, rest


def _few(parts: tuple[str, ...]) -> tuple[str, ...]:
    if len(parts) <= _STRIPES:
        return parts
    more = _PART.join(("", *parts[_STRIPES - 1 :], ""))
    return (*parts[: _STRIPES - 1], more)


def _text_column(rows: Sequence[tuple[str, ...]]) -> bytes:
    """One stripe at least."""
    count = max(1, *map(len, rows))
    return b"".join(
        stored_stripe([row[number] if number < len(row) else "" for row in rows]) for number in range(count)
    )


def _time_column(times: Sequence[int]) -> bytes:
    different = sorted(set(times))
    number_of = {time: number for number, time in enumerate(different)}
    values = raw_numbers(array("q", different))
    return _HEAD.pack(len(values)) + values + code_rows([number_of[time] for time in times], len(different))
