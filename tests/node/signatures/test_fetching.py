"""Addresses that strangers chose: none inside one's own network is asked, and no server holds the caller or fills its memory."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from perdure_node.signatures import fetching
from perdure_node.signatures.fetching import FetchFailed, FetchRefused, fetch, is_public

LIMIT = 1000


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does with each connection what it is told; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.recv(4096)
                        answer(connection)
                    except OSError:
                        pass

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/list.crl"
        finally:
            listening.shutdown(socket.SHUT_RDWR)


def sending(octets: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(octets)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://[::1]/",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:127.0.0.1]/",
        "http://0.0.0.0/",
        "http://2130706433/",
        "https://127.0.0.1/",
        "file:///etc/passwd",
        "ldap://directory.example/cn=list",
        "ftp://files.example/list",
        "gopher://files.example/",
        "http://user:secret@authority.example/",
        "http://authority.example:22/",
        "http://authority.example:99999/",
        "http://",
        "http://a b/",
        "http://authority.example/\r\nHost: inside",
        "",
    ],
)
def test_not_asked(url: str) -> None:
    with pytest.raises(FetchFailed):
        fetch(url, limit=LIMIT)
    if "://" not in url or url.startswith(("file", "ldap", "ftp", "gopher")):
        with pytest.raises(FetchRefused):
            fetch(url, limit=LIMIT)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("::ffff:10.0.0.1", False),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_one_address_of_several_inside_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    infos = [(2, 1, 6, "", (address, 80)) for address in ("93.184.216.34", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: infos)
    with pytest.raises(FetchRefused, match="private network"):
        fetch("http://authority.example/", limit=LIMIT)


def test_what_comes() -> None:
    with server(sending(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlist")) as url:
        assert fetch(url, limit=LIMIT, private=True) == b"list"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00" * 5000,
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\nxx",
        b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000,
    ],
)
def test_what_does_not_count(answer: bytes) -> None:
    with server(sending(answer)) as url, pytest.raises(FetchFailed):
        fetch(url, limit=LIMIT, private=True)


def test_a_redirect_leads_nowhere_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def exchange(url: str, *_: object, private: bool) -> tuple[int, str | None, bytes]:
        asked.append(url)
        fetching.checked_url(url, private=private)
        if len(asked) == 1:
            return 302, "http://127.0.0.1/admin", b""
        fetching._connected("127.0.0.1", 80, "http", 0.0, private=private)
        raise AssertionError

    monkeypatch.setattr(fetching, "_exchange", exchange)
    with pytest.raises(FetchRefused, match="private network"):
        fetch("http://authority.example/", limit=LIMIT)
    assert len(asked) == 2


def test_a_server_that_drips_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_TOTAL_SECONDS", 1.0)
    ended = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while not ended.wait(0.05):
            connection.sendall(b"x")

    with server(drip) as url:
        with pytest.raises(FetchFailed):
            fetch(url, limit=LIMIT, private=True)
        ended.set()
