"""An authenticator in software (W3C Web Authentication), written from the standard with `cryptography` alone; and who uses it on a page.

What it answers is what a browser posts: the JSON of a PublicKeyCredential.
"""

import base64
import json
import re
import struct
from dataclasses import dataclass, field
from hashlib import sha256
from html import unescape
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def octets(given: str) -> bytes:
    return base64.urlsafe_b64decode(given + "=" * (-len(given) % 4))


def cbor(value: Any) -> bytes:
    """CBOR (RFC 8949) of what an authenticator needs: small maps, texts, byte strings, integers."""
    match value:
        case int() if value >= 0:
            return _head(0, value)
        case int():
            return _head(1, -1 - value)
        case bytes():
            return _head(2, len(value)) + value
        case str():
            return _head(3, len(value.encode())) + value.encode()
        case dict():
            return _head(5, len(value)) + b"".join(cbor(each) for pair in value.items() for each in pair)
    raise AssertionError(value)


def _head(major: int, value: int) -> bytes:
    if value < 24:
        return bytes([major << 5 | value])
    if value < 256:
        return bytes([major << 5 | 24, value])
    return bytes([major << 5 | 25]) + struct.pack(">H", value)


@dataclass
class SoftwareAuthenticator:
    """Holds one key; ``flags`` and ``origin`` can be wrong, as those of a bad one."""

    kind: str = "P-256"
    flags: int = PRESENT | VERIFIED
    origin: str | None = None
    credential_id: bytes = b"one credential id"
    key: Any = field(init=False)

    def __post_init__(self) -> None:
        match self.kind:
            case "P-256":
                self.key = ec.generate_private_key(ec.SECP256R1())
            case "Ed25519":
                self.key = ed25519.Ed25519PrivateKey.generate()
            case "RSA":
                self.key = rsa.generate_private_key(65537, 2048)
            case "P-384":
                self.key = ec.generate_private_key(ec.SECP384R1())

    def create(self, options: dict[str, Any], origin: str) -> dict[str, Any]:
        client = self._client_data("webauthn.create", options, origin)
        data = self.data(options["rp"]["id"], ATTESTED) + self.attested()
        made = cbor({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer({"clientDataJSON": text(client), "attestationObject": text(made)})

    def get(self, options: dict[str, Any], origin: str) -> dict[str, Any]:
        client = self._client_data("webauthn.get", options, origin)
        data = self.data(options["rpId"], 0)
        return self._answer(
            {
                "clientDataJSON": text(client),
                "authenticatorData": text(data),
                "signature": text(self.sign(data + sha256(client).digest())),
            }
        )

    def _answer(self, response: dict[str, str]) -> dict[str, Any]:
        name = text(self.credential_id)
        return {"id": name, "rawId": name, "type": "public-key", "response": response}

    def _client_data(self, kind: str, options: dict[str, Any], origin: str) -> bytes:
        members = {"type": kind, "challenge": options["challenge"], "origin": self.origin or origin}
        return json.dumps({**members, "crossOrigin": False}).encode()

    def attested(self) -> bytes:
        """Attested credential data: no maker, the credential's id, the public key in COSE."""
        head = bytes(16) + struct.pack(">H", len(self.credential_id))
        return head + self.credential_id + cbor(self._cose())

    def data(self, rp_id: str, more: int) -> bytes:
        return sha256(rp_id.encode()).digest() + bytes([self.flags | more]) + bytes(4)

    def sign(self, signed: bytes) -> bytes:
        match self.key:
            case ec.EllipticCurvePrivateKey():
                return bytes(self.key.sign(signed, ec.ECDSA(SHA256())))
            case ed25519.Ed25519PrivateKey():
                return self.key.sign(signed)
        return bytes(self.key.sign(signed, padding.PKCS1v15(), SHA256()))

    def _cose(self) -> dict[int, Any]:
        public = self.key.public_key()
        match public:
            case ec.EllipticCurvePublicKey():
                numbers, size = public.public_numbers(), (public.key_size + 7) // 8
                algorithm, curve = (-7, 1) if size == 32 else (-35, 2)
                x, y = numbers.x.to_bytes(size, "big"), numbers.y.to_bytes(size, "big")
                return {1: 2, 3: algorithm, -1: curve, -2: x, -3: y}
            case ed25519.Ed25519PublicKey():
                return {1: 1, 3: -8, -1: 6, -2: public.public_bytes_raw()}
        numbers = public.public_numbers()
        return {1: 3, 3: -257, -1: numbers.n.to_bytes(256, "big"), -2: numbers.e.to_bytes(3, "big")}


@dataclass
class Visitor:
    """Somebody with a browser without a window: he opens the page, and lets his authenticator answer it."""

    authenticator: SoftwareAuthenticator
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=10))
    seen: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def open(self, address: str) -> tuple[str, dict[str, Any], str]:
        """The page's verb, its options and its origin."""
        page = self.client.get(address)
        self.statuses.append(page.status_code)
        self.seen.append(page.text)
        found = re.search(r'data-verb="(\w+)" data-options="([^"]*)"', page.text)
        assert found is not None, page.text
        return found[1], json.loads(unescape(found[2])), address.rpartition("/")[0].rpartition("/")[0]

    def answer(self, address: str) -> httpx.Response:
        verb, options, origin = self.open(address)
        made = getattr(self.authenticator, verb)(options, origin)
        return self.post(address, origin, made)

    def post(self, address: str, origin: str, answer: object) -> httpx.Response:
        response = self.client.post(f"{address}answer", json=answer, headers={"Origin": origin})
        self.statuses.append(response.status_code)
        return response
