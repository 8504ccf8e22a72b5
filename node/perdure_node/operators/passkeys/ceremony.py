"""What an authenticator is asked, and what counts as its answer (W3C Web Authentication, level 2, sections 7.1 and 7.2).

The relying party is ``localhost``: what is enrolled in a browser is reached by USB too, and the other way round. Whoever signs has
to be known to the authenticator, by finger, face or PIN; where its answer was made must be the page that asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Hash32
from perdure_anchor.webauthn import Assertion, PasskeyCredential, load_public_key

from perdure_node.clock import Randomness
from perdure_node.operators.errors import PasskeyRefused

if TYPE_CHECKING:
    from fido2.cose import CoseKey
    from fido2.server import Fido2Server
    from fido2.webauthn import (
        PublicKeyCredentialCreationOptions,
        PublicKeyCredentialDescriptor,
        PublicKeyCredentialRequestOptions,
    )

RP_ID: Final = "localhost"
_RP_NAME: Final = "Perdure"
# those that `perdure_anchor.webauthn` verifies: ES256, EdDSA, RS256
_ALGORITHMS: Final = (-7, -8, -257)
_MAX_CREDENTIAL_ID: Final = 1023
_PRESENCE: Final = b"perdure presence v1\n"

Answer_co = TypeVar("Answer_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Passkey:
    """A public key, and what its authenticator calls it."""

    credential: PasskeyCredential
    credential_id: bytes


class Ceremony(Protocol, Generic[Answer_co]):
    """One question to an authenticator; its challenge is used for nothing else."""

    @property
    def title(self) -> str: ...

    @property
    def lines(self) -> Sequence[tuple[str, str]]: ...

    @property
    def verb(self) -> str:
        """``create`` or ``get``, as browsers call it."""

    def options(self) -> "PublicKeyCredentialCreationOptions | PublicKeyCredentialRequestOptions": ...

    def judge(self, answer: Mapping[str, object], origin: str) -> Answer_co:
        """What came back (the JSON of a browser's PublicKeyCredential); raises `PasskeyRefused`."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """To make a new passkey for somebody. ``known`` are the ids of his others: an authenticator that has one makes no second."""

    name: str
    challenge: bytes
    user: bytes
    known: tuple[bytes, ...] = ()
    lines: tuple[tuple[str, str], ...] = ()
    verb: str = "create"

    @property
    def title(self) -> str:
        return f"Enrol a passkey for {self.name}"

    def options(self) -> "PublicKeyCredentialCreationOptions":
        """No account is kept on the authenticator where it can do without: the vault names the keys."""
        from fido2 import webauthn

        return webauthn.PublicKeyCredentialCreationOptions(
            rp=webauthn.PublicKeyCredentialRpEntity(id=RP_ID, name=_RP_NAME),
            # not the person's number: an authenticator replaces what it has for the same one
            user=webauthn.PublicKeyCredentialUserEntity(id=self.user, name=self.name, display_name=self.name),
            challenge=self.challenge,
            pub_key_cred_params=[
                webauthn.PublicKeyCredentialParameters(
                    type=webauthn.PublicKeyCredentialType.PUBLIC_KEY, alg=each
                )
                for each in _ALGORITHMS
            ],
            exclude_credentials=_descriptors(self.known),
            authenticator_selection=webauthn.AuthenticatorSelectionCriteria(
                resident_key=webauthn.ResidentKeyRequirement.DISCOURAGED,
                user_verification=webauthn.UserVerificationRequirement.REQUIRED,
            ),
            attestation=webauthn.AttestationConveyancePreference.NONE,
        )

    def judge(self, answer: Mapping[str, object], origin: str) -> Passkey:
        from fido2.utils import websafe_encode

        state = {"challenge": websafe_encode(self.challenge), "user_verification": "required"}
        try:
            made = _server(origin).register_complete(state, answer).credential_data
        except _library_faults() as error:
            raise PasskeyRefused(f"passkey: not enrolled: {_words(error)}") from None
        if made is None or not 0 < len(made.credential_id) <= _MAX_CREDENTIAL_ID:
            raise PasskeyRefused("passkey: not enrolled: the authenticator gave no key")
        public_key = public_key_info(made.public_key)
        load_public_key(public_key)
        return Passkey(PasskeyCredential(public_key, RP_ID), made.credential_id)


@dataclass(frozen=True, slots=True)
class Signing:
    """To sign a challenge with one of somebody's passkeys; ``lines`` (what, value) tell him what it is that he signs."""

    name: str
    challenge: Hash32
    passkey: Passkey
    title: str
    lines: tuple[tuple[str, str], ...]
    verb: str = "get"

    def options(self) -> "PublicKeyCredentialRequestOptions":
        from fido2 import webauthn

        return webauthn.PublicKeyCredentialRequestOptions(
            challenge=self.challenge,
            rp_id=RP_ID,
            allow_credentials=_descriptors((self.passkey.credential_id,)),
            user_verification=webauthn.UserVerificationRequirement.REQUIRED,
        )

    def judge(self, answer: Mapping[str, object], origin: str) -> Assertion:
        """Checked here as a verifier will, and more strictly: by whom it was asked, and that the authenticator knew him."""
        from fido2.webauthn import AuthenticationResponse

        try:
            parsed = AuthenticationResponse.from_dict(answer)
            response, made_for = parsed.response, parsed.response.client_data.origin
        except _library_faults() as error:
            raise PasskeyRefused(f"passkey: not signed: {_words(error)}") from None
        assertion = Assertion(
            bytes(response.authenticator_data), bytes(response.client_data), response.signature
        )
        if made_for != origin:
            raise PasskeyRefused("passkey: not signed: the answer was made for another page")
        try:
            self.passkey.credential.verify(assertion, self.challenge)
        except PerdureError as error:
            raise PasskeyRefused(str(error), hint=error.hint) from None
        if not assertion.user_verified:
            raise PasskeyRefused(
                "passkey: not signed: the authenticator did not ask for a finger, a face or a PIN",
                hint="set a PIN or a fingerprint on it",
            )
        return assertion


def enrolment(name: str, known: Sequence[bytes], randomness: Randomness) -> Enrolment:
    """The question for a new passkey, with a challenge of its own."""
    return Enrolment(name, randomness(32), randomness(32), tuple(known), (("For", name),))


def presence_challenge(randomness: Randomness) -> Hash32:
    """What shows, signed, that somebody is there; it is no digest of anything that a record holds."""
    return Hash32(sha256(_PRESENCE + randomness(32)).digest())


def public_key_info(key: "CoseKey") -> bytes:
    """A COSE key (RFC 9053) as SubjectPublicKeyInfo; raises `PasskeyRefused` for kinds that no verifier knows."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    made: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey
    try:
        match key[3]:
            case -7 if key[-1] == 1:
                made = ec.EllipticCurvePublicNumbers(
                    _whole(key[-2]), _whole(key[-3]), ec.SECP256R1()
                ).public_key()
            case -8 if key[-1] == 6:
                made = ed25519.Ed25519PublicKey.from_public_bytes(key[-2])
            case -257:
                made = rsa.RSAPublicNumbers(_whole(key[-2]), _whole(key[-1])).public_key()
            case _:
                raise PasskeyRefused("passkey: not enrolled: want a key on P-256 or Ed25519, or RSA")
    except (KeyError, ValueError, TypeError):
        raise PasskeyRefused("passkey: not enrolled: its public key cannot be read") from None
    return made.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _whole(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def _descriptors(identifiers: Sequence[bytes]) -> "list[PublicKeyCredentialDescriptor]":
    from fido2 import webauthn

    kind = webauthn.PublicKeyCredentialType.PUBLIC_KEY
    return [webauthn.PublicKeyCredentialDescriptor(type=kind, id=each) for each in identifiers]


def _server(origin: str) -> "Fido2Server":
    from fido2.server import Fido2Server
    from fido2.webauthn import PublicKeyCredentialRpEntity

    party = PublicKeyCredentialRpEntity(id=RP_ID, name=_RP_NAME)
    return Fido2Server(party, verify_origin=lambda given: given == origin)


def _library_faults() -> tuple[type[Exception], ...]:
    """What parsing an answer can raise, which is whatever somebody posted."""
    import struct

    return (ValueError, TypeError, KeyError, AttributeError, IndexError, struct.error, AssertionError)


def _words(error: Exception) -> str:
    """The library's own words where it has some."""
    text = str(error).rstrip(".")
    return text[:200] if isinstance(error, ValueError) and text.isprintable() else "the answer cannot be read"
