"""A process that works on a vault without end, to be killed: it adds, imports, changes, seals and syncs in a random order.

What a call has acknowledged is written to a file at once, so that whoever killed the process knows what must be there: a line for
each, with what was done, the documents' numbers and, where they were changed, leaf hashes.
"""

import os
import random
import time
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Hash32
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc import JsonRpc
from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.changes import amend, erase, withdraw
from perdure_node.clock import Clock
from perdure_node.imports import importing
from perdure_node.keys.keyring import KeyRing
from perdure_node.log.sealing import seal
from perdure_node.records import EncryptedRecord, record_by_leaf
from perdure_node.site_keys.rotating import rotate_site_key
from perdure_node.syncing.sync import sync
from perdure_node.traces import Reason
from perdure_node.vault import Vault, open_vault
from tools.site_desk import add_numbers, document, import_file
from tools.site_network import PASSPHRASE

# rows of a list, and of the steps in which it is stored: many kills shall fall between two of these
LIST_LENGTH = 800
TRANSACTION, CHUNK, WORTH_PROCESSES = 100, 25, 50
# waits are meant for a chain with a block a second
_HASTE = 20
HASTY_CLOCK = Clock(
    time.time, lambda: _HASTE * time.monotonic(), lambda seconds: time.sleep(seconds / _HASTE)
)
CHANGE: dict[str, Any] = {"clock": HASTY_CLOCK, "randomness": os.urandom}
REASON = Reason("a clerk", "a slip")


def chain_of(vault: Vault, url: str) -> AnchorChain:
    return AnchorChain(ChainClient(JsonRpc(url)), vault.trust)


class Worker:
    """Does one thing after the other; ``seed`` also gives the documents' numbers, so that no two workers share one."""

    def __init__(self, vault: Vault, url: str, acknowledged: Path, seed: int) -> None:
        self.vault, self.url, self.seed = vault, url, seed
        self.keys = KeyRing(vault, lambda: PASSPHRASE)
        self.chance = random.Random(seed)
        self.count = 0
        self.waiting: list[Hash32] = []
        self.descriptor = os.open(acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def numbers(self, count: int) -> list[int]:
        self.count += count
        return [1_000_000 * self.seed + self.count - each for each in range(count)]

    def acknowledge(self, what: str, *words: object) -> None:
        os.write(self.descriptor, " ".join(map(str, (what, *words))).encode() + b"\n")

    def add(self) -> None:
        (number,) = self.numbers(1)
        (added,) = add_numbers(self.vault, number)
        self.waiting.append(added.leaf_hash)
        self.acknowledge("added", number, added.leaf_hash.hex())

    def import_list(self) -> None:
        """A list of its own, or one that somebody was killed over."""
        found = sorted(self.vault.folder.parent.glob("*.csv"))
        path = found[0] if found else self.new_list()
        import_file(self.vault, path, clock=HASTY_CLOCK, randomness=os.urandom, jobs=2)
        self.acknowledge("listed", path.stem)
        path.unlink()

    def new_list(self) -> Path:
        numbers = self.numbers(LIST_LENGTH)
        path = self.vault.folder.parent / f"{numbers[-1]}-{numbers[0]}.csv"
        rows = [f"{document(number).sha256.hex()},{number}" for number in numbers]
        beside = path.with_suffix(".new")
        beside.write_text("\n".join(["document_sha256,extra.list", *rows]) + "\n")
        beside.rename(path)
        return path

    def amend(self) -> None:
        if record := self.taken():
            changes = {"document_type": "a letter that was amended"}
            amended = amend(self.vault, record, changes, REASON, self.keys, **CHANGE)
            self.acknowledge("amended", record.leaf_hash.hex(), amended.leaf_hash.hex())

    def withdraw(self) -> None:
        if record := self.taken():
            withdraw(self.vault, record, REASON, **CHANGE)
            self.acknowledge("withdrawn", record.leaf_hash.hex())

    def erase(self) -> None:
        if record := self.taken():
            assert erase(self.vault, record, REASON, self.keys, **CHANGE).overwritten
            self.acknowledge("erased", record.leaf_hash.hex())

    def taken(self) -> EncryptedRecord | None:
        """One of the records that this process has added and that still wait; it is about to be changed."""
        while self.waiting:
            name = self.waiting.pop()
            record = record_by_leaf(self.vault.database, name)
            if record is not None and record.index is None:
                self.acknowledge("touched", name.hex())
                return record
        return None

    def seal(self) -> None:
        seal(self.vault, self.keys, HASTY_CLOCK)

    def rotate(self) -> None:
        rotation = rotate_site_key(self.vault, self.keys, **CHANGE).rotation
        self.acknowledge("rotated", rotation.new_key.hex())

    def sync(self) -> None:
        with chain_of(self.vault, self.url) as chain:
            sync(self.vault, chain, self.keys, clock=HASTY_CLOCK)

    def work(self) -> None:
        things = (
            *(self.add, self.add, self.add, self.amend, self.withdraw, self.erase),
            *(self.import_list, self.import_list, self.seal, self.sync, self.sync, self.sync, self.sync),
            self.rotate,
        )
        while True:
            self.chance.choice(things)()


def work(folder: Path, url: str, acknowledged: Path, seed: int, begun: Event) -> None:
    """Work until killed; a fault of any kind ends with exit code 1, which no test expects."""
    # a group of its own, by which what it leaves behind is found
    os.setpgid(0, 0)
    importing._TRANSACTION, importing._CHUNK, importing._WORTH_PROCESSES = TRANSACTION, CHUNK, WORTH_PROCESSES
    try:
        with open_vault(folder) as vault:
            begun.set()
            Worker(vault, url, acknowledged, seed).work()
    except PerdureError as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        os._exit(1)
