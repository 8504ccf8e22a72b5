"""JSON-RPC over HTTP: one process, one path, for clients on this machine.

Browsers are kept out: a page from elsewhere could otherwise speak to a node on loopback. A request is refused that carries an
Origin, that was sent to a host name which somebody else's DNS may have pointed here, or whose body is not declared as JSON
(which a page cannot do without asking first). Left out: TLS, authentication, WebSockets.
"""

import asyncio
import ipaddress
import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from perdure_devnet.errors import AddressInUse, DevnetNotReady
from perdure_devnet.rpc.dispatch import answer
from perdure_devnet.rpc.node import Node

_log = logging.getLogger(__name__)

# as GoQuorum and geth
MAX_BODY_SIZE = 5 * 1024 * 1024
# py-evm holds the interpreter anyway; more threads would only let long calls starve short ones
WORKERS = 4
_SECONDS_TO_START = 10.0
_SECONDS_TO_FINISH = 2


def make_app(node: Node, workers: ThreadPoolExecutor) -> Starlette:
    """The ASGI application."""

    async def handle(request: Request) -> Response:
        refusal = _refusal(request)
        if refusal is not None:
            return refusal
        body = await _read_body(request)
        if body is None:
            return PlainTextResponse("request body too large", status_code=413)
        reply = await asyncio.get_running_loop().run_in_executor(workers, answer, node, body)
        if reply is None:
            return Response(status_code=204)
        return Response(reply, media_type="application/json")

    return Starlette(routes=[Route("/", handle, methods=["POST"])])


def _refusal(request: Request) -> Response | None:
    if not _is_own_host(request.headers.get("host", "")):
        return PlainTextResponse("invalid host specified", status_code=403)
    if "origin" in request.headers:
        return PlainTextResponse("requests from web pages are not accepted", status_code=403)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return PlainTextResponse("content type must be application/json", status_code=415)
    return None


def _is_own_host(host: str) -> bool:
    """Whether a Host header is an address or "localhost", which DNS cannot point elsewhere."""
    name = host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    if name.lower() == "localhost":
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def _read_body(request: Request) -> bytes | None:
    """The body, or None once it is longer than allowed."""
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > MAX_BODY_SIZE:
            return None
        pieces.append(piece)
    return b"".join(pieces)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises `AddressInUse`; warns beyond this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns off Nagle's algorithm only where the protocol is named, and with it each answer waits 40 ms
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:  # the latter for a port beyond 65535
        listener.close()
        reason = error.strerror if isinstance(error, OSError) else None
        raise AddressInUse(
            f"cannot listen on {host}:{port}: {reason or error}",
            hint="choose another --port; --port 0 takes a free one",
        ) from error
    listener.listen()
    if not ipaddress.ip_address(listener.getsockname()[0]).is_loopback:
        _log.warning("listening on %s: everybody who reaches it can use this chain", host)
    return listener


def url_of(listener: socket.socket) -> str:
    """Where clients on this machine find the server."""
    address, port = listener.getsockname()[:2]
    unspecified = ipaddress.ip_address(address).is_unspecified
    if unspecified:
        address = "::1" if ":" in address else "127.0.0.1"
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


@contextmanager
def serving(node: Node, listener: socket.socket) -> Iterator[threading.Thread]:
    """Answer on ``listener`` while the context lasts; gives the server's thread, which lives as long as it answers."""
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="rpc") as workers:
        config = uvicorn.Config(
            make_app(node, workers),
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            loop="asyncio",
            http="h11",
            timeout_graceful_shutdown=_SECONDS_TO_FINISH,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), name="http", daemon=True)
        thread.start()
        try:
            _wait_until_started(server, thread)
            yield thread
        finally:
            server.should_exit = True
            thread.join()


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    patience = threading.Event()
    for _ in range(int(_SECONDS_TO_START / 0.01)):
        if server.started:
            return
        if not thread.is_alive():
            break
        patience.wait(0.01)
    raise DevnetNotReady("the HTTP server did not start")
