"""The node's HTTP interface: proofs by leaf hash beside the same framework returning a constant of that size, and 200 clients at once.

Both servers run in processes of their own, and are asked over kept connections by one client process, which writes requests and reads
answers as they are, without an HTTP library: it costs both the same. Each proof is asked for once, so that nothing is kept from a
question before; the constant is what the first one was. The node logs as it does by default. A machine that is busy with other things
stretches both: so what counts is the processor time of each server, beside which the rates are shown.
"""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measure import Row

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

LEAVES = int(os.environ.get("PERDURE_BENCH_LEAVES", "1000000"))
QUESTIONS, ROUNDS, CONNECTIONS = 1000, 5, 4
CLIENTS, ROUNDS_EACH = 200, 25
REQUIRED = 0.5
# of evidence on a chain with four validators
HEADERS, HEADER_SIZE, NODES_SIZE = 4, 900, 3000


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        node = Path(folder) / "node"
        hashes = _made(node)
        with _server("node", str(node)) as served:
            first = _asked(served.port, [hashes[0]])
            constant = Path(folder) / "constant"
            constant.write_bytes(first)
            with _server("constant", str(constant)) as plain:
                yield _look_up(served, plain, hashes, len(first))
            yield _cached(served.port, hashes)
            yield _crowd(served, hashes)


def _look_up(node: "_Served", plain: "_Served", hashes: list[str], size: int) -> Row:
    times: dict[str, list[float]] = {"node": [], "plain": []}
    used: dict[str, list[float]] = {"node": [], "plain": []}
    for number in range(ROUNDS):
        asked = hashes[1 + number * QUESTIONS : 1 + (number + 1) * QUESTIONS]
        for name, at in (("node", node), ("plain", plain)):
            begin, before = time.perf_counter(), _processor_time(at.pid)
            asyncio.run(_ask_all(at.port, [f"/v1/proofs/{each}" for each in asked], CONNECTIONS))
            times[name].append(time.perf_counter() - begin)
            used[name].append(_processor_time(at.pid) - before)
    ours, theirs = min(times["node"]), min(times["plain"])
    own, constant = (min(used[name]) / QUESTIONS * 1e6 for name in ("node", "plain"))
    return Row(
        f"proof by leaf hash, log of {LEAVES:,}",
        f"{own:,.0f} us of processor, {QUESTIONS / ours:,.0f}/s",
        f"a constant of {size:,} bytes {constant:,.0f} us, {QUESTIONS / theirs:,.0f}/s",
        constant / own,
        REQUIRED,
    )


def _cached(port: int, hashes: list[str]) -> Row:
    """The same, for who has the answer already."""
    path = f"/v1/proofs/{hashes[0]}"
    tag = _head(port, path)["etag"]
    times = []
    for headers in ((), (f"if-none-match: {tag}",)):
        begin = time.perf_counter()
        asyncio.run(_ask_all(port, [path] * QUESTIONS, CONNECTIONS, headers))
        times.append(time.perf_counter() - begin)
    return Row(
        "the same proof, by If-None-Match", f"{QUESTIONS / times[1]:,.0f}/s", "without", times[0] / times[1]
    )


def _crowd(served: "_Served", hashes: list[str]) -> Row:
    """200 clients at once: no error, and memory that ends where it was after half of it."""
    memory, latencies = [], []
    for half in range(2):
        asked = hashes[-(half + 1) * CLIENTS * ROUNDS_EACH :]
        paths = [f"/v1/proofs/{each}" for each in asked[: CLIENTS * ROUNDS_EACH]]
        latencies += asyncio.run(_ask_all(served.port, paths, CLIENTS))
        memory.append(_resident(served.pid))
    ordered = sorted(latencies)
    marks = [ordered[int(len(ordered) * part)] * 1000 for part in (0.5, 0.95, 0.99)]
    return Row(
        f"{CLIENTS} clients at once, no error",
        "p50 {:.0f}, p95 {:.0f}, p99 {:.0f} ms".format(*marks),
        f"memory {memory[0] >> 20} MiB, then {memory[1] >> 20}",
        memory[0] / memory[1],
        0.9,
    )


class _Served:
    def __init__(self, port: int, pid: int) -> None:
        self.port, self.pid = port, pid


