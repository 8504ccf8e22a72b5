"""Hashes and hexadecimal text, against hashlib, eth-utils and the examples of EIP-55."""

import hashlib

import pytest
from eth_utils import keccak, to_checksum_address
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.hashes import (
    ZERO_ADDRESS,
    ZERO_HASH,
    Address,
    HexError,
    checksum_address,
    keccak256,
    parse_hex,
    sha256,
    to_hex,
)

EIP_55 = (
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
)


def test_keccak_is_the_one_from_before_fips_202() -> None:
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert keccak256(b"") != hashlib.sha3_256(b"").digest()


@given(st.binary(max_size=300))
def test_hashes_are_what_others_compute(message: bytes) -> None:
    assert keccak256(message) == keccak(message)
    assert sha256(message) == hashlib.sha256(message).digest()


@given(st.binary(max_size=40))
def test_hexadecimal_comes_back_in_any_case(octets: bytes) -> None:
    text = to_hex(octets)
    assert parse_hex(text, len(octets), "octets") == octets
    assert parse_hex("0x" + text[2:].upper(), None, "octets") == octets


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x0",
        "00",
        "0X00",
        "0xg0",
        "0x00 ",
        " 0x00",
        "0x00\n",
        "0x00 00",
        "0x 00",
        "0x٠٠",
        b"0x00",
        0,
        None,
    ],
)
def test_refuses_what_is_not_hexadecimal(text: object) -> None:
    with pytest.raises(HexError, match="root: not hexadecimal text starting with 0x"):
        parse_hex(text, None, "root")


def test_refuses_another_length() -> None:
    with pytest.raises(HexError, match="root: got 31 bytes, want 32"):
        parse_hex(to_hex(bytes(31)), 32, "root")
    with pytest.raises(HexError, match="root: got 33 bytes, want 32"):
        parse_hex(to_hex(bytes(33)), 32, "root")


@pytest.mark.parametrize("text", EIP_55)
def test_checksum_examples_of_eip_55(text: str) -> None:
    assert checksum_address(Address(bytes.fromhex(text[2:]))) == text


@given(st.binary(min_size=20, max_size=20))
def test_checksum_is_what_others_compute(octets: bytes) -> None:
    assert checksum_address(Address(octets)) == to_checksum_address(octets)


def test_zero_has_the_length_of_its_kind() -> None:
    assert (bytes(ZERO_ADDRESS), bytes(ZERO_HASH)) == (bytes(20), bytes(32))
