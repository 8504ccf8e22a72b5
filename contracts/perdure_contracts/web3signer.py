"""Keys that a Web3Signer holds (ConsenSys): this machine asks for signatures and never sees a key.

Its signing over HTTP, in the manner of EIP-3030: ``GET /api/v1/eth1/publicKeys`` lists public keys (64 bytes, hexadecimal), and
``POST /api/v1/eth1/sign/{public key}`` with ``{"data": "0x.."}`` answers with ``r || s || v`` over the keccak256 of the bytes. Its
JSON-RPC is not used: there it makes the transaction by itself, for a chain id of its own, and needs a node behind it.

No answer is believed: a signature has to recover to the account. The server has no user names of its own; it is protected by
client certificates, or by a proxy before it that asks for a password (in the URL) or a token.
"""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import httpx
from perdure_anchor.errors import ChainError, ConfigError, PerdureError
from perdure_anchor.hashes import Address, checksum_address, keccak256, parse_hex, to_hex
from perdure_anchor.secp256k1 import SIGNATURE_SIZE

from perdure_contracts.closing import Closing
from perdure_contracts.endpoint import RpcEndpoint, parse_endpoint
from perdure_contracts.rpc_errors import quoted
from perdure_contracts.unsigned_transaction import from_members, signer_of, signing_payload, with_signature

_KEYS_PATH: Final = "/api/v1/eth1/publicKeys"
_SIGN_PATH: Final = "/api/v1/eth1/sign/"
_UPCHECK_PATH: Final = "/upcheck"
# a list of 10,000 public keys is 1.3 MB
_MAX_ANSWER_SIZE: Final = 4 * 1024 * 1024
_PUBLIC_KEY_SIZE: Final = 64
# a hardware module behind the server, or a person who confirms, takes its time
DEFAULT_TIMEOUT = 30.0


class SignerUnreachable(ChainError):
    """The signing server does not answer."""


class SignerBadAnswer(ChainError):
    """The signing server's answer is not what its interface promises."""


class SignerRefused(ConfigError):
    """The signing server will not sign: it does not know the key, or does not let us ask."""


class SignedByAnother(SignerBadAnswer):
    """The signature is another key's, or over something else: nothing with it may be sent."""


class SignerSetupError(ConfigError):
    """A token or certificate for the signing server cannot be used."""


@dataclass(frozen=True, slots=True)
class Web3SignerAccess:
    """Where the server is and how it lets us in; ``url`` may hold a user name and a password.

    ``authorities`` is a file of the certificates that vouch for the server, ``client_certificate`` one of our own certificate with
    its key behind it: both in PEM.
    """

    url: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    authorities: Path | None = None
    client_certificate: Path | None = None
    timeout: float = DEFAULT_TIMEOUT


