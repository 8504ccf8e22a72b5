"""A simulated chain on which sites register and anchor, and a node that tells of it by JSON-RPC, in this process.

As in `simulated_chain`, receipts are written as the contracts would cause them to be. Faults stand between client and node, as in
`tools.site_network`.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from eth_abi.abi import encode
from perdure_anchor.checkpoint import Checkpoint, checkpoint_digest, parse_origin
from perdure_anchor.hashes import Address, Hash32, keccak256, sha256, to_hex
from perdure_anchor.header import encode_header
from perdure_anchor.receipt import EventLog, Receipt, encode_receipt, logs_bloom, parse_receipt
from perdure_anchor.trust import ContractPin, Epoch, TrustFile
from perdure_contracts.abi import contract_abi
from perdure_contracts.artifacts import ContractName
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc import JsonRpc
from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.database import Database
from perdure_node.gateway.folder import GATEWAY
from simulated_chain import (
    CHAIN_ID,
    CONSORTIUM,
    DOMAIN,
    REGISTRY,
    START,
    SimulatedBlock,
    SimulatedChain,
    anchored_log,
    with_field,
)
from tools.accounts import Account, account, accounts, addresses

LOGS_BLOOM = 6
CODES = {REGISTRY: b"code of the registry", CONSORTIUM: b"code of the consortium"}
SIGNER = account("signer of sites").address

Message = dict[str, Any]
Fault = Callable[[Message, Callable[[], Message]], Message]


@dataclass
class Home:
    """Where a follower keeps what it follows."""

    database: Database
    trust: TrustFile


def home_in(folder: Path, trust: TrustFile) -> Home:
    path = folder / "gateway.sqlite"
    return Home(Database(path, GATEWAY, create=not path.exists()), trust)


@dataclass
class AnchoredStory:
    """What happens in the next block is collected; `block` makes it."""

    validators: int = 4
    engine: str = "qbft"
    chain: SimulatedChain = field(init=False)
    first_validators: tuple[Account, ...] = field(init=False)
    sizes: dict[str, int] = field(default_factory=dict)
    digests: list[Hash32] = field(default_factory=list)
    _receipts: list[list[EventLog]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.first_validators = accounts(self.validators)
        self.chain = SimulatedChain(self.first_validators, engine=self.engine)
        if self.engine == "clique":
            self.chain.sealers = lambda number, people: people[number % len(people) :]

    @property
    def head(self) -> int:
        return len(self.chain.blocks) - 1

    def register(self, *origins: str) -> None:
        for origin in origins:
            parsed = parse_origin(origin)
            values = {"origin": origin, "key": SIGNER}
            log = event(
                "AnchorRegistry", "SiteRegistered", [parsed.site, keccak256(parsed.partner.encode())], values
            )
            self._receipts.append([log])
            self.sizes[origin] = 0

    def notice(
        self, contract: ContractName, name: str, topics: Sequence[bytes], values: dict[str, Any]
    ) -> None:
        self._receipts.append([event(contract, name, topics, values)])

    def anchor(self, origin: str, leaves: int = 1) -> Checkpoint:
        """An anchor in a transaction of its own, with the frontier that the contract shows beside it."""
        before = self.sizes[origin]
        size = self.sizes[origin] = before + leaves
        root = sha256(f"{origin} {size}".encode())
        checkpoint = Checkpoint(parse_origin(origin).site, size, root, START + len(self.chain.blocks))
        anchored = anchored_log(checkpoint, SIGNER, previous_size=before)
        topics = [checkpoint.site, size.to_bytes(32, "big")]
        self._receipts.append([anchored, event("AnchorRegistry", "Frontier", topics, {"peaks": [root]})])
        self.digests.append(checkpoint_digest(DOMAIN, checkpoint))
        return checkpoint

    def block(self, count: int = 1) -> None:
        """The next block with all that was collected, and empty ones after it."""
        for _ in range(count):
            receipts, self._receipts = self._receipts, []
            bloom = logs_bloom([log for logs in receipts for log in logs])
            encoded = [
                encode_receipt(Receipt(2, 1, 90_000 * (at + 1), logs_bloom(logs), tuple(logs)))
                for at, logs in enumerate(receipts)
            ]
            self.chain.add(encoded, edit=lambda header, bloom=bloom: with_field(header, LOGS_BLOOM, bloom))

    def reorganise(self, depth: int) -> None:
        """Take the newest blocks back: others are to follow."""
        del self.chain.blocks[-depth:]

    def trust(self, **changes: Any) -> TrustFile:
        clique = self.engine == "clique"
        epoch = Epoch(
            0,
            None,
            "geth" if clique else "besu",
            self.engine,
            "header",
            "floor(n/2)+1" if clique else "ceil(2n/3)",
            "secp256k1",
            addresses(self.first_validators),
        )
        members: dict[str, Any] = {
            "name": "simulated consortium",
            "version": 1,
            "predecessor": None,
            "devnet": False,
            "chain_id": CHAIN_ID,
            "genesis_hash": self.chain.blocks[0].name,
            "registry": ContractPin(REGISTRY, keccak256(CODES[REGISTRY]), 2),
            "consortium": ContractPin(CONSORTIUM, keccak256(CODES[CONSORTIUM]), 1),
            "partners": (),
            "sites": (),
            "epochs": (epoch,),
        }
        return TrustFile(**members | changes)


def event(contract: ContractName, name: str, topics: Sequence[bytes], values: dict[str, Any]) -> EventLog:
    """A log as the contract emits it; ``topics`` are the indexed values, ``values`` the others by name."""
    abi = contract_abi(contract)
    entry = abi._by_kind["event"][name]
    plain = [
        (key, kind)
        for key, kind, indexed in zip(entry.input_names, entry.input_types, entry.indexed, strict=True)
        if not indexed
    ]
    payload = encode([kind for _, kind in plain], [values[key] for key, _ in plain])
    address = REGISTRY if contract == "AnchorRegistry" else CONSORTIUM
    return EventLog(address, (abi.event_topic(name), *map(Hash32, topics)), payload)


class StoryNode:
    """Answers for a story's chain; ``most_blocks`` is the widest range of events that it takes, ``pruned`` hides receipts."""

    def __init__(self, story: AnchoredStory, *, most_blocks: int = 10**9, raw_headers: bool = True) -> None:
        self.story, self.most_blocks, self.raw_headers = story, most_blocks, raw_headers
        self.widest_asked = 0
        self._methods: dict[str, Callable[..., Any]] = {
            "eth_chainId": self._chain_id,
            "eth_blockNumber": self._block_number,
            "eth_getCode": self._code,
            "eth_getBlockByNumber": self._block_by_number,
            "debug_getRawHeader": self._raw_header,
            "eth_getBlockReceipts": self._block_receipts,
            "eth_getLogs": self._logs,
        }
        self.pruned = False
        self.faults: dict[str, Fault] = {}
        self.calls: list[tuple[str, Any]] = []

    def client(self) -> ChainClient:
        with patch("perdure_contracts.transport.HttpTransport", lambda *_, **__: self):
            return ChainClient(JsonRpc("http://127.0.0.1:1", sleep=lambda _: None))

    def chain(self, trust: TrustFile | None = None) -> AnchorChain:
        return AnchorChain(self.client(), self.story.trust() if trust is None else trust)

    # in the place of `HttpTransport`

    def exchange(self, document: Any, *, repeatable: bool) -> Any:
        if isinstance(document, list):
            return [self.exchange(each, repeatable=repeatable) for each in document]
        self.calls.append((document["method"], document["params"]))
        fault = self.faults.get(document["method"])
        return self._answer(document) if fault is None else fault(document, lambda: self._answer(document))

    def exchange_text(self, document: Any, *, repeatable: bool) -> bytes:
        return json.dumps(self.exchange(document, repeatable=repeatable), separators=(",", ":")).encode()

    def parse(self, body: bytes) -> Any:
        return json.loads(body)

    def shown(self, text: str) -> str:
        return text

    def close(self) -> None:
        pass

    def _answer(self, document: Message) -> Message:
        method = self._methods.get(document["method"])
        if method is None:
            error = {"code": -32601, "message": "the method does not exist/is not available"}
            return {"jsonrpc": "2.0", "id": document["id"], "error": error}
        result = method(*document["params"])
        members = {"error": result} if isinstance(result, dict) and "code" in result else {"result": result}
        return {"jsonrpc": "2.0", "id": document["id"], **members}

    # the methods

    def _chain_id(self) -> str:
        return hex(CHAIN_ID)

    def _block_number(self) -> str:
        return hex(self.story.head)

    def _code(self, address: str, _block: str) -> str:
        return to_hex(CODES.get(Address(bytes.fromhex(address[2:])), b""))

    def _block_by_number(self, number: str, _full: bool) -> Message | None:
        block = self._block(number)
        return None if block is None else block_json(block)

    def _raw_header(self, number: str) -> str | Message | None:
        if not self.raw_headers:
            return {"code": -32601, "message": "no"}
        block = self._block(number)
        return None if block is None else to_hex(encode_header(block.header))

    def _block_receipts(self, number: str) -> list[Message] | None:
        block = self._block(number)
        return None if block is None or self.pruned else block_receipts(block)

    def _logs(self, wanted: Message) -> list[Message] | Message:
        begin, end = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
        self.widest_asked = max(self.widest_asked, end - begin + 1)
        if end - begin + 1 > self.most_blocks:
            return {"code": -32005, "message": f"query exceeds {self.most_blocks} blocks"}
        listed = wanted["address"]
        accounts_wanted = {listed} if isinstance(listed, str) else set(listed)
        first = wanted["topics"][0]
        topics = {first} if isinstance(first, str) else set(first)
        return [
            log
            for block in self.story.chain.blocks[begin : end + 1]
            for log in block_logs(block)
            if log["address"] in accounts_wanted and log["topics"][0] in topics
        ]

    def _block(self, number: str) -> SimulatedBlock | None:
        blocks = self.story.chain.blocks
        return blocks[int(number, 16)] if int(number, 16) < len(blocks) else None


