"""Origins, and checkpoints against eth-account's typed data."""

import re
from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st
from perdure_anchor.checkpoint import (
    Checkpoint,
    OriginError,
    RegistryDomain,
    checkpoint_digest,
    is_partner_name,
    parse_origin,
    recover_checkpoint_signer,
    sign_checkpoint,
)
from perdure_anchor.hashes import Address, Hash32, checksum_address, keccak256
from perdure_anchor.secp256k1 import SignatureError
from simulated_chain import DOMAIN, ORIGIN, SITE_KEY, account
from tools.accounts import high_s_twin

CHECKPOINT = Checkpoint(ORIGIN.site, 7, keccak256(b"root"), 1_767_225_605)
SIGNATURE = sign_checkpoint(DOMAIN, CHECKPOINT, SITE_KEY.private_key)

hashes = st.binary(min_size=32, max_size=32).map(Hash32)
uint64s = st.integers(0, 2**64 - 1)
checkpoints = st.builds(Checkpoint, hashes, uint64s, hashes, uint64s)
domains = st.builds(
    RegistryDomain, st.integers(0, 2**256 - 1), st.binary(min_size=20, max_size=20).map(Address)
)


def typed(domain: RegistryDomain, checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "Checkpoint": [
                {"name": "site", "type": "bytes32"},
                {"name": "size", "type": "uint64"},
                {"name": "root", "type": "bytes32"},
                {"name": "sealedAt", "type": "uint64"},
            ],
        },
        "primaryType": "Checkpoint",
        "domain": {
            "name": "Perdure",
            "version": "1",
            "chainId": domain.chain_id,
            "verifyingContract": checksum_address(domain.registry),
        },
        "message": {
            "site": checkpoint.site,
            "size": checkpoint.size,
            "root": checkpoint.root,
            "sealedAt": checkpoint.sealed_at,
        },
    }


@settings(max_examples=50, deadline=None)
@given(domains, checkpoints)
def test_digest_and_signature_are_eth_accounts(domain: RegistryDomain, checkpoint: Checkpoint) -> None:
    message = encode_typed_data(full_message=typed(domain, checkpoint))
    digest = keccak256(b"\x19" + message.version + message.header + message.body)
    assert checkpoint_digest(domain, checkpoint) == digest
    signed = Account.sign_message(message, SITE_KEY.private_key)
    assert sign_checkpoint(domain, checkpoint, SITE_KEY.private_key) == signed.signature
    assert recover_checkpoint_signer(domain, checkpoint, signed.signature) == SITE_KEY.address


def test_every_field_is_in_the_digest() -> None:
    digests = {
        checkpoint_digest(DOMAIN, CHECKPOINT),
        checkpoint_digest(replace(DOMAIN, chain_id=1), CHECKPOINT),
        checkpoint_digest(replace(DOMAIN, registry=account("other").address), CHECKPOINT),
        checkpoint_digest(DOMAIN, replace(CHECKPOINT, site=keccak256(b"other"))),
        checkpoint_digest(DOMAIN, replace(CHECKPOINT, size=8)),
        checkpoint_digest(DOMAIN, replace(CHECKPOINT, root=keccak256(b"other"))),
        checkpoint_digest(DOMAIN, replace(CHECKPOINT, sealed_at=0)),
    }
    assert len(digests) == 7


REFUSED = {
    "64 bytes": (SIGNATURE[:64], "want 65 bytes that end in 27 or 28"),
    "66 bytes": (SIGNATURE + b"\x1b", "want 65 bytes that end in 27 or 28"),
    "a seal's v": (SIGNATURE[:64] + bytes((SIGNATURE[64] - 27,)), "want 65 bytes that end in 27 or 28"),
    "v 29": (SIGNATURE[:64] + b"\x1d", "want 65 bytes that end in 27 or 28"),
    "the high s": (high_s_twin(SIGNATURE), "s is in the upper half of the group order"),
    "s just above": (
        SIGNATURE[:32]
        + bytes.fromhex("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a1")
        + b"\x1b",
        "s is in the upper half of the group order",
    ),
    "nothing signed": (bytes(64) + b"\x1b", "no public key fits"),
}


@pytest.mark.parametrize(("signature", "message"), REFUSED.values(), ids=REFUSED)
def test_refuses_signatures_that_the_registry_refuses(signature: bytes, message: str) -> None:
    with pytest.raises(SignatureError, match=message):
        recover_checkpoint_signer(DOMAIN, CHECKPOINT, signature)


def test_takes_the_largest_low_s() -> None:
    signature = (
        SIGNATURE[:32]
        + bytes.fromhex("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0")
        + b"\x1b"
    )
    assert recover_checkpoint_signer(DOMAIN, CHECKPOINT, signature) != SITE_KEY.address


# --- origins

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@given(st.from_regex(NAME, fullmatch=True), st.from_regex(NAME, fullmatch=True))
def test_origins_come_back(partner: str, name: str) -> None:
    origin = parse_origin(f"{partner}/{name}")
    assert (origin.partner, origin.name, origin.text) == (partner, name, f"{partner}/{name}")
    assert origin.site == keccak256(origin.text.encode())
    assert is_partner_name(partner)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "acme",
        "acme/",
        "/rotterdam",
        "acme/rotterdam/x",
        "Acme/rotterdam",
        "acme/-rotterdam",
        "-acme/rotterdam",
        "acme /rotterdam",
        "acme/rotterdam\n",
        "acme/rötterdam",
        "acme/../x",
        "ａcme/rotterdam",
        "a" * 33 + "/rotterdam",
        "acme/" + "r" * 33,
        None,
        5,
    ],
)
def test_refuses_other_origins(text: object) -> None:
    with pytest.raises(OriginError, match="not a site's name") as caught:
        parse_origin(text)
    assert caught.value.hint is not None


def test_partner_names_are_judged_whole() -> None:
    assert not any(map(is_partner_name, ("", "-a", "A", "a/b", "a" * 33, "a\n")))
