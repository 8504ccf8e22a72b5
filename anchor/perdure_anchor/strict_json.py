"""JSON (RFC 8259) as Perdure's files use it: the subset that every reader takes for the same value.

Strings, booleans, null, integers below 2^53 in size, lists, objects; UTF-8 without a mark. Refused, each under its own
name: doubled keys, floats, larger integers, lone surrogates, nesting beyond a bound, anything behind the value.
"""

import json
from collections import Counter
from collections.abc import Mapping
from json.encoder import encode_basestring
from typing import Any, NoReturn, TypeAlias, Union

from perdure_anchor.errors import EncodingError
from perdure_anchor.json_nesting import nests_deeper

JsonValue: TypeAlias = Union[str, bool, int, list["JsonValue"], dict[str, "JsonValue"], None]

# beyond it JavaScript and others round (RFC 8259, section 6)
MAX_INTEGER = 2**53 - 1
# deep enough for evidence around a record's value of depth 8
MAX_DEPTH = 16
_MAX_DIGITS = len(str(MAX_INTEGER)) + 1
# kept, since a record is encoded slot by slot
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
# a string as JSON text, as the encoder writes it: called straight, since registers are long and mostly text
encode_text = encode_basestring


class JsonError(EncodingError):
    """The bytes are not JSON of the accepted subset."""


class DoubledKey(JsonError):
    """An object has two members of one name."""


class NotInteger(JsonError):
    """A number is not an integer below 2^53 in size."""


class LoneSurrogate(JsonError):
    """A string has half of a surrogate pair, which UTF-8 cannot encode."""


class TooDeep(JsonError):
    """Lists and objects are nested deeper than the bound."""


class UnknownKey(JsonError):
    """An object has a member that the format does not name."""


class MissingKey(JsonError):
    """An object lacks a member that the format wants."""


class WrongType(JsonError):
    """A value is not of the type that the format wants there."""


def parse_json(raw: bytes, what: str, *, max_depth: int = MAX_DEPTH) -> JsonValue:
    """The value in ``raw``; raises a `JsonError` that starts with ``what``."""
    is_deep = nests_deeper(raw, max_depth)
    if is_deep and nests_deeper(raw, max_depth + 1):
        raise TooDeep(f"{what}: nested deeper than {max_depth}")
    try:
        value: JsonValue = _STRICT.decode(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise JsonError(f"{what}: not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise JsonError(f"{what}: {_fault(error)} at line {error.lineno} column {error.colno}") from None
    except JsonError as error:
        raise type(error)(f"{what}: {error}") from None
    if is_deep or b"\\ud" in raw or b"\\uD" in raw:
        check_value(value, what, max_depth=max_depth)
    return value


def _fault(error: json.JSONDecodeError) -> str:
    """The decoder's words, which blame a missing end on what would have followed."""
    if error.doc[:1] == "\ufeff":
        return "starts with a byte order mark"
    if error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated"):
        return "is cut off"
    return error.msg[:1].lower() + error.msg[1:]


def _unique_members(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) != len(pairs):
        # in one pass: a file within the bounds can have half a million keys
        doubled, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise DoubledKey(f"the key {doubled[:40]!a} stands twice in one object")
    return members


def _refuse_float(_: str) -> NoReturn:
    raise NotInteger("a number that is not an integer")


def _parse_integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS or abs(int(digits)) > MAX_INTEGER or digits == "-0":
        raise NotInteger("an integer of 2^53 or more in size, or a negative zero")
    return int(digits)


# kept, since a piece of evidence is a dozen texts. What it lets through, `check_value` can only find too deep, or with half of
# a surrogate pair, which UTF-8 cannot hold: only an escape makes one
_STRICT = json.JSONDecoder(
    object_pairs_hook=_unique_members,
    parse_float=_refuse_float,
    parse_constant=_refuse_float,
    parse_int=_parse_integer,
)


def check_value(value: Any, what: str, *, max_depth: int) -> None:
    """Raise a `JsonError` unless ``value`` is of the accepted subset, each value in it inside ``max_depth`` others at most."""
    if max_depth < 0:
        raise TooDeep(f"{what}: nested too deep")
    if isinstance(value, list):
        for element in value:
            check_value(element, what, max_depth=max_depth - 1)
    elif isinstance(value, dict):
        for key, member in value.items():
            if not isinstance(key, str):
                raise WrongType(f"{what}: a key that is not text")
            _check_text(key, what)
            check_value(member, what, max_depth=max_depth - 1)
    else:
        _check_scalar(value, what)


def _check_scalar(value: Any, what: str) -> None:
    match value:
        case None | bool():
            return
        case str():
            _check_text(value, what)
        case int() if abs(value) <= MAX_INTEGER:
            return
        case int() | float():
            raise NotInteger(f"{what}: a number that is not an integer below 2^53 in size")
        case _:
            raise WrongType(f"{what}: a value of type {type(value).__name__}, which JSON does not have")


def _check_text(text: str, what: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise LoneSurrogate(f"{what}: a string with half of a surrogate pair") from None


def encode_compact(value: JsonValue) -> str:
    """JSON text without white space, other than ASCII as it is."""
    return _COMPACT.encode(value)


def encode_pretty(value: Mapping[str, JsonValue]) -> bytes:
    """JSON as a file that people open: indented, one final line feed, UTF-8."""
    return (json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode("utf-8")


def take_object(
    value: JsonValue, what: str, keys: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, JsonValue]:
    """``value`` as an object with exactly ``keys`` (and maybe some of ``optional``)."""
    if not isinstance(value, dict):
        raise WrongType(f"{what}: want an object")
    for key in value:
        if key not in keys and key not in optional:
            raise UnknownKey(f"{what}: unknown key {key[:40]!a}")
    for key in keys:
        if key not in value:
            raise MissingKey(f"{what}: the key {key!r} is missing")
    return value


def take_list(value: JsonValue, what: str, max_length: int) -> list[JsonValue]:
    """``value`` as a list of at most ``max_length`` elements."""
    if not isinstance(value, list):
        raise WrongType(f"{what}: want a list")
    if len(value) > max_length:
        raise WrongType(f"{what}: got {len(value)} elements, want at most {max_length}")
    return value


def take_text(value: JsonValue, what: str, max_length: int = 1024) -> str:
    """``value`` as a string of at most ``max_length`` characters."""
    if not isinstance(value, str):
        raise WrongType(f"{what}: want a string")
    if len(value) > max_length:
        raise WrongType(f"{what}: got {len(value)} characters, want at most {max_length}")
    return value


def take_integer(value: JsonValue, what: str, maximum: int = MAX_INTEGER) -> int:
    """``value`` as an integer from 0 to ``maximum``."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise WrongType(f"{what}: want an integer")
    if not 0 <= value <= maximum:
        raise WrongType(f"{what}: got {value}, want 0 to {maximum}")
    return value
