"""Keys that a Web3Signer holds (ConsenSys): this machine asks for signatures and never sees a key.

Its signing over HTTP, in the manner of EIP-3030: ``GET /api/v1/eth1/publicKeys`` lists public keys (64 bytes, hexadecimal), and
``POST /api/v1/eth1/sign/{public key}`` with ``{"data": "0x.."}`` answers with ``r || s || v`` over the keccak256 of the bytes. Its
JSON-RPC is not used: there it makes the transaction by itself, for a chain id of its own, and needs a node behind it.

No answer is believed: a signature has to recover to the account. The server has no user names of its own; it is protected by
client certificates, or by a proxy before it that asks for a password (in the URL) or a token.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import httpx
from perdure_anchor.errors import ChainError, ConfigError, PerdureError
from perdure_anchor.hashes import Address, checksum_address, keccak256, parse_hex, to_hex
from perdure_anchor.secp256k1 import SIGNATURE_SIZE

from perdure_contracts.access import EndpointAccess
from perdure_contracts.closing import Closing
from perdure_contracts.connection import TLS_HINT, ServerConnection, is_tls_failure
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


class Web3Signer(Closing):
    """Signs transactions of one account by a Web3Signer; to be closed, or used as a context manager.

    Raises `EndpointError`, and what `perdure_contracts.access` does. ``timeout`` is in seconds.
    """

    def __init__(self, access: EndpointAccess, address: Address, *, timeout: float = DEFAULT_TIMEOUT) -> None:
        self.address = address
        self._identifier: str | None = None
        self._server = ServerConnection(
            access, timeout=timeout, headers={"accept": "application/json, text/plain"}, what="web3signer url"
        )
        self._endpoint = self._server.endpoint

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

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
            with self._server.stream(method, path.removeprefix("/"), json=document) as response:
                body = self._read(response)
        except httpx.TimeoutException as error:
            raise SignerUnreachable(
                f"no answer from the web3signer at {self._endpoint}", hint="try again later"
            ) from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            reason = quoted(self._server.shown(str(error)))
            raise SignerUnreachable(
                f"no connection to the web3signer at {self._endpoint}: {reason}",
                hint=TLS_HINT if is_tls_failure(error) else "is it running, and is the url right?",
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
        said = quoted(self._server.shown(body[:300].decode("utf-8", "replace")).strip())
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
