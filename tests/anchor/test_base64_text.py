"""Base64: one spelling for each byte string, and each other one refused."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.base64_text import Base64Error, encode_base64, parse_base64, parse_hash32
from perdure_anchor.strict_json import JsonValue


@given(st.binary(max_size=100))
def test_comes_back(octets: bytes) -> None:
    text = encode_base64(octets)
    assert text == base64.b64encode(octets).decode()
    assert parse_base64(text, "octets", exactly=len(octets), at_most=len(octets)) == octets


@given(st.text(alphabet="AQgw+/=-_ \n", max_size=12))
def test_accepts_one_spelling_only(text: str) -> None:
    try:
        octets = parse_base64(text, "octets")
    except Base64Error:
        return
    assert encode_base64(octets) == text


REFUSED: dict[str, tuple[JsonValue, str]] = {
    "a number": (5, "root: want base64 text"),
    "null": (None, "root: want base64 text"),
    "letters outside ASCII": ("AAé=", "root: not base64 text"),
    "a letter outside the alphabet": ("AA!=", "root: not base64 text"),
    "the alphabet for URLs": ("-_-_", "root: not base64 text"),
    "no padding": ("AAA", "root: not base64 text"),
    "white space": ("AA AA===", "root: not base64 text"),
    "stray bits": ("AB==", "root: not the canonical base64 text"),
    "too few bytes": ("AA==", "root: got 1 bytes, want 2"),
    "too many bytes": ("AAAAAA==", "root: got 4 bytes, want 2"),
}


@pytest.mark.parametrize(("value", "message"), REFUSED.values(), ids=REFUSED)
def test_refuses(value: JsonValue, message: str) -> None:
    with pytest.raises(Base64Error, match=message):
        parse_base64(value, "root", exactly=2)


def test_bounds_the_size() -> None:
    assert parse_base64("AAAA", "node", at_most=3) == bytes(3)
    with pytest.raises(Base64Error, match="node: got 4 bytes, want at most 3"):
        parse_base64("AAAAAA==", "node", at_most=3)


def answer(parse, value: JsonValue):
    try:
        return parse(value)
    except Base64Error as error:
        return str(error)


def assert_same(value: JsonValue) -> None:
    slow = answer(lambda each: parse_base64(each, "root", exactly=32), value)
    assert answer(lambda each: parse_hash32(each, "root"), value) == slow


@given(st.binary(min_size=28, max_size=36), st.data())
def test_a_hash_is_read_as_any_bytes(octets: bytes, data: st.DataObject) -> None:
    text = encode_base64(octets)
    assert_same(text)
    place = data.draw(st.integers(0, len(text) - 1))
    for letter in "AEB=+/ \n-\x00\u00e9\ud800":
        assert_same(text[:place] + letter + text[place + 1 :])
        assert_same(text[:place] + letter + text[place:])
    assert_same(text[:place] + text[place + 1 :])


@pytest.mark.parametrize(
    "value", [None, 5, True, [], {}, "", "A" * 44, "=" * 44, "A" * 42 + "==", "A" * 43 + "="]
)
def test_what_is_no_hash(value: JsonValue) -> None:
    assert_same(value)


def test_each_last_letter_of_a_hash() -> None:
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/":
        assert_same("A" * 42 + letter + "=")
