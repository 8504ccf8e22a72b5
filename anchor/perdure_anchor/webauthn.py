"""Signatures by passkeys and security keys (W3C Web Authentication, level 2, section 7.2): what an authenticator signed.

The challenge is the digest of what is attested. The authenticator's own data says whether somebody touched it, and whether it knew
him by finger or PIN; these two flags are as good as the maker of the authenticator. Where the signature was asked for (the origin)
is the browser's word, and is not judged. Whether a credential was used in the right order (its counter) is not judged either.
"""

import base64
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from perdure_anchor.base64_text import encode_base64, parse_base64
from perdure_anchor.errors import EncodingError, VerificationError
from perdure_anchor.hashes import Hash32
from perdure_anchor.strict_json import JsonError, JsonValue, parse_json, take_object, take_text

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

# an RSA key of 4096 bits is 550 bytes, its signature 512
MAX_PUBLIC_KEY: Final = 768
MAX_SIGNATURE: Final = 768
# without attested credential data: 37 bytes, and small extensions
MAX_AUTHENTICATOR_DATA: Final = 512
MAX_CLIENT_DATA: Final = 2048
MAX_RP_ID: Final = 253

_FIXED_SIZE = 37
_USER_PRESENT, _USER_VERIFIED = 0x01, 0x04
_MIN_RSA_BITS = 2048


class AssertionNotValid(VerificationError):
    """An authenticator did not sign this, or nobody touched it."""


class PasskeyUnusable(EncodingError):
    """A passkey's public key is none that is accepted: P-256, Ed25519, or RSA of 2048 bits at least."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """What came back: authenticator data, client data (JSON) and the signature over both, as bytes."""

    authenticator_data: bytes
    client_data: bytes
    signature: bytes

    @property
    def user_verified(self) -> bool:
        """Whether the authenticator knew its user, by finger, face or PIN."""
        return bool(self.authenticator_data[32] & _USER_VERIFIED)


@dataclass(frozen=True, slots=True)
class PasskeyCredential:
    """A public key (SubjectPublicKeyInfo, DER) and the relying party's id that it was made for."""

    public_key: bytes
    rp_id: str

    @classmethod
    def parse(cls, value: JsonValue, what: str) -> "PasskeyCredential":
        """The members of one; raises an `EncodingError`."""
        members = take_object(value, what, ("kind", "public_key", "rp_id"))
        return cls(
            parse_base64(members["public_key"], f"{what}, public_key", at_most=MAX_PUBLIC_KEY),
            take_text(members["rp_id"], f"{what}, rp_id", MAX_RP_ID),
        )

    def members(self) -> JsonValue:
        """As JSON holds it."""
        return {"kind": "passkey", "public_key": encode_base64(self.public_key), "rp_id": self.rp_id}

    def verify(self, assertion: Assertion, challenge: Hash32) -> None:
        """Raise `AssertionNotValid` or `PasskeyUnusable` unless the key's authenticator signed the challenge, touched by somebody."""
        _check_client_data(assertion.client_data, challenge)
        if assertion.authenticator_data[:32] != sha256(self.rp_id.encode()).digest():
            raise AssertionNotValid(f"passkey: the signature was made for another party than {self.rp_id!a}")
        if not assertion.authenticator_data[32] & _USER_PRESENT:
            raise AssertionNotValid("passkey: nobody touched the authenticator")
        signed = assertion.authenticator_data + sha256(assertion.client_data).digest()
        _verify_signature(load_public_key(self.public_key), assertion.signature, signed)


def parse_assertion(value: JsonValue, what: str) -> Assertion:
    """The members of an assertion, each in base64; raises an `EncodingError`."""
    members = take_object(value, what, ("authenticator_data", "client_data", "signature"))
    assertion = Assertion(
        parse_base64(
            members["authenticator_data"], f"{what}, authenticator_data", at_most=MAX_AUTHENTICATOR_DATA
        ),
        parse_base64(members["client_data"], f"{what}, client_data", at_most=MAX_CLIENT_DATA),
        parse_base64(members["signature"], f"{what}, signature", at_most=MAX_SIGNATURE),
    )
    if len(assertion.authenticator_data) < _FIXED_SIZE:
        raise PasskeyUnusable(
            f"{what}: authenticator_data: got {len(assertion.authenticator_data)} bytes, want {_FIXED_SIZE} at least"
        )
    return assertion


def encode_assertion(assertion: Assertion) -> JsonValue:
    """What `parse_assertion` takes back."""
    return {
        "authenticator_data": encode_base64(assertion.authenticator_data),
        "client_data": encode_base64(assertion.client_data),
        "signature": encode_base64(assertion.signature),
    }


def _check_client_data(raw: bytes, challenge: Hash32) -> None:
    # a browser's own JSON, whose members may grow: only what must be there is read. Strictly, or two readers see two challenges
    try:
        members = parse_json(raw, "client data")
    except JsonError:
        members = None
    if not isinstance(members, dict) or members.get("type") != "webauthn.get":
        raise AssertionNotValid("passkey: the client data are not those of a signature")
    wanted = base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()
    if members.get("challenge") != wanted:
        raise AssertionNotValid(
            "passkey: something else was signed than this of this record",
            hint="the record, the name or the time was changed, or it was never confirmed",
        )


def load_public_key(raw: bytes) -> "PublicKeyTypes":
    """A key that can be a passkey's, in the one spelling that it has; raises `PasskeyUnusable`."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

    try:
        key = load_der_public_key(raw)
    except (ValueError, UnsupportedAlgorithm):
        raise PasskeyUnusable("passkey: its public key cannot be read") from None
    # or one key, spelled in two ways, would be two people's
    if key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != raw:
        raise PasskeyUnusable("passkey: its public key is not in the spelling that is agreed on")
    match key:
        case ec.EllipticCurvePublicKey(curve=ec.SECP256R1()) | ed25519.Ed25519PublicKey():
            return key
        case rsa.RSAPublicKey() if key.key_size >= _MIN_RSA_BITS:
            return key
    raise PasskeyUnusable("passkey: want a key on P-256 or Ed25519, or RSA of 2048 bits at least")


def _verify_signature(key: "PublicKeyTypes", signature: bytes, signed: bytes) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        match key:
            case ec.EllipticCurvePublicKey():
                key.verify(signature, signed, ec.ECDSA(SHA256()))
            case ed25519.Ed25519PublicKey():
                key.verify(signature, signed)
            case rsa.RSAPublicKey():
                key.verify(signature, signed, padding.PKCS1v15(), SHA256())
    except InvalidSignature:
        raise AssertionNotValid("passkey: its key did not sign this") from None
