"""HTTP exchanges that end: each has one deadline for connecting, TLS, sending, headers and body together.

httpx counts its timeout from one byte to the next: a server that sends a byte a second, anywhere, holds a caller for ever. Here each
read and write may last at most until the deadline of the exchange that it belongs to, on connections that are reused too. Not
bounded are the system's resolver of names, and the handshake with a server behind a proxy that is itself reached by TLS.
"""

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, cast
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

# an answer may come in many pieces, each within the timeout: all of it has to come within this many timeouts
WHOLE_ANSWER_TIMEOUTS: Final = 6
# a request's extension by which its caller brings a `Deadline`
DEADLINE: Final = "perdure_deadline"
# written at once: a record of TLS, and what a socket that takes anything takes whole
_PIECE: Final = 16 * 1024


class Deadline:
    """When an exchange is broken off with a timeout; who has it may move it while the exchange goes on. In seconds."""

    def __init__(self, seconds: float) -> None:
        self.move(seconds)

    def move(self, seconds: float) -> None:
        """The exchange has so long from now on."""
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        """Negative when it has passed."""
        return self._at - time.monotonic()


def within(deadline: Deadline) -> dict[str, Any]:
    """The options of a request that has this deadline."""
    return {"extensions": {DEADLINE: deadline}}


class _Current(threading.local):
    """The deadline of the exchange that a thread is in."""

    deadline: Deadline | None = None

    def cut(self, timeout: float | None, late: type[httpcore.TimeoutException]) -> float | None:
        """How long an operation may wait now; raises ``late`` if the deadline has passed."""
        if self.deadline is None:
            return timeout
        left = self.deadline.left()
        if left <= 0:
            raise late("the exchange took too long")
        return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    """A connection that is read and written within the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, current: _Current) -> None:
        self._stream = stream
        self._current = current

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._current.cut(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _PIECE):
            piece = buffer[start : start + _PIECE]
            self._stream.write(piece, self._current.cut(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            # Python counts a handshake as one operation, however many bytes it is of
            cut = self._current.cut(timeout, httpcore.ConnectTimeout)
        except httpcore.ConnectTimeout:
            self.close()
            raise
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, cut), self._current)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Connects within the deadline."""

    def __init__(self, current: _Current) -> None:
        self._current = current
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        cut = self._current.cut(timeout, httpcore.ConnectTimeout)
        stream = self._backend.connect_tcp(host, port, cut, local_address, socket_options)
        return _Stream(stream, self._current)


class BoundedTransport(httpx.BaseTransport):
    """What an `httpx.Client` sends by, for one server.

    Unless a request brings its deadline (see `within`), its answer has to begin within the timeout, and to end within
    `WHOLE_ANSWER_TIMEOUTS` timeouts after that.
    """

    def __init__(self, tls: ssl.SSLContext, proxy: httpx.Proxy | None = None) -> None:
        self._current = _Current()
        self._pool = _pool(tls, proxy, _Backend(self._current))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        timeout = request.extensions["timeout"]["read"]
        brought: Deadline | None = request.extensions.get(DEADLINE)
        deadline = brought or (None if timeout is None else Deadline(timeout))
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        sent = httpcore.Request(
            request.method,
            url,
            headers=request.headers.raw,
            content=cast("httpx.SyncByteStream", request.stream),
            extensions=request.extensions,
        )
        with self._exchanging(deadline):
            answer = self._pool.handle_request(sent)
        if deadline is not None and brought is None:
            deadline.move(WHOLE_ANSWER_TIMEOUTS * timeout)
        body = _Body(cast("Iterable[bytes]", answer.stream), lambda: self._exchanging(deadline))
        return httpx.Response(
            answer.status, headers=answer.headers, stream=body, extensions=answer.extensions
        )

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def _exchanging(self, deadline: Deadline | None) -> Iterator[None]:
        """For the calling thread: network operations keep the deadline, and raise errors of httpx."""
        before, self._current.deadline = self._current.deadline, deadline
        try:
            yield
        except Exception as error:
            found = _httpx_error(error)
            if found is None:
                raise
            raise found(str(error)) from error
        finally:
            self._current.deadline = before


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Iterable[bytes], exchanging: Callable[[], Any]) -> None:
        self._stream = stream
        self._exchanging = exchanging

    def __iter__(self) -> Iterator[bytes]:
        pieces = iter(self._stream)
        while True:
            # not while the caller has the piece: it may begin another exchange
            with self._exchanging():
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece

    def close(self) -> None:
        close = getattr(self._stream, "close", None)
        if close is not None:
            close()


def proxy_for(url: httpx.URL) -> httpx.Proxy | None:
    """The proxy that the environment names for a server, if any."""
    named = getproxies()
    proxy = named.get(url.scheme) or named.get("all")
    if not proxy or proxy_bypass(url.host):
        return None
    return httpx.Proxy(proxy if "://" in proxy else f"http://{proxy}")


def _pool(
    tls: ssl.SSLContext, proxy: httpx.Proxy | None, backend: httpcore.NetworkBackend
) -> httpcore.ConnectionPool:
    # as many connections, kept as long, as httpx does
    limits: dict[str, Any] = {
        "max_connections": 100,
        "max_keepalive_connections": 20,
        "keepalive_expiry": 5.0,
        "ssl_context": tls,
        "network_backend": backend,
    }
    if proxy is None:
        return httpcore.ConnectionPool(**limits)
    url = httpcore.URL(
        scheme=proxy.url.raw_scheme, host=proxy.url.raw_host, port=proxy.url.port, target=proxy.url.raw_path
    )
    if proxy.url.scheme.startswith("socks"):
        return httpcore.SOCKSProxy(url, proxy_auth=proxy.raw_auth, **limits)
    return httpcore.HTTPProxy(
        url,
        proxy_auth=proxy.raw_auth,
        proxy_headers=proxy.headers.raw,
        proxy_ssl_context=proxy.ssl_context,
        **limits,
    )


def _httpx_error(error: Exception) -> type[httpx.TransportError] | None:
    """The class of httpx that has the name of httpcore's."""
    for kind in type(error).__mro__:
        if kind.__module__.partition(".")[0] == "httpcore":
            found = getattr(httpx, kind.__name__, None)
            if isinstance(found, type) and issubclass(found, httpx.TransportError):
                return found
    return None
