"""JSON read as far as it goes: the members before the first fault, and the fault with its line and column.

Whole files are read by the strict parser, which decides on every fault of form; only what it refuses is read again here, by the
same rules (SPEC.md, section 1.4), to find out where it breaks. Bounded: no recursion deeper than the format allows, time in
proportion to the text.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from perdure_anchor.strict_json import (
    MAX_DEPTH,
    MAX_INTEGER,
    DoubledKey,
    JsonError,
    JsonValue,
    LoneSurrogate,
    NotInteger,
    TooDeep,
    parse_json,
)

_BLANK: Final = re.compile(r"[ \t\n\r]*")
# possessive, so that no text makes it go back
_STRING: Final = re.compile(
    r'"([^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+)("?)'
)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*+)(\.[0-9]++)?([eE][+-]?[0-9]++)?")
_LITERALS: Final[dict[str, JsonValue]] = {"true": True, "false": False, "null": None}
# the most accounts that fit into a trust file are half as many; what is beyond would only take time
_MAX_VALUES: Final = 200_000
_MAX_DIGITS = len(str(MAX_INTEGER)) + 1


class CutText(str):
    """A string of which the end is missing."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """``value`` is what stands before the fault, its lists and objects closed; None and a fault where nothing does."""

    value: JsonValue
    fault: JsonError | None


def read_json(raw: bytes, what: str) -> Reading:
    """As `parse_json`, but with what can be read before a fault, whose message starts with ``what`` and tells its place."""
    try:
        return Reading(parse_json(raw, what), None)
    except JsonError as error:
        refused = error
    try:
        text, is_whole = raw.decode("utf-8"), True
    except UnicodeDecodeError as error:
        text, is_whole = raw[: error.start].decode("utf-8"), False
    reader = _Reader(text, what, is_whole)
    reader.read()
    # were there none, the strict parser's word would hold
    return Reading(reader.value, reader.fault or refused)


def drop_cut_text(value: JsonValue, kept: tuple[str, ...]) -> None:
    """Take out the text of which the end is missing, unless a member of ``kept`` holds it: half of a name is another name.

    It can only be the last value that was read.
    """
    while isinstance(value, dict | list) and value:
        if isinstance(value, dict):
            key = next(reversed(value))
            last = value[key]
            if key not in kept and isinstance(last, CutText):
                del value[key]
            if key in kept:
                return
        else:
            last = value[-1]
            if isinstance(last, CutText):
                value.pop()
        value = last


class _Reader:
    """Reads one text; `fault` once there is one, and then nothing more is read."""

    def __init__(self, text: str, what: str, is_whole: bool) -> None:
        self.text, self.what, self.is_whole = text, what, is_whole
        self.position = self.values = 0
        self.value: JsonValue = None
        self.fault: JsonError | None = None

    def read(self) -> None:
        self._blank()
        self._value(0, self._take_value)
        self._blank()
        if self.fault is None and (self.position < len(self.text) or not self.is_whole):
            self._break(JsonError, "extra data")

    def _take_value(self, value: JsonValue) -> None:
        self.value = value

    def _break(self, kind: type[JsonError], reason: str, at: int | None = None) -> None:
        """The first fault, whose place is ``at`` or the position; at the text's end it is that there is no more."""
        at = self.position if at is None else at
        if at >= len(self.text):
            kind, reason = JsonError, "is cut off" if self.is_whole else "not UTF-8"
        line = self.text.count("\n", 0, at) + 1
        column = at - self.text.rfind("\n", 0, at)
        self.fault = self.fault or kind(f"{self.what}: {reason} at line {line} column {column}")

    def _blank(self) -> None:
        match = _BLANK.match(self.text, self.position)
        self.position = self.position if match is None else match.end()

    def _next_is(self, sign: str) -> bool:
        if self.fault is None and self.text.startswith(sign, self.position):
            self.position += 1
            return True
        return False

    def _value(self, depth: int, put: Callable[[JsonValue], None]) -> None:
        """Read a value inside ``depth`` others; lists and objects are put into place before they are filled."""
        self.values += 1
        if self.values > _MAX_VALUES:
            self._break(JsonError, f"more than {_MAX_VALUES} values")
        elif depth > MAX_DEPTH:
            self._break(TooDeep, f"nested deeper than {MAX_DEPTH}")
        elif self._next_is("{"):
            members: dict[str, JsonValue] = {}
            put(members)
            self._sequence("}", lambda: self._member(depth, members))
        elif self._next_is("["):
            elements: list[JsonValue] = []
            put(elements)
            self._sequence("]", lambda: self._value(depth + 1, elements.append))
        elif self.text.startswith('"', self.position):
            self._string(put)
        else:
            self._scalar(put)

    def _sequence(self, end: str, read_one: Callable[[], None]) -> None:
        self._blank()
        if self._next_is(end):
            return
        while self.fault is None:
            read_one()
            self._blank()
            if self._next_is(end):
                return
            if self.fault is None and not self._next_is(","):
                self._break(JsonError, f"want a comma or {end}")
            self._blank()

    def _member(self, depth: int, members: dict[str, JsonValue]) -> None:
        at, names = self.position, list[JsonValue]()
        if not self.text.startswith('"', at):
            self._break(JsonError, "want a name in double quotes")
            return
        self._string(names.append)
        self._blank()
        if self.fault is not None:
            return
        name = str(names[0])
        if name in members:
            self._break(DoubledKey, f"the key {name[:40]!a} stands twice in one object", at)
        elif not self._next_is(":"):
            self._break(JsonError, "want a colon")
        else:
            self._blank()
            self._value(depth + 1, lambda value: members.update({name: value}))

    def _string(self, put: Callable[[JsonValue], None]) -> None:
        at = self.position
        match = _STRING.match(self.text, at)
        assert match is not None, "a string begins here"
        self.position = match.end()
        text: str = json.loads(f'"{match[1]}"')
        if not _has_whole_pairs(text):
            self._break(LoneSurrogate, "a string with half of a surrogate pair", at)
        elif match[2]:
            put(text)
        else:
            put(CutText(text))
            self._break_string()

    def _break_string(self) -> None:
        # an escape that is cut off ends with the text
        if self.text.startswith("\\", self.position) and len(self.text) - self.position < len(r"\u0000"):
            self.position = len(self.text)
        self._break(JsonError, "a string with a character or an escape that JSON does not have")

    def _scalar(self, put: Callable[[JsonValue], None]) -> None:
        number = _NUMBER.match(self.text, self.position)
        if number is not None:
            self._number(number, put)
            return
        for literal, value in _LITERALS.items():
            if self.text.startswith(literal, self.position):
                self.position += len(literal)
                put(value)
                return
        rest = self.text[self.position : self.position + len("false")]
        if any(literal.startswith(rest) for literal in (*_LITERALS, "-")):
            # the beginning of one, which can only be where the text ends
            self.position += len(rest)
        self._break(JsonError, "want a value")

    def _number(self, number: re.Match[str], put: Callable[[JsonValue], None]) -> None:
        digits = number[0]
        if number[1] or number[2]:
            self._break(NotInteger, "a number that is not an integer")
        elif len(digits) > _MAX_DIGITS or abs(int(digits)) > MAX_INTEGER or digits == "-0":
            self._break(NotInteger, "an integer of 2^53 or more in size, or a negative zero")
        elif number.end() == len(self.text):
            # more digits may have followed
            self.position = number.end()
            self._break(JsonError, "is cut off")
        else:
            self.position = number.end()
            put(int(digits))


def _has_whole_pairs(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
