"""The server as somebody from outside meets it: HTTP, browsers, bodies, addresses."""

import json
import logging
import socket
import threading
from contextlib import suppress
from http.client import HTTPConnection

import pytest
from perdure_devnet.errors import AddressInUse
from perdure_devnet.server import MAX_BODY_SIZE, listen, url_of
from tools.devnets import Running

REQUEST = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}).encode()
JSON = {"content-type": "application/json"}


def post(
    running: Running,
    body: bytes = REQUEST,
    headers: dict[str, str] = JSON,
    method: str = "POST",
    path: str = "/",
) -> tuple[int, bytes]:
    port = int(running.url.rpartition(":")[2])
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_request_is_answered(running: Running) -> None:
    status, body = post(running)
    assert status == 200
    assert json.loads(body) == {"jsonrpc": "2.0", "id": 1, "result": hex(running.info.chain_id)}


def test_notifications_get_no_content(running: Running) -> None:
    assert post(running, b'{"jsonrpc":"2.0","method":"eth_chainId"}') == (204, b"")


@pytest.mark.parametrize("host", ["localhost:8545", "127.0.0.1", "[::1]:8545", "192.0.2.7", "LOCALHOST"])
def test_addresses_and_localhost_are_its_own_names(running: Running, host: str) -> None:
    assert post(running, headers=JSON | {"host": host})[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example:8545", "127.0.0.1.evil.example", ""]
)
def test_a_name_that_dns_may_point_here_is_refused(running: Running, host: str) -> None:
    assert post(running, headers=JSON | {"host": host})[0] == 403


def test_pages_in_browsers_are_refused(running: Running) -> None:
    for origin in ("https://evil.example", "http://localhost:8545", "null"):
        assert post(running, headers=JSON | {"origin": origin})[0] == 403
    preflight = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    assert post(running, b"", preflight, method="OPTIONS")[0] == 405


@pytest.mark.parametrize(
    "declared", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"]
)
def test_what_is_not_declared_as_json_is_refused(running: Running, declared: str) -> None:
    assert post(running, headers={"content-type": declared})[0] == 415


def test_a_charset_does_no_harm(running: Running) -> None:
    assert post(running, headers={"content-type": "application/json; charset=utf-8"})[0] == 200


def test_other_methods_and_paths(running: Running) -> None:
    assert post(running, b"", {}, method="GET")[0] == 405
    assert post(running, path="/other")[0] == 404


def test_a_body_has_a_limit(running: Running) -> None:
    padded = REQUEST + b" " * (MAX_BODY_SIZE - len(REQUEST))
    assert post(running, padded)[0] == 200
    with suppress(BrokenPipeError, ConnectionResetError):  # it may hang up while we are still sending
        assert post(running, padded + b" ")[0] == 413


def test_many_clients_at_once(running: Running) -> None:
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(post(running)[0])) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 30


def test_a_port_in_use_is_an_error_with_a_remedy() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(AddressInUse, match=f"cannot listen on 127.0.0.1:{port}") as caught:
            listen("127.0.0.1", port)
        assert caught.value.hint == "choose another --port; --port 0 takes a free one"


@pytest.mark.parametrize(
    ("host", "port"), [("192.0.2.1", 0), ("127.0.0.1", 70_000), ("127.0.0.1", -1), ("no such host", 0)]
)
def test_where_nobody_can_listen_is_an_error(host: str, port: int) -> None:
    with pytest.raises(AddressInUse, match=f"cannot listen on {host}:{port}"):
        listen(host, port)


def test_beyond_loopback_it_warns(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), listen("0.0.0.0", 0) as listener:
        assert url_of(listener).startswith("http://127.0.0.1:")
    assert "everybody who reaches it" in caplog.text


def test_on_loopback_it_does_not(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), listen("127.0.0.1", 0) as listener:
        assert url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"
    assert caplog.text == ""


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_ipv6() -> None:
    try:
        listener = listen("::1", 0)
    except AddressInUse:
        pytest.skip("no IPv6 loopback here")
    with listener:
        assert url_of(listener) == f"http://[::1]:{listener.getsockname()[1]}"
