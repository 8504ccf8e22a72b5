"""A way to the chain that can be slow, cut, or lie: every node has its own ways, so that partitions hit some and not others."""

import http.client
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Lie = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]
"""From a request and the true answer to what is said."""

SLOW_SECONDS = 0.7


def _old_head(request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    return answer | {"result": "0x1"} if request["method"] == "eth_blockNumber" else answer


def _no_receipts(request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    return answer | {"result": None} if request["method"] == "eth_getTransactionReceipt" else answer


def _empty_registry(request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    result = answer.get("result")
    if request["method"] != "eth_call" or not isinstance(result, str):
        return answer
    return answer | {"result": "0x" + "0" * (len(result) - 2)}


def _no_events(request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    return answer | {"result": []} if request["method"] == "eth_getLogs" else answer


def _other_blocks(request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    result = answer.get("result")
    if request["method"] == "eth_getBlockByNumber" and isinstance(result, dict):
        return answer | {"result": result | {"stateRoot": "0x" + "ab" * 32}}
    if request["method"] == "debug_getRawHeader" and isinstance(result, str):
        return answer | {"result": result[:-4] + ("0000" if result[-4:] != "0000" else "1111")}
    return answer


def _nonsense(request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    return answer | {"result": {"unexpected": [1, 2, 3]}}


LIES: dict[str, Lie] = {
    "an old head": _old_head,
    "no receipts": _no_receipts,
    "an empty registry": _empty_registry,
    "no events": _no_events,
    "other blocks": _other_blocks,
    "nonsense": _nonsense,
}


class FaultyProxy(ThreadingHTTPServer):
    """Passes JSON-RPC on to ``target``; ``mode`` is true, slow, cut, hanging, or one of `LIES`."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        parts = urlsplit(target)
        assert parts.hostname is not None
        assert parts.port is not None
        self.host, self.port = parts.hostname, parts.port
        self.mode = "true"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that are killed hang up: that is what a soak is for."""


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: FaultyProxy

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        mode = self.server.mode
        if mode == "cut":
            self.close_connection = True
            return
        if mode == "hanging":
            time.sleep(15)
            self.close_connection = True
            return
        if mode == "slow":
            time.sleep(SLOW_SECONDS)
        try:
            answer = self._asked(body)
        except OSError:
            self.close_connection = True
            return
        if mode in LIES:
            answer = _lied(LIES[mode], body, answer)
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _asked(self, body: bytes) -> bytes:
        connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=30)
        try:
            connection.request("POST", "/", body, {"content-type": "application/json"})
            return connection.getresponse().read()
        finally:
            connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _lied(lie: Lie, body: bytes, answer: bytes) -> bytes:
    request, said = json.loads(body), json.loads(answer)
    if isinstance(request, list) and isinstance(said, list):
        by_id = {each["id"]: each for each in said}
        return json.dumps([lie(each, by_id[each["id"]]) for each in request if each["id"] in by_id]).encode()
    return json.dumps(lie(request, said) if isinstance(said, dict) else said).encode()


@contextmanager
def faulty_proxy(target: str) -> Iterator[FaultyProxy]:
    server = FaultyProxy(target)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


FAULTS = ("slow", "cut", "hanging", *LIES)


def any_fault(dice: random.Random) -> str:
    return dice.choice(["slow", "cut", *FAULTS])
