"""A process that works on a vault without end, to be killed: it adds, imports, seals and syncs in a random order.

What a call has acknowledged is written to a file at once, so that whoever killed the process knows what must be there.
"""

import os
import random
import time
from multiprocessing.synchronize import Event
from pathlib import Path

from perdure_anchor.errors import PerdureError
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc import JsonRpc
from perdure_node.anchor_chain import AnchorChain
from perdure_node.clock import Clock
from perdure_node.importing import import_file
from perdure_node.keystore import KeyRing
from perdure_node.sealing import seal
from perdure_node.sync import sync
from perdure_node.vault import Vault, open_vault
from tools.site_desk import add_numbers, document
from tools.site_network import PASSPHRASE

LIST_LENGTH = 25
# waits are meant for a chain with a block a second
_HASTE = 20
HASTY_CLOCK = Clock(
    time.time, lambda: _HASTE * time.monotonic(), lambda seconds: time.sleep(seconds / _HASTE)
)


def chain_of(vault: Vault, url: str) -> AnchorChain:
    return AnchorChain(ChainClient(JsonRpc(url)), vault.trust)


class Worker:
    """Does one thing after the other; ``seed`` also gives the documents' numbers, so that no two workers share one."""

    def __init__(self, vault: Vault, url: str, acknowledged: Path, seed: int) -> None:
        self.vault, self.url, self.seed = vault, url, seed
        self.keys = KeyRing(vault, lambda: PASSPHRASE)
        self.chance = random.Random(seed)
        self.count = 0
        self.descriptor = os.open(acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def numbers(self, count: int) -> list[int]:
        self.count += count
        return [1_000_000 * self.seed + self.count - each for each in range(count)]

    def acknowledge(self, *numbers: int) -> None:
        os.write(self.descriptor, b"".join(b"%d\n" % number for number in numbers))

    def add(self) -> None:
        (number,) = self.numbers(1)
        add_numbers(self.vault, number)
        self.acknowledge(number)

    def import_list(self) -> None:
        numbers = self.numbers(LIST_LENGTH)
        path = self.vault.folder.parent / f"{self.seed}-{self.count}.csv"
        rows = [f"{document(number).sha256.hex()},{number}" for number in numbers]
        path.write_text("\n".join(["document_sha256,extra.list", *rows]) + "\n")
        import_file(self.vault, path, clock=HASTY_CLOCK, randomness=os.urandom)
        self.acknowledge(*numbers)

    def seal(self) -> None:
        seal(self.vault, self.keys, HASTY_CLOCK)

    def sync(self) -> None:
        with chain_of(self.vault, self.url) as chain:
            sync(self.vault, chain, self.keys, clock=HASTY_CLOCK)

    def work(self) -> None:
        things = (self.add, self.add, self.import_list, self.seal, self.sync, self.sync)
        while True:
            self.chance.choice(things)()


def work(folder: Path, url: str, acknowledged: Path, seed: int, begun: Event) -> None:
    """Work until killed; a fault of any kind ends with exit code 1, which no test expects."""
    try:
        with open_vault(folder) as vault:
            begun.set()
            Worker(vault, url, acknowledged, seed).work()
    except PerdureError as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        os._exit(1)