_NAMES = (
    "parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom", "difficulty", "number",
    "gasLimit", "gasUsed", "timestamp", "extraData", "mixHash", "nonce", "baseFeePerGas", "withdrawalsRoot", "blobGasUsed",
    "excessBlobGas", "parentBeaconBlockRoot", "requestsHash",
)  # fmt: skip
_QUANTITIES = {
    "difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas", "blobGasUsed", "excessBlobGas",
}  # fmt: skip


def block_json(block: SimulatedBlock) -> Message:
    members = {
        name: hex(int.from_bytes(octets, "big")) if name in _QUANTITIES else to_hex(octets)
        for name, octets in zip(_NAMES, block.header.fields, strict=False)
    }
    return members | {"hash": to_hex(block.name), "transactions": []}


def block_receipts(block: SimulatedBlock) -> list[Message]:
    number, found, log_index = block.header.number, [], 0
    for index, raw in enumerate(block.receipts):
        receipt = parse_receipt(raw)
        logs = []
        for log in receipt.logs:
            logs.append(_log(block, log, index, log_index))
            log_index += 1
        found.append(
            {
                "transactionHash": to_hex(sha256(b"%d %d" % (number, index))),
                "blockHash": to_hex(block.name),
                "blockNumber": hex(number),
                "transactionIndex": hex(index),
                "status": hex(receipt.status),
                "gasUsed": "0x1",
                "cumulativeGasUsed": hex(receipt.cumulative_gas_used),
                "logsBloom": to_hex(receipt.bloom),
                "type": hex(receipt.type),
                "logs": logs,
            }
        )
    return found


def block_logs(block: SimulatedBlock) -> list[Message]:
    return [log for receipt in block_receipts(block) for log in receipt["logs"]]


def _log(block: SimulatedBlock, log: EventLog, index: int, log_index: int) -> Message:
    return {
        "address": to_hex(log.address),
        "topics": [to_hex(topic) for topic in log.topics],
        "data": to_hex(log.payload),
        "blockNumber": hex(block.header.number),
        "transactionHash": to_hex(sha256(b"%d %d" % (block.header.number, index))),
        "transactionIndex": hex(index),
        "blockHash": to_hex(block.name),
        "logIndex": hex(log_index),
        "removed": False,
    }
