"""A security key in software: what an authenticator and the browser before it hand back for a challenge (WebAuthn, level 2, section 7.2).

Keys and signatures follow from labels, so each run makes the same bytes.
"""

import base64
import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from perdure_anchor.webauthn import Assertion, PasskeyCredential

RP_ID = "rotterdam.acme.example"
USER_PRESENT, USER_VERIFIED = 0x01, 0x04

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Authenticator:
    """One credential on one device."""

    key: PrivateKey
    rp_id: str = RP_ID

    @property
    def credential(self) -> PasskeyCredential:
        return PasskeyCredential(public_key_bytes(self.key), self.rp_id)

    def sign(
        self,
        challenge: bytes,
        *,
        flags: int = USER_PRESENT | USER_VERIFIED,
        client: Mapping[str, object] | None = None,
        client_data: bytes | None = None,
        rp_id: str | None = None,
        extensions: bytes = b"",
    ) -> Assertion:
        """An assertion; ``client`` changes members of the client data, ``client_data`` is taken instead of all of it."""
        if client_data is None:
            members = {
                "type": "webauthn.get",
                "challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
                "origin": f"https://{self.rp_id}",
                "crossOrigin": False,
            }
            client_data = json.dumps({**members, **(client or {})}, separators=(",", ":")).encode()
        party = hashlib.sha256((rp_id or self.rp_id).encode()).digest()
        data = party + bytes((flags,)) + bytes(4) + extensions
        return Assertion(data, client_data, signed(self.key, data + hashlib.sha256(client_data).digest()))


def signed(key: PrivateKey, octets: bytes) -> bytes:
    match key:
        case ec.EllipticCurvePrivateKey():
            return key.sign(octets, ec.ECDSA(SHA256(), deterministic_signing=True))
        case ed25519.Ed25519PrivateKey():
            return key.sign(octets)
    return key.sign(octets, padding.PKCS1v15(), SHA256())


def public_key_bytes(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def es256(label: str) -> Authenticator:
    return Authenticator(on_curve(label, ec.SECP256R1()))


def on_curve(label: str, curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(_number(label, 31), curve)


def eddsa(label: str) -> Authenticator:
    return Authenticator(ed25519.Ed25519PrivateKey.from_private_bytes(eddsa_seed(label)))


def eddsa_seed(label: str) -> bytes:
    return hashlib.sha256(b"simulated passkey " + label.encode()).digest()


@cache
def rs256(label: str, bits: int = 2048, exponent: int = 65537) -> Authenticator:
    """Primes are searched for from numbers that the label gives; too few tests to rely on, enough for tests."""
    found = (
        p
        for count in itertools.count()
        if _is_prime(p := _number(f"{label} {count}", bits // 16) | 3 << (bits // 2 - 2) | 1)
        and (p - 1) % exponent
    )
    p, q = next(found), next(found)
    d = pow(exponent, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(exponent, p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    return Authenticator(numbers.private_key())


def _number(label: str, size: int) -> int:
    return int.from_bytes(hashlib.shake_256(b"simulated passkey " + label.encode()).digest(size), "big")


_SMALL = [n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))]


def _is_prime(number: int) -> bool:
    if any(number % small == 0 for small in _SMALL):
        return False
    return all(pow(base, number - 1, number) == 1 for base in (2, 3, 5))
