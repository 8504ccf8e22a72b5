"""Recoverable ECDSA signatures over secp256k1 (SEC 1, section 4.1; Ethereum Yellow Paper, appendix F), by libsecp256k1.

A signature is ``r || s || v``: 65 bytes, v the recovery id 0 or 1. Validators' seals come in this form. Recovery accepts
a high s, as the consensus clients do, so whoever counts signatures counts recovered addresses. Signing always gives the
low s, by the deterministic nonce of RFC 6979.
"""

from collections.abc import Callable

from coincurve import PrivateKey, PublicKey

from perdure_anchor.errors import EncodingError, VerificationError
from perdure_anchor.hashes import Address, Hash32, keccak256

SIGNATURE_SIZE = 65
PRIVATE_KEY_SIZE = 32


class SignatureError(VerificationError):
    """No public key can have made this signature."""


class PrivateKeyMalformed(EncodingError):
    """Not 32 bytes of a number from 1 to below the group's order."""


def sign(digest: Hash32, private_key: bytes) -> bytes:
    """Signature of the 32-byte digest itself (nothing is prefixed): 65 bytes, v in {0, 1}."""
    return _private_key(private_key).sign_recoverable(digest, hasher=None)


def signer(private_key: bytes) -> Callable[[Hash32], bytes]:
    """`sign` for many digests with one key, which is read once. Raises `PrivateKeyMalformed`."""
    key = _private_key(private_key)
    return lambda digest: key.sign_recoverable(digest, hasher=None)


def recover_address(digest: Hash32, signature: bytes) -> Address:
    """The account whose key signed the digest; raises `SignatureError`."""
    if len(signature) != SIGNATURE_SIZE:
        raise SignatureError(f"signature: got {len(signature)} bytes, want {SIGNATURE_SIZE}")
    if signature[64] > 1:
        raise SignatureError(f"signature: recovery id {signature[64]}, want 0 or 1")
    try:
        public_key = PublicKey.from_signature_and_message(signature, digest, hasher=None)
    except Exception as error:  # libsecp256k1's binding raises bare Exception for r or s out of range
        raise SignatureError("signature: no public key fits") from error
    return _address(public_key)


def address_from_private_key(private_key: bytes) -> Address:
    """The account of a private key (32 bytes)."""
    return _address(_private_key(private_key).public_key)


def _private_key(octets: bytes) -> PrivateKey:
    if len(octets) != PRIVATE_KEY_SIZE:  # libsecp256k1's binding would pad a shorter one with zeros
        raise PrivateKeyMalformed(f"private key: got {len(octets)} bytes, want {PRIVATE_KEY_SIZE}")
    try:
        return PrivateKey(octets)
    except ValueError:
        raise PrivateKeyMalformed("private key: zero, or not below the order of the group") from None


def _address(public_key: PublicKey) -> Address:
    return Address(keccak256(public_key.format(compressed=False)[1:])[12:])
