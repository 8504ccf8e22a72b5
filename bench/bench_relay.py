"""Relaying for many sites, beside the same kind of transactions signed before and sent as fast as the node takes them into its pool.

Both are sent in batches of the same size, over HTTP to a node in a process of its own, and end when its pool has accepted them all.
The relay's time is all that follows when bundles were taken in, and sites' keys asked for, as in a delivery: asking for heads, choosing,
proving, signing and storing. No block is made meanwhile; afterwards all must be anchored. On the devnet, and on geth where it is at hand.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import Row, seconds
from perdure_contracts.chain import ChainClient
from perdure_contracts.fees import choose_fee
from perdure_contracts.refused import SendRefused
from perdure_contracts.rpc import JsonRpc
from perdure_contracts.signer import LocalSigner
from perdure_contracts.transactions import TransactionNotMined, sign_call
from perdure_devnet.network import partner_key, relay_key
from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.waiting import wait_for
from perdure_node.clock import Clock, system_clock
from perdure_node.encryption.identity import KdfCost
from perdure_node.gateway.delivery import deliver
from perdure_node.gateway.folder import Gateway, GatewayKeys, NewGateway, create_gateway
from perdure_node.gateway.intake import take_in
from perdure_node.gateway.relay import Relay
from perdure_node.gateway.settings import settings_for

SITES = 200
ROUNDS = 4
WANTED = 0.6
PASSPHRASE = "of a benchmark"
CHEAP = KdfCost(memory_kib=8, iterations=1, lanes=1)


@dataclass(frozen=True)
class Accounts:
    """Private keys: the partner registers, the relay relays, and another one sends what is signed before."""

    partner: bytes
    relay: bytes
    other: bytes


class Bench:
    """Two halves of the sites: those that the gateway relays, and those whose transactions are only sent."""

    def __init__(
        self, folder: Path, url: str, trust_raw: bytes, accounts: Accounts, make_block: Callable[[], Any]
    ) -> None:
        import os

        from perdure_anchor.trust_file import parse_trust_file
        from tools.light_site import LightSite, register_all

        self.trust, self.accounts, self.make_block = parse_trust_file(trust_raw), accounts, make_block
        self.chain = AnchorChain(ChainClient(JsonRpc(url)), self.trust)
        new = NewGateway(trust_raw, settings_for(url), PASSPHRASE, accounts.relay, CHEAP)
        self.gateway: Gateway = create_gateway(folder / "gateway", new, randomness=os.urandom)
        self.keys = GatewayKeys(self.gateway, lambda: PASSPHRASE)
        self.signer = self.keys.relay()
        self.clock = system_clock()
        sites = [LightSite(self.trust.domain, f"acme/site-{number}") for number in range(2 * SITES)]
        self.relayed, self.raw = sites[:SITES], sites[SITES:]
        registry = self.chain.registry
        register_all(self.chain.client, registry, accounts.partner, self.trust.chain_id, sites)
        self.until(lambda: None not in registry.sites([each.origin.site for each in sites]))

    def until(self, done: Callable[[], bool]) -> None:
        while not done():
            self.make_block()

    def anchored(self, sites: Sequence[Any]) -> bool:
        heads = self.chain.registry.heads([each.origin.site for each in sites])
        return all(head.size == each.log.size for head, each in zip(heads, sites, strict=True))

    def relay_round(self) -> float:
        """Seconds for as many checkpoints through the relay, until the node has taken the last one; all are proved afterwards."""
        names = [site.origin.site for site in self.relayed]
        states = dict(zip(names, self.chain.registry.sites(names), strict=True))
        for site in self.relayed:
            before = site.log.size
            site.seal(1)
            head = site.head(begin=before, proofs_from=[before])
            bundle = site.bundle(head, checkpoints=(site.checkpoints[-1],))
            take_in(self.gateway, self.chain, bundle, self.clock, states)
        client = self.chain.client
        send, taken = client.send_transactions, [0.0]

        def timed_send(raws: Sequence[bytes]) -> list[SendRefused | None]:
            refusals = send(raws)
            taken[0] = time.perf_counter()
            return refusals

        client.send_transactions = timed_send  # type: ignore[method-assign]  # to time it
        began = time.perf_counter()
        with suppress(TransactionNotMined):
            Relay(self.gateway, self.chain, self.signer, wait_for(self.clock, 0), states).run()
        client.send_transactions = send  # type: ignore[method-assign]  # to time it
        self.until(lambda: self.anchored(self.relayed))
        patient = Clock(time.time, time.monotonic, lambda _seconds: self.make_block())
        deliver(self.gateway, self.chain, self.keys, [], clock=patient, wait=60)
        return taken[0] - began

    def raw_round(self) -> float:
        """Seconds for sending as many transactions that are signed already."""
        client, signer = self.chain.client, LocalSigner(self.accounts.other)
        fee, first = choose_fee(client), client.transaction_count(signer.address)
        raws = []
        for nonce, site in enumerate(self.raw, first):
            before = site.log.size
            carried = site.seal(1)
            proof = site.head(proofs_from=[before]).append_proofs[0].hashes
            call = self.chain.registry.anchor_call(carried.checkpoint, proof, carried.signature)
            signed = sign_call(signer, call, chain_id=self.trust.chain_id, nonce=nonce, gas=260_000, fee=fee)
            raws.append(signed.raw)
        refusals: list[object] = []
        spent = seconds(lambda: refusals.extend(client.send_transactions(raws)))
        assert not any(refusals), refusals
        self.until(lambda: self.anchored(self.raw))
        return spent

    def row(self, chain_name: str) -> Row:
        rounds = [(self.relay_round(), self.raw_round()) for _ in range(ROUNDS)]
        # the first loads what both need
        relayed, raw = (SITES / min(column) for column in zip(*rounds[1:], strict=True))
        stage = f"relay of {SITES} sites, {chain_name}"
        return Row(stage, f"{relayed:,.0f}/s", f"signed before: {raw:,.0f}/s", relayed / raw, WANTED)


@contextmanager
def on_devnet(folder: Path) -> Iterator[Bench]:
    from tools.site_network import found_network

    directory = folder / "chain"
    found_network(directory)
    command = [sys.executable, Path(__file__).with_name("devnet_on_demand.py"), directory]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def make_block() -> None:
            stdin.write("\n")
            stdin.flush()
            stdout.readline()

        accounts = Accounts(
            partner_key(directory, "acme").private_key,
            relay_key(directory).private_key,
            partner_key(directory, "globex").private_key,
        )
        trust_raw = (directory / "consortium.json").read_bytes()
        yield Bench(folder, stdout.readline().strip(), trust_raw, accounts, make_block)
        stdin.close()


@contextmanager
def on_geth(folder: Path) -> Iterator[Bench]:
    """Raises `ToolMissing` where geth is not at hand."""
    from perdure_anchor.trust import Epoch
    from perdure_anchor.trust_file import encode_trust_file
    from tools.chain_tools import geth_binary
    from tools.geth import GethRules, running_geth
    from tools.real_site import RealAccounts, founded_trust

    geth_binary()
    place = folder / "geth"
    place.mkdir()
    with running_geth(place, GethRules(signers=1, period=2)) as network:
        partner, relay, other = network.accounts[:3]
        rule = ("geth", "clique", "header", "floor(n/2)+1", "secp256k1")
        epoch = Epoch(0, None, *rule, network.signers)
        trust = founded_trust(network.url, RealAccounts(partner, relay), [epoch])
        yield Bench(
            folder,
            network.url,
            encode_trust_file(trust),
            Accounts(partner, relay, other),
            lambda: time.sleep(0.2),
        )


def rows() -> Iterator[Row]:
    # the tests' sites without vaults
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as folder, on_devnet(Path(folder)) as bench:
        yield bench.row("devnet")
    from tools.chain_tools import ToolMissing

    with suppress(ToolMissing), tempfile.TemporaryDirectory() as folder, on_geth(Path(folder)) as bench:
        yield bench.row("geth")
