"""The JSON subset: each refusal under its own name, in files and in values that callers build."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.strict_json import (
    MAX_DEPTH,
    MAX_INTEGER,
    DoubledKey,
    JsonError,
    JsonValue,
    LoneSurrogate,
    MissingKey,
    NotInteger,
    TooDeep,
    UnknownKey,
    WrongType,
    check_value,
    encode_compact,
    encode_pretty,
    parse_json,
    take_integer,
    take_list,
    take_object,
    take_text,
)

texts = st.text(st.characters(codec="utf-8"), max_size=8)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | texts,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(texts, children, max_size=4),
    max_leaves=20,
)


@given(values)
def test_values_come_back(value: JsonValue) -> None:
    assert parse_json(encode_compact(value).encode(), "value") == value
    assert parse_json(encode_pretty({"value": value}), "value") == {"value": value}
    assert parse_json(json.dumps(value).encode(), "value") == value


REFUSED: dict[str, tuple[bytes, type[JsonError], str]] = {
    "no bytes": (b"", JsonError, "file: is cut off at line 1 column 1"),
    "a cut": (b'{"a": [1, 2', JsonError, "is cut off"),
    "trailing bytes": (b"{} {}", JsonError, "extra data at line 1 column 4"),
    "a trailing NUL": (b"{}\0", JsonError, "extra data"),
    "not UTF-8": (b'"\xff"', JsonError, "file: not UTF-8 at byte 1"),
    "a surrogate in UTF-8": (b'"\xed\xa0\x80"', JsonError, "not UTF-8"),
    "an overlong UTF-8 form": (b'"\xc0\xaf"', JsonError, "not UTF-8"),
    "UTF-16": ("{}".encode("utf-16"), JsonError, "not UTF-8"),
    "a byte order mark": (b"\xef\xbb\xbf{}", JsonError, "byte order mark"),
    "a control character": (b'"\x01"', JsonError, "control character"),
    "a comment": (b"{} // x", JsonError, "extra data"),
    "a leading zero": (b"01", JsonError, "extra data"),
    "a trailing comma": (b"[1,]", JsonError, "at line 1"),
    "single quotes": (b"{'a':1}", JsonError, "at line 1"),
    "a doubled key": (b'{"a": 1, "b": 1, "a": 1}', DoubledKey, "file: the key 'a' stands twice"),
    "a doubled key, escaped once": (rb'{"a": 1, "\u0061": 2}', DoubledKey, "the key 'a' stands twice"),
    "a doubled key inside": (b'[{"x": {"k": 1, "k": 2}}]', DoubledKey, "the key 'k' stands twice"),
    "a float": (b"1.0", NotInteger, "file: a number that is not an integer"),
    "an exponent": (b"1e2", NotInteger, "not an integer"),
    "NaN": (b"NaN", NotInteger, "not an integer"),
    "infinity": (b"[-Infinity]", NotInteger, "not an integer"),
    "2^53": (b"9007199254740992", NotInteger, "2\\^53 or more"),
    "-2^53": (b"-9007199254740992", NotInteger, "2\\^53 or more"),
    "more digits than int() takes": (b"1" * 5_000, NotInteger, "2\\^53 or more"),
    "a negative zero": (b"-0", NotInteger, "negative zero"),
    "a lone surrogate": (rb'"\ud800"', LoneSurrogate, "half of a surrogate pair"),
    "a lone surrogate in a key": (rb'{"\udc00": 1}', LoneSurrogate, "half of a surrogate pair"),
    "a value inside 17 lists": (b"[" * 17 + b"0" + b"]" * 17, TooDeep, "nested deeper than 16"),
    "a list inside 17 lists": (b"[" * 18 + b"]" * 18, TooDeep, "file: nested deeper than 16"),
    "a hundred thousand lists": (b"[" * 100_000, TooDeep, "file: nested deeper than 16"),
    "a hundred thousand objects": (b'{"a":' * 100_000, TooDeep, "file: nested deeper than 16"),
}


@pytest.mark.parametrize(("raw", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_refuses(raw: bytes, error: type[JsonError], message: str) -> None:
    with pytest.raises(JsonError, match=message) as caught:
        parse_json(raw, "file")
    assert caught.type is error


def test_accepts_up_to_its_bounds() -> None:
    assert parse_json(b"[" * MAX_DEPTH + b"0" + b"]" * MAX_DEPTH, "file")
    assert parse_json(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "file")
    assert parse_json(b'{"a":' * MAX_DEPTH + b"0" + b"}" * MAX_DEPTH, "file")
    assert parse_json(b"[9007199254740991, -9007199254740991]", "file") == [MAX_INTEGER, -MAX_INTEGER]
    assert parse_json(rb'"\ud83d\ude00"', "file") == "\U0001f600"


def test_finds_a_doubled_key_among_very_many() -> None:
    """In one pass: a quadratic search would take hours over a file that is within the bounds for evidence."""
    members = ",".join(f'"{number}":0' for number in range(200_000))
    with pytest.raises(DoubledKey, match="'199999' stands twice"):
        parse_json(f'{{{members},"199999":0}}'.encode(), "file")


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (1.5, NotInteger),
        (2**53, NotInteger),
        ({1: 2}, WrongType),
        (b"bytes", WrongType),
        ((1, 2), WrongType),
        (["\ud800"], LoneSurrogate),
        ({"\ud800": 1}, LoneSurrogate),
        ([[[[]]]], TooDeep),
        ({"a": {"b": {"c": {}}}}, TooDeep),
    ],
)
def test_refuses_built_values(value: Any, error: type[JsonError]) -> None:
    with pytest.raises(error):
        check_value(value, "value", max_depth=2)


def test_objects_have_exactly_their_keys() -> None:
    assert take_object({"a": 1, "c": 2}, "part", ("a",), ("b", "c")) == {"a": 1, "c": 2}
    with pytest.raises(WrongType, match="part: want an object"):
        take_object([], "part", ())
    with pytest.raises(UnknownKey, match="part: unknown key 'b'"):
        take_object({"a": 1, "b": 2}, "part", ("a",))
    with pytest.raises(MissingKey, match="part: the key 'b' is missing"):
        take_object({"a": 1}, "part", ("a", "b"))
    with pytest.raises(UnknownKey, match=r"unknown key '\\x1b\[31m\\u202e"):
        take_object({"\x1b[31m\u202e" + "x" * 100: 1}, "part", ())


def test_lists_texts_and_integers_have_bounds() -> None:
    assert take_list([1, 2], "list", 2) == [1, 2]
    assert take_text("ab", "text", 2) == "ab"
    assert [take_integer(number, "number", 2) for number in (0, 2)] == [0, 2]
    for take, value, message in (
        (take_list, {}, "want a list"),
        (take_list, [1, 2, 3], "got 3 elements, want at most 2"),
        (take_text, None, "want a string"),
        (take_text, "abc", "got 3 characters, want at most 2"),
        (take_integer, True, "want an integer"),
        (take_integer, "1", "want an integer"),
        (take_integer, -1, "got -1, want 0 to 2"),
        (take_integer, 3, "got 3, want 0 to 2"),
    ):
        with pytest.raises(WrongType, match=message):
            take(value, "part", 2)  # type: ignore[operator]
