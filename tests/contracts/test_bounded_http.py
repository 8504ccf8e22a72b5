"""No server holds a caller for ever, however it sends its bytes; what flows is not cut off."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from perdure_contracts.access import EndpointAccess
from perdure_contracts.bounded_http import Deadline, proxy_for, within
from perdure_contracts.connection import ServerConnection
from perdure_contracts.rpc import JsonRpc
from perdure_contracts.rpc_errors import RpcTimeout, RpcUnreachable
from tools.dripping_server import BODY, HANDSHAKE, HEADERS, dripping_server
from tools.scripted_node import Exchange, reply, result, scripted_node


def connection(url: str, timeout: float = 0.5) -> ServerConnection:
    return ServerConnection(EndpointAccess(url), timeout=timeout, headers={})


@pytest.mark.parametrize(
    ("scheme", "at_once", "error"),
    [
        ("http", HEADERS, RpcTimeout),
        ("http", BODY, RpcTimeout),
        ("https", HANDSHAKE, RpcUnreachable),
    ],
    ids=["headers", "body", "handshake"],
)
def test_a_node_that_drips_is_given_up(scheme: str, at_once: bytes, error: type[Exception]) -> None:
    with dripping_server(at_once) as place, JsonRpc(f"{scheme}://{place}", patience=0.5) as rpc:
        for _ in range(2):
            with pytest.raises(error):
                rpc.call("eth_chainId")


def test_a_connection_that_is_used_again_is_watched_as_the_first_was() -> None:
    def drip(exchange: Exchange) -> None:
        exchange.wfile.write(HEADERS)
        while not gone.wait(0.05):
            exchange.wfile.write(b"a")

    gone = threading.Event()
    with scripted_node(result("0x1"), drip) as node, JsonRpc(node.url, patience=1.0, attempts=1) as rpc:
        assert rpc.call("eth_chainId") == "0x1"
        try:
            with pytest.raises(RpcTimeout):
                rpc.call("eth_chainId")
        finally:
            gone.set()
        assert len(node.ports) == 1


def test_an_answer_that_flows_may_take_longer_than_the_timeout() -> None:
    def slowly(exchange: Exchange) -> None:
        body = b'"' + b"x" * 30 + b'"'
        exchange.send(b"", claimed_size=len(body))
        for place in range(len(body)):
            exchange.wfile.write(body[place : place + 1])
            time.sleep(0.03)

    with (
        scripted_node(slowly) as node,
        connection(node.url) as server,
        server.stream("POST", node.url, json={}) as response,
    ):
        assert len(response.read()) == 32


def test_who_brings_a_deadline_may_move_it() -> None:
    with scripted_node(answer_after(0.6)) as node, connection(node.url, timeout=5.0) as server:
        deadline = Deadline(0.2)
        with (
            pytest.raises(httpx.ReadTimeout),
            server.stream("POST", node.url, json={}, **within(deadline)),
        ):
            pass
        deadline.move(5.0)
        with server.stream("POST", node.url, json={}, **within(deadline)) as response:
            deadline.move(-1.0)
            with pytest.raises(httpx.ReadTimeout):
                response.read()


def answer_after(seconds: float) -> Callable[[Exchange], None]:
    def answer(exchange: Exchange) -> None:
        time.sleep(seconds)
        # in two pieces, for the second of which the client has to wait
        exchange.send(b"1", claimed_size=2)
        time.sleep(0.2)
        exchange.wfile.write(b"1")

    return answer


def test_a_server_that_takes_what_it_is_sent_too_slowly() -> None:
    stopping = threading.Event()

    def trickle() -> None:
        taken, _ = listening.accept()
        with taken:
            while not stopping.wait(0.02) and taken.recv(4096):
                pass

    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 65536

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=trickle)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with (
            connection(url, timeout=5.0) as server,
            pytest.raises(httpx.WriteTimeout),
            server.stream("POST", url, content=endless(), **within(Deadline(0.5))),
        ):
            pass
        stopping.set()
        thread.join()


def test_exchanges_of_two_threads_have_two_deadlines() -> None:
    failed: list[BaseException] = []

    def patient() -> None:
        try:
            with server.stream("POST", node.url, json={}) as response:
                response.read()
        except BaseException as error:  # noqa: BLE001  # shown below
            failed.append(error)

    with scripted_node(answer_after(0.6)) as node, connection(node.url, timeout=10.0) as server:
        thread = threading.Thread(target=patient)
        thread.start()
        with (
            pytest.raises(httpx.ReadTimeout),
            server.stream("POST", node.url, json={}, **within(Deadline(0.2))),
        ):
            pass
        thread.join()
    assert not failed


def test_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    url = httpx.URL("https://node.example:8545")
    assert proxy_for(url) is None
    monkeypatch.setenv("ALL_PROXY", "proxy.example:3128")
    assert str(proxy_for(url).url) == "http://proxy.example:3128"  # type: ignore[union-attr]
    monkeypatch.setenv("https_proxy", "http://ada:secret@other.example")
    found = proxy_for(url)
    assert found is not None
    assert found.url.host == "other.example"
    assert found.raw_auth == (b"ada", b"secret")
    monkeypatch.setenv("no_proxy", "node.example")
    assert proxy_for(url) is None


def test_a_reply_comes_through_unchanged() -> None:
    def answer(exchange: Exchange) -> None:
        exchange.send_json(reply(exchange.document, result="x" * 3_000_000))

    with scripted_node(answer) as node, JsonRpc(node.url) as rpc:
        assert rpc.call("a") == "x" * 3_000_000
        assert rpc.call("a") == "x" * 3_000_000
    assert len(node.ports) == 1
