"""Rotation of a site's key: the old key's signed word (EIP-712) that another one signs for the site from now on.

Whoever holds the message can bring it to the registry, as with a checkpoint, and cannot alter it. Its nonce, the registry's
count of the changes of the site's keys, makes it work once, and only in its turn.
"""

from dataclasses import dataclass

from perdure_anchor.hashes import Address, Hash32, keccak256
from perdure_anchor.typed_data import (
    RegistryDomain,
    address_word,
    recover_digest_signer,
    sign_digest,
    typed_data_digest,
    uint_word,
)

# seconds: the registry's MAX_GRACE_PERIOD
MAX_GRACE_PERIOD = 366 * 24 * 3600

_KEY_ROTATION_TYPE = keccak256(b"KeyRotation(bytes32 site,address newKey,uint64 gracePeriod,uint64 nonce)")


@dataclass(frozen=True, slots=True)
class KeyRotation:
    """``new_key`` signs for the site from now on, and the key that signs this for ``grace_period`` seconds more.

    The seconds count from the block that carries the rotation. ``nonce`` is the site's ``keyNonce`` in the registry.
    """

    site: Hash32
    new_key: Address
    grace_period: int
    nonce: int


def key_rotation_digest(domain: RegistryDomain, rotation: KeyRotation) -> Hash32:
    """The EIP-712 digest that the site's key signs."""
    return typed_data_digest(
        domain,
        _KEY_ROTATION_TYPE,
        rotation.site,
        address_word(rotation.new_key),
        uint_word(rotation.grace_period),
        uint_word(rotation.nonce),
    )


def sign_key_rotation(domain: RegistryDomain, rotation: KeyRotation, private_key: bytes) -> bytes:
    """The old key's signature, ``r || s || v`` with v 27 or 28, as the registry takes it."""
    return sign_digest(key_rotation_digest(domain, rotation), private_key)


def recover_key_rotation_signer(domain: RegistryDomain, rotation: KeyRotation, signature: bytes) -> Address:
    """Whose key signed the rotation; accepts what the registry accepts, and raises `SignatureError` otherwise."""
    return recover_digest_signer(key_rotation_digest(domain, rotation), signature, "key rotation signature")


@dataclass(frozen=True, slots=True)
class SignedRotation:
    """A rotation with the old key's signature (65 bytes): what travels to the registry."""

    rotation: KeyRotation
    signature: bytes
