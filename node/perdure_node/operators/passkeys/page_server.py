"""Asking an authenticator through a page in the user's browser, which is the only thing that this serves.

It listens on this machine only, at a port that the system chooses. The address holds a token that nobody can guess; since other
people of the machine may read it from the browser's command line, whoever comes first gets a cookie, and nobody else is served.
Requests under another name, or from another page, are refused. It ends with the first answer that counts, when it is cancelled,
or when the time is over.
"""

import hmac
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from html import escape
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, Generic, TypeVar

from perdure_anchor.errors import PerdureError
from perdure_anchor.visible_text import visible

from perdure_node.clock import Randomness
from perdure_node.operators.errors import PasskeyNotGiven, PasskeyRefused
from perdure_node.operators.passkeys.ceremony import RP_ID, Ceremony

Answer = TypeVar("Answer")

TIME_FOR_AN_ANSWER: Final = 300.0
_STATIC: Final = Path(__file__).parent / "static"
_FILES: Final = {"page.js": "text/javascript; charset=utf-8", "page.css": "text/css; charset=utf-8"}
# an attestation by a chain of certificates is some kilobytes
_MAX_BODY: Final = 64 * 1024
_MAX_REFUSED: Final = 20
_SECONDS_FOR_A_REQUEST: Final = 10
_PORTS_TO_TRY: Final = 10
_COOKIE: Final = "perdure"
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "publickey-credentials-create=(self), publickey-credentials-get=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


def ask_browser(
    ceremony: Ceremony[Answer],
    tell: Callable[[str], None],
    *,
    randomness: Randomness,
    seconds: float = TIME_FOR_AN_ANSWER,
) -> Answer:
    """Serve the page until it has answered; ``tell`` gets its address, and opens or prints it.

    Raises `PasskeyNotGiven` where somebody cancelled or let the ``seconds`` pass, `PasskeyRefused` after too many wrong answers.
    """
    with ExitStack() as open_until_done:
        servers = _listening()
        port = servers[0].server_address[1]
        desk = _Desk(ceremony, randomness(16).hex(), randomness(16).hex(), f"http://{RP_ID}:{port}")
        for server in servers:
            open_until_done.enter_context(_served(server, desk))
        tell(f"{desk.origin}/{desk.token}/")
        return desk.wait(seconds)


