"""Flags of rows: one byte for each row, 1 where it is meant, else 0; combined as large numbers. Pure."""

from collections.abc import Iterable
from itertools import compress

Flags = bytes

_OTHER_WAY = bytes.maketrans(b"\0\1", b"\1\0")


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


def others(flags: Flags) -> Flags:
    """Flags of all other rows."""
    return flags.translate(_OTHER_WAY)


def flagged(flags: Flags | None, begin: int) -> list[int]:
    """The rows, in order, where the first is called ``begin``."""
    return [] if flags is None else [*compress(range(begin, begin + len(flags)), flags)]


def _large(number: int, size: int) -> Flags:
    return number.to_bytes(size, "little")
