"""Two processes that work without end, to be killed: a site that adds, packs, receives, syncs, backs up and recovers, and a gateway.

Sticks are files in one folder, which either of them copies, half-copies and loses. What a call has acknowledged is written to a file
at once, so that whoever killed the processes knows what must be there: a line for each record, with the document's number and the
leaf hash.
"""

import os
import random
import shutil
from collections.abc import Callable
from multiprocessing.synchronize import Semaphore
from pathlib import Path

from perdure_anchor.checkpoint import parse_origin
from perdure_anchor.errors import ChainError, PerdureError
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc import JsonRpc
from perdure_contracts.transactions import TransactionNotMined
from perdure_node.backup.choosing import WithPassphrase, choose_backup, find_backups
from perdure_node.backup.restoring import restore
from perdure_node.backup.taking import take_backup
from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.errors import NotFinalInTime, TransactionReverted
from perdure_node.courier.bundle import Kind
from perdure_node.courier.bundle_file import Bundle, load_bundle, write_bundle
from perdure_node.courier.errors import BundleError
from perdure_node.courier.packing import pack
from perdure_node.courier.receiving import receive
from perdure_node.errors import NotReconciled
from perdure_node.gateway.answering import answer
from perdure_node.gateway.delivery import deliver
from perdure_node.gateway.folder import GatewayKeys, open_gateway
from perdure_node.gateway.sites import site_of
from perdure_node.keys.keyring import KeyRing
from perdure_node.log.sealing import seal
from perdure_node.recovering.recovery import OtherVaultSource, Sources, recover
from perdure_node.syncing.sync import sync
from perdure_node.vault import open_vault
from tools.site_desk import add_numbers
from tools.site_network import PASSPHRASE
from tools.site_worker import HASTY_CLOCK

Thing = Callable[[], object]
# a machine with other work to do makes no block a second; the next one goes on
TOO_BUSY = (TransactionNotMined, NotFinalInTime)


class Sticks:
    """A folder with bundles' files; nobody else cares what is in it."""

    def __init__(self, folder: Path, name: str, chance: random.Random) -> None:
        self.folder, self.name, self.chance = folder, name, chance
        self.count = 0

    def new_file(self) -> Path:
        self.count += 1
        return self.folder / f"{self.name}-{self.count}.bundle"

    def some(self, kind: Kind, at_most: int) -> list[Bundle]:
        """Whole bundles of a kind, whichever come to hand; one that is none is thrown away."""
        found: list[Bundle] = []
        files = sorted(self.folder.glob("*.bundle"))
        self.chance.shuffle(files)
        for file in files:
            try:
                bundle = load_bundle(file)
            except BundleError:
                # half copied on purpose, or lost a moment ago
                file.unlink(missing_ok=True)
                continue
            if bundle.head.kind is kind and len(found) < at_most:
                found.append(bundle)
        return found

    def spoil(self) -> None:
        """Lose a file, copy it, or copy half of it."""
        files = sorted(self.folder.glob("*.bundle"))
        if not files:
            return
        file = self.chance.choice(files)
        try:
            octets = file.read_bytes()
        except FileNotFoundError:
            return
        what = self.chance.choice(("lose", "lose", "copy", "half"))
        if what == "lose" or len(files) > 12:
            file.unlink(missing_ok=True)
        else:
            size = len(octets) if what == "copy" else self.chance.randrange(len(octets))
            self.new_file().write_bytes(octets[:size])


def current_vault(site: Path) -> Path:
    """The site's vault, which is another one after each fire."""
    pointer = site / "current"
    return site / (pointer.read_text() if pointer.exists() else ".perdure")


