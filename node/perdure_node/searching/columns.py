"""Rows turned into columns, as bytes: each kind of search reads those that it needs, and scans before it takes rows apart. Pure.

A column of texts has stripes: of names one for the folders and one for the rest, of fields one for each name, of signers one for each
place. A stripe holds each different text once, and for each row which of them it has; where all differ, text n is row n's. So what recurs
(types, people, folders) takes little room, and is compared once.
"""

import struct
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Sequence
from functools import cached_property
from itertools import chain
from typing import Final

from perdure_node.searching.flags import Flags, both, either
from perdure_node.searching.rows import NAMED, NO_DIGEST, Row
from perdure_node.searching.stripes import (
    Stripe,
    code_rows,
    flags_of_rows,
    numbers_of,
    raw_numbers,
    rows_of,
    stored_stripe,
)

NAME: Final = "name"
# texts of one part
_SINGLE: Final = ("type", "by")
# those that take little to scan come first
TEXTS: Final = (*_SINGLE, "more", "signers", "extra", NAME)
TIMES: Final = ("signed", "recorded")
DOCUMENT: Final = "document"
SUPERSEDES: Final = "supersedes"
# of the documents that support late entries; read only where a document is looked for
SUPPORTING: Final = "supporting"
NAMES: Final = (*TEXTS, *TIMES, DOCUMENT, SUPERSEDES, SUPPORTING)

# stripes for parts at most, beside that of all further parts
_STRIPES: Final = 8
# around each part where several stand in one text: in no folded text
_PART: Final = "\x1f"
_SLASH: Final = "/"

_DIGEST_SIZE = 32
_OF_ROW = struct.Struct(">H32s")
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
        among_more = _PART.encode() + text + _PART.encode()
        return either(
            chain.from_iterable((each.equal_to(text), each.holding(among_more)) for each in self.stripes)
        )


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
    columns = {name: _text_column([[getattr(row, name) for row in rows]]) for name in _SINGLE}
    columns |= {name: _by_place([getattr(row, name) for row in rows]) for name in ("signers", "more")}
    columns["extra"] = _by_name([row.extra for row in rows])
    columns[NAME] = _text_column([*zip(*(_split(row.name) for row in rows), strict=True)])
    columns |= {name: _time_column([getattr(row, name) for row in rows]) for name in TIMES}
    columns[DOCUMENT] = b"".join([row.document for row in rows])
    superseding = [(number, row.supersedes) for number, row in enumerate(rows) if row.supersedes != NO_DIGEST]
    columns[SUPERSEDES] = b"".join([_OF_ROW.pack(*each) for each in superseding])
    columns[SUPPORTING] = b"".join(
        [_OF_ROW.pack(number, digest) for number, row in enumerate(rows) for digest in row.supporting]
    )
    return columns


def digests_of_rows(raw: bytes) -> list[tuple[int, bytes]]:
    """Of the columns `SUPERSEDES` and `SUPPORTING`: rows, each with a leaf hash that it supersedes, or a document's digest."""
    return [(row, digest) for row, digest in _OF_ROW.iter_unpack(raw)]


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


def _split(name: str) -> tuple[str, str]:
    folder, slash, rest = name.rpartition(_SLASH)
    return folder + slash, rest


def _by_place(rows: Sequence[tuple[str, ...]]) -> bytes:
    return _parted_column([[*enumerate(parts)] for parts in rows])


def _by_name(rows: Sequence[tuple[str, ...]]) -> bytes:
    return _parted_column([[(part.partition(NAMED)[0], part) for part in parts] for parts in rows])


def _parted_column(rows: Sequence[Sequence[tuple[Hashable, str]]]) -> bytes:
    """A stripe for each of the keys that occur most, and one for all other parts, if there are any."""
    count = Counter(key for parts in rows for key, _ in parts)
    stripe_of = {key: number for number, (key, _) in enumerate(count.most_common(_STRIPES))}
    stripes = [[""] * len(rows) for _ in range(max(1, len(stripe_of)))]
    more = [""] * len(rows)
    for row, parts in enumerate(rows):
        for key, part in parts:
            number = stripe_of.get(key)
            if number is None or stripes[number][row]:
                more[row] = f"{more[row] or _PART}{part}{_PART}"
            else:
                stripes[number][row] = part
    return _text_column([*stripes, more] if any(more) else stripes)


def _text_column(stripes: Sequence[Sequence[str]]) -> bytes:
    return b"".join(map(stored_stripe, stripes))


def _time_column(times: Sequence[int]) -> bytes:
    different = sorted(set(times))
    number_of = {time: number for number, time in enumerate(different)}
    values = raw_numbers(array("q", different))
    return _HEAD.pack(len(values)) + values + code_rows([number_of[time] for time in times], len(different))
