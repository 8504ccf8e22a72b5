"""What a hostile client can send: too much, too slowly, nothing at all, or no HTTP. The node answers, and goes on."""

import asyncio
import json
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from perdure_node.api.bodies import BoundedBody
from perdure_node.api.slots import Slots
from perdure_node.api.spooling import Spool
from perdure_node.courier.errors import SiteNotRegistered
from perdure_node.gateway.settings import LimitSettings
from perdure_node.service import connections
from starlette.exceptions import HTTPException
from tools.api_desk import ApiDesk, api_desk

REQUEST, BUNDLE = 4096, 20_000


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiDesk]:
    limits = LimitSettings(request_bytes=REQUEST, bundle_bytes=BUNDLE, submissions_a_minute=1000)
    with api_desk(
        tmp_path_factory.mktemp("limits") / "node", lambda each: replace(each, limits=limits)
    ) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(desk: ApiDesk) -> Iterator[httpx.Client]:
    with desk.client() as opened:
        yield opened


@pytest.fixture
def raw(client: httpx.Client) -> Iterator[socket.socket]:
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=20) as opened:
        yield opened


def all_of(connection: socket.socket) -> bytes:
    found = b""
    while piece := connection.recv(65536):
        found += piece
    return found


def chunks(size: int) -> Iterator[bytes]:
    for _ in range(0, size, 1000):
        yield b"x" * 1000


@pytest.mark.parametrize(
    ("path", "limit"), [("/v1/checkpoints", REQUEST), ("/v1/bundles", BUNDLE), ("/v1/sites", REQUEST)]
)
def test_too_much_is_refused_by_its_length_before_it_comes(raw: socket.socket, path: str, limit: int) -> None:
    raw.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (path.encode(), limit + 1))
    answer = all_of(raw)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize(("path", "limit"), [("/v1/checkpoints", REQUEST), ("/v1/bundles", BUNDLE)])
def test_too_much_is_refused_whatever_the_headers_say(client: httpx.Client, path: str, limit: int) -> None:
    assert client.post(path, content=chunks(limit - 1000)).status_code == 400
    answer = client.post(path, content=chunks(limit + 5000))
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


