"""A node on loopback whose every answer a test writes down: sound, late, cut off, endless, or nonsense."""

import json
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Exchange"], None]


class Exchange(BaseHTTPRequestHandler):
    """One request that arrived, with ways to answer it."""

    protocol_version = "HTTP/1.1"
    # headers and body are written apart: with Nagle's algorithm each answer waits 40 ms for an acknowledgement
    disable_nagle_algorithm = True
    server: "ScriptedServer"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.document = json.loads(body)
        self.server.documents.append(self.document)
        self.server.ports.add(self.client_address[1])
        answers = self.server.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        try:
            answer(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def send(self, body: bytes, status: int = 200, claimed_size: int | None = None) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body) if claimed_size is None else claimed_size))
        self.end_headers()
        self.wfile.write(body)

    def send_json(self, document: Any, status: int = 200) -> None:
        self.send(json.dumps(document).encode(), status)

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        pass


class ScriptedServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks the handshake is what a test wants to see at the other end."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def __init__(self, answers: list[Answer]) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.answers = answers
        self.documents: list[Any] = []
        self.ports: set[int] = set()
        self.scheme = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"

    def methods(self) -> list[str]:
        """What was asked for, batches laid flat."""
        documents = [
            item for entry in self.documents for item in (entry if isinstance(entry, list) else [entry])
        ]
        return [document["method"] for document in documents]


@contextmanager
def scripted_node(*answers: Answer, tls: ssl.SSLContext | None = None) -> Iterator[ScriptedServer]:
    """A server that gives the answers one after the other, and the last one for ever."""
    server = ScriptedServer(list(answers))
    if tls is not None:
        # the handshake is the exchange's affair: one that fails shall not stop the server
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.scheme = "https"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def reply(document: Any, **members: Any) -> dict[str, Any]:
    """The JSON-RPC answer to a request object."""
    return {"jsonrpc": "2.0", "id": document["id"], **members}


def result(value: Any) -> Answer:
    return lambda exchange: exchange.send_json(reply(exchange.document, result=value))


def refusal(code: int, message: str, **members: Any) -> Answer:
    error = {"code": code, "message": message, **members}
    return lambda exchange: exchange.send_json(reply(exchange.document, error=error))


def methods(table: dict[str, Any]) -> Answer:
    """Answers by method name, singly and in batches: a value, or a function of the params; others are not found."""

    def one(document: Any) -> dict[str, Any]:
        if document["method"] not in table:
            return reply(
                document, error={"code": -32601, "message": "the method does not exist/is not available"}
            )
        value = table[document["method"]]
        if callable(value):
            value = value(*document["params"])
        members = value if isinstance(value, dict) and set(value) == {"error"} else {"result": value}
        return reply(document, **members)

    def answer(exchange: Exchange) -> None:
        document = exchange.document
        exchange.send_json([one(item) for item in document] if isinstance(document, list) else one(document))

    return answer
