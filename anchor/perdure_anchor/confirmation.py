"""The slot `confirmation`: what the people who answer for a record signed (SPEC.md, section 16).

An attestation is one person's signature (EIP-712, under the registry's domain) over the digests of all other slots, his name, his
key and its record in the site's log, and the hash of the newest block that the site knew: so it was made after that block. The
confirmer's also covers what the recorder signed, and with which key, so that neither can be exchanged. A signature shows which key
signed; that the key is a person's is what the site's log says of it (`perdure_anchor.operator_key`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final, TypeAlias

from perdure_anchor.base64_text import encode_base64, parse_base64
from perdure_anchor.errors import EncodingError, VerificationError
from perdure_anchor.hashes import Address, Hash32, checksum_address, keccak256, parse_hex, to_hex
from perdure_anchor.record import SLOTS, RecordError
from perdure_anchor.secp256k1 import SIGNATURE_SIZE
from perdure_anchor.strict_json import JsonValue, take_boolean, take_object, take_text
from perdure_anchor.timestamp import format_seconds, parse_seconds
from perdure_anchor.typed_data import RegistryDomain, recover_digest_signer, typed_data_digest, uint_word
from perdure_anchor.webauthn import Assertion, PasskeyCredential, encode_assertion, parse_assertion

VERSION: Final = 1
# the parts of a confirmation, by the number that is signed
RECORDED: Final = 1
CONFIRMED: Final = 2

MAX_NAME = 256
_SLOT = "confirmation"
_LEAF_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_CONTENT_PREFIX = b"perdure content v1\n"
_CREDENTIAL_PREFIX = b"perdure credential v1\n"
ATTESTATION_TYPE: Final = keccak256(
    b"Attestation(bytes32 site,bytes32 content,uint8 part,string name,bytes32 operator,bytes32 credential,"
    b"uint64 at,bytes32 after,bool sawDocument,bytes32 recorded)"
)
_NOTHING = Hash32(bytes(32))


class ConfirmationError(EncodingError):
    """The slot does not hold a confirmation in our format."""


class ConfirmationNotSigned(VerificationError):
    """An attestation is not signed by the key that it names."""


class OnePersonTwice(VerificationError):
    """Who recorded and who confirmed have the same key, the same record of their keys, or the same name."""


@dataclass(frozen=True, slots=True)
class KeyCredential:
    """A secp256k1 key under its owner's passphrase, named by its account."""

    address: Address


Credential: TypeAlias = KeyCredential | PasskeyCredential
Signature: TypeAlias = bytes | Assertion


@dataclass(frozen=True, slots=True)
class Statement:
    """What one person says of a record.

    ``operator`` is the leaf hash of the record of his key; ``at`` in seconds since 1970 is the site's clock, ``after`` the hash of the
    newest block that the site knew; ``saw_document``: the document itself was before him, not only what the record says of it.
    """

    name: str
    operator: Hash32
    at: int
    after: Hash32 | None
    saw_document: bool


@dataclass(frozen=True, slots=True)
class Attestation:
    """A statement, and whose credential signed it."""

    statement: Statement
    credential: Credential
    signature: Signature


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Version 1 of the slot: who recorded, if he signed, and who confirmed, if somebody did."""

    recorded: Attestation | None
    confirmed: Attestation | None

    @property
    def parts(self) -> tuple[tuple[int, Attestation], ...]:
        """The attestations that are there, each with its part."""
        both = ((RECORDED, self.recorded), (CONFIRMED, self.confirmed))
        return tuple((part, each) for part, each in both if each is not None)


def content_digest(slot_digests: Sequence[Hash32]) -> Hash32:
    """What is signed of a record: SHA-256 over the digests of all slots but `confirmation`, in slot order."""
    if len(slot_digests) != len(SLOTS):
        raise RecordError(f"got {len(slot_digests)} slot digests, want {len(SLOTS)}")
    others = [digest for slot, digest in zip(SLOTS, slot_digests, strict=True) if slot != _SLOT]
    return Hash32(sha256(_CONTENT_PREFIX + b"".join(others)).digest())


# a batch names the same few people and credentials again and again
@lru_cache(maxsize=64)
def _name_digest(name: str) -> Hash32:
    return keccak256(name.encode())


@lru_cache(maxsize=64)
def credential_digest(credential: Credential) -> Hash32:
    """What stands for a credential in what is signed: so a signature is nobody's who finds another key that it fits."""
    if isinstance(credential, PasskeyCredential):
        kind = b"passkey\n" + sha256(credential.rp_id.encode()).digest() + credential.public_key
    else:
        kind = b"key\n" + credential.address
    return Hash32(sha256(_CREDENTIAL_PREFIX + kind).digest())


def statement_digest(
    domain: RegistryDomain,
    site: Hash32,
    content: Hash32,
    part: int,
    statement: Statement,
    credential: Credential,
    recorded: Hash32 | None = None,
) -> Hash32:
    """The EIP-712 digest that ``credential`` signs. ``recorded`` is the recorder's, where a confirmer confirms what somebody signed."""
    return typed_data_digest(
        domain,
        ATTESTATION_TYPE,
        site,
        content,
        uint_word(part),
        _name_digest(statement.name),
        statement.operator,
        credential_digest(credential),
        uint_word(statement.at),
        statement.after or _NOTHING,
        uint_word(statement.saw_document),
        recorded or _NOTHING,
    )


def verify_confirmation(
    confirmation: Confirmation, domain: RegistryDomain, site: Hash32, slot_digests: Sequence[Hash32]
) -> None:
    """Raise unless each part is signed by the credential that it names, and the two are not one person's.

    Raises `ConfirmationNotSigned`, `OnePersonTwice`, or another `VerificationError`.
    """
    content, recorded = content_digest(slot_digests), None
    for part, attestation in confirmation.parts:
        recorded = verify_attestation(attestation, domain, site, content, part, recorded)
    check_two_people(confirmation)


