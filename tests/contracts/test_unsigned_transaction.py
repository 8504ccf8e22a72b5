"""Transactions as bytes, against eth-account: what is signed, what is sent, and what is read back."""

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor import rlp
from perdure_anchor.hashes import Address, keccak256
from perdure_anchor.secp256k1 import sign
from perdure_contracts.fees import LegacyFee, MarketFee
from perdure_contracts.signer import LocalSigner
from perdure_contracts.unsigned_transaction import (
    ContractCall,
    TransactionMalformed,
    UnsignedTransaction,
    from_members,
    parse_payload,
    parse_signed,
    signing_hash,
    signing_payload,
    to_members,
    with_signature,
)

KEY = keccak256(b"a partner's key in a test")
NUMBERS = st.integers(0, 2**64 - 1)
FEES = st.builds(LegacyFee, NUMBERS) | NUMBERS.flatmap(
    lambda most: st.builds(MarketFee, st.just(most), st.integers(0, most))
)
CALLS = st.builds(
    ContractCall,
    st.none() | st.binary(min_size=20, max_size=20).filter(any).map(Address),
    st.binary(max_size=80),
)
TRANSACTIONS = st.builds(UnsignedTransaction, st.integers(1, 2**31), NUMBERS, NUMBERS, FEES, CALLS)
LEGACY = UnsignedTransaction(20241, 7, 90_000, LegacyFee(0), ContractCall(Address(b"\5" * 20), b"\1\2"))
MARKET = UnsignedTransaction(20241, 7, 90_000, MarketFee(9, 2), ContractCall(None, b"\1\2"))


@given(TRANSACTIONS)
def test_the_same_bytes_as_eth_account_makes(transaction):
    raw = with_signature(transaction, sign(signing_hash(transaction), KEY))
    assert raw == bytes(Account.sign_transaction(to_members(transaction), KEY).raw_transaction)


@given(TRANSACTIONS)
def test_read_back(transaction):
    assert parse_payload(signing_payload(transaction)) == transaction
    assert from_members(to_members(transaction)) == transaction
    read = parse_signed(LocalSigner(KEY).sign_transaction(to_members(transaction)))
    assert (read.transaction, read.signer) == (transaction, LocalSigner(KEY).address)


@given(TRANSACTIONS, st.data())
def test_changed_bytes_never_read_as_the_same(transaction, data):
    payload = bytearray(signing_payload(transaction))
    position = data.draw(st.integers(0, len(payload) - 1))
    payload[position] ^= data.draw(st.integers(1, 255))
    try:
        read = parse_payload(bytes(payload))
    except TransactionMalformed:
        return
    assert read != transaction
    assert signing_payload(read) == payload


def fields(transaction):
    return rlp.decode_list(signing_payload(transaction).removeprefix(b"\2"), "fields")


@pytest.mark.parametrize(
    ("transaction", "place", "value"),
    [
        (LEGACY, 4, b"\1"),  # ether
        (MARKET, 6, b"\1"),
        (MARKET, 8, [[b"\5" * 20, []]]),  # an access list
        (LEGACY, 6, b""),  # no chain
        (LEGACY, 7, b"\1"),  # signed already
        (LEGACY, 0, b"\0\1"),  # two ways to write a number
        (LEGACY, 3, b"\5" * 19),
        (LEGACY, 5, []),
        (LEGACY, 0, []),
        (MARKET, 0, b"\1" * 33),
    ],
)
def test_what_is_never_signed(transaction, place, value):
    changed = fields(transaction)
    changed[place] = value
    prefix = b"\2" if transaction is MARKET else b""
    with pytest.raises(TransactionMalformed):
        parse_payload(prefix + rlp.encode(changed))


@pytest.mark.parametrize("raw", [b"", b"\2", b"\1\xc0", b"\xc0", b"\3\xc0", b"\2\xc0", b"\x80"])
def test_no_transaction(raw):
    with pytest.raises(TransactionMalformed):
        parse_payload(raw)
    with pytest.raises(TransactionMalformed):
        parse_signed(raw)


def test_signed_for_no_chain():
    """Such a one would be taken by each chain."""
    members = to_members(LEGACY)
    del members["chainId"]
    raw = bytes(Account.sign_transaction(members, KEY).raw_transaction)
    with pytest.raises(TransactionMalformed):
        parse_signed(raw)


@pytest.mark.parametrize("signature", [b"", bytes(64), bytes(64) + b"\2", bytes(64) + b"\x1d"])
def test_no_signature(signature):
    with pytest.raises(TransactionMalformed):
        with_signature(MARKET, signature)
