"""What checking a document's signatures gives, whatever their format: plain values, and how the slot `signature` holds them.

The words are those of ETSI EN 319 102-1, section 5.1: an indication for each signature, and for one that is not valid a
subindication, which says why.
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from perdure_anchor.hashes import Hash32
from perdure_anchor.strict_json import JsonValue

SLOT_VERSION: Final = 1
# what a slot lists at most, since a record's disclosures have a bound
MAX_LISTED_SIGNATURES: Final = 16
MAX_LISTED_MATERIAL: Final = 64


class Indication(enum.IntEnum):
    """What EN 319 102-1 calls TOTAL-PASSED, INDETERMINATE and TOTAL-FAILED, the worse the higher."""

    VALID = 0
    INDETERMINATE = 1
    INVALID = 2

    @property
    def text(self) -> str:
        return self.name.lower()


class Format(enum.Enum):
    """How a document is signed."""

    PADES = "pades"
    CADES = "cades"
    SMIME = "smime"
    EIP191 = "eip191"
    EIP712 = "eip712"
    ED25519 = "ed25519"
    RSA = "rsa"
    ECDSA = "ecdsa"
    WET_INK = "wet-ink"


class MaterialKind(enum.Enum):
    """What a file is that a check rested on; an anchor is a certificate that was believed by itself."""

    ANCHOR = "anchor"
    CERTIFICATE = "certificate"
    CRL = "crl"
    OCSP = "ocsp"
    TIME_STAMP = "time-stamp"
    SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class Material:
    """A file that a check rested on: DER, or of a detached signature the bytes as they were found."""

    kind: MaterialKind
    sha256: Hash32
    octets: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignatureCheck:
    """One signature's result. Times are RFC 3339 text in UTC.

    ``subindication`` is a word of EN 319 102-1 (``REVOKED``, ``NO_CERTIFICATE_CHAIN_FOUND``, ...), None for a valid one;
    ``reason`` says it to a person. ``claimed_at`` is the signer's word, ``time_stamped_at`` a trusted time stamp's.
    ``level`` is B-B to B-LTA where the format has such; ``covers`` says how much of the document was signed, and what was
    changed after it. ``attested_by`` is who answers for a signature that no cryptography can check.
    """

    signer: str | None
    certificate_sha256: Hash32 | None
    indication: Indication
    subindication: str | None
    reason: str | None
    claimed_at: str | None
    time_stamped_at: str | None
    level: str | None
    covers: str | None
    signer_id: str | None = None
    organization: str | None = None
    attested_by: str | None = None


@dataclass(frozen=True, slots=True)
class DocumentCheck:
    """All signatures of a document. ``checked_at`` is the moment for which it was checked, RFC 3339.

    ``revocation_as_of`` is when the oldest revocation answer that was relied on was made: what was revoked later is not known.
    None where none was needed or none was there.
    """

    format: Format
    signatures: tuple[SignatureCheck, ...]
    checked_at: str
    revocation_as_of: str | None
    material: tuple[Material, ...]

    @property
    def indication(self) -> Indication:
        """The worst of all signatures; a document without one is indeterminate."""
        return max((each.indication for each in self.signatures), default=Indication.INDETERMINATE)


def signature_slot(check: DocumentCheck) -> JsonValue:
    """What the slot `signature` holds of a check: version 1 of its shape. ``more`` counts what had no room in it."""
    more: dict[str, JsonValue] = {
        "signatures": max(0, len(check.signatures) - MAX_LISTED_SIGNATURES),
        "material": max(0, len({file.sha256 for file in check.material}) - MAX_LISTED_MATERIAL),
    }
    slot: dict[str, JsonValue] = {
        "v": SLOT_VERSION,
        "format": check.format.value,
        "verdict": check.indication.text,
        "checked_at": check.checked_at,
        "revocation_as_of": check.revocation_as_of,
        "signatures": [_signature(each) for each in check.signatures[:MAX_LISTED_SIGNATURES]],
        "material": _material(check.material),
    }
    return {**slot, "more": more} if any(more.values()) else slot


def _signature(check: SignatureCheck) -> JsonValue:
    members: dict[str, JsonValue] = {
        "signer": check.signer,
        "certificate_sha256": None if check.certificate_sha256 is None else check.certificate_sha256.hex(),
        "verdict": check.indication.text,
        "subindication": check.subindication,
        "claimed_at": check.claimed_at,
        "time_stamped_at": check.time_stamped_at,
        "level": check.level,
        "covers": check.covers,
        "attested_by": check.attested_by,
    }
    return {name: value for name, value in members.items() if value is not None}


def _material(files: Iterable[Material]) -> JsonValue:
    """The digests by kind, each once, in their order."""
    digests: dict[str, list[JsonValue]] = {}
    each_once = {file.sha256: file for file in files}
    for file in islice(each_once.values(), MAX_LISTED_MATERIAL):
        digests.setdefault(file.kind.value, []).append(file.sha256.hex())
    return dict(digests)
