"""A node of a chain made for `bench_follow.py`, in a process of its own: prints its URL, and answers until its input is closed.

The chain has as many `Anchored` events as its first argument says, twenty in a block, sealed by three of four QBFT validators; each with
a `Frontier` beside it, which nobody asks for. At ``/ready`` an answer is put together from each block's logs as they were written
beforehand, which no node can do; at ``/written`` each log is written anew from its values for each answer, as nodes do.
"""

import json
import sys
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from perdure_anchor.checkpoint import Checkpoint
from perdure_anchor.hashes import Address, Hash32, keccak256, sha256, to_hex
from perdure_anchor.header import BlockHeader, encode_header
from perdure_anchor.receipt import EventLog, bloom_bits
from perdure_anchor.registry_event import ANCHORED_TOPIC

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from simulated_chain import (
    CHAIN_ID,
    REGISTRY,
    START,
    SimulatedChain,
    anchored_log,
    with_field,
)
from tools.accounts import accounts
from tools.anchored_story import CODES, LOGS_BLOOM, event

A_BLOCK = 20
SITES = 100
# blocks without events at the end, so that the last events are caught up with, too
QUIET = 80
SIGNER = accounts(1, "signer")[0].address
ORIGINS = [f"acme/site-{number}" for number in range(SITES)]


class Chain:
    """Headers, and logs by block."""

    def __init__(self, events: int) -> None:
        self.chain = SimulatedChain(accounts(4))
        self.logs: dict[int, list[dict[str, Any]]] = {}
        self.ready: dict[int, bytes] = {}
        self._add([])
        self._add([registered(origin) for origin in ORIGINS])
        sizes = dict.fromkeys(ORIGINS, 0)
        for begin in range(0, events, A_BLOCK):
            self._add([log for number in range(begin, begin + A_BLOCK) for log in anchored(sizes, number)])
        for _ in range(QUIET):
            self._add([])
        self.headers = [to_hex(encode_header(block.header)) for block in self.chain.blocks]

    def _add(self, logs: list[EventLog]) -> None:
        bloom, number = 0, len(self.chain.blocks)
        for log in logs:
            for entry in (log.address, *log.topics):
                bloom |= bits_of(entry) if entry in COMMON else bloom_bits(entry)
        root = keccak256(b"receipts %d" % number)

        def edit(header: BlockHeader) -> BlockHeader:
            header = with_field(header, LOGS_BLOOM, bloom.to_bytes(256, "big"))
            return with_field(header, 5, root) if logs else header

        name = self.chain.add(edit=edit).name
        self.logs[number] = [log_json(log, number, name, index) for index, log in enumerate(logs)]
        asked = [each for each in self.logs[number] if each["topics"][0] == to_hex(ANCHORED_TOPIC)]
        self.ready[number] = b",".join(json.dumps(each, separators=(",", ":")).encode() for each in asked)


COMMON = {REGISTRY, ANCHORED_TOPIC}
bits_of = cache(bloom_bits)


def registered(origin: str) -> EventLog:
    topics = [keccak256(origin.encode()), keccak256(b"acme")]
    return event("AnchorRegistry", "SiteRegistered", topics, {"origin": origin, "key": SIGNER})


def anchored(sizes: dict[str, int], number: int) -> list[EventLog]:
    origin = ORIGINS[number * 7 % SITES]
    before = sizes[origin]
    size = sizes[origin] = before + 1 + number % 5
    checkpoint = Checkpoint(keccak256(origin.encode()), size, sha256(b"%d" % number), START + number)
    frontier = EventLog(
        REGISTRY, (keccak256(b"Frontier"), checkpoint.site, Hash32(size.to_bytes(32, "big"))), bytes(96)
    )
    return [anchored_log(checkpoint, SIGNER, previous_size=before), frontier]


def log_json(log: EventLog, number: int, name: bytes, index: int) -> dict[str, Any]:
    """In geth's order of members."""
    return {
        "address": to_hex(log.address),
        "topics": [to_hex(topic) for topic in log.topics],
        "data": to_hex(log.payload),
        "blockNumber": hex(number),
        "transactionHash": to_hex(sha256(b"%d %d" % (number, index // 2))),
        "transactionIndex": hex(index // 2),
        "blockHash": to_hex(name),
        "logIndex": hex(index),
        "removed": False,
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    chain: Chain

    def do_POST(self) -> None:
        document = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if isinstance(document, list):
            body = b"[" + b",".join(map(self.answer, document)) + b"]"
        else:
            body = self.answer(document)
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self, document: dict[str, Any]) -> bytes:
        params, chain = document["params"], self.chain
        match document["method"]:
            case "eth_chainId":
                result = json.dumps(hex(CHAIN_ID)).encode()
            case "eth_blockNumber":
                result = json.dumps(hex(len(chain.headers) - 1)).encode()
            case "eth_getCode":
                result = json.dumps(to_hex(CODES[Address(bytes.fromhex(params[0][2:]))])).encode()
            case "eth_getBlockByNumber":
                number = int(params[0], 16)
                name = to_hex(chain.chain.blocks[number].name)
                result = json.dumps({"number": params[0], "hash": name}).encode()
            case "debug_getRawHeader":
                result = b'"' + chain.headers[int(params[0], 16)].encode() + b'"'
            case "eth_getLogs":
                result = self.logs(params[0])
            case other:
                raise ValueError(other)
        return b'{"jsonrpc":"2.0","id":%d,"result":%b}' % (document["id"], result)

    def logs(self, wanted: dict[str, Any]) -> bytes:
        begin, end = (
            int(wanted["fromBlock"], 16),
            min(int(wanted["toBlock"], 16), len(self.chain.headers) - 1),
        )
        first = wanted["topics"][0]
        topics = {first} if isinstance(first, str) else set(first)
        if topics == {to_hex(ANCHORED_TOPIC)} and self.path == "/ready":
            ready = self.chain.ready
            return b"[" + b",".join([ready[n] for n in range(max(1, begin), end + 1) if ready[n]]) + b"]"
        found = [
            log
            for number in range(max(1, begin), end + 1)
            for log in self.chain.logs[number]
            if log["topics"][0] in topics
        ]
        return json.dumps(found, separators=(",", ":")).encode()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def main(events: int) -> None:
    Handler.chain = Chain(events)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(
        f"http://127.0.0.1:{server.server_address[1]}", to_hex(Handler.chain.chain.blocks[0].name), flush=True
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]))
