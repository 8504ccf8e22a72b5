"""JSON (RFC 8259) as Perdure's files use it: the subset that every reader takes for the same value.

Strings, booleans, null, integers below 2^53 in size, lists, objects; UTF-8 without a mark. Refused, each under its own
name: doubled keys, floats, larger integers, lone surrogates, nesting beyond a bound, anything behind the value.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring
from typing import Any, NoReturn, TypeAlias, Union

from perdure_anchor.errors import EncodingError
from perdure_anchor.json_nesting import nests_deeper

JsonValue: TypeAlias = Union[str, bool, int, list["JsonValue"], dict[str, "JsonValue"], None]

# beyond it JavaScript and others round (RFC 8259, section 6)
MAX_INTEGER = 2**53 - 1
# deep enough for evidence around a record's value of depth 8
MAX_DEPTH = 16
# so many levels the decoder can go down wherever it is called
_FEW = 200
_WHITE_SPACE = " \t\n\r"
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


def parse_json(raw: bytes, what: str, *, max_depth: int = MAX_DEPTH, is_flat: bool = False) -> JsonValue:
    """The value in ``raw``; raises a `JsonError` that starts with ``what``.

    ``is_flat``: the caller takes no value that is deep, so how deep it is need not be found out.
    """
    if _may_nest_deep(raw):
        _check_nesting(raw, what, max_depth)
    try:
        value = _decode(raw.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, JsonError) as error:
        _check_nesting(raw, what, max_depth)
        raise _told(error, what) from None
    if not is_flat and _is_deeper(value, max_depth):
        raise TooDeep(f"{what}: nested deeper than {max_depth}")
    if b"\\u" in raw:  # UTF-8 cannot hold half of a surrogate pair: only an escape makes one
        check_value(value, what, max_depth=max_depth)
    return value


def _may_nest_deep(raw: bytes) -> bool:
    """Whether the decoder, which recurses, must not see this text before `nests_deeper` has."""
    return len(raw) > _FEW and raw.count(b"[") + raw.count(b"{") > _FEW


def _check_nesting(raw: bytes, what: str, max_depth: int) -> None:
    if nests_deeper(raw, max_depth + 1):
        raise TooDeep(f"{what}: nested deeper than {max_depth}")


def _is_deeper(value: JsonValue, max_depth: int) -> bool:
    """Whether some value is inside more than ``max_depth`` lists and objects."""
    if not isinstance(value, dict | list):
        return max_depth < 0
    if max_depth <= 0 and value:
        return True
    for member in value.values() if isinstance(value, dict) else value:
        # not by any(), which would take twice as long; nor by isinstance(), since the decoder makes no others
        if (type(member) is dict or type(member) is list) and _is_deeper(member, max_depth - 1):
            return True
    return False


def _told(error: UnicodeDecodeError | json.JSONDecodeError | JsonError, what: str) -> JsonError:
    if isinstance(error, UnicodeDecodeError):
        return JsonError(f"{what}: not UTF-8 at byte {error.start}")
    if isinstance(error, json.JSONDecodeError):
        return JsonError(f"{what}: {_fault(error)} at line {error.lineno} column {error.colno}")
    return type(error)(f"{what}: {error}")


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


# kept, since a piece of evidence is a dozen texts
_STRICT = json.JSONDecoder(
    object_pairs_hook=_unique_members,
    parse_float=_refuse_float,
    parse_constant=_refuse_float,
    parse_int=_parse_integer,
)
_SCAN: Callable[[str, int], tuple[JsonValue, int]] = _STRICT.scan_once  # type: ignore[attr-defined]  # typeshed leaves it out


def _decode(text: str) -> JsonValue:
    """As `JSONDecoder.decode`, which takes half as long again for a short text, since it looks for white space before it."""
    value: JsonValue
    try:
        value, end = _SCAN(text, 0)
    except StopIteration:
        end = 0
    if end and not text[end:].strip(_WHITE_SPACE):
        return value
    value = _STRICT.decode(text)
    return value


def check_value(value: Any, what: str, *, max_depth: int) -> None:
    """Raise a `JsonError` unless ``value`` is of the accepted subset, each value in it inside ``max_depth`` others at most."""
    if max_depth < 0:
        raise TooDeep(f"{what}: nested too deep")
    if value is None or (isinstance(value, str) and value.isascii()):
        return
    if isinstance(value, list):
        for element in value:
            check_value(element, what, max_depth=max_depth - 1)
    elif isinstance(value, dict):
        for key, member in value.items():
            if not isinstance(key, str):
                raise WrongType(f"{what}: a key that is not text")
            if not key.isascii():
                _check_text(key, what)
            # most members, at a glance
            if max_depth and (member is None or (type(member) is str and member.isascii())):
                continue
            check_value(member, what, max_depth=max_depth - 1)
    else:
        _check_scalar(value, what)


def _check_scalar(value: Any, what: str) -> None:
    # by type first: nearly all that are no text are such
    if type(value) is bool or (type(value) is int and abs(value) <= MAX_INTEGER):
        return
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
    if len(value) == len(keys) and all(map(value.__contains__, keys)):
        return value
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


def take_boolean(value: JsonValue, what: str) -> bool:
    """``value`` as true or false."""
    if not isinstance(value, bool):
        raise WrongType(f"{what}: want true or false")
    return value
