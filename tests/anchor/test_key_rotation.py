"""Rotations of a site's key against eth-account's typed data."""

from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st
from perdure_anchor.checkpoint import RegistryDomain
from perdure_anchor.hashes import Address, Hash32, checksum_address, keccak256
from perdure_anchor.key_rotation import (
    KeyRotation,
    key_rotation_digest,
    recover_key_rotation_signer,
    sign_key_rotation,
)
from perdure_anchor.secp256k1 import SignatureError
from simulated_chain import DOMAIN, ORIGIN, SITE_KEY, account
from tools.accounts import high_s_twin
from tools.founded import KEY_ROTATION_TYPE

ROTATION = KeyRotation(ORIGIN.site, account("new key").address, 90 * 86_400, 3)
SIGNATURE = sign_key_rotation(DOMAIN, ROTATION, SITE_KEY.private_key)

hashes = st.binary(min_size=32, max_size=32).map(Hash32)
addresses = st.binary(min_size=20, max_size=20).map(Address)
uint64s = st.integers(0, 2**64 - 1)
rotations = st.builds(KeyRotation, hashes, addresses, uint64s, uint64s)
domains = st.builds(RegistryDomain, st.integers(0, 2**256 - 1), addresses)


def signable(domain: RegistryDomain, rotation: KeyRotation) -> Any:
    return encode_typed_data(
        {
            "name": "Perdure",
            "version": "1",
            "chainId": domain.chain_id,
            "verifyingContract": checksum_address(domain.registry),
        },
        KEY_ROTATION_TYPE,
        {
            "site": rotation.site,
            "newKey": checksum_address(rotation.new_key),
            "gracePeriod": rotation.grace_period,
            "nonce": rotation.nonce,
        },
    )


@settings(max_examples=50, deadline=None)
@given(domains, rotations)
def test_digest_and_signature_are_eth_accounts(domain: RegistryDomain, rotation: KeyRotation) -> None:
    message = signable(domain, rotation)
    digest = keccak256(b"\x19" + message.version + message.header + message.body)
    assert key_rotation_digest(domain, rotation) == digest
    signed = Account.sign_message(message, SITE_KEY.private_key)
    assert sign_key_rotation(domain, rotation, SITE_KEY.private_key) == signed.signature
    assert recover_key_rotation_signer(domain, rotation, signed.signature) == SITE_KEY.address


def test_every_field_is_in_the_digest() -> None:
    digests = {
        key_rotation_digest(DOMAIN, ROTATION),
        key_rotation_digest(replace(DOMAIN, chain_id=1), ROTATION),
        key_rotation_digest(replace(DOMAIN, registry=account("other").address), ROTATION),
        key_rotation_digest(DOMAIN, replace(ROTATION, site=keccak256(b"other"))),
        key_rotation_digest(DOMAIN, replace(ROTATION, new_key=account("other").address)),
        key_rotation_digest(DOMAIN, replace(ROTATION, grace_period=0)),
        key_rotation_digest(DOMAIN, replace(ROTATION, nonce=4)),
    }
    assert len(digests) == 7


REFUSED = {
    "64 bytes": (SIGNATURE[:64], "key rotation signature: want 65 bytes that end in 27 or 28"),
    "66 bytes": (SIGNATURE + b"\x1b", "want 65 bytes that end in 27 or 28"),
    "a seal's v": (SIGNATURE[:64] + bytes((SIGNATURE[64] - 27,)), "want 65 bytes that end in 27 or 28"),
    "the high s": (high_s_twin(SIGNATURE), "key rotation signature: s is in the upper half"),
    "nothing signed": (bytes(64) + b"\x1b", "no public key fits"),
}


@pytest.mark.parametrize(("signature", "message"), REFUSED.values(), ids=REFUSED)
def test_refuses_signatures_that_the_registry_refuses(signature: bytes, message: str) -> None:
    with pytest.raises(SignatureError, match=message):
        recover_key_rotation_signer(DOMAIN, ROTATION, signature)