class Web3Signer(Closing):
    """Signs transactions of one account by a Web3Signer; to be closed, or used as a context manager."""

    def __init__(self, access: Web3SignerAccess, address: Address) -> None:
        self.address = address
        self._endpoint: RpcEndpoint = parse_endpoint(access.url, "web3signer url")
        self._identifier: str | None = None
        headers = {"accept": "application/json, text/plain", "accept-encoding": "identity"}
        if access.token is not None:
            headers["authorization"] = f"Bearer {access.token}"
        try:
            self._http = httpx.Client(
                base_url=access.url,
                headers=headers,
                timeout=access.timeout,
                verify=_tls(access),
                trust_env=not self._endpoint.is_loopback,
                follow_redirects=False,
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise SignerSetupError("the web3signer's url or token cannot be used") from error

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def check(self) -> None:
        """Raise unless the server is up and has the account's key; signs nothing."""
        self._ask("GET", _UPCHECK_PATH)
        self._public_key()

    def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        """The raw transaction; raises `SignerUnreachable`, `SignerRefused`, `SignerBadAnswer` or `SignedByAnother`."""
        unsigned = from_members(transaction)
        answer = self._ask(
            "POST", _SIGN_PATH + self._public_key(), {"data": to_hex(signing_payload(unsigned))}
        )
        signature = self._signature(answer)
        try:
            signer = signer_of(unsigned, signature)
        except PerdureError as error:
            raise SignedByAnother(f"answer of {self._endpoint}: {error}") from error
        if signer != self.address:
            raise SignedByAnother(
                f"answer of {self._endpoint}: signed by {checksum_address(signer)}, want {checksum_address(self.address)}",
                hint="nothing was sent; ask whoever runs the web3signer which keys it has",
            )
        return with_signature(unsigned, signature)

    def _public_key(self) -> str:
        """The server's name for the account's key."""
        if self._identifier is None:
            self._identifier = self._find_public_key()
        return self._identifier

    def _find_public_key(self) -> str:
        try:
            listed = json.loads(self._ask("GET", _KEYS_PATH))
        except (ValueError, RecursionError) as error:
            raise SignerBadAnswer(f"answer of {self._endpoint}: its list of keys is not JSON") from error
        for text in listed if isinstance(listed, list) else ():
            digits = text.removeprefix("0x").lower() if isinstance(text, str) else ""
            try:
                public_key = parse_hex("0x" + digits, _PUBLIC_KEY_SIZE, "public key")
            except PerdureError:
                continue  # a key of another kind
            if keccak256(public_key)[12:] == self.address:
                return digits
        raise SignerRefused(
            f"the web3signer at {self._endpoint} has no key of the account {checksum_address(self.address)}",
            hint="check --account, or let whoever runs the web3signer load the key",
        )

    def _signature(self, answer: bytes) -> bytes:
        """65 bytes in hexadecimal; some versions put quotation marks around it."""
        text = answer.decode("ascii", "replace").strip().strip('"')
        try:
            return parse_hex(text, SIGNATURE_SIZE, "signature")
        except PerdureError as error:
            raise SignerBadAnswer(f"answer of {self._endpoint}: {error}") from None

    def _ask(self, method: str, path: str, document: Mapping[str, str] | None = None) -> bytes:
        try:
            with self._http.stream(method, path.removeprefix("/"), json=document) as response:
                body = self._read(response)
        except httpx.TimeoutException as error:
            raise SignerUnreachable(
                f"no answer from the web3signer at {self._endpoint}", hint="try again later"
            ) from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            reason = quoted(self._endpoint.without_secrets(str(error)))
            raise SignerUnreachable(
                f"no connection to the web3signer at {self._endpoint}: {reason}",
                hint="is it running, is the url right, and is its certificate vouched for?",
            ) from error
        if response.status_code != HTTPStatus.OK:
            raise self._refusal(response.status_code, body)
        return body

    def _read(self, response: httpx.Response) -> bytes:
        body = b""
        for piece in response.iter_bytes():
            body += piece
            if len(body) > _MAX_ANSWER_SIZE:
                raise SignerBadAnswer(f"answer of {self._endpoint}: longer than {_MAX_ANSWER_SIZE} bytes")
        return body

    def _refusal(self, status: int, body: bytes) -> PerdureError:
        said = quoted(self._endpoint.without_secrets(body[:300].decode("utf-8", "replace")).strip())
        message = f"the web3signer at {self._endpoint} refuses: http status {status}" + (
            f": {said}" if said else ""
        )
        match status:
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                return SignerRefused(
                    message, hint="check password, token or client certificate, and its list of allowed hosts"
                )
            case HTTPStatus.NOT_FOUND:
                return SignerRefused(
                    message, hint="is this a web3signer in eth1 mode, and is the key loaded?"
                )
            case HTTPStatus.BAD_REQUEST:
                return SignerRefused(message)
        return SignerUnreachable(message, hint="try again later")


def _tls(access: Web3SignerAccess) -> ssl.SSLContext:
    """The system's certificates, or those of a file; raises `SignerSetupError`."""
    try:
        context = ssl.create_default_context(cafile=access.authorities)
        if access.client_certificate is not None:
            # without an answer: an encrypted key would be asked for on the terminal, in the middle of anything
            context.load_cert_chain(access.client_certificate, password=lambda: b"")
    except (OSError, ssl.SSLError, ValueError) as error:
        raise SignerSetupError(
            "the certificates for the web3signer cannot be used", hint="want PEM files, the key not encrypted"
        ) from error
    return context
