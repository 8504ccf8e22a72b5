"""geth 1.13, the last with Clique: real signers in processes of their own, each with a folder and ports that are its alone.

Signers that all begin to seal at once each make their own block 1, and none may make block 2. And a node drops the blocks that it
is told of until it has synchronised or seals itself. So the first one makes block 1 alone; the others are connected to it, fetch
that block, and only then seal. Where geth is not there (`tools.chain_tools`), tests are skipped and say so.
"""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from perdure_anchor.hashes import Address, checksum_address, keccak256, to_hex
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_contracts.rpc import JsonRpc
from tools.chain_tools import ToolMissing, geth_binary
from tools.processes import free_ports, listens, running, wait_until

CHAIN_ID = 20_261
PASSPHRASE = "of a test"
# so much that no fee of a test matters
WEALTH = 10**24
GAS_LIMIT = 30_000_000
API = "admin,clique,debug,eth,miner,net,txpool,web3"


@dataclass(frozen=True)
class GethRules:
    """What a chain is like: ``london`` False stops before the fee market, ``base_fee`` is the genesis block's, in wei.

    A base fee of zero stays zero while blocks are not half full. geth's signers want a wei on top, and cannot be told otherwise.
    One signer, or three. ``period`` 0 makes blocks on demand only, and works with one.
    """

    signers: int = 3
    london: bool = True
    base_fee: int = 10**9
    period: int = 1
    epoch: int = 30_000
    accounts: int = 3


@dataclass(frozen=True)
class GethNode:
    """One running signer."""

    url: str
    address: Address
    process: subprocess.Popen[bytes] = field(repr=False)


@dataclass(frozen=True)
class GethNetwork:
    """Signers that know each other and seal; ``accounts`` are private keys of accounts with more than they can spend."""

    rules: GethRules
    nodes: tuple[GethNode, ...]
    accounts: tuple[bytes, ...]

    @property
    def url(self) -> str:
        return self.nodes[0].url

    @property
    def signers(self) -> tuple[Address, ...]:
        """As a genesis block lists them: ascending."""
        return tuple(sorted(node.address for node in self.nodes))


@contextmanager
def running_geth(folder: Path, rules: GethRules | None = None) -> Iterator[GethNetwork]:
    """A fresh network that makes blocks."""
    try:
        binary = geth_binary()
    except ToolMissing as error:
        pytest.skip(str(error))
    rules = rules or GethRules()
    keys = [keccak256(b"signer %d" % number) for number in range(rules.signers)]
    accounts = _accounts(rules)
    genesis = folder / "genesis.json"
    genesis.write_text(json.dumps(_genesis(rules, keys, accounts)))
    with ExitStack() as stack:
        nodes = tuple(
            stack.enter_context(_signer(binary, folder / f"signer-{number}", genesis, key, rules))
            for number, key in enumerate(keys)
        )
        ask(nodes[0].url, "miner_start")
        if len(nodes) > 1:
            wait_until(lambda: _height(nodes[0]) == 1, "the first block", nodes[0].process)
            _connect(nodes)
            for node in nodes[1:]:
                wait_until(lambda node=node: _height(node) >= 1, "the block is fetched", node.process)
            for node in nodes[1:]:
                ask(node.url, "miner_start")
            wait_until(lambda: min(map(_height, nodes)) >= len(nodes), "the chain grows", nodes[0].process)
        yield GethNetwork(rules, nodes, accounts)


def _accounts(rules: GethRules) -> tuple[bytes, ...]:
    return tuple(bytes(keccak256(b"funded account %d" % number)) for number in range(rules.accounts))


def ask(url: str, method: str, *params: Any) -> Any:
    """The answer of a node, for methods that Perdure's client does not know."""
    with JsonRpc(url) as rpc:
        return rpc.call(method, *params)