@contextmanager
def _server(kind: str, argument: str) -> Iterator[_Served]:
    process = subprocess.Popen([sys.executable, __file__, kind, argument], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield _Served(int(process.stdout.readline()), process.pid)
    finally:
        process.terminate()
        process.wait()


def _processor_time(pid: int) -> float:
    """Seconds that all threads of a process have been on a processor."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def _ask_all(
    port: int, paths: list[str], connections: int, headers: tuple[str, ...] = ()
) -> list[float]:
    """Ask for all paths, over so many connections; the latencies in seconds."""
    latencies: list[float] = []
    more = "".join(f"{each}\r\n" for each in headers)

    async def client(own: list[str]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for path in own:
            begin = time.perf_counter()
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            status = int(head[9:12])
            assert status in (200, 304), head
            if status == 200:
                await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r")[0]))
            latencies.append(time.perf_counter() - begin)
        writer.close()

    await asyncio.gather(*(client(paths[number::connections]) for number in range(connections)))
    return latencies


def _raw(port: int, path: str) -> tuple[bytes, bytes]:
    with socket.create_connection(("127.0.0.1", port)) as opened:
        opened.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        found = b""
        while piece := opened.recv(1 << 16):
            found += piece
    head, _, body = found.partition(b"\r\n\r\n")
    return head, body


def _asked(port: int, hashes: list[str]) -> bytes:
    return _raw(port, f"/v1/proofs/{hashes[0]}")[1]


def _head(port: int, path: str) -> dict[str, str]:
    lines = _raw(port, path)[0].decode().split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def _made(folder: Path) -> list[str]:
    """A node's folder with a site of a million leaves; some of their hashes, from all over the log."""
    import hashlib
    import random

    from perdure_anchor.evidence import AnchorProof
    from perdure_node.evidence.anchors import StoredAnchor
    from perdure_node.gateway.checkpoints import store_anchor
    from tools.api_desk import NOW, api_desk, leaf, make_site, place_all

    with api_desk(folder) as desk, desk.database.in_bulk():
        gateway = desk.context.gateway()
        make_site(gateway, "acme/rotterdam", LEAVES)
        [[digest]] = desk.database.rows("SELECT digest FROM anchor")
        octets = hashlib.shake_256(b"bench").digest(HEADERS * HEADER_SIZE + NODES_SIZE)
        headers = tuple(octets[place * HEADER_SIZE :][:HEADER_SIZE] for place in range(HEADERS))
        proof = AnchorProof(0, (octets[-NODES_SIZE:],), 0, headers)
        store_anchor(desk.database, digest, StoredAnchor(LEAVES, 100, NOW, proof, time_run_open=False))
        place_all(desk.database)
    wanted = 1 + ROUNDS * QUESTIONS + 2 * CLIENTS * ROUNDS_EACH
    return [leaf("acme/rotterdam", each).hex() for each in random.Random(7).sample(range(LEAVES), wanted)]


def _serve_node(folder: str) -> None:
    """The node's application, with its settings for a bench: one client asks more often than others may."""
    from dataclasses import replace

    from perdure_node.api.app import create_app
    from perdure_node.api.context import NodeContext
    from perdure_node.clock import system_clock
    from perdure_node.gateway.folder import open_gateway
    from perdure_node.gateway.settings import LimitSettings, LogSettings
    from perdure_node.service.endpoints import open_pool
    from perdure_node.service.logging import logging_to
    from perdure_node.service.state import new_state

    clock = system_clock()
    with open_gateway(Path(folder)) as gateway:
        pool = open_pool(gateway, clock)
        limits = LimitSettings(requests_a_minute=1_000_000)
        settings = replace(gateway.settings, limits=limits, log=LogSettings())
    context = NodeContext(
        Path(folder), settings, new_state(clock), clock, os.urandom, lambda _name: None, pool
    )
    with logging_to(Path(os.devnull).open("w", encoding="utf-8"), settings.log):  # as long as the process
        _serve(create_app(context))


def _serve_constant(file: str) -> None:
    """What is compared with: the framework as it comes, with a handler that does nothing."""
    from fastapi import FastAPI
    from fastapi.responses import Response

    body = Path(file).read_bytes()
    app = FastAPI()

    @app.get("/v1/proofs/{leaf_hash}")
    async def constant(leaf_hash: str) -> Response:  # noqa: ARG001  # as the node's takes it
        return Response(body, media_type="application/json")

    _serve(app)


def _serve(app) -> None:
    from perdure_node.gateway.settings import ListenSettings
    from perdure_node.service.listening import listen, serving

    settings = ListenSettings(port=0)
    listener = listen(settings)
    with serving(app, listener, settings, Path()) as thread:
        print(listener.getsockname()[1], flush=True)
        thread.join()


if __name__ == "__main__":
    {"node": _serve_node, "constant": _serve_constant}[sys.argv[1]](sys.argv[2])
