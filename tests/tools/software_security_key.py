"""A security key in software, as a USB device of the library fido2 (CTAP 2.0 with PIN protocol one), over a software authenticator."""

import hmac
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Event
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from fido2 import cbor
from fido2.ctap import STATUS, CtapDevice
from tools.software_authenticator import ATTESTED, PRESENT, VERIFIED, SoftwareAuthenticator

_CBOR = 0x10
OK, EXCLUDED, CANCELLED, NO_CREDENTIALS, PIN_INVALID, PIN_AUTH_INVALID = 0x00, 0x19, 0x2D, 0x2E, 0x31, 0x33


class Refused(Exception):
    """The key answers with a status."""

    def __init__(self, status: int) -> None:
        self.status = status


@dataclass
class SoftwareSecurityKey(CtapDevice):
    """One key with a PIN, a fingerprint reader, or neither; ``touched``: whether somebody touches it when it blinks."""

    pin: str | None = "1234"
    reads_fingers: bool = False
    touched: bool = True
    authenticator: SoftwareAuthenticator = field(default_factory=SoftwareAuthenticator)
    closed: bool = False
    enrolled: bool = False
    _agreement: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    _token: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    @property
    def capabilities(self) -> int:
        return 0x04

    @classmethod
    def list_devices(cls) -> Iterator["SoftwareSecurityKey"]:
        yield cls()

    def close(self) -> None:
        self.closed = True

    def call(
        self,
        cmd: int,
        data: bytes = b"",
        event: Event | None = None,
        on_keepalive: Callable[[STATUS], None] | None = None,
    ) -> bytes:
        assert cmd == _CBOR
        request: Any = cbor.decode(data[1:]) if len(data) > 1 else {}
        try:
            match data[0]:
                case 0x01:
                    answer = self._make(request, event, on_keepalive)
                case 0x02:
                    answer = self._get(request, event, on_keepalive)
                case 0x04:
                    answer = self._info()
                case 0x06:
                    answer = self._client_pin(request)
                case other:
                    raise AssertionError(other)
        except Refused as refused:
            return bytes([refused.status])
        return bytes([OK]) + cbor.encode(answer)

    def _info(self) -> dict[int, Any]:
        options = {"up": True, "rk": False, "clientPin": self.pin is not None}
        if self.reads_fingers:
            options["uv"] = True
        return {1: ["FIDO_2_0"], 2: [], 3: bytes(16), 4: options, 5: 1200, 6: [1]}

    def _client_pin(self, request: dict[int, Any]) -> dict[int, Any]:
        if request[2] == 0x02:
            numbers = self._agreement.public_key().public_numbers()
            x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
            return {1: {1: 2, 3: -25, -1: 1, -2: x, -3: y}}
        assert request[2] == 0x05
        theirs = request[3]
        numbers = ec.EllipticCurvePublicNumbers(
            int.from_bytes(theirs[-2], "big"), int.from_bytes(theirs[-3], "big"), ec.SECP256R1()
        )
        shared = sha256(self._agreement.exchange(ec.ECDH(), numbers.public_key())).digest()
        cipher = Cipher(algorithms.AES(shared), modes.CBC(bytes(16)))
        given = cipher.decryptor().update(request[6])
        if given != sha256(str(self.pin).encode()).digest()[:16]:
            raise Refused(PIN_INVALID)
        return {2: cipher.encryptor().update(self._token)}

    def _flags(
        self,
        request: dict[int, Any],
        client_data_hash: bytes,
        members: tuple[int, int],
        event: Event | None,
        on_keepalive: Callable[[STATUS], None] | None,
    ) -> int:
        options, proof = request.get(members[0]) or {}, request.get(members[1])
        flags = 0
        if proof is not None:
            if not hmac.compare_digest(hmac.digest(self._token, client_data_hash, "sha256")[:16], proof):
                raise Refused(PIN_AUTH_INVALID)
            flags |= VERIFIED
        elif options.get("uv"):
            assert self.reads_fingers
            flags |= VERIFIED
        if options.get("up", True):
            if on_keepalive is not None:
                on_keepalive(STATUS.UPNEEDED)
            if not self.touched:
                assert event is not None
                event.wait(20)
                raise Refused(CANCELLED)
            flags |= PRESENT
        return flags

    def _make(self, request: dict[int, Any], *asked: Any) -> dict[int, Any]:
        if any(each["id"] == self.authenticator.credential_id for each in request.get(5) or ()):
            raise Refused(EXCLUDED)
        flags = self._flags(request, request[1], (7, 8), *asked)
        self.authenticator.flags, self.enrolled = flags, True
        data = self.authenticator.data(request[2]["id"], ATTESTED) + self.authenticator.attested()
        return {1: "none", 2: data, 3: {}}

    def _get(self, request: dict[int, Any], *asked: Any) -> dict[int, Any]:
        mine = [each for each in request[3] if each["id"] == self.authenticator.credential_id]
        if not mine or not self.enrolled:
            raise Refused(NO_CREDENTIALS)
        self.authenticator.flags = self._flags(request, request[2], (5, 6), *asked)
        data = self.authenticator.data(request[1], 0)
        return {1: mine[0], 2: data, 3: self.authenticator.sign(data + request[2])}
