"""The HTTP server of a node, in a thread of its own: a socket, TLS where it is set, and a graceful end."""

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from perdure_anchor.errors import ConfigError

from perdure_node.gateway.settings import ListenSettings
from perdure_node.service.connections import MAX_HEADER_SIZE, BoundedConnection

if TYPE_CHECKING:
    from fastapi import FastAPI

_SECONDS_TO_START, _SECONDS_TO_FINISH = 20.0, 10


class CannotListen(ConfigError):
    """The address or the certificate cannot be used."""


class ServerEnded(ConfigError):
    """The HTTP server did not start, or ended by itself."""


def listen(settings: ListenSettings) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises `CannotListen`."""
    family = socket.AF_INET6 if ":" in settings.address else socket.AF_INET
    # asyncio turns off Nagle's algorithm only where the protocol is named, and with it each answer waits 40 ms
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.address, settings.port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise CannotListen(
            f"cannot listen on {settings.address} port {settings.port}: {(error.strerror or 'unusable').lower()}",
            hint="change address or port in the table [listen] of node.toml, or stop who listens there",
        ) from error
    return listener


def url_of(listener: socket.socket, settings: ListenSettings) -> str:
    """Where clients on this machine find the server."""
    address, port = listener.getsockname()[:2]
    return local_url(address, port, is_tls=bool(settings.certificate))


def local_url(address: str, port: int, *, is_tls: bool) -> str:
    """Where clients on this machine find a server that listens on an address, which may stand for all of them."""
    if ipaddress.ip_address(address).is_unspecified:
        address = "::1" if ":" in address else "127.0.0.1"
    host = f"[{address}]" if ":" in address else address
    return f"{'https' if is_tls else 'http'}://{host}:{port}"


@contextlib.contextmanager
def serving(
    app: "FastAPI", listener: socket.socket, settings: ListenSettings, folder: Path
) -> Iterator[threading.Thread]:
    """Answer on ``listener`` while the context lasts; gives the server's thread, which lives as long as it answers."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            loop="asyncio",
            http=BoundedConnection,
            h11_max_incomplete_event_size=MAX_HEADER_SIZE,
            # whom a proxy speaks for is judged by the settings, in perdure_node.api.clients, and not by what uvicorn takes for granted
            proxy_headers=False,
            timeout_graceful_shutdown=_SECONDS_TO_FINISH,
            **_tls(settings, folder),
        )
    )
    thread = threading.Thread(target=_serve, args=(server, listener), name="perdure-http", daemon=True)
    thread.start()
    try:
        _wait_until_started(server, thread)
        yield thread
    finally:
        server.should_exit = True
        thread.join()


def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
    # a certificate that cannot be used ends uvicorn so
    with contextlib.suppress(SystemExit):
        server.run([listener])


def _tls(settings: ListenSettings, folder: Path) -> dict[str, Any]:
    if not settings.certificate:
        return {}
    certificate, key = (
        folder / settings.certificate,
        folder / (settings.certificate_key or settings.certificate),
    )
    for path in (certificate, key):
        if not path.is_file():
            raise CannotListen(
                f"{path}: no such file",
                hint="see certificate and certificate_key in the table [listen] of node.toml",
            )
    return {"ssl_certfile": certificate, "ssl_keyfile": key, "ssl_keyfile_password": ""}


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    patience = threading.Event()
    for _ in range(int(_SECONDS_TO_START / 0.01)):
        if server.started:
            return
        if not thread.is_alive():
            break
        patience.wait(0.01)
    raise ServerEnded(
        "the HTTP server did not start", hint="see the log; is the certificate one that can be used?"
    )
