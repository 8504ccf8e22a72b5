"""A Web3Signer on loopback that does what the real one documents of its eth1 mode, and lies where a test wants it to.

Documented: GET /upcheck answers ``OK``; GET /api/v1/eth1/publicKeys a JSON list of 64-byte public keys; POST
/api/v1/eth1/sign/{public key} with ``{"data": "0x.."}`` a signature ``r || s || v`` (v 27 or 28) over keccak256 of the bytes, as plain text;
404 for a key that is not loaded, 400 for a body that is not that, 403 for a host that is not on the list.
"""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from coincurve import PrivateKey
from perdure_anchor.hashes import keccak256
from perdure_anchor.secp256k1 import sign

SIGN_PATH = "/api/v1/eth1/sign/"


class SigningServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, private_keys: Sequence[bytes], authorization: str | None) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.keys = {
            PrivateKey(key).public_key.format(compressed=False)[1:].hex(): key for key in private_keys
        }
        self.authorization = authorization
        self.requests: list[tuple[str, str]] = []
        self.scheme = "http"
        # what a test lets go wrong: the status and text of answers, and the key that really signs
        self.status: int | None = None
        self.change_signature: Callable[[str], str] = lambda text: text
        self.listed: Any = None
        self.signs_with: bytes | None = None

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: SigningServer

    def do_GET(self) -> None:
        if self._is_let_in():
            if self.path == "/upcheck":
                self._answer(200, "OK")
            elif self.path == "/api/v1/eth1/publicKeys":
                listed = self.server.listed
                keys = ["0x" + name for name in self.server.keys] if listed is None else listed
                self._answer(200, json.dumps(keys), "application/json")
            else:
                self._answer(404, "")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if not self._is_let_in():
            return
        key = self.server.keys.get(self.path.removeprefix(SIGN_PATH).removeprefix("0x"))
        if not self.path.startswith(SIGN_PATH) or key is None:
            self._answer(404, "Public Key not found")
            return
        try:
            payload = bytes.fromhex(json.loads(body)["data"].removeprefix("0x"))
        except (ValueError, KeyError, TypeError, AttributeError):
            self._answer(400, "Bad request format")
            return
        signature = sign(keccak256(payload), self.server.signs_with or key)
        text = "0x" + signature[:64].hex() + f"{27 + signature[64]:02x}"
        self._answer(200, self.server.change_signature(text))

    def _is_let_in(self) -> bool:
        self.server.requests.append((self.command, self.path))
        if self.server.status is not None:
            self._answer(self.server.status, "Host not authorized.")
            return False
        wanted = self.server.authorization
        if wanted is not None and self.headers.get("authorization") != wanted:
            self._answer(401, "")
            return False
        return True

    def _answer(self, status: int, text: str, kind: str = "text/plain; charset=utf-8") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def running_web3signer(
    *private_keys: bytes, authorization: str | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[SigningServer]:
    """A server with these keys; ``authorization`` is the header that it wants."""
    server = SigningServer(private_keys, authorization)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.scheme = "https"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
