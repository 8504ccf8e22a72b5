"""Headers: every field count, strict fields, and the same bytes back."""

import pytest
import rlp as reference
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor import rlp
from perdure_anchor.header import (
    FIELD_COUNTS,
    MAX_HEADER_SIZE,
    BlockHeader,
    HeaderError,
    encode_header,
    parse_header,
)
from simulated_chain import plain_header, with_field

PLAIN = plain_header(5)
# position: (bytes, or bits of an integer), from the table in SPEC.md, section 7.1
SIZES = {0: 32, 1: 32, 2: 20, 3: 32, 4: 32, 5: 32, 6: 256, 13: 32, 14: 8, 16: 32, 19: 32, 20: 32}
BITS = {7: 256, 8: 64, 9: 64, 10: 64, 11: 64, 15: 256, 17: 64, 18: 64}


def test_each_field_is_judged_but_extra_data() -> None:
    assert sorted({**SIZES, **BITS, 12: None}) == list(range(21))


@pytest.mark.parametrize("count", FIELD_COUNTS)
def test_comes_back_at_every_field_count(count: int) -> None:
    header = plain_header(5, count)
    assert len(header.fields) == count
    assert parse_header(encode_header(header)) == header
    assert encode_header(header) == reference.encode(list(header.fields))


@pytest.mark.parametrize("count", [0, 1, 14, 18, 19, 22])
def test_refuses_other_field_counts(count: int) -> None:
    fields = (*PLAIN.fields, bytes(32))[:count]
    with pytest.raises(HeaderError, match=f"header: got {count} fields, want one of 15, 16, 17, 20, 21"):
        parse_header(encode_header(BlockHeader(fields)))


def test_properties_name_the_fields() -> None:
    named = BlockHeader(tuple(bytes((position + 1,)) for position in range(21)))
    assert (named.parent_hash, named.coinbase, named.state_root) == (b"\1", b"\3", b"\4")
    assert (named.transactions_root, named.receipts_root) == (b"\5", b"\6")
    assert (named.difficulty, named.number, named.gas_limit) == (8, 9, 10)
    assert (named.gas_used, named.timestamp) == (11, 12)
    assert (named.extra_data, named.mix_hash, named.nonce) == (b"\x0d", b"\x0e", b"\x0f")


@given(st.binary(max_size=100))
def test_another_extra_data_changes_nothing_else(extra_data: bytes) -> None:
    header = PLAIN.with_extra_data(extra_data)
    assert header.extra_data == extra_data
    assert header.with_extra_data(PLAIN.extra_data) == PLAIN
    assert parse_header(encode_header(header)) == header


@pytest.mark.parametrize(("position", "size"), SIZES.items())
def test_refuses_other_lengths(position: int, size: int) -> None:
    for octets in (bytes(size - 1), bytes(size + 1), b""):
        with pytest.raises(rlp.RlpError, match=f"got {len(octets)} bytes, want {size}"):
            parse_header(encode_header(with_field(PLAIN, position, octets)))


@pytest.mark.parametrize(("position", "bits"), BITS.items())
def test_refuses_integers_that_are_too_large_or_not_minimal(position: int, bits: int) -> None:
    parse_header(encode_header(with_field(PLAIN, position, rlp.encode_int(2**bits - 1))))
    with pytest.raises(rlp.RlpError, match=f"more than {bits} bits"):
        parse_header(encode_header(with_field(PLAIN, position, rlp.encode_int(2**bits))))
    with pytest.raises(rlp.RlpError, match="leading zero"):
        parse_header(encode_header(with_field(PLAIN, position, b"\0\1")))


@pytest.mark.parametrize("position", range(21))
def test_refuses_a_list_in_the_place_of_a_field(position: int) -> None:
    fields: list[rlp.RlpItem] = [*PLAIN.fields]
    fields[position] = [b"\1"]
    with pytest.raises(rlp.RlpError, match="got a list"):
        parse_header(rlp.encode(fields))


def test_refuses_other_items_and_sizes() -> None:
    with pytest.raises(rlp.RlpError, match="header: got a string, want a list"):
        parse_header(rlp.encode(b"header"))
    with pytest.raises(rlp.RlpError, match="trailing bytes"):
        parse_header(encode_header(PLAIN) + b"\0")
    largest = PLAIN.with_extra_data(bytes(MAX_HEADER_SIZE - len(encode_header(PLAIN)) - 2))
    assert parse_header(encode_header(largest)) == largest
    assert len(encode_header(largest)) == MAX_HEADER_SIZE
    with pytest.raises(HeaderError, match="header: got 32769 bytes, want at most 32768"):
        parse_header(encode_header(largest) + b"\0")
