"""Origins and checkpoints: a site's signed word for the state of its log (EIP-712; C2SP tlog-checkpoint for the notions).

The EIP-712 domain binds a checkpoint to one registry on one chain, so that nobody can replay it elsewhere. The digest is
computed here by hand, in few lines, because the general encoders weigh more than all the rest of the verifier; the tests
hold it against eth-account's.
"""

import re
from dataclasses import dataclass

from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Address, Hash32, keccak256
from perdure_anchor.secp256k1 import SIGNATURE_SIZE, SignatureError, recover_address, sign

MAX_TREE_SIZE = 2**48 - 1

_NAME = r"[a-z0-9][a-z0-9-]{0,31}"
_ORIGIN = re.compile(rf"({_NAME})/({_NAME})", re.ASCII)
_PARTNER = re.compile(_NAME, re.ASCII)

_DOMAIN_TYPE = keccak256(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_CHECKPOINT_TYPE = keccak256(b"Checkpoint(bytes32 site,uint64 size,bytes32 root,uint64 sealedAt)")
_NAME_HASH, _VERSION_HASH = keccak256(b"Perdure"), keccak256(b"1")
_ETHEREUM_V = 27
# half the group order: OpenZeppelin's ECDSA, and so the registry, refuses an s above it (EIP-2)
_MAX_S = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


class OriginError(EncodingError):
    """Text is not a site's name."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A site's name: the partner's name and the site's own within it."""

    partner: str
    name: str

    @property
    def text(self) -> str:
        return f"{self.partner}/{self.name}"

    @property
    def site(self) -> Hash32:
        """How the registry names the site: keccak256 of the text."""
        return keccak256(self.text.encode())


def parse_origin(text: object) -> Origin:
    """``partner/name``, each of 1 to 32 lower-case letters, digits and hyphens, not starting with a hyphen."""
    match = _ORIGIN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise OriginError(
            "not a site's name: want partner/name, as in acme/rotterdam",
            hint="each part is 1 to 32 of a-z, 0-9 and -, and does not start with -",
        )
    return Origin(match[1], match[2])


def is_partner_name(text: str) -> bool:
    """Whether a partner can have this name."""
    return _PARTNER.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class RegistryDomain:
    """The EIP-712 domain: which registry on which chain."""

    chain_id: int
    registry: Address


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """``size`` leaves with this ``root``; ``sealed_at`` is the site's clock, in seconds since 1970: a claim."""

    site: Hash32
    size: int
    root: Hash32
    sealed_at: int


def checkpoint_digest(domain: RegistryDomain, checkpoint: Checkpoint) -> Hash32:
    """The EIP-712 digest that the site signs and that the registry emits."""
    separator = keccak256(
        _DOMAIN_TYPE + _NAME_HASH + _VERSION_HASH + _word(domain.chain_id) + bytes(12) + domain.registry
    )
    message = keccak256(
        _CHECKPOINT_TYPE
        + checkpoint.site
        + _word(checkpoint.size)
        + checkpoint.root
        + _word(checkpoint.sealed_at)
    )
    return keccak256(b"\x19\x01" + separator + message)


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def sign_checkpoint(domain: RegistryDomain, checkpoint: Checkpoint, private_key: bytes) -> bytes:
    """The site's signature, ``r || s || v`` with v 27 or 28, as the registry takes it."""
    signature = sign(checkpoint_digest(domain, checkpoint), private_key)
    return signature[:64] + bytes((signature[64] + _ETHEREUM_V,))


def recover_checkpoint_signer(domain: RegistryDomain, checkpoint: Checkpoint, signature: bytes) -> Address:
    """Whose key signed the checkpoint; accepts what the registry accepts, and raises `SignatureError` otherwise."""
    if len(signature) != SIGNATURE_SIZE or signature[64] not in (_ETHEREUM_V, _ETHEREUM_V + 1):
        raise SignatureError("checkpoint signature: want 65 bytes that end in 27 or 28")
    if int.from_bytes(signature[32:64], "big") > _MAX_S:
        raise SignatureError("checkpoint signature: s is in the upper half of the group order")
    recoverable = signature[:64] + bytes((signature[64] - _ETHEREUM_V,))
    return recover_address(checkpoint_digest(domain, checkpoint), recoverable)
