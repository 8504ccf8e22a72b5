"""Origins and checkpoints: a site's signed word for the state of its log (EIP-712; C2SP tlog-checkpoint for the notions)."""

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

import sha3

from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Address, Hash32, keccak256
from perdure_anchor.typed_data import (
    RegistryDomain,
    domain_separator,
    recover_digest_signer,
    sign_digest,
    typed_data_digest,
    uint_word,
)

__all__ = [
    "MAX_TREE_SIZE",
    "Checkpoint",
    "Origin",
    "OriginError",
    "RegistryDomain",
    "checkpoint_digest",
    "checkpoint_digests",
    "is_partner_name",
    "parse_origin",
    "recover_checkpoint_signer",
    "sign_checkpoint",
]

MAX_TREE_SIZE = 2**48 - 1

_NAME = r"[a-z0-9][a-z0-9-]{0,31}"
_ORIGIN = re.compile(rf"({_NAME})/({_NAME})", re.ASCII)
_PARTNER = re.compile(_NAME, re.ASCII)

# a word for the type, and for each field
_MESSAGE = struct.Struct(">32s32s24xQ32s24xQ")
_CHECKPOINT_TYPE = keccak256(b"Checkpoint(bytes32 site,uint64 size,bytes32 root,uint64 sealedAt)")


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
class Checkpoint:
    """``size`` leaves with this ``root``; ``sealed_at`` is the site's clock, in seconds since 1970: a claim."""

    site: Hash32
    size: int
    root: Hash32
    sealed_at: int


def checkpoint_digest(domain: RegistryDomain, checkpoint: Checkpoint) -> Hash32:
    """The EIP-712 digest that the site signs and that the registry emits."""
    return typed_data_digest(
        domain,
        _CHECKPOINT_TYPE,
        checkpoint.site,
        uint_word(checkpoint.size),
        checkpoint.root,
        uint_word(checkpoint.sealed_at),
    )


def checkpoint_digests(
    domain: RegistryDomain,
    sites: Sequence[Hash32],
    sizes: Sequence[int],
    roots: Sequence[Hash32],
    sealed_ats: Sequence[int],
) -> list[Hash32]:
    """As `checkpoint_digest` for many, a sequence for each field: for whoever follows all sites of a chain."""
    prefix = b"\x19\x01" + domain_separator(domain)
    rows = zip(repeat(_CHECKPOINT_TYPE), sites, sizes, roots, sealed_ats)
    try:
        messages = [_MESSAGE.pack(*row) for row in rows]
    except struct.error:  # a number of more than 64 bits, which no registry takes
        checkpoints = map(Checkpoint, sites, sizes, roots, sealed_ats)
        return [checkpoint_digest(domain, checkpoint) for checkpoint in checkpoints]
    keccak = sha3.keccak_256
    return [keccak(prefix + keccak(message).digest()).digest() for message in messages]


def sign_checkpoint(domain: RegistryDomain, checkpoint: Checkpoint, private_key: bytes) -> bytes:
    """The site's signature, ``r || s || v`` with v 27 or 28, as the registry takes it."""
    return sign_digest(checkpoint_digest(domain, checkpoint), private_key)


def recover_checkpoint_signer(domain: RegistryDomain, checkpoint: Checkpoint, signature: bytes) -> Address:
    """Whose key signed the checkpoint; accepts what the registry accepts, and raises `SignatureError` otherwise."""
    return recover_digest_signer(checkpoint_digest(domain, checkpoint), signature, "checkpoint signature")