class SiteWorker:
    """``seed`` also gives the documents' numbers, so that no two workers share one."""

    def __init__(self, folder: Path, url: str, acknowledged: Path, seed: int, chance: random.Random) -> None:
        self.site, self.backups, self.url, self.seed = folder / "site", folder / "backups", url, seed
        self.open(current_vault(self.site))
        self.sticks = Sticks(folder / "sticks", f"site-{seed}", chance)
        self.count = self.moves = 0
        self.descriptor = os.open(acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def open(self, folder: Path) -> None:
        self.vault = open_vault(folder)
        self.keys = KeyRing(self.vault, lambda: PASSPHRASE)

    @property
    def things(self) -> tuple[Thing, ...]:
        often = (self.add, self.add, self.pack, self.pack, self.receive, self.receive, self.receive)
        return (*often, self.seal, self.sync, self.back_up, self.move, self.sticks.spoil)

    def add(self) -> None:
        self.count += 1
        number = 1_000_000 * self.seed + self.count
        (added,) = add_numbers(self.vault, number)
        os.write(self.descriptor, f"{number} {added.leaf_hash.hex()}\n".encode())

    def seal(self) -> None:
        try:
            seal(self.vault, self.keys, HASTY_CLOCK)
        except NotReconciled:
            # it was restored, and waits for a sync, or for an answer to its bundle
            return

    def pack(self) -> None:
        self.seal()
        packed = pack(self.vault, None, clock=HASTY_CLOCK, randomness=os.urandom)
        write_bundle(self.sticks.new_file(), packed.pieces)

    def receive(self) -> None:
        for bundle in self.sticks.some(Kind.RETURN, 1):
            assert receive(self.vault, bundle, clock=HASTY_CLOCK).doubted == ()

    def sync(self) -> None:
        with self._chain() as chain:
            try:
                sync(self.vault, chain, self.keys, clock=HASTY_CLOCK)
            except (TransactionReverted, *TOO_BUSY):
                # the gateway was quicker, again and again
                return

    def back_up(self) -> None:
        unlock = self.keys.private_key
        take_backup(self.vault, self.backups, unlock, keep=3, clock=HASTY_CLOCK, randomness=os.urandom)

    def move(self) -> None:
        """Into a vault that is restored from a backup, with what the old one has had since: each step may be the last."""
        if not find_backups(self.backups).backups:
            return
        target = self.site / "next"
        if not target.exists():
            backup = choose_backup(self.backups)
            opened = WithPassphrase(lambda: PASSPHRASE)(backup)
            restore(opened, target, clock=HASTY_CLOCK, randomness=os.urandom)
        with open_vault(target) as following, self._chain() as chain:
            sources = Sources(chain, vaults=[OtherVaultSource(self.vault, self.keys)])
            recover(following, sources, clock=HASTY_CLOCK, randomness=os.urandom)
        self._move_into(target)

    def _move_into(self, target: Path) -> None:
        # a copy with another name is moved into; what is left at the old one when it is killed is begun anew
        self.moves += 1
        name = f"vault-{self.seed}-{self.moves}"
        shutil.copytree(target, self.site / name)
        pointer = self.site / f"{name}.pointer"
        pointer.write_text(name)
        self.vault.close()
        pointer.replace(self.site / "current")
        # half of it would be taken for the vault that the next one moves into
        shutil.rmtree(target.rename(self.site / f"{name}.left"))
        self.open(self.site / name)

    def _chain(self) -> AnchorChain:
        return AnchorChain(ChainClient(JsonRpc(self.url)), self.vault.trust)


class GatewayWorker:
    """Delivers what comes to hand, and answers it."""

    def __init__(self, folder: Path, url: str, acknowledged: Path, seed: int, chance: random.Random) -> None:
        del acknowledged
        self.gateway, self.url, self.chance = open_gateway(folder / "gateway"), url, chance
        self.keys = GatewayKeys(self.gateway, lambda: PASSPHRASE)
        self.sticks = Sticks(folder / "sticks", f"gateway-{seed}", chance)

    @property
    def things(self) -> tuple[Thing, ...]:
        return (self.deliver, self.deliver, self.answer, self.answer, self.sticks.spoil)

    def deliver(self) -> None:
        with self._chain() as chain:
            bundles = self.sticks.some(Kind.OUTGOING, self.chance.randint(0, 3))
            delivered = deliver(self.gateway, chain, self.keys, bundles, clock=HASTY_CLOCK, wait=30)
        assert delivered.refused == ()
        for error in delivered.unfinished:
            if not isinstance(error, TOO_BUSY):
                raise error

    def answer(self) -> None:
        bundles = self.sticks.some(Kind.OUTGOING, 1)
        known = site_of(self.gateway.database, parse_origin("acme/rotterdam"))
        if not bundles or known is None:
            return
        head = bundles[0].head
        assert head.request is not None
        with self._chain() as chain:
            _, pieces = answer(
                self.gateway, chain, known, head.request, clock=HASTY_CLOCK, randomness=os.urandom
            )
        write_bundle(self.sticks.new_file(), pieces)

    def _chain(self) -> AnchorChain:
        return AnchorChain(ChainClient(JsonRpc(self.url)), self.gateway.trust)


WORKERS: dict[str, type[SiteWorker | GatewayWorker]] = {"site": SiteWorker, "gateway": GatewayWorker}


def work(who: str, folder: Path, url: str, acknowledged: Path, seed: int, steps: Semaphore) -> None:
    """Work until killed, and say so after each thing that is done; a fault ends with exit code 1, which no test expects."""
    chance = random.Random(f"{who} {seed}")
    try:
        worker = WORKERS[who](folder, url, acknowledged, seed, chance)
        while True:
            steps.release()
            chance.choice(worker.things)()
    except (PerdureError, ChainError) as error:
        print(f"{who}: {type(error).__name__}: {error}", flush=True)
        os._exit(1)
