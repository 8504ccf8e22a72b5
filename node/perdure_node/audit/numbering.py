"""A site's own numbering: gaps and doubles among numbers that its records hold, such as contract numbers. Pure."""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import groupby

from perdure_anchor.errors import ConfigError
from perdure_anchor.record import SLOTS
from perdure_anchor.strict_json import JsonValue

# what stands before the last digits is the series: 2026-017 is number 17 of 2026-
LAST_DIGITS = r"^(?P<series>.*?)(?P<number>\d+)\D*$"
# longer values of a field are looked at so far
_MAX_VALUE = 1024
# of the numbers that are named in a finding
_MAX_NAMED = 20
_MAX_DIGITS = 18


class NumberingError(ConfigError):
    """The option --numbering, or the policy's numbering, cannot be understood."""


@dataclass(frozen=True, slots=True)
class Numbering:
    """Where numbers stand: a slot, or ``extra.KEY``, and an expression with a group ``number``, maybe one ``series``."""

    field: str
    expression: str

    @property
    def text(self) -> str:
        return f"{self.field}={self.expression}"


def parse_numbering(text: str) -> Numbering:
    """``FIELD=REGEX``; raises `NumberingError`."""
    field, sign, expression = text.partition("=")
    if not sign or not expression:
        raise NumberingError(
            f"numbering: got {text[:80]!a}, want FIELD=REGEX",
            hint=r"as in document_name='(?P<number>\d+)\.pdf'",
        )
    if field not in SLOTS and not (field.startswith("extra.") and field != "extra."):
        raise NumberingError(
            f"numbering: got the field {field[:40]!a}, want a slot's name, or extra.KEY",
            hint=f"slots are {', '.join(SLOTS)}",
        )
    compiled = _compiled(expression)
    if compiled.groups == 0 or (compiled.groups > 1 and "number" not in compiled.groupindex):
        raise NumberingError(
            "numbering: the expression has no group that is the number",
            hint=r"put the number into parentheses, as in (\d+); with several groups, name it: (?P<number>\d+)",
        )
    return Numbering(field, expression)


def _compiled(expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression)
    except re.error as error:
        raise NumberingError(f"numbering: {expression[:80]!a} is no regular expression: {error}") from None


class Reader:
    """Reads the numbers of records."""

    def __init__(self, numberings: Iterable[Numbering]) -> None:
        self._numberings = [(each.field, _compiled(each.expression)) for each in numberings]

    def read(self, values: Mapping[str, JsonValue]) -> Iterator[tuple[int, tuple[str, int] | None]]:
        """For each numbering whose field the record fills: which it is, and its series and number, None: it does not match."""
        for which, (field, expression) in enumerate(self._numberings):
            slot, _, key = field.partition(".")
            value = values[slot]
            if key:
                value = value.get(key) if isinstance(value, dict) else None
            if value is None or isinstance(value, dict | list | bool):
                continue
            yield which, _number(expression, str(value)[:_MAX_VALUE])


def _number(expression: re.Pattern[str], text: str) -> tuple[str, int] | None:
    match = expression.search(text)
    if match is None:
        return None
    names = expression.groupindex
    digits = match["number"] if "number" in names else match[1]
    if not digits or len(digits) > _MAX_DIGITS or not digits.isdecimal():
        return None
    series = (match["series"] or "") if "series" in names else ""
    return series, int(digits)


class Numbers:
    """The numbers of all records, by numbering and series: of millions of records sixteen bytes each."""

    def __init__(self) -> None:
        self._series: dict[tuple[int, str], tuple[array[int], array[int]]] = {}
        self.count = 0

    def add(self, which: int, series: str, number: int, sequence: int) -> None:
        """A record, by its sequence number, has a number of one of the numberings."""
        numbers, records = self._series.setdefault((which, series), (array("q"), array("q")))
        numbers.append(number)
        records.append(sequence)
        self.count += 1

    def gaps_and_doubles(
        self, numberings: Iterable[Numbering], name: Callable[[int], str], superseded: Set[str]
    ) -> Iterator[tuple[str, str, int]]:
        """Kinds of findings, with an example for each run of missing numbers or each double number, and how many those are.

        ``name`` gives the leaf hash of a record, in hexadecimal. Of records in ``superseded`` (leaf hashes) the numbers are taken as
        used, but not as double.
        """
        fields = [each.field for each in numberings]
        for (which, series), (numbers, records) in sorted(self._series.items(), key=lambda item: item[0]):
            where = fields[which] + (f", series {series[:80]!a}" if series else "")
            last: int | None = None
            for number, places in groupby(
                sorted(range(len(numbers)), key=numbers.__getitem__), numbers.__getitem__
            ):
                if last is not None:
                    yield from _gap(where, last, number)
                last = number
                yield from _double(where, number, [records[place] for place in places], name, superseded)


def _gap(where: str, before: int, after: int) -> Iterator[tuple[str, str, int]]:
    missing = after - before - 1
    if missing == 1:
        yield "number_missing", f"{where}: {before + 1}", 1
    elif missing > 1:
        yield "number_missing", f"{where}: {before + 1} to {after - 1}", missing


def _double(
    where: str, number: int, records: Sequence[int], name: Callable[[int], str], superseded: Set[str]
) -> Iterator[tuple[str, str, int]]:
    if len(records) > 1:
        left = [leaf for leaf in map(name, records) if leaf not in superseded]
        if len(left) > 1:
            yield "number_double", f"{where}: {number} in {', '.join(left[:_MAX_NAMED])}", 1
