"""What a site's key signs (EIP-712), under the registry's domain: the digest, the signature, and whose it is.

The domain binds a message to one registry on one chain, so that nobody can replay it elsewhere. Digests are computed here by
hand, in few lines, because the general encoders weigh more than all the rest of the verifier; the tests hold them against
eth-account's. Only fields of one word each: that is all that Perdure's messages have.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from perdure_anchor.hashes import Address, Hash32, keccak256
from perdure_anchor.secp256k1 import SIGNATURE_SIZE, SignatureError, recover_address, signer

_DOMAIN_TYPE = keccak256(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_NAME_HASH, _VERSION_HASH = keccak256(b"Perdure"), keccak256(b"1")
_ETHEREUM_V = 27
# half the group order: OpenZeppelin's ECDSA, and so the registry, refuses an s above it (EIP-2)
_MAX_S = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


@dataclass(frozen=True, slots=True)
class RegistryDomain:
    """The EIP-712 domain: which registry on which chain."""

    chain_id: int
    registry: Address


def typed_data_digest(domain: RegistryDomain, type_hash: Hash32, *words: bytes) -> Hash32:
    """The EIP-712 digest of a message: ``words`` are its fields in the type's order, 32 bytes each."""
    message = keccak256(type_hash + b"".join(words))
    return keccak256(b"\x19\x01" + domain_separator(domain) + message)


@lru_cache(maxsize=8)
def domain_separator(domain: RegistryDomain) -> Hash32:
    """What binds a digest to one registry on one chain."""
    return keccak256(
        _DOMAIN_TYPE + _NAME_HASH + _VERSION_HASH + uint_word(domain.chain_id) + address_word(domain.registry)
    )


def uint_word(number: int) -> bytes:
    """An unsigned integer below 2^256 as a message has it."""
    return number.to_bytes(32, "big")


def address_word(address: Address) -> bytes:
    """An address as a message has it."""
    return bytes(12) + address


def sign_digest(digest: Hash32, private_key: bytes) -> bytes:
    """``r || s || v`` with v 27 or 28, as the registry takes it."""
    return digest_signer(private_key)(digest)


def digest_signer(private_key: bytes) -> Callable[[Hash32], bytes]:
    """`sign_digest` for many digests with one key, which is read once. Raises `PrivateKeyMalformed`."""
    sign = signer(private_key)

    def sign_next(digest: Hash32) -> bytes:
        signature = sign(digest)
        return signature[:64] + bytes((signature[64] + _ETHEREUM_V,))

    return sign_next


def recover_digest_signer(digest: Hash32, signature: bytes, what: str) -> Address:
    """Whose key signed; accepts what the registry accepts, and raises `SignatureError`, which calls it ``what``, otherwise."""
    if len(signature) != SIGNATURE_SIZE or signature[64] not in (_ETHEREUM_V, _ETHEREUM_V + 1):
        raise SignatureError(f"{what}: want 65 bytes that end in 27 or 28")
    if int.from_bytes(signature[32:64], "big") > _MAX_S:
        raise SignatureError(f"{what}: s is in the upper half of the group order")
    return recover_address(digest, signature[:64] + bytes((signature[64] - _ETHEREUM_V,)))
