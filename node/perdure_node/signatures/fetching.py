"""Files fetched over HTTP from addresses that strangers chose: a certificate says where its CRL is, and anybody can make one.

So nothing inside one's own network is ever asked unless the user allows it: the name is resolved once, each of its addresses has to be
public, and the connection goes to the address that was looked at. Size, time and redirects are bounded.
"""

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from perdure_anchor.errors import ChainError

_CONNECT_SECONDS: Final = 10.0
_TOTAL_SECONDS: Final = 60.0
_MAX_REDIRECTS: Final = 3
_CHUNK: Final = 1 << 16
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_PORTS: Final = {"http": 80, "https": 443}
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class FetchFailed(ChainError):
    """What was asked for could not be had; nothing is known that was not known before."""


class FetchRefused(FetchFailed):
    """An address is not one that may be asked."""


def fetch(
    url: str,
    *,
    limit: int,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    private: bool = False,
) -> bytes:
    """What is at ``url``, at most ``limit`` bytes of it; a POST if there is a ``body``. Raises `FetchFailed`."""
    deadline = time.monotonic() + _TOTAL_SECONDS
    for _ in range(_MAX_REDIRECTS + 1):
        try:
            status, place, octets = _exchange(
                url, limit, body, dict(headers or {}), deadline, private=private
            )
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise FetchFailed(f"{url}: {_reason(error)}") from error
        if status == 200:
            return octets
        if status not in _REDIRECTS or place is None or body is not None:
            raise FetchFailed(f"{url}: it answers with {status}")
        url = urljoin(url, place)
    raise FetchFailed(f"{url}: redirected more than {_MAX_REDIRECTS} times")


def _exchange(
    url: str, limit: int, body: bytes | None, headers: dict[str, str], deadline: float, *, private: bool
) -> tuple[int, str | None, bytes]:
    parts = checked_url(url, private=private)
    port = parts.port or _PORTS[parts.scheme]
    host = parts.hostname or ""
    connection = http.client.HTTPConnection(host, port, timeout=_CONNECT_SECONDS)
    connected = connection.sock = _connected(host, port, parts.scheme, deadline, private=private)
    # a server that drips keeps every single wait short
    watchdog = threading.Timer(max(0.1, deadline - time.monotonic()), _cut, [connected])
    watchdog.daemon = True
    watchdog.start()
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET" if body is None else "POST", target, body, {"Accept": "*/*", **headers})
        answer = connection.getresponse()
        octets = _read(answer, limit) if answer.status == 200 else b""
        if time.monotonic() >= deadline:  # it was cut off, which may look like an end
            raise TimeoutError
        return answer.status, answer.getheader("Location"), octets
    finally:
        watchdog.cancel()
        connection.close()


def _cut(connected: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)


def checked_url(url: str, *, private: bool) -> SplitResult:
    """The address taken apart; raises `FetchRefused` if it is none that may be asked."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise FetchRefused(f"{url[:200]!a}: no address") from error
    if (
        parts.scheme not in _PORTS
        or not parts.hostname
        or not url.isascii()
        or not url.isprintable()
        or " " in url
    ):
        raise FetchRefused(f"{url[:200]!a}: only http and https are asked")
    if parts.username is not None or parts.password is not None:
        raise FetchRefused(f"{url[:200]!a}: it names a user")
    if port not in (None, 80, 443) and not private:
        raise FetchRefused(f"{url[:200]!a}: port {port} is not one for this; --private allows it")
    return parts


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open Internet, also where it has another one inside."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if not ip.is_global or ip.is_multicast:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return True
    return ip not in _NAT64 and ip.ipv4_mapped is None and ip.sixtofour is None and ip.teredo is None


def _connected(host: str, port: int, scheme: str, deadline: float, *, private: bool) -> socket.socket:
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [info[4] for info in infos]
    for address in addresses:
        if not private and not is_public(str(address[0])):
            raise FetchRefused(f"{host} is at {address[0]}, inside a private network; --private allows it")
    if not addresses:
        raise FetchFailed(f"{host} has no address")
    connected = socket.create_connection(
        (str(addresses[0][0]), port), timeout=min(_CONNECT_SECONDS, max(0.1, deadline - time.monotonic()))
    )
    if scheme == "http":
        return connected
    try:
        return ssl.create_default_context().wrap_socket(connected, server_hostname=host)
    except BaseException:
        connected.close()
        raise


def _read(answer: http.client.HTTPResponse, limit: int) -> bytes:
    pieces, size = [], 0
    while piece := answer.read1(min(_CHUNK, limit + 1 - size)):
        size += len(piece)
        if size > limit:
            raise FetchFailed(f"it sends more than {limit} bytes")
        pieces.append(piece)
    if answer.length:
        raise FetchFailed("it ended before all was there")
    return b"".join(pieces)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "its name cannot be found"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (text or type(error).__name__).lower()