def test_nothing_stays_of_what_was_refused(desk: ApiDesk, client: httpx.Client) -> None:
    before = sorted(each.name for each in desk.folder.iterdir())
    for content in (
        b"",
        b"x",
        b"perdure-bundle/1 5 5\n",
        b"age-encryption.org/v1\n-> X25519 abc\n",
        bytes(10_000),
    ):
        answer = client.post("/v1/bundles", content=content)
        assert answer.status_code == 400, answer.text
    assert sorted(each.name for each in desk.folder.iterdir()) == before
    assert desk.database.number("SELECT count(*) FROM site") == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"origin": 1}',
        b"\xff\xfe",
        b'{"a":1,"a":2}',
        b"[" * 4000,
        b'{"origin":"acme/\\u0000"}',
        b'{"origin":"\\ud800"}',
        json.dumps({"origin": "acme/x", "size": 2**60}).encode(),
    ],
)
def test_checkpoints_that_are_none_are_problems(client: httpx.Client, content: bytes) -> None:
    answer = client.post("/v1/checkpoints", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert answer.json()["type"].startswith("urn:perdure:problem:")


@pytest.mark.parametrize(
    "request_line",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        b"GET\r\n\r\n",
        b"GET /v1/\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
        b"POST /v1/bundles HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_http_is_refused(raw: socket.socket, request_line: bytes) -> None:
    raw.sendall(request_line)
    raw.shutdown(socket.SHUT_WR)
    answer = all_of(raw)
    assert answer.startswith(b"HTTP/1.1 400 ") or answer == b""
    assert b"Traceback" not in answer
    if answer and b"chunked" not in request_line:
        assert b"application/problem+json" in answer


def test_headers_are_bounded(client: httpx.Client, raw: socket.socket) -> None:
    assert client.get("/health", headers={"x": "y" * 10_000}).status_code == 200
    raw.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 2 * connections.MAX_HEADER_SIZE)
    answer = all_of(raw)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"application/problem+json" in answer


def test_a_connection_without_a_request_is_closed(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEADER_PATIENCE", 0.3)
    place = (client.base_url.host, client.base_url.port)
    with (
        socket.create_connection(place, timeout=20) as silent,
        socket.create_connection(place, timeout=20) as slow,
    ):
        slow.sendall(b"GET /health HTTP/1.1\r\nX: ")
        assert all_of(silent) == b""
        assert all_of(slow) == b""
    with socket.create_connection(place, timeout=20) as second:
        second.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while not answer.endswith(b'{"ok":true}'):
            answer += second.recv(65536)
        # also after a first request was answered
        second.sendall(b"GET /health HT")
        assert all_of(second) == b""


def test_connections_are_bounded(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "most_connections", lambda: 4)
    place = (client.base_url.host, client.base_url.port)
    opened = [socket.create_connection(place, timeout=20) for _ in range(8)]
    try:
        closed = 0
        for each in opened[5:]:
            try:
                closed += each.recv(1) == b""
            except ConnectionResetError:
                closed += 1
        assert closed == 3
    finally:
        for each in opened:
            each.close()


def test_a_content_that_comes_too_slowly_is_not_waited_for() -> None:
    async def silent() -> dict:
        await asyncio.sleep(30)
        return {}

    async def dripping() -> dict:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def read_all(body: BoundedBody) -> None:
        while (await body()).get("more_body"):
            pass

    for receive, idle, grace in ((silent, 0.05, 10.0), (dripping, 10.0, 0.1)):
        with pytest.raises(HTTPException) as raised:
            asyncio.run(read_all(BoundedBody(receive, 1000, idle, grace, window=0.1)))
        assert raised.value.status_code == 408


def test_what_came_quickly_buys_no_time_for_what_drips() -> None:
    came = [b"x" * 1_000_000]

    async def quick_then_dripping() -> dict:
        if not came:
            await asyncio.sleep(0.02)
        return {"type": "http.request", "body": came.pop() if came else b"x", "more_body": True}

    async def story() -> None:
        body = BoundedBody(quick_then_dripping, 10_000_000, idle=10.0, grace=0.1, window=0.1)
        with pytest.raises(HTTPException) as raised:
            async with asyncio.timeout(20):
                while True:
                    await body()
        assert raised.value.status_code == 408

    asyncio.run(story())


def test_a_slow_line_that_goes_on_is_waited_for_and_so_is_the_node_itself() -> None:
    left = [b"x" * 60] * 40

    async def steady() -> dict:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": left.pop(), "more_body": bool(left)}

    async def story() -> None:
        body = BoundedBody(steady, 10_000, idle=10.0, grace=0.1, window=0.2)
        for at in range(40):
            if at == 20:
                # the node writes
                await asyncio.sleep(0.6)
            await body()

    asyncio.run(story())


def test_what_waits_for_a_place_is_bounded() -> None:
    async def story() -> None:
        slots = Slots(2, patience=0.05)
        assert await slots.take()
        assert await slots.take()
        assert not await slots.take()
        waiting = [asyncio.ensure_future(slots.take()) for _ in range(40)]
        await asyncio.sleep(0)
        slots.give_back()
        taken = await asyncio.gather(*waiting)
        assert taken.count(True) == 1
        slots.give_back()
        slots.give_back()
        assert await slots.take()

    asyncio.run(story())


def test_one_client_takes_its_share_of_the_places_only() -> None:
    async def story() -> None:
        slots = Slots(4, patience=0.05, for_client=2)
        assert [await slots.take("one") for _ in range(3)] == [True, True, False]
        assert await slots.take("other")
        assert await slots.take("other")
        # waiting counts, and is forgotten
        assert not await slots.take("third")
        slots.give_back("one")
        assert await slots.take("one")
        assert not await slots.take("one")

    asyncio.run(story())


def begun_upload(client: httpx.Client, path: bytes, size: int) -> socket.socket:
    """A connection over which a content has begun, and stands still."""
    opened = socket.create_connection((client.base_url.host, client.base_url.port), timeout=20)
    opened.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\nx" % (path, size))
    return opened


def test_large_submissions_of_one_client_are_two_at_a_time_and_keep_no_reader_out(tmp_path: Path) -> None:
    with api_desk(tmp_path / "node") as desk, desk.client() as client:
        opened = [begun_upload(client, b"/v1/bundles", 200_000) for _ in range(2)]
        refused = {"status": 0}
        for _ in range(100):
            answer = client.post("/v1/bundles", content=bytes(200_000))
            refused = answer.json()
            if answer.status_code == 503:
                assert int(answer.headers["retry-after"]) > 0
                break
        assert refused["type"] == "urn:perdure:problem:TooBusy"
        # small ones, readers and those who verify have places of their own
        assert client.post("/v1/bundles", content=b"x").status_code == 400
        assert client.get("/v1/status").status_code == 200
        assert client.post("/verify", files={"evidence": b"{}"}).status_code != 503
        for each in opened:
            each.close()


def test_submissions_that_wait_keep_nobody_else_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end, at_work = threading.Event(), []

    def waits(*_: object) -> None:
        at_work.append(1)
        may_end.wait(30)
        raise SiteNotRegistered("the chain has said so at last")

    monkeypatch.setattr("perdure_node.api.submitting.load_stream", waits)
    # more than the threads that all other routes share
    limits = LimitSettings(at_once=128)
    with (
        api_desk(tmp_path / "node", lambda each: replace(each, limits=limits)) as desk,
        desk.client() as client,
    ):
        opened = [begun_upload(client, b"/v1/bundles", 1) for _ in range(45)]
        try:
            for path in ("/v1/status", "/ready", "/metrics", "/v1/sites"):
                assert client.get(path, timeout=10).status_code in {200, 503}, path
            assert 0 < len(at_work) <= 4
        finally:
            may_end.set()
        assert {each.recv(12) for each in opened} == {b"HTTP/1.1 403"}
        for each in opened:
            each.close()


def test_those_who_verify_are_counted_as_those_who_submit(tmp_path: Path) -> None:
    limits = LimitSettings(submissions_a_minute=2)
    with (
        api_desk(tmp_path / "node", lambda each: replace(each, limits=limits)) as desk,
        desk.client() as client,
    ):
        found = [client.post("/verify", files={"evidence": b"{}"}).status_code for _ in range(3)]
        assert found[-1] == 429
        assert 429 not in found[:2]
        # and apart from them
        assert client.post("/v1/bundles", content=b"x").status_code == 400


def test_two_ends_of_a_request_are_refused(raw: socket.socket) -> None:
    raw.sendall(
        b"POST /v1/checkpoints HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    )
    answer = all_of(raw)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("path", [b"/v1/bundles", b"/v1/checkpoints", b"/verify"])
def test_a_client_that_goes_is_no_fault(
    client: httpx.Client, path: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "perdure.requests"):
        begun_upload(client, path, 1000).close()
        for _ in range(200):
            if caplog.records:
                break
            time.sleep(0.05)
    assert [(each.levelname, each.exc_info, each.status) for each in caplog.records] == [("INFO", None, 400)]


def test_what_comes_of_all_together_is_bounded(tmp_path: Path) -> None:
    async def pieces(size: int) -> AsyncIterator[bytes]:
        for _ in range(0, size, 1000):
            yield bytes(1000)

    async def story() -> None:
        spool = Spool(tmp_path, 10_000, 0)
        async with spool.holding(pieces(6000)) as stream:
            assert stream.tell() == 6000
            with pytest.raises(HTTPException) as raised:
                async with spool.holding(pieces(6000)):
                    pass
            assert raised.value.status_code == 503
        assert spool.held == 0
        async with spool.holding(pieces(6000)):
            pass

    asyncio.run(story())


def test_the_connections_of_ended_threads_are_closed(desk: ApiDesk) -> None:
    for _ in range(5):
        thread = threading.Thread(target=desk.context.gateway)
        thread.start()
        thread.join()
    desk.context.gateway()
    assert sum(not each.is_alive() for each, _ in desk.context._opened) <= 1