def _genesis(rules: GethRules, signers: Sequence[bytes], accounts: Sequence[bytes]) -> dict[str, Any]:
    forks = [
        "homestead",
        "eip150",
        "eip155",
        "eip158",
        "byzantium",
        "constantinople",
        "petersburg",
        "istanbul",
    ]
    forks += ["berlin", *(["london"] if rules.london else [])]
    genesis: dict[str, Any] = {
        "config": {
            "chainId": CHAIN_ID,
            **{f"{fork}Block": 0 for fork in forks},
            "clique": {"period": rules.period, "epoch": rules.epoch},
        },
        "difficulty": "0x1",
        "gasLimit": hex(GAS_LIMIT),
        # EIP-225: 32 bytes as one likes, the signers in ascending order, and room for a seal
        "extraData": to_hex(bytes(32) + b"".join(sorted(map(address_from_private_key, signers))) + bytes(65)),
        "alloc": {address_from_private_key(key).hex(): {"balance": hex(WEALTH)} for key in accounts},
    }
    if rules.london:
        genesis["baseFeePerGas"] = hex(rules.base_fee)
    return genesis


@dataclass(frozen=True)
class PreparedGeth:
    """A signer that is not started yet: its command, and where it will listen. It seals once it is told to (miner_start)."""

    command: tuple[str, ...]
    url: str
    port: int
    signer: Address
    accounts: tuple[bytes, ...]


def prepared_geth(folder: Path, rules: GethRules, options: Sequence[str] = ()) -> PreparedGeth:
    """One signer alone, for whoever starts and kills it; raises `ToolMissing`."""
    binary = geth_binary()
    key = keccak256(b"signer 0")
    accounts = _accounts(rules)
    genesis = folder / "genesis.json"
    genesis.write_text(json.dumps(_genesis(rules, [key], accounts)))
    prepared = _prepared(binary, folder / "signer-0", genesis, key, rules)
    return replace(prepared, command=(*prepared.command, *options), accounts=accounts)


@contextmanager
def _signer(binary: Path, folder: Path, genesis: Path, key: bytes, rules: GethRules) -> Iterator[GethNode]:
    """One geth with its key unlocked, which seals nothing yet."""
    prepared = _prepared(binary, folder, genesis, key, rules)
    with running(prepared.command, folder / "log") as process:
        wait_until(lambda: listens(prepared.port), "geth listens", process)
        yield GethNode(prepared.url, prepared.signer, process)


def _prepared(binary: Path, folder: Path, genesis: Path, key: bytes, rules: GethRules) -> PreparedGeth:
    keystore = folder / "keystore"
    keystore.mkdir(parents=True)
    address = address_from_private_key(key)
    encrypted = Account.encrypt(key, PASSPHRASE, kdf="pbkdf2", iterations=1)
    (keystore / "key.json").write_text(json.dumps(encrypted))
    (folder / "passphrase").write_text(PASSPHRASE)
    subprocess.run(
        [binary, "--datadir", folder, "--verbosity", "1", "init", genesis],
        check=True,
        capture_output=True,
        timeout=60,
    )
    http, engine, peers = free_ports(3)
    options = {
        "datadir": folder,
        "networkid": CHAIN_ID,
        "syncmode": "full",
        "http.port": http,
        "http.api": API,
        "authrpc.port": engine,
        "port": peers,
        "nat": "none",
        # who has as many peers synchronises at once
        "maxpeers": max(1, rules.signers - 1),
        "unlock": checksum_address(address),
        "password": folder / "passphrase",
        "miner.etherbase": checksum_address(address),
        "verbosity": 3,
        "miner.gasprice": 1,
    }
    command = [str(binary), "--http", "--nodiscover", "--ipcdisable", "--allow-insecure-unlock"]
    command += [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return PreparedGeth(tuple(command), f"http://127.0.0.1:{http}", http, address, ())


def _connect(nodes: Sequence[GethNode]) -> None:
    """Make each node call the next one in a ring: with three, all know each other, and none is called by two (it takes one)."""
    for node, callee in zip(nodes, (*nodes[1:], nodes[0]), strict=True):
        ask(node.url, "admin_addPeer", ask(callee.url, "admin_nodeInfo")["enode"])
    for node in nodes:
        wait_until(lambda node=node: _peers(node) == len(nodes) - 1, "the peers are connected", node.process)


def _peers(node: GethNode) -> int:
    return int(ask(node.url, "net_peerCount"), 16)


def _height(node: GethNode) -> int:
    return int(ask(node.url, "eth_blockNumber"), 16)
