"""Transactions as eth-account signs them, and the bytes that are none."""

from typing import Any

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor import rlp
from perdure_anchor.hashes import checksum_address, keccak256
from perdure_devnet.errors import TransactionMalformed, TransactionRefused
from perdure_devnet.rpc.present import created_address
from perdure_devnet.transaction import CREATE, parse_transaction
from tools.devnets import ADA, BOB, CHAIN_ID, Sender

WEI = st.integers(0, 2**96)
KEY = Sender("ada").private_key
TO = checksum_address(BOB)

members = st.fixed_dictionaries(
    {
        "nonce": st.integers(0, 2**63),
        "gas": st.integers(200_000, 2**40),
        "value": WEI,
        "data": st.binary(max_size=300),
        "to": st.sampled_from([TO, b""]),
        "chainId": st.just(CHAIN_ID),
    }
)
access_lists = st.lists(
    st.fixed_dictionaries(
        {
            "address": st.just(TO),
            "storageKeys": st.lists(
                st.binary(min_size=32, max_size=32).map(lambda key: "0x" + key.hex()), max_size=3
            ),
        }
    ),
    max_size=3,
)


def signed(**members: Any) -> bytes:
    return bytes(Account.sign_transaction(members, KEY).raw_transaction)


@given(members, WEI)
def test_legacy(common: dict[str, Any], price: int) -> None:
    raw = signed(**common, gasPrice=price)
    transaction = parse_transaction(raw, CHAIN_ID)
    assert (transaction.type_id, transaction.sender, transaction.hash) == (0, ADA, keccak256(raw))
    assert transaction.max_fee_per_gas == transaction.max_priority_fee_per_gas == price
    assert_common(transaction, common)


@given(members, WEI, access_lists)
def test_access_list(common: dict[str, Any], price: int, accesses: list[Any]) -> None:
    raw = signed(**common, gasPrice=price, accessList=accesses, type=1)
    transaction = parse_transaction(raw, CHAIN_ID)
    assert (transaction.type_id, transaction.sender, transaction.hash) == (1, ADA, keccak256(raw))
    assert transaction.max_fee_per_gas == transaction.max_priority_fee_per_gas == price
    assert len(transaction.access_list) == len(accesses)
    assert_common(transaction, common)


@given(members, WEI, WEI, access_lists)
def test_dynamic_fee(common: dict[str, Any], one: int, two: int, accesses: list[Any]) -> None:
    tip, fee_cap = sorted((one, two))
    raw = signed(**common, maxFeePerGas=fee_cap, maxPriorityFeePerGas=tip, accessList=accesses, type=2)
    transaction = parse_transaction(raw, CHAIN_ID)
    assert (transaction.type_id, transaction.sender, transaction.hash) == (2, ADA, keccak256(raw))
    assert (transaction.max_fee_per_gas, transaction.max_priority_fee_per_gas) == (fee_cap, tip)
    assert_common(transaction, common)


def assert_common(transaction: Any, common: dict[str, Any]) -> None:
    assert transaction.nonce == common["nonce"]
    assert transaction.gas == common["gas"]
    assert transaction.value == common["value"]
    assert transaction.data == common["data"]
    assert transaction.to == (BOB if common["to"] else CREATE)


@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused_by_name(raw: bytes) -> None:
    with pytest.raises((TransactionMalformed, TransactionRefused)):
        parse_transaction(raw, CHAIN_ID)


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_changed_byte_never_keeps_sender_and_hash(position: int, change: int) -> None:
    raw = bytearray(Sender("ada").sign(to=BOB, value=5, data=b"\x01\x02"))
    original = parse_transaction(bytes(raw), CHAIN_ID)
    raw[position % len(raw)] ^= change
    try:
        altered = parse_transaction(bytes(raw), CHAIN_ID)
    except (TransactionMalformed, TransactionRefused):
        return
    assert altered.sender != original.sender
    assert altered.hash != original.hash


def test_another_chains_transaction_is_refused() -> None:
    with pytest.raises(TransactionRefused, match="invalid chain id"):
        parse_transaction(Sender("ada").sign(to=BOB, chainId=1), CHAIN_ID)


def test_a_transaction_for_every_chain_is_refused() -> None:
    raw = Account.sign_transaction({"nonce": 0, "gas": 21_000, "gasPrice": 0, "value": 0, "to": TO}, KEY)
    with pytest.raises(TransactionRefused, match="replay-protected"):
        parse_transaction(bytes(raw.raw_transaction), CHAIN_ID)


def test_a_high_s_is_refused() -> None:
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    raw = Sender("ada").sign(to=BOB)
    *fields, y_parity, r, s = rlp.decode_list(raw[1:], "transaction")
    twin = [rlp.encode_int(1 - rlp.decode_int(y_parity, "y")), r]
    twin.append(rlp.encode_int(order - rlp.decode_int(s, "s", 256)))
    with pytest.raises(TransactionRefused, match="invalid transaction v, r, s"):
        parse_transaction(raw[:1] + rlp.encode([*fields, *twin]), CHAIN_ID)


@pytest.mark.parametrize("type_id", [3, 4, 5, 0x7F])
def test_other_types_are_refused(type_id: int) -> None:
    with pytest.raises(TransactionRefused, match="transaction type not supported"):
        parse_transaction(bytes([type_id]) + rlp.encode([b""]), CHAIN_ID)


def test_a_tip_above_the_cap_is_refused() -> None:
    with pytest.raises(TransactionRefused, match="max priority fee per gas higher"):
        parse_transaction(
            Sender("ada").sign(to=BOB, maxFeePerGas=1, maxPriorityFeePerGas=2, type=2), CHAIN_ID
        )


def test_an_oversized_transaction_is_refused() -> None:
    with pytest.raises(TransactionRefused, match="oversized data"):
        parse_transaction(Sender("ada").sign(to=BOB, data=bytes(131_072), gas=10**7), CHAIN_ID)


def test_too_much_init_code_is_refused() -> None:
    with pytest.raises(TransactionRefused, match="max initcode size exceeded"):
        parse_transaction(Sender("ada").sign(to=b"", data=bytes(49_153), gas=10**7), CHAIN_ID)


@pytest.mark.parametrize(
    ("needed", "members"),
    [
        (21_000, {"to": BOB}),
        (21_000 + 10 * 4, {"to": BOB, "data": b"\x01"}),
        (21_000 + 10 * 8000, {"to": BOB, "data": b"\x01" * 2000}),
        (53_000 + 32 * 16 + 2, {"to": b"", "data": b"\x01" * 32}),
    ],
    ids=["plain", "calldata", "calldata floor", "creation"],
)
def test_gas_below_what_is_needed_in_any_case_is_refused(needed: int, members: dict[str, Any]) -> None:
    assert parse_transaction(Sender("ada").sign(gas=needed, **members), CHAIN_ID).minimum_gas == needed
    with pytest.raises(TransactionRefused, match=f"intrinsic gas too low.*{needed}"):
        parse_transaction(Sender("ada").sign(gas=needed - 1, **members), CHAIN_ID)


def test_the_address_of_a_creation() -> None:
    # the example of EIP-1014's neighbourhood: this account's first four contracts are known from the main network
    account = bytes.fromhex("6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0")
    wanted = ["cd234a471b72ba2f1ccf0a70fcaba648a5eecd8d", "343c43a37d37dff08ae8c4a11544c718abb4fcf8"]
    assert [created_address(account, nonce).hex() for nonce in range(2)] == wanted  # type: ignore[arg-type]
