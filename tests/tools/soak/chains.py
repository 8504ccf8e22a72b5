"""The chain of a soak: a process that can be killed at any moment and goes on where it was, with its consortium and funded relays."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from perdure_anchor.hashes import keccak256
from perdure_anchor.trust import Epoch, TrustFile
from perdure_anchor.trust_file import parse_trust_file
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc import JsonRpc, RpcRefused
from perdure_contracts.rpc_errors import RpcTimeout, RpcUnreachable
from perdure_devnet.info import TRUST_NAME
from perdure_devnet.network import NetworkSettings, found, partner_key
from tools.geth import GethRules, ask, prepared_geth
from tools.processes import die_with_parent, free_ports, wait_until
from tools.real_site import RealAccounts, founded_trust

RELAYS = 3


class ChainProcess:
    """A chain client that is started, killed, and started again with the same command on the same files."""

    def __init__(self, command: Sequence[str], log: Path, url: str, is_sealing: bool) -> None:
        self._command, self._log, self.url, self._seals = [*command], log, url, is_sealing
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent,
            )
        wait_until(self._answers, "the chain answers", self._process)
        if self._seals:
            ask(self.url, "miner_start")

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def _answers(self) -> bool:
        try:
            with JsonRpc(self.url, timeout=2.0, attempts=1) as rpc:
                rpc.call("eth_blockNumber")
        except (RpcUnreachable, RpcTimeout, RpcRefused):
            return False
        return True


@dataclass(frozen=True)
class SoakChain:
    """A running chain, its trust file, the partner's key and the relays'."""

    name: str
    process: ChainProcess
    trust: TrustFile
    partner: bytes
    relays: tuple[bytes, ...]

    def client(self) -> ChainClient:
        """Straight to the chain, past all faults."""
        return ChainClient(JsonRpc(self.process.url))


@contextmanager
def devnet_chain(folder: Path) -> Iterator[SoakChain]:
    directory = folder / "chain"
    found(directory, NetworkSettings(), now=time.time(), randomness=os.urandom)
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "perdure_devnet", str(directory), "--port", str(port), "--period", "1"]
    process = ChainProcess(command, folder / "chain.log", f"http://127.0.0.1:{port}", is_sealing=False)
    process.start()
    try:
        trust = parse_trust_file((directory / TRUST_NAME).read_bytes())
        relays = tuple(bytes(keccak256(b"a soak's relay %d" % number)) for number in range(RELAYS))
        yield SoakChain("devnet", process, trust, partner_key(directory, "acme").private_key, relays)
    finally:
        process.kill()


@contextmanager
def geth_chain(folder: Path) -> Iterator[SoakChain]:
    """One signer of geth, which keeps all states: a kill would throw the chain back otherwise."""
    (folder / "geth").mkdir()
    prepared = prepared_geth(
        folder / "geth", GethRules(signers=1, accounts=1 + RELAYS), ("--gcmode=archive",)
    )
    process = ChainProcess(prepared.command, folder / "chain.log", prepared.url, is_sealing=True)
    process.start()
    try:
        partner, *relays = prepared.accounts
        rule = ("geth", "clique", "header", "floor(n/2)+1", "secp256k1")
        trust = founded_trust(
            prepared.url, RealAccounts(partner, relays[0]), [Epoch(0, None, *rule, (prepared.signer,))]
        )
        yield SoakChain("geth", process, trust, partner, tuple(relays))
    finally:
        process.kill()


CHAINS = {"devnet": devnet_chain, "geth": geth_chain}