def check_two_people(confirmation: Confirmation) -> None:
    """Raise `OnePersonTwice` if who recorded and who confirmed are one, by what the confirmation says of them."""
    first, second = confirmation.recorded, confirmation.confirmed
    shared = None if first is None or second is None else _shared(first, second)
    if shared is not None:
        raise OnePersonTwice(
            f"confirmation: who recorded and who confirmed have the same {shared}",
            hint="one person answered for this record, not two",
        )


def verify_attestation(
    attestation: Attestation,
    domain: RegistryDomain,
    site: Hash32,
    content: Hash32,
    part: int,
    recorded: Hash32 | None = None,
) -> Hash32:
    """Raise unless a part is signed by the credential that it names; returns the digest that is signed.

    ``content`` is the record's `content_digest`; ``recorded`` as in `statement_digest`. Raises as `verify_confirmation`.
    """
    credential, signature = attestation.credential, attestation.signature
    digest = statement_digest(domain, site, content, part, attestation.statement, credential, recorded)
    if isinstance(credential, PasskeyCredential):
        assert isinstance(signature, Assertion), "parsed together"
        credential.verify(signature, digest)
        return digest
    assert isinstance(signature, bytes), "parsed together"
    signer = recover_digest_signer(digest, signature, "confirmation")
    if signer != credential.address:
        raise ConfirmationNotSigned(
            f"confirmation: the key {checksum_address(credential.address)} did not sign this of this record",
            hint="the record, the name or the time was changed, or it was never confirmed",
        )
    return digest


def _shared(first: Attestation, second: Attestation) -> str | None:
    """By what two attestations are one person's, if they are."""
    if credential_key(first.credential) == credential_key(second.credential):
        return "key"
    if first.statement.operator == second.statement.operator:
        return "record of their keys"
    return "name" if first.statement.name == second.statement.name else None


def credential_key(credential: Credential) -> bytes:
    """The account's 20 bytes, or the passkey's public key: what is one key, however it is named."""
    return credential.public_key if isinstance(credential, PasskeyCredential) else credential.address


def parse_confirmation(value: JsonValue) -> Confirmation | None:
    """The slot's value; None for a version that is not known here. Raises an `EncodingError`."""
    if not isinstance(value, dict) or value.get("v") != VERSION:
        return None
    members = take_object(value, _SLOT, ("v", "recorded", "confirmed"))
    confirmation = Confirmation(
        _attestation(members["recorded"], "recorded"), _attestation(members["confirmed"], "confirmed")
    )
    if not confirmation.parts:
        raise ConfirmationError("confirmation: nobody recorded and nobody confirmed")
    return confirmation


def encode_confirmation(confirmation: Confirmation) -> JsonValue:
    """The slot's value."""
    return {
        "v": VERSION,
        "recorded": _members(confirmation.recorded),
        "confirmed": _members(confirmation.confirmed),
    }


def _members(attestation: Attestation | None) -> JsonValue:
    if attestation is None:
        return None
    statement, credential, signature = attestation.statement, attestation.credential, attestation.signature
    return {
        "name": statement.name,
        "operator": statement.operator.hex(),
        "at": format_seconds(statement.at),
        "after": None if statement.after is None else to_hex(statement.after),
        "saw_document": statement.saw_document,
        "credential": encode_credential(credential),
        "signature": encode_base64(signature)
        if isinstance(signature, bytes)
        else encode_assertion(signature),
    }


def encode_credential(credential: Credential) -> JsonValue:
    """A credential as the slot and the record of an operator's key hold it."""
    if isinstance(credential, PasskeyCredential):
        return credential.members()
    return {"kind": "key", "address": checksum_address(credential.address)}


def parse_credential(value: JsonValue, what: str) -> Credential:
    """What `encode_credential` made; raises an `EncodingError`."""
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind == "key":
        members = take_object(value, what, ("kind", "address"))
        return KeyCredential(Address(parse_hex(members["address"], 20, f"{what}, address")))
    if kind == "passkey":
        return PasskeyCredential.parse(value, what)
    raise ConfirmationError(f"{what}: want the kind key or passkey")


def _attestation(value: JsonValue, part: str) -> Attestation | None:
    if value is None:
        return None
    what = f"{_SLOT}, {part}"
    members = take_object(
        value, what, ("name", "operator", "at", "after", "saw_document", "credential", "signature")
    )
    credential = parse_credential(members["credential"], f"{what}, credential")
    after = members["after"]
    statement = Statement(
        take_text(members["name"], f"{what}, name", MAX_NAME),
        parse_leaf_hash(members["operator"], f"{what}, operator"),
        parse_seconds(members["at"], f"{what}, at"),
        None if after is None else Hash32(parse_hex(after, 32, f"{what}, after")),
        take_boolean(members["saw_document"], f"{what}, saw_document"),
    )
    return Attestation(
        statement, credential, _signature(members["signature"], credential, f"{what}, signature")
    )


def _signature(value: JsonValue, credential: Credential, what: str) -> Signature:
    if isinstance(credential, PasskeyCredential):
        return parse_assertion(value, what)
    return parse_base64(value, what, exactly=SIGNATURE_SIZE)


def parse_leaf_hash(value: JsonValue, what: str) -> Hash32:
    """64 lower-case hexadecimal digits, as the slot `supersedes` holds them."""
    text = take_text(value, what, 64)
    if not _LEAF_HASH.fullmatch(text):
        raise ConfirmationError(f"{what}: want 64 lower-case hexadecimal digits")
    return Hash32(bytes.fromhex(text))