class _Desk(Generic[Answer]):
    """What is asked, and what has come of it; the threads of the servers share it."""

    def __init__(self, ceremony: Ceremony[Answer], token: str, cookie: str, origin: str) -> None:
        self.ceremony, self.token, self.cookie, self.origin = ceremony, token, cookie, origin
        self._lock, self._done = threading.Lock(), threading.Event()
        self._visited, self._over, self._refused = False, False, 0
        self._answer: list[Answer] = []
        self._fault: PerdureError | None = None

    def wait(self, seconds: float) -> Answer:
        if not self._done.wait(seconds):
            with self._lock:
                if not self._over:
                    self._end(PasskeyNotGiven(f"passkey: nobody used it within {seconds:g} seconds"))
        if self._fault is not None:
            raise self._fault
        return self._answer[0]

    def has_replied(self) -> None:
        """Let whoever waits go on, if it is over: the browser has been told."""
        if self._over:
            self._done.set()

    def is_first_visit(self) -> bool:
        with self._lock:
            first, self._visited = not self._visited, True
        return first

    def take(self, answer: dict[str, object]) -> str | None:
        """Judge an answer; returns why it does not count, None if it does. Raises `PasskeyNotGiven` once another one has counted."""
        with self._lock:
            if self._over:
                raise PasskeyNotGiven("this was answered already, or its time is over")
            if answer.get("cancelled") is True:
                self._end(PasskeyNotGiven("passkey: it was cancelled on the page"))
                return None
            try:
                self._answer.append(self.ceremony.judge(answer, self.origin))
            except PerdureError as error:
                self._refused += 1
                if self._refused >= _MAX_REFUSED:
                    self._end(PasskeyRefused(f"{error}; this was the {_MAX_REFUSED}th wrong answer"))
                return f"{error}" if error.hint is None else f"{error}: {error.hint}"
            self._over = True
            return None

    def _end(self, fault: PerdureError) -> None:
        self._fault, self._over = fault, True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    desk: _Desk[object]

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that goes away is no error."""


class _Server6(_Server):
    address_family = socket.AF_INET6


def _listening() -> list[_Server]:
    """On both addresses that ``localhost`` may stand for, at the same port: else somebody else could answer at the other one."""
    for _ in range(_PORTS_TO_TRY):
        first = _Server(("127.0.0.1", 0), _Handler)
        if not _has_ipv6():
            return [first]
        try:
            return [first, _Server6(("::1", first.server_address[1]), _Handler)]
        except OSError:
            first.server_close()
    raise PasskeyNotGiven("passkey: no port is free on this machine for the page")


def _has_ipv6() -> bool:
    with suppress(OSError), socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
        probe.bind(("::1", 0))
        return True
    return False


@contextmanager
def _served(server: _Server, desk: _Desk[Answer]) -> Iterator[None]:
    server.desk = desk  # type: ignore[assignment]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _SECONDS_FOR_A_REQUEST

    def do_GET(self) -> None:
        desk = self.server.desk
        name = self._name()
        if name is None:
            return
        if name == "" and not self._is_known():
            if not desk.is_first_visit():
                self._send(403, b"this page was opened somewhere else: start the command again\n")
                return
            self._send(200, _page(desk.ceremony), "text/html; charset=utf-8", cookie=True)
        elif name == "":
            self._send(200, _page(desk.ceremony), "text/html; charset=utf-8")
        elif name in _FILES and self._is_known():
            self._send(200, (_STATIC / name).read_bytes(), _FILES[name])
        else:
            self._send(404, b"there is nothing here\n")

    def do_POST(self) -> None:
        desk = self.server.desk
        if self._name() != "answer":
            return
        size = self.headers.get("Content-Length", "")
        if self.headers.get("Origin") != desk.origin or not self._is_known():
            self._send(403, b"this is not the page that asked\n")
        elif self.headers.get_content_type() != "application/json":
            self._send(415, b"want JSON\n")
        elif not (size.isascii() and size.isdigit() and int(size) <= _MAX_BODY):
            self._send(413, b"want an answer of 64 KiB at most\n")
        else:
            self._take(self.rfile.read(int(size)))

    def _take(self, body: bytes) -> None:
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            self._send(400, b"want a JSON object\n")
            return
        desk = self.server.desk
        try:
            why_not = desk.take(answer)
        except PasskeyNotGiven as error:
            self._tell(410, str(error))
            return
        try:
            self._tell(200 if why_not is None else 422, why_not or "")
        finally:
            desk.has_replied()

    def _name(self) -> str | None:
        """What is asked for under the token; None where the request was refused."""
        desk = self.server.desk
        token, slash, name = self.path.removeprefix("/").partition("/")
        if self.headers.get("Host") != desk.origin.removeprefix("http://"):
            self._send(421, b"this page is only at its own address\n")
        elif not slash or not hmac.compare_digest(token.encode(), desk.token.encode()):
            self._send(404, b"there is nothing here\n")
        else:
            return name
        return None

    def _is_known(self) -> bool:
        cookie: SimpleCookie = SimpleCookie()
        with suppress(CookieError):
            cookie.load(self.headers.get("Cookie", ""))
        given = cookie.get(_COOKIE)
        return given is not None and hmac.compare_digest(
            given.value.encode(), self.server.desk.cookie.encode()
        )

    def _tell(self, status: int, message: str) -> None:
        self._send(status, json.dumps({"message": message}).encode(), "application/json")

    def _send(
        self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8", *, cookie: bool = False
    ) -> None:
        desk = self.server.desk
        self.send_response_only(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        if cookie:
            self.send_header(
                "Set-Cookie", f"{_COOKIE}={desk.cookie}; Path=/{desk.token}/; HttpOnly; SameSite=Strict"
            )
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # the name is the library's
        """Nothing is written down."""


def _page(ceremony: Ceremony[object]) -> bytes:
    rows = "".join(
        f"<div><dt>{escape(what)}</dt><dd>{escape(visible(value))}</dd></div>"
        for what, value in ceremony.lines
    )
    options = json.dumps(dict(ceremony.options()))
    button = "Create the passkey" if ceremony.verb == "create" else "Sign with the passkey"
    text = (_STATIC / "page.html").read_text("utf-8")
    for name, value in {
        "title": escape(visible(ceremony.title)),
        "rows": rows,
        "verb": ceremony.verb,
        "button": button,
        "options": escape(options),
    }.items():
        text = text.replace(f"<!--{name}-->", value)
    return text.encode()
