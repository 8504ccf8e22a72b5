"""What an explanation is made of: parts with facts, in words, and the places where a file breaks.

A break is a fault of form: what stands there cannot be read as what it should be. That something is false is no break: it is told
as a fact, and judged by verification alone.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from perdure_anchor.errors import PerdureError
from perdure_anchor.strict_json import JsonValue, WrongType, take_object
from perdure_anchor.timestamp import MAX_SECONDS, format_seconds

T = TypeVar("T")


class Fact(NamedTuple):
    """One thing that a part says; a name that stands several times in a row has several values."""

    name: str
    text: str


class Break(NamedTuple):
    """Where a file stops to be what it claims, and how."""

    where: str
    error: PerdureError


@dataclass(slots=True)
class Part:
    """``name`` is the place in the file, ``title`` what stands there, ``meaning`` what it would show if it holds.

    ``steps`` are those of SPEC.md, section 9.2, by which verification judges it. ``brief`` are the names of the facts that suffice
    where the part is one of many; None: all of them.
    """

    name: str
    title: str
    meaning: str = ""
    steps: tuple[int, ...] = ()
    facts: list[Fact] = field(default_factory=list)
    breaks: list[Break] = field(default_factory=list)
    parts: list["Part"] = field(default_factory=list)
    brief: tuple[str, ...] | None = None

    def say(self, name: str, *texts: str) -> None:
        """Add facts of one name."""
        self.facts += [Fact(name, text) for text in texts]

    def read(self, where: str, reading: Callable[[], T]) -> T | None:
        """What ``reading`` gives, or None and a break at ``where`` for what it raises."""
        try:
            return reading()
        except PerdureError as error:
            self.refuse(where, error)
            return None

    def refuse(self, where: str, error: PerdureError) -> None:
        """Add a break."""
        self.breaks.append(Break(where, error))

    def all_breaks(self) -> Iterator[Break]:
        """Its own, and those of the parts within."""
        yield from self.breaks
        for part in self.parts:
            yield from part.all_breaks()


@dataclass(slots=True)
class Explanation:
    """``kind`` is one of `recognising.KINDS`, or a bundle, ``form`` how it is written, ``unread`` the members behind the place where it breaks."""

    kind: str
    form: str
    size: int
    parts: list[Part] = field(default_factory=list)
    breaks: list[Break] = field(default_factory=list)
    unread: tuple[str, ...] = ()

    def all_breaks(self) -> list[Break]:
        """Every break, each once: a fault of the whole file that a part has told already is left out."""
        told = [each for part in self.parts for each in part.all_breaks()]
        words = {(type(each.error), str(each.error)) for each in told}
        return [each for each in self.breaks if (type(each.error), str(each.error)) not in words] + told


def time_text(seconds: int) -> str:
    """Seconds since 1970 for people and for programs; whatever somebody wrote there."""
    if 0 <= seconds <= MAX_SECONDS:
        return f"{format_seconds(seconds)} ({seconds})"
    return f"{seconds} seconds since 1970, which is after the year 9999"


def value_text(value: JsonValue) -> str:
    """A value of JSON for people: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def counted(number: int, noun: str) -> str:
    """``1 seal``, ``2 seals``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def take_members(
    part: Part, value: JsonValue, keys: tuple[str, ...], *, is_whole: bool
) -> dict[str, JsonValue]:
    """The members of an object as far as there are any; which are missing or unknown is a break of a whole file only."""
    if not isinstance(value, dict):
        part.refuse(part.name, WrongType(f"{part.name}: want an object"))
        return {}
    if is_whole:
        part.read(part.name, lambda: take_object(value, part.name, keys))
    return value
