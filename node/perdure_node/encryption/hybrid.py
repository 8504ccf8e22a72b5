"""Secrets wrapped to public keys: HPKE (RFC 9180) in base mode, with X25519, HKDF-SHA256 and AES-256-GCM.

The sender needs no secret of his own, so a site records while nobody has entered a passphrase. ``info`` names what is wrapped
and in whose place: a wrapped secret that is moved elsewhere does not open.
"""

from functools import cache
from typing import TYPE_CHECKING, NewType

from perdure_node.clock import Randomness
from perdure_node.errors import VaultDamaged

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hpke import Suite

PublicKey = NewType("PublicKey", bytes)
"""An X25519 public key, 32 bytes (RFC 7748)."""
PrivateKey = NewType("PrivateKey", bytes)
"""An X25519 private key, 32 bytes."""

KEY_SIZE = 32


def new_private_key(randomness: Randomness) -> PrivateKey:
    """A private key; any 32 bytes are one (RFC 7748, section 5)."""
    return PrivateKey(randomness(KEY_SIZE))


def public_key_of(private_key: PrivateKey) -> PublicKey:
    """The public key of a private one."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    return PublicKey(X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw())


def wrap(secret: bytes, recipient: PublicKey, info: bytes) -> bytes:
    """The secret, for the recipient alone: HPKE's encapsulated key (32 bytes), the ciphertext, and its tag (16 bytes)."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

    return _suite().encrypt(secret, X25519PublicKey.from_public_bytes(recipient), info=info)


def unwrap(wrapped: bytes, private_key: PrivateKey, info: bytes) -> bytes:
    """The inverse of `wrap`; raises `VaultDamaged` for what was wrapped for somebody else, in another place, or changed."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    try:
        return _suite().decrypt(wrapped, X25519PrivateKey.from_private_bytes(private_key), info=info)
    except (InvalidTag, ValueError):
        place = info.partition(b"\n")[0].decode(errors="replace")
        raise VaultDamaged(
            f"{place}: this vault's private key does not open it", hint="restore the vault from a backup"
        ) from None


@cache
def _suite() -> "Suite":
    from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

    return Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
