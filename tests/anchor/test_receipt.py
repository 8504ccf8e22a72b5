"""Receipts: typed and legacy, the same bytes back, each wrong shape refused; blooms against py-evm's filter."""

import pytest
from eth_bloom import BloomFilter
from hypothesis import example, given
from hypothesis import strategies as st
from perdure_anchor import rlp
from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.receipt import (
    EventLog,
    Receipt,
    ReceiptError,
    encode_receipt,
    logs_bloom,
    parse_receipt,
)

ADDRESS, TOPIC, BLOOM = bytes(20), bytes(32), bytes(256)

topics = st.lists(st.binary(min_size=32, max_size=32).map(Hash32), max_size=4).map(tuple)
logs = st.builds(EventLog, st.binary(min_size=20, max_size=20).map(Address), topics, st.binary(max_size=200))
receipts = st.builds(
    Receipt,
    type=st.integers(0, 4),
    status=st.integers(0, 1),
    cumulative_gas_used=st.integers(0, 2**64 - 1),
    bloom=st.binary(min_size=256, max_size=256),
    logs=st.lists(logs, max_size=4).map(tuple),
)


@given(receipts)
@example(Receipt(0, 0, 0, BLOOM, ()))
def test_comes_back(receipt: Receipt) -> None:
    raw = encode_receipt(receipt)
    assert parse_receipt(raw) == receipt
    assert encode_receipt(parse_receipt(raw)) == raw
    assert len(raw) > 256


@given(receipts, st.data())
def test_a_flipped_bit_is_refused_or_another_receipt(receipt: Receipt, choice: st.DataObject) -> None:
    raw = bytearray(encode_receipt(receipt))
    bit = choice.draw(st.integers(0, 8 * len(raw) - 1))
    raw[bit // 8] ^= 1 << bit % 8
    try:
        other = parse_receipt(bytes(raw))
    except (ReceiptError, rlp.RlpError):
        return
    assert other != receipt
    assert encode_receipt(other) == raw


@given(st.lists(logs, max_size=5))
def test_the_bloom_is_the_one_of_others(emitted: list[EventLog]) -> None:
    oracle = BloomFilter()
    for log in emitted:
        oracle.add(log.address)
        oracle.extend(log.topics)
    assert logs_bloom(emitted) == int(oracle).to_bytes(256, "big")


def body(*fields: rlp.RlpItem) -> bytes:
    return rlp.encode(fields)


def with_log(*log: rlp.RlpItem) -> bytes:
    return body(b"\1", b"", BLOOM, [log])


GOOD = body(b"\1", b"\5", BLOOM, [])
NOT_A_LOG = "a log is not an address, up to 4 topics, and bytes"
WRONG: dict[str, tuple[bytes, type[Exception], str]] = {
    "no bytes": (b"", ReceiptError, "receipt: no bytes"),
    "type 0 written out": (b"\0" + GOOD, ReceiptError, "unknown transaction type 0"),
    "type 5": (b"\5" + GOOD, ReceiptError, "unknown transaction type 5"),
    "type 127": (b"\x7f" + GOOD, ReceiptError, "unknown transaction type 127"),
    "a type and nothing": (b"\2", rlp.RlpError, "an item is missing"),
    "two types": (b"\2\2" + GOOD, rlp.RlpError, "trailing bytes"),
    "a string": (b"\x80", rlp.RlpError, "receipt: got a string, want a list"),
    "a typed receipt as a string": (rlp.encode(b"\2" + GOOD), rlp.RlpError, "receipt: got a string"),
    "bytes behind": (GOOD + b"\0", rlp.RlpError, "trailing bytes"),
    "three fields": (body(b"\1", b"\5", BLOOM), ReceiptError, "got 3 fields, want 4"),
    "five fields": (body(b"\1", b"\5", BLOOM, [], b""), ReceiptError, "got 5 fields, want 4"),
    "status 2": (body(b"\2", b"\5", BLOOM, []), rlp.RlpError, "status: an integer of more than 1 bits"),
    "a state root for a status": (body(TOPIC, b"\5", BLOOM, []), rlp.RlpError, "receipt status"),
    "a status of zero written out": (body(b"\0", b"\5", BLOOM, []), rlp.RlpError, "leading zero"),
    "gas of nine bytes": (body(b"\1", b"\1" * 9, BLOOM, []), rlp.RlpError, "receipt gas"),
    "a short bloom": (body(b"\1", b"\5", BLOOM[1:], []), rlp.RlpError, "bloom: got 255 bytes, want 256"),
    "logs as a string": (body(b"\1", b"\5", BLOOM, b""), ReceiptError, "logs are a string"),
    "a log as a string": (body(b"\1", b"\5", BLOOM, [b""]), ReceiptError, NOT_A_LOG),
    "a log of two items": (with_log(ADDRESS, []), ReceiptError, NOT_A_LOG),
    "a log of four items": (with_log(ADDRESS, [], b"", b""), ReceiptError, NOT_A_LOG),
    "five topics": (with_log(ADDRESS, [TOPIC] * 5, b""), ReceiptError, NOT_A_LOG),
    "topics as a string": (with_log(ADDRESS, TOPIC, b""), ReceiptError, NOT_A_LOG),
    "a payload as a list": (with_log(ADDRESS, [], []), ReceiptError, NOT_A_LOG),
    "an address as a list": (with_log([], [], b""), ReceiptError, NOT_A_LOG),
    "a short address": (with_log(ADDRESS[1:], [], b""), rlp.RlpError, "log address: got 19 bytes"),
    "a short topic": (with_log(ADDRESS, [TOPIC[1:]], b""), rlp.RlpError, "log topic: got 31 bytes"),
    "a topic as a list": (with_log(ADDRESS, [[]], b""), rlp.RlpError, "log topic: got a list"),
}


@pytest.mark.parametrize(("raw", "error", "message"), WRONG.values(), ids=WRONG)
def test_refuses(raw: bytes, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        parse_receipt(raw)
