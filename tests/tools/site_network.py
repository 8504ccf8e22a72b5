"""A site's world in one process: a devnet in a folder, its JSON-RPC without HTTP, and a clock that makes the blocks.

Nobody waits: to sleep is to let time pass, and each second of the network's time has its block unless the test stops them. Faults
are put between the client and the node: a method's answer can be replaced, delayed or lost.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from perdure_anchor.checkpoint import parse_origin
from perdure_anchor.hashes import sha256
from perdure_anchor.trust import TrustFile
from perdure_anchor.trust_file import parse_trust_file
from perdure_contracts.chain import ChainClient
from perdure_contracts.endpoint import parse_endpoint
from perdure_contracts.rpc import JsonRpc, RpcUnreachable
from perdure_devnet.chain import Chain
from perdure_devnet.committee import Committee
from perdure_devnet.database import Database
from perdure_devnet.info import DATABASE_NAME, TRUST_NAME
from perdure_devnet.network import (
    NetworkSettings,
    found,
    partner_key,
    read_committee,
    relay_key,
)
from perdure_devnet.rpc.dispatch import answer
from perdure_devnet.rpc.filters import FilterTable
from perdure_devnet.rpc.node import Node
from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.clock import Clock
from perdure_node.encryption.identity import KdfCost
from perdure_node.vault import NewVault, Vault, create_vault

START = 1_767_225_600.0  # 2026-01-01T00:00:00Z
PASSPHRASE = "correct horse"
CHEAP = KdfCost(memory_kib=8, iterations=1, lanes=1)
ORIGIN = parse_origin("acme/rotterdam")

STOPPED = Clock(lambda: START, lambda: START, lambda _seconds: None)
"""A clock for what needs no chain."""

Message = dict[str, Any]
Fault = Callable[[Message, Callable[[], Message]], Message]
"""From a request and the way to the node to the answer that the client gets instead."""


def counted_bytes(seed: bytes = b"site network") -> Callable[[int], bytes]:
    """Bytes that are new at each call, and the same in each run."""
    state = [0]

    def randomness(size: int) -> bytes:
        state[0] += 1
        block = b""
        while len(block) < size:
            block += sha256(seed + state[0].to_bytes(4, "big") + bytes((len(block) // 32,)))
        return block[:size]

    return randomness


@dataclass
class SiteNetwork:
    """The network and its time; ``makes_blocks`` False stops the validators."""

    directory: Path
    database: Database
    chain: Chain
    committee: Committee
    node: Node
    time: float
    makes_blocks: bool = True
    faults: dict[str, Fault] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    @property
    def trust_raw(self) -> bytes:
        return (self.directory / TRUST_NAME).read_bytes()

    @property
    def trust(self) -> TrustFile:
        return parse_trust_file(self.trust_raw)

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.time, lambda: self.time, self.pass_time)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with a block in each second."""
        end = self.time + seconds
        if not self.makes_blocks:
            self.time = end
        while self.time < end:
            self.time = min(end, float(int(self.time) + 1))
            if int(self.time) > self.chain.head.header.timestamp:
                self.chain.produce(self.committee)

    def idle(self, seconds: float) -> None:
        """Let time pass without blocks but for some at its end: quick, where only the time matters."""
        self.makes_blocks = False
        self.pass_time(seconds)
        self.makes_blocks = True
        self.pass_time(4)

    def client(self) -> ChainClient:
        # to make a transport for HTTP takes much longer than most requests here
        with patch("perdure_contracts.transport.HttpTransport", lambda *_, **__: _InProcess(self)):
            return ChainClient(JsonRpc("http://127.0.0.1:1", sleep=self.pass_time))

    def anchor_chain(self, trust: TrustFile | None = None) -> AnchorChain:
        return AnchorChain(self.client(), self.trust if trust is None else trust)

    def vault(self, folder: Path, origin: str = ORIGIN.text) -> Vault:
        """A new vault on this network, whose site is not registered yet."""
        return new_vault(self.directory, folder, origin)

    def partner_private_key(self, name: str = "acme") -> bytes:
        return partner_key(self.directory, name).private_key


class _InProcess:
    """In the place of `HttpTransport`: the node's answers, or a test's instead."""

    endpoint = parse_endpoint("http://127.0.0.1:1")

    def __init__(self, network: SiteNetwork) -> None:
        self._network = network

    def shown(self, text: str) -> str:
        return text

    def exchange(self, document: Any, *, repeatable: bool) -> Any:
        if isinstance(document, list):
            return [self.exchange(each, repeatable=repeatable) for each in document]
        method = document["method"]
        self._network.calls.append(method)

        def ask() -> Message:
            reply = answer(self._network.node, json.dumps(document).encode())
            assert reply is not None
            found: Message = json.loads(reply)
            return found

        fault = self._network.faults.get(method)
        return ask() if fault is None else fault(document, ask)

    def exchange_text(self, document: Any, *, repeatable: bool) -> bytes:
        return json.dumps(self.exchange(document, repeatable=repeatable), separators=(",", ":")).encode()

    def parse(self, body: bytes) -> Any:
        return json.loads(body)

    def close(self) -> None:
        pass


def new_vault(directory: Path, folder: Path, origin: str = ORIGIN.text, relay: bytes | None = None) -> Vault:
    """A vault for the network that was founded in a directory; ``relay`` is the private key of another account that pays."""
    new = NewVault(
        origin=parse_origin(origin),
        trust_raw=(directory / TRUST_NAME).read_bytes(),
        rpc_url="http://127.0.0.1:1",
        passphrase=PASSPHRASE,
        relay_private_key=relay or relay_key(directory).private_key,
        kdf=CHEAP,
    )
    return create_vault(folder, new, clock=STOPPED, randomness=counted_bytes(str(folder).encode()))


def unreachable(_request: Message, _ask: Callable[[], Message]) -> Message:
    """A fault: nobody is there."""
    raise RpcUnreachable("cannot reach http://127.0.0.1:1", sent=False)


def lost_answer() -> Fault:
    """A fault: the node takes the first request, and its answer is lost."""
    left = [1]

    def fault(_request: Message, ask: Callable[[], Message]) -> Message:
        reply = ask()
        if left:
            left.pop()
            raise RpcUnreachable("the connection broke")
        return reply

    return fault


def with_result(result: Any) -> Fault:
    """A fault: the node always answers this."""
    return lambda request, _ask: {"jsonrpc": "2.0", "id": request["id"], "result": result}


def with_refusal(message: str, *, times: int = 1_000_000) -> Fault:
    """A fault: the node says no, so many times, and then does as it should."""
    left = [times]

    def fault(request: Message, ask: Callable[[], Message]) -> Message:
        if left[0] == 0:
            return ask()
        left[0] -= 1
        error = {"code": -32000, "message": message}
        return {"jsonrpc": "2.0", "id": request["id"], "error": error}

    return fault


def found_network(directory: Path, settings: NetworkSettings | None = None) -> None:
    """A network to be opened, or copied and opened."""
    found(directory, settings or NetworkSettings(), now=START, randomness=counted_bytes())


@contextmanager
def open_network(directory: Path) -> Iterator[SiteNetwork]:
    database = Database(directory / DATABASE_NAME)
    try:
        chain = Chain(database, lambda: START)
        now = float(chain.head.header.timestamp)
        node = Node(chain, FilterTable(lambda: START), "test")
        network = SiteNetwork(directory, database, chain, read_committee(directory), node, now)
        chain.clock = lambda: network.time
        network.pass_time(5)
        yield network
    finally:
        database.close()


def copied(source: Path, target: Path) -> Path:
    shutil.copytree(source, target)
    return target
