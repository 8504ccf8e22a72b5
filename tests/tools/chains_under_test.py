"""The kinds of chain that the client has to work with, running, each with an account that can send."""

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc import JsonRpc
from perdure_contracts.signer import LocalSigner
from tools.anvil import FUNDED_KEY, running_anvil
from tools.geth import GethRules, running_geth

ANVIL_OPTIONS = {
    "fee market": ("--hardfork", "prague"),
    "zero base fee": (
        *("--hardfork", "london", "--base-fee", "0", "--gas-price", "0"),
        "--disable-min-priority-fee",
    ),
    "before london": ("--hardfork", "berlin"),
}
GETH_RULES = {
    "three signers of geth": GethRules(),
    "geth before london": GethRules(signers=1, london=False, period=0),
    "geth without a base fee": GethRules(signers=1, base_fee=0, period=0),
}
DEVNET = "devnet"
KINDS = (
    *ANVIL_OPTIONS,
    DEVNET,
    *(pytest.param(kind, marks=pytest.mark.real_chain) for kind in GETH_RULES),
)
BEFORE_LONDON = ("before london", "geth before london")
FEE_MARKETS = ("fee market", "three signers of geth", "geth without a base fee")


@dataclass(frozen=True)
class ChainUnderTest:
    kind: str
    client: ChainClient
    chain_id: int
    signer: LocalSigner


@contextmanager
def chain_under_test(kind: str, folder: Path) -> Iterator[ChainUnderTest]:
    """A running chain of the kind; ``folder`` is where one that needs files keeps them."""
    with _source(kind, folder) as (url, signer), JsonRpc(url) as rpc:
        client = ChainClient(rpc)
        yield ChainUnderTest(kind, client, client.chain_id(), signer)


def _source(kind: str, folder: Path) -> AbstractContextManager[tuple[str, LocalSigner]]:
    if kind == DEVNET:
        return _devnet(folder)
    return _anvil(kind) if kind in ANVIL_OPTIONS else _geth(kind, folder)


@contextmanager
def _geth(kind: str, folder: Path) -> Iterator[tuple[str, LocalSigner]]:
    with running_geth(folder, GETH_RULES[kind]) as network:
        yield network.url, LocalSigner(network.accounts[0])


@contextmanager
def _anvil(kind: str) -> Iterator[tuple[str, LocalSigner]]:
    with running_anvil(*ANVIL_OPTIONS[kind]) as url:
        yield url, LocalSigner(FUNDED_KEY)


@contextmanager
def _devnet(folder: Path) -> Iterator[tuple[str, LocalSigner]]:
    from perdure_devnet.network import NetworkSettings, found, relay_key
    from perdure_devnet.serve import serve

    begin = time.time()
    found(folder / "chain", NetworkSettings(funding=0), now=begin)
    stopping, ready, urls = threading.Event(), threading.Event(), []

    def fast_clock() -> float:
        # a block a second is the devnet's fastest: the test has no time for that
        return begin + 60 * (time.time() - begin)

    def on_ready(url: str) -> None:
        urls.append(url)
        ready.set()

    options = {"port": 0, "period": 0, "on_ready": on_ready, "stopping": stopping, "clock": fast_clock}
    thread = threading.Thread(target=serve, args=(folder / "chain",), kwargs=options, daemon=True)
    thread.start()
    try:
        assert ready.wait(30), "the devnet does not answer"
        yield urls[0], LocalSigner(relay_key(folder / "chain").private_key)
    finally:
        stopping.set()
        thread.join(30)
