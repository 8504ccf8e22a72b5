"""Signatures against eth_keys, whose pure Python shares no code with libsecp256k1."""

from contextlib import suppress

import pytest
from eth_keys import KeyAPI
from eth_keys.backends import NativeECCBackend
from hypothesis import given, settings
from hypothesis import strategies as st
from perdure_anchor.hashes import Hash32, keccak256
from perdure_anchor.secp256k1 import (
    PrivateKeyMalformed,
    SignatureError,
    address_from_private_key,
    recover_address,
    sign,
)
from simulated_chain import account
from tools.accounts import GROUP_ORDER, high_s_twin

ORACLE = KeyAPI(NativeECCBackend())
DIGEST = keccak256(b"what is signed")
SIGNER = account("signer")
SIGNATURE = sign(DIGEST, SIGNER.private_key)

private_keys = st.integers(1, GROUP_ORDER - 1).map(lambda number: number.to_bytes(32, "big"))
digests = st.binary(min_size=32, max_size=32).map(Hash32)


@settings(max_examples=25, deadline=None)
@given(private_keys, digests)
def test_signs_and_recovers_as_the_oracle_does(private_key: bytes, digest: Hash32) -> None:
    key = ORACLE.PrivateKey(private_key)
    signature = sign(digest, private_key)
    assert signature == ORACLE.ecdsa_sign(digest, key).to_bytes()
    assert int.from_bytes(signature[32:64], "big") <= GROUP_ORDER // 2
    assert recover_address(digest, signature) == key.public_key.to_canonical_address()
    assert address_from_private_key(private_key) == key.public_key.to_canonical_address()


@given(private_keys, digests)
def test_the_high_s_twin_recovers_the_same_account(private_key: bytes, digest: Hash32) -> None:
    signature = sign(digest, private_key)
    assert recover_address(digest, high_s_twin(signature)) == address_from_private_key(private_key)


@given(st.integers(0, 8 * 64 - 1))
def test_a_flipped_bit_never_recovers_the_signer(bit: int) -> None:
    changed = bytearray(SIGNATURE)
    changed[bit // 8] ^= 1 << bit % 8
    with suppress(SignatureError):
        assert recover_address(DIGEST, bytes(changed)) != SIGNER.address


ZERO, ORDER = bytes(32), GROUP_ORDER.to_bytes(32, "big")
REFUSED = {
    "no bytes": (b"", "got 0 bytes, want 65"),
    "64 bytes": (SIGNATURE[:64], "got 64 bytes, want 65"),
    "66 bytes": (SIGNATURE + b"\0", "got 66 bytes, want 65"),
    "recovery id 2": (SIGNATURE[:64] + b"\x02", "recovery id 2, want 0 or 1"),
    "recovery id 27": (SIGNATURE[:64] + b"\x1b", "recovery id 27, want 0 or 1"),
    "r = 0": (ZERO + SIGNATURE[32:], "no public key fits"),
    "s = 0": (SIGNATURE[:32] + ZERO + SIGNATURE[64:], "no public key fits"),
    "r = n": (ORDER + SIGNATURE[32:], "no public key fits"),
    "s = n": (SIGNATURE[:32] + ORDER + SIGNATURE[64:], "no public key fits"),
    "r of no point": ((5).to_bytes(32, "big") + SIGNATURE[32:], "no public key fits"),
    "all ones": (b"\xff" * 64 + b"\x01", "no public key fits"),
}


@pytest.mark.parametrize(("signature", "message"), REFUSED.values(), ids=REFUSED)
def test_refuses(signature: bytes, message: str) -> None:
    with pytest.raises(SignatureError, match=message):
        recover_address(DIGEST, signature)


NO_KEYS = {
    "31 bytes": (b"\1" * 31, "private key: got 31 bytes, want 32"),
    "33 bytes": (b"\1" * 33, "private key: got 33 bytes, want 32"),
    "no bytes": (b"", "private key: got 0 bytes, want 32"),
    "zero": (ZERO, "private key: zero, or not below the order"),
    "n": (ORDER, "private key: zero, or not below the order"),
}


@pytest.mark.parametrize(("octets", "message"), NO_KEYS.values(), ids=NO_KEYS)
def test_refuses_private_keys_without_showing_them(octets: bytes, message: str) -> None:
    for use in (address_from_private_key, lambda key: sign(DIGEST, key)):
        with pytest.raises(PrivateKeyMalformed, match=message) as caught:
            use(octets)
        assert ORDER.hex() not in str(caught.value)
