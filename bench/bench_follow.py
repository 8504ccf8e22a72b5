"""Catching up with 100,000 anchors, beside what web3.py takes for the same events, and beside merely fetching the same answers.

All ask one node in a process of its own over HTTP (follow_node.py): it writes each log anew for each answer, as nodes do, unless the row
says that its answers lie ready. Catching up is all that the follower does until the events are durable: fetching, reading, recomputing
each digest, linking each site's anchors, storing. Fetching is the same client's, of the same ranges, whose bytes are dropped. web3.py
takes a part of the events, since it takes minutes for all; rates are compared.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import Row, seconds
from perdure_anchor.registry_event import ANCHORED_TOPIC
from perdure_anchor.trust import ContractPin, Epoch, TrustFile
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc import JsonRpc
from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.clock import system_clock
from perdure_node.database import Database
from perdure_node.follower.following_chain import Doing, Follower
from perdure_node.follower.notices import notice_topics
from perdure_node.follower.reading import anchor_count
from perdure_node.gateway.folder import GATEWAY

EVENTS = 100_000
FOR_WEB3 = 5_000
A_BLOCK = 20
ROUNDS = 3


@dataclass
class Home:
    database: Database
    trust: TrustFile


@contextmanager
def node() -> Iterator[tuple[str, TrustFile]]:
    """The node's URL, and the trust file of its chain."""
    from perdure_anchor.hashes import keccak256
    from simulated_chain import CHAIN_ID, CONSORTIUM, REGISTRY
    from tools.accounts import accounts, addresses
    from tools.anchored_story import CODES

    command = [sys.executable, Path(__file__).with_name("follow_node.py"), str(EVENTS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url, genesis = process.stdout.readline().split()
        rule = ("besu", "qbft", "header", "ceil(2n/3)", "secp256k1")
        trust = TrustFile(
            name="a chain of a benchmark",
            version=1,
            predecessor=None,
            devnet=False,
            chain_id=CHAIN_ID,
            genesis_hash=bytes.fromhex(genesis[2:]),  # type: ignore[arg-type]  # 32 bytes
            registry=ContractPin(REGISTRY, keccak256(CODES[REGISTRY]), 1),
            consortium=ContractPin(CONSORTIUM, keccak256(CODES[CONSORTIUM]), 1),
            partners=(),
            sites=(),
            epochs=(Epoch(0, None, *rule, addresses(accounts(4))),),
        )
        yield url, trust
        process.stdin.close()


class Run:
    """One way through the chain, into a new database."""

    def __init__(self, url: str, trust: TrustFile, folder: Path, *, check_seals: bool) -> None:
        self.url, self.trust, self.folder, self.check_seals = url, trust, folder, check_seals
        self.ranges: list[tuple[int, int]] = []
        self.number = 0

    def catch_up(self) -> None:
        self.number += 1
        path = self.folder / f"{self.check_seals}-{self.number}.sqlite"
        home = Home(Database(path, GATEWAY, create=True), self.trust)
        with AnchorChain(ChainClient(JsonRpc(self.url)), self.trust) as chain:
            self._record(chain.client)
            options: dict[str, Any] = {"check_seals": self.check_seals, "fresh_blocks": 0}
            with Follower(home, chain, system_clock(), **options) as follower:
                while follower.step().doing is Doing.CATCHING_UP:
                    pass
            assert anchor_count(home.database) == EVENTS
        home.database.close()
        path.unlink()

    def _record(self, client: ChainClient) -> None:
        fetch, self.ranges = client.fetch_log_answer, []

        def recorded(addresses: Any, topics: Any, begin: int, end: int) -> Any:
            self.ranges.append((begin, end))
            return fetch(addresses, topics, begin, end)

        client.fetch_log_answer = recorded  # type: ignore[method-assign]  # to fetch the same ranges

    def fetch(self) -> None:
        """The answers to the questions that catching up has asked, and nothing else."""
        registry, consortium = self.trust.registry.address, self.trust.consortium.address
        with JsonRpc(self.url) as rpc:
            client = ChainClient(rpc)
            for begin, end in dict.fromkeys(self.ranges):
                client.fetch_log_answer([registry], [ANCHORED_TOPIC], begin, end)
                client.fetch_log_answer([registry, consortium], list(notice_topics()), begin, end)


def by_web3(url: str, trust: TrustFile) -> float:
    """Events a second by web3.py's contract.events.Anchored.get_logs, of the chain's first ones."""
    from perdure_anchor.hashes import checksum_address
    from perdure_contracts.artifacts import load_artifact
    from web3 import HTTPProvider, Web3

    contract = Web3(HTTPProvider(url)).eth.contract(
        address=Web3.to_checksum_address(checksum_address(trust.registry.address)),
        abi=load_artifact("AnchorRegistry").abi,
    )
    began, count = time.perf_counter(), 0
    for begin in range(0, FOR_WEB3, 1000):
        first = 3 + begin // A_BLOCK
        found = contract.events.Anchored.get_logs(from_block=first, to_block=first + 1000 // A_BLOCK - 1)
        count += len(found)
    assert count == FOR_WEB3
    return count / (time.perf_counter() - began)


def measured(run: Run) -> tuple[float, float]:
    """Events a second by catching up and by fetching, each the best of some rounds in turns."""
    pairs: Sequence[tuple[float, float]] = [
        (seconds(run.catch_up), seconds(run.fetch)) for _ in range(ROUNDS)
    ]
    caught, fetched = (EVENTS / min(column) for column in zip(*pairs, strict=True))
    return caught, fetched


def rows() -> Iterator[Row]:
    # the tests' chains
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as name, node() as (url, trust):
        folder = Path(name)
        peer = by_web3(f"{url}/written", trust)
        caught, fetched = measured(Run(f"{url}/written", trust, folder, check_seals=False))
        sealed, _ = measured(Run(f"{url}/written", trust, folder, check_seals=True))
        quick, ready = measured(Run(f"{url}/ready", trust, folder, check_seals=False))
    stage = f"catch up with {EVENTS:,} anchors"
    yield Row(stage, f"{caught:,.0f}/s", f"web3.py get_logs {peer:,.0f}/s", caught / peer, 30)
    yield Row(
        "  beside fetching the same answers",
        f"{caught:,.0f}/s",
        f"bytes only {fetched:,.0f}/s",
        caught / fetched,
        0.5,
    )
    yield Row(
        f"  with seals, {A_BLOCK} anchors a block",
        f"{sealed:,.0f}/s",
        f"web3.py {peer:,.0f}/s",
        sealed / peer,
        5,
    )
    yield Row("  of answers that lie ready", f"{quick:,.0f}/s", f"bytes only {ready:,.0f}/s", quick / ready)
