"""RLP against the `rlp` package: the same bytes out, and only canonical bytes in."""

from contextlib import suppress

import pytest
import rlp as reference
from hypothesis import example, given
from hypothesis import strategies as st
from perdure_anchor import rlp
from perdure_anchor.rlp import RlpError

strings = st.one_of(st.binary(max_size=80), st.binary(min_size=250, max_size=260))
items = st.recursive(strings, lambda children: st.lists(children, max_size=6), max_leaves=40)


def nested(depth: int) -> bytes:
    """An empty list inside ``depth`` others."""
    raw = rlp.encode([])
    for _ in range(depth):
        raw = reference.codec.length_prefix(len(raw), 0xC0) + raw
    return raw


@given(items)
@example(b"")
@example(b"\x00")
@example(b"\x7f")
@example(b"\x80")
@example(b"x" * 55)
@example(b"x" * 56)
@example(b"x" * 65_536)
@example([b"x"] * 55)
@example([b"x"] * 56)
def test_encodes_as_the_reference_does_and_decodes_it_back(item: rlp.RlpItem) -> None:
    raw = rlp.encode(item)
    assert raw == reference.encode(item)
    assert rlp.decode(raw) == item


@pytest.mark.parametrize("size", [0, 1, 2, 3, 54, 55, 56, 57, 254, 255, 256, 257])
def test_sizes_around_each_bound(size: int) -> None:
    string, many = b"x" * size, [b"x"] * size
    for item in (string, many, [string], [many], [string, b"y"], [many, b"y"], [[string], many]):
        raw = rlp.encode(item)
        assert raw == reference.encode(item)
        assert rlp.decode(raw) == item


@pytest.mark.parametrize("byte", [0x00, 0x01, 0x7E, 0x7F, 0x80, 0x81, 0xBF, 0xC0, 0xFF])
def test_single_bytes_around_each_bound(byte: int) -> None:
    for item in (bytes((byte,)), [bytes((byte,))], [[bytes((byte,))], b""]):
        raw = rlp.encode(item)
        assert raw == reference.encode(item)
        assert rlp.decode(raw) == item


@given(st.binary(max_size=60))
def test_accepts_nothing_but_canonical_items(raw: bytes) -> None:
    try:
        item = rlp.decode(raw)
    except RlpError:
        with pytest.raises(reference.exceptions.RLPException):
            reference.encode(reference.decode(raw, strict=True))
        return
    assert rlp.encode(item) == raw


@given(items, st.data())
def test_a_flipped_bit_is_refused_or_another_item(item: rlp.RlpItem, choice: st.DataObject) -> None:
    raw = bytearray(rlp.encode(item))
    bit = choice.draw(st.integers(0, 8 * len(raw) - 1))
    raw[bit // 8] ^= 1 << bit % 8
    with suppress(RlpError):
        assert rlp.encode(rlp.decode(bytes(raw))) == raw


REFUSED = {
    "nothing at all": (b"", "an item is missing"),
    "a byte behind the item": (b"\x80\x00", "trailing bytes after the item: 1"),
    "a string that is cut short": (b"\x83ab", "an item of 3 bytes, 2 are there"),
    "a list that is cut short": (b"\xc2\x01", "an item of 2 bytes, 1 are there"),
    "a long length that is cut off": (b"\xb9\x01", "the length of an item is cut off"),
    "nothing behind a long length": (b"\xb9\x01\x00", "an item of 256 bytes, 0 are there"),
    "a long string that is cut short": (b"\xb8\x38" + bytes(55), "an item of 56 bytes, 55 are there"),
    "an item that leaves its list": (b"\xc2\x82a", "an item of 2 bytes, 1 are there"),
    "a small byte with a prefix": (b"\x81\x7f", "a single byte below 0x80"),
    "the long form of a short string": (b"\xb8\x37" + bytes(55), "the long form"),
    "the long form of a short list": (b"\xf8\x01\x01", "the long form"),
    "a length with a leading zero": (b"\xb9\x00\x38" + bytes(56), "the long form"),
    "a length beyond any memory": (b"\xbf" + b"\xff" * 8, "truncated"),
}


@pytest.mark.parametrize(("raw", "message"), REFUSED.values(), ids=REFUSED)
def test_refuses(raw: bytes, message: str) -> None:
    with pytest.raises(RlpError, match=message):
        rlp.decode(raw)


def test_bounds_the_depth() -> None:
    assert rlp.encode(rlp.decode(nested(rlp.MAX_DEPTH))) == nested(rlp.MAX_DEPTH)
    with pytest.raises(RlpError, match="nested deeper than 16 lists"):
        rlp.decode(nested(rlp.MAX_DEPTH + 1))
    with pytest.raises(RlpError, match="nested deeper"):
        rlp.decode(nested(5_000))


@given(st.integers(0, 2**64 - 1))
@example(0)
@example(127)
@example(128)
def test_integers_are_minimal_and_come_back(number: int) -> None:
    assert rlp.encode(rlp.encode_int(number)) == reference.encode(number)
    assert rlp.decode_int(rlp.encode_int(number), "number") == number


@pytest.mark.parametrize(
    ("octets", "bits", "message"),
    [
        (b"\x00", 64, "number: an integer with a leading zero"),
        (b"\x00\x01", 64, "number: an integer with a leading zero"),
        (b"\x01" + bytes(8), 64, "number: an integer of more than 64 bits"),
        (b"\x02", 1, "number: an integer of more than 1 bits"),
        ([], 64, "number: got a list, want an integer"),
    ],
)
def test_refuses_integers(octets: rlp.Decoded, bits: int, message: str) -> None:
    with pytest.raises(RlpError, match=message):
        rlp.decode_int(octets, "number", bits)


def test_an_integer_has_64_bits_unless_others_are_asked_for() -> None:
    assert rlp.decode_int(b"\xff" * 8, "number") == 2**64 - 1
    with pytest.raises(RlpError, match="more than 64 bits"):
        rlp.decode_int(b"\1" + bytes(8), "number")


def test_shapes_are_asked_for_by_name() -> None:
    assert rlp.decode_list(b"\xc0", "header") == []
    assert rlp.decode_bytes(b"ab", "nonce") == b"ab"
    assert rlp.decode_bytes(b"ab", "nonce", 2) == b"ab"
    with pytest.raises(RlpError, match="header: got a string, want a list"):
        rlp.decode_list(b"\x80", "header")
    with pytest.raises(RlpError, match="nonce: got a list, want a string"):
        rlp.decode_bytes([], "nonce")
    with pytest.raises(RlpError, match="nonce: got 2 bytes, want 8"):
        rlp.decode_bytes(b"ab", "nonce", 8)
