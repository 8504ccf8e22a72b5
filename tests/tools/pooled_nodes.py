"""Nodes of one simulated chain, each of which a test can stop, hold back, or let lie; asked in memory, or served by `scripted_node`."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import keccak256, to_hex
from perdure_anchor.header import encode_header
from perdure_anchor.rlp import encode_int
from perdure_anchor.trust import TrustFile
from perdure_contracts.access import EndpointAccess
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc_errors import RpcRefused, RpcUnreachable
from perdure_node.clock import Clock
from perdure_node.endpoints.pool import EndpointLimits, EndpointPool
from simulated_chain import CHAIN_ID, CONSORTIUM, REGISTRY, START, SimulatedChain, copy_of, with_field
from tools.accounts import accounts

STATE_ROOT, NUMBER = 3, 8
MOST_BLOCKS = 120


@cache
def the_chain() -> SimulatedChain:
    chain = SimulatedChain(accounts(4))
    chain.extend(MOST_BLOCKS)
    return chain


@dataclass
class Node:
    """One node; ``head`` is its newest block. What it does wrong is what a test sets."""

    name: str
    head: int = 20
    down: PerdureError | None = None
    chain_id: int = CHAIN_ID
    genesis: bytes = field(default_factory=lambda: the_chain().blocks[0].name)
    codes: dict[str, bytes] = field(
        default_factory=lambda: {
            to_hex(REGISTRY): b"code of the registry",
            to_hex(CONSORTIUM): b"code of the consortium",
        }
    )
    forged_from: int | None = None
    other_seals: bool = False
    # by method: what is answered in place of the truth, or raised
    instead: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    opened: int = 0
    closed: int = 0
    # a head that nobody else has; its header and time are made up as well
    invented: int | None = None

    @property
    def newest(self) -> int:
        return self.head if self.invented is None else self.invented

    def answer(self, method: str, *params: Any) -> Any:
        self.asked.append(method)
        if self.down is not None:
            raise self.down
        if method in self.instead:
            answer = self.instead[method]
            return answer(*params) if callable(answer) else answer
        match method:
            case "eth_chainId":
                return hex(self.chain_id)
            case "eth_getCode":
                return to_hex(self.codes[params[0]])
            case "eth_getBlockByNumber":
                number = self.newest if params[0] == "latest" else int(params[0], 16)
                return self.block(number) if number <= self.newest else None
            case "debug_getRawHeader":
                number = int(params[0], 16)
                return to_hex(self.raw_header(number)) if number <= self.newest else None
        raise AssertionError(method)

    def raw_header(self, number: int) -> bytes:
        header = with_field(the_chain().blocks[number % MOST_BLOCKS].header, NUMBER, encode_int(number))
        if self.forged_from is not None and number >= self.forged_from:
            header = with_field(header, STATE_ROOT, keccak256(b"a state that never was"))
        if self.other_seals and number:
            header = copy_of(header, accounts(4)[1:], round=2)
        return encode_header(header)

    def block(self, number: int) -> dict[str, str]:
        """A block as the node tells of it."""
        name = self.genesis if number == 0 else the_chain().blocks[number % MOST_BLOCKS].name
        return {"number": hex(number), "hash": to_hex(name), "timestamp": hex(START + 2 * number)}


class Asked:
    """In the place of a `JsonRpc`."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.endpoint = f"http://{node.name}"
        self.is_closed = False
        node.opened += 1

    def call(self, method: str, *params: Any) -> Any:
        assert not self.is_closed
        return self.node.answer(method, *params)

    def close(self) -> None:
        self.is_closed = True
        self.node.closed += 1


class Network:
    """Some nodes, and time."""

    def __init__(self, trust: TrustFile, nodes: int = 3) -> None:
        self.nodes = [Node(f"node-{number}") for number in range(nodes)]
        self.trust = trust
        # time since the start of the computer, and by how much the clock on the wall is wrong
        self.time, self.wrong_by = 1000.0, 0.0
        self.broken_files: dict[str, PerdureError] = {}

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now, lambda: self.time, self.pass_time)

    @property
    def now(self) -> float:
        """Block 20 is made at the start."""
        return START + 40 + (self.time - 1000.0) + self.wrong_by

    def pass_time(self, seconds: float) -> None:
        self.time += seconds

    def grow(self, blocks: int = 1) -> None:
        """Blocks for all, with their time."""
        self.pass_time(2 * blocks)
        for node in self.nodes:
            node.head += blocks

    def open_client(self, access: EndpointAccess, wait: float) -> ChainClient:
        node = next(each for each in self.nodes if access.url == f"http://{each.name}")
        if node.name in self.broken_files:
            raise self.broken_files[node.name]
        return ChainClient(Asked(node))  # type: ignore[arg-type]

    def pool(self, **limits: Any) -> EndpointPool:
        endpoints = [EndpointAccess(f"http://{node.name}") for node in self.nodes]
        return EndpointPool(
            self.trust, endpoints, self.clock, EndpointLimits(**limits), open_client=self.open_client
        )


def trusting(trust: TrustFile, **changes: Any) -> TrustFile:
    """The trust file for `the_chain`."""
    return replace(trust, genesis_hash=the_chain().blocks[0].name, **changes)


def served(node: Node) -> Callable[[Any], None]:
    """The node's answers, for a `scripted_node`."""

    def one(document: Any) -> dict[str, Any]:
        try:
            members = {"result": node.answer(document["method"], *document["params"])}
        except RpcRefused as error:
            members = {"error": {"code": error.code, "message": error.reason}}
        return {"jsonrpc": "2.0", "id": document["id"], **members}

    return lambda exchange: exchange.send_json(one(exchange.document))


GONE = RpcUnreachable("no connection to http://node: refused", sent=False, hint="is it running?")


def pinned_by(pool: EndpointPool) -> str:
    """Which node a round is asked of."""
    with pool.pinned() as chain:
        return str(chain.client.rpc.endpoint).removeprefix("http://")
