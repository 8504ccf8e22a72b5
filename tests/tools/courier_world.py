"""Sites, gateways, sticks and a chain in one process, with a plain model of what each of them must hold.

The model knows records by their leaf hashes, and logs as lists of these; roots are computed by RFC 9162's recursion. What a vault or a
gateway holds is read from its tables, what the chain holds from the registry's events.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest.mock import patch

from perdure_anchor.checkpoint import parse_origin
from perdure_anchor.hashes import Hash32
from perdure_anchor.registry_event import ANCHORED_TOPIC, parse_registry_event
from perdure_contracts.rpc import RpcUnreachable
from perdure_devnet.network import relay_key
from perdure_node.backup.choosing import WithPassphrase, choose_backup
from perdure_node.backup.restoring import restore
from perdure_node.backup.taking import take_backup
from perdure_node.courier.bundle import Kind
from perdure_node.courier.bundle_file import load_bundle, write_bundle
from perdure_node.courier.out import BundleOut, store_out
from perdure_node.courier.packing import pack
from perdure_node.courier.receiving import Received, receive
from perdure_node.database import Database
from perdure_node.evidence.proving import prove
from perdure_node.gateway.answering import answer, leaves_for_rivals
from perdure_node.gateway.delivery import Delivered, deliver
from perdure_node.gateway.folder import (
    GatewayKeys,
    NewGateway,
    create_gateway,
    open_gateway,
)
from perdure_node.gateway.settings import settings_for
from perdure_node.gateway.sites import site_of
from perdure_node.keys.keyring import KeyRing
from perdure_node.log.sealing import Sealed, seal
from perdure_node.recovering.recovery import Recovered, Sources, recover
from perdure_node.selectors import parse_selector
from perdure_node.site_keys.rotating import rotate_site_key
from perdure_node.syncing.sync import SyncResult, sync
from perdure_node.vault import open_vault
from tools.site_desk import Site, add_numbers, verdict_on
from tools.site_network import (
    CHEAP,
    PASSPHRASE,
    Message,
    SiteNetwork,
    copied,
    counted_bytes,
    found_network,
    new_vault,
    open_network,
)

ORIGINS = ("acme/rotterdam", "globex/paris")
GATEWAYS = ("north", "south")
Log = tuple[bytes, ...]


class Killed(BaseException):
    """Nothing in the node catches this, as nothing catches a kill."""


@cache
def root_of(log: Log) -> bytes:
    """RFC 9162, section 2.1.1, word for word."""
    if len(log) <= 1:
        return log[0] if log else sha256(b"").digest()
    half = 1 << (len(log) - 1).bit_length() - 1
    return sha256(b"\x01" + root_of(log[:half]) + root_of(log[half:])).digest()


@dataclass(eq=False)
class VaultBeside:
    """A site's vault, and what it must hold: ``log`` and ``acknowledged`` are leaf hashes in their order, ``out`` ids of bundles."""

    folder: Path
    acknowledged: list[bytes] = field(default_factory=list)
    numbers: dict[bytes, int] = field(default_factory=dict)
    log: Log = ()
    anchored: int = 0
    out: set[bytes] = field(default_factory=set)
    maybe_out: set[bytes] = field(default_factory=set)
    rotations: int = 0
    adoptions: int = 0

    def open(self) -> None:
        self.vault = open_vault(self.folder)
        hurry(self.vault.database)
        self.keys = KeyRing(self.vault, lambda: PASSPHRASE)

    def reopen(self) -> None:
        self.vault.close()
        self.open()

    def stored_log(self, true_log: Log = ()) -> Log:
        """The log's leaf hashes; those that the vault has lost are the true log's."""
        database = self.vault.database
        size = database.number("SELECT max(size) FROM checkpoint")
        octets = bytearray(32 * size)
        for index, tile in database.rows("SELECT tile_index, octets FROM tile WHERE level = 0"):
            begin = 32 * 256 * index
            octets[begin : begin + len(tile)] = tile
        assert len(octets) <= 32 * 256 * (size // 256 + 1)
        log = [bytes(octets[at : at + 32]) for at in range(0, 32 * size, 32)]
        for begin, end in database.rows("SELECT begins, ends FROM log_gap"):
            assert end <= len(true_log), "only what the registry has can be lost"
            log[begin:end] = true_log[begin:end]
        return tuple(log)

    @property
    def checkpoint_sizes(self) -> set[int]:
        return {row[0] for row in self.vault.database.rows("SELECT size FROM checkpoint")}

    @property
    def has_gaps(self) -> bool:
        return self.vault.database.row("SELECT 1 FROM log_gap") is not None

    @property
    def is_due(self) -> bool:
        """Whether it was restored or recovered, and not compared with the registry since."""
        return self.vault.database.row("SELECT 1 FROM reconciliation") is not None

    @property
    def registered(self) -> int:
        """Up to which size it knows its log to be the registry's, be it that no record of its own can show it."""
        return self.vault.database.number(
            "SELECT max(size) FROM (SELECT size FROM anchor UNION SELECT size FROM anchored_elsewhere)"
        )

    @property
    def stored_adoptions(self) -> int:
        return self.vault.database.number("SELECT max(number) FROM adoption")

    @property
    def stored_waiting(self) -> list[bytes]:
        rows = self.vault.database.rows(
            "SELECT leaf_hash FROM queue JOIN record USING (sequence) ORDER BY queue.sequence"
        )
        return [bytes(row[0]) for row in rows]

    @property
    def stored_anchored(self) -> int:
        return self.vault.database.number("SELECT max(size) FROM anchor")


@dataclass(eq=False)
class GatewayBeside:
    """A gateway, and what it must hold: the ids of the bundles that it took in."""

    folder: Path
    taken: set[bytes] = field(default_factory=set)

    def open(self) -> None:
        self.gateway = open_gateway(self.folder)
        hurry(self.gateway.database)
        self.keys = GatewayKeys(self.gateway, lambda: PASSPHRASE)

    def reopen(self) -> None:
        self.gateway.close()
        self.open()


@dataclass(eq=False)
class SiteBeside:
    """A site: its vaults, the log that the registry's events have shown, and every log that a vault of it ever had."""

    origin: str
    vaults: list[VaultBeside]
    true_log: Log = ()
    anchored_sizes: list[int] = field(default_factory=list)
    logs: set[Log] = field(default_factory=set)
    # whether a vault was told that leaf hashes are lost: what it holds may be among them, and be anchored once more
    has_lost: bool = False

    def is_rival(self, log: Log) -> bool:
        """Whether a log is not the registry's, or the registry's continued."""
        return log[: len(self.true_log)] != self.true_log


@dataclass(frozen=True)
class Backup:
    """A backup by its number in its folder, and what the vault held then."""

    site: SiteBeside
    folder: Path
    name: str
    then: VaultBeside


@dataclass(eq=False)
class Stick:
    """A bundle's file and what the model knows of it: of one that goes out, its log, where its leaf hashes begin, and how often the
    site's key had been rotated; ``ids`` of a return are the bundles that it says came in.
    """

    file: Path
    kind: Kind
    site: SiteBeside
    vault: VaultBeside | None
    id: bytes
    log: Log
    leaves_begin: int = 0
    rotations: int = 0
    ids: frozenset[bytes] = frozenset()
    is_whole: bool = True


def hurry(database: Database) -> None:
    """Nothing here is about power cuts, and forcing to the disk takes most of the time."""
    database._set(synchronous="OFF")


class Kills:
    """Ends the work at its so-many-th step: before or after a request to the node, before or after a transaction is stored."""

    def __init__(self) -> None:
        self.left: int | None = None

    def step(self) -> None:
        if self.left is None:
            return
        if self.left == 0:
            self.left = None
            raise Killed
        self.left -= 1

    @contextmanager
    def after(self, steps: int | None) -> Iterator[None]:
        self.left = steps
        try:
            yield
        finally:
            self.left = None


class _Everywhere(dict[str, Any]):
    """One fault for all methods."""

    def __init__(self, fault: Callable[[Message, Callable[[], Message]], Message]) -> None:
        super().__init__()
        self.fault = fault

    def get(self, _method: str, _default: Any = None) -> Any:
        return self.fault


def build_world(folder: Path, *, one_account: bool) -> None:
    """A network, its sites' vaults, registered, and gateways: a folder to be copied.

    Each of them pays from an account of its own, or all from one, so that they use each other's nonces.
    """
    found_network(folder / "chain")
    with open_network(folder / "chain") as network:
        shared = relay_key(network.directory).private_key
        for number, origin in enumerate(ORIGINS):
            relay = shared if one_account else sha256(origin.encode()).digest()
            with new_vault(folder / "chain", folder / str(number) / ".perdure", origin, relay) as vault:
                Site(network, vault).register()
        for name in GATEWAYS:
            relay = shared if one_account else sha256(name.encode()).digest()
            new = NewGateway(network.trust_raw, settings_for("http://127.0.0.1:1"), PASSPHRASE, relay, CHEAP)
            create_gateway(folder / name, new, randomness=counted_bytes(name.encode())).close()


class World:
    """All of it, open, in a copy of the folder that `build_world` made."""

    def __init__(self, template: Path, folder: Path, kills: Kills) -> None:
        self.folder, self.kills = copied(template, folder), kills
        self._network = open_network(folder / "chain")
        self.network: SiteNetwork = self._network.__enter__()
        self.network.faults = _Everywhere(self._at_the_node)
        self.sites = [
            SiteBeside(origin, [VaultBeside(folder / str(number) / ".perdure")])
            for number, origin in enumerate(ORIGINS)
        ]
        self.gateways = [GatewayBeside(folder / name) for name in GATEWAYS]
        for each in (*self.vaults, *self.gateways):
            each.open()
        self.sticks: list[Stick] = []
        self.backups: list[Backup] = []
        self.randomness = counted_bytes(b"world")
        self.count = 0
        self.is_reachable = True
        self._seen_block = 0

    def close(self) -> None:
        for vault in self.vaults:
            vault.vault.close()
        for gateway in self.gateways:
            gateway.gateway.close()
        self._network.__exit__(None, None, None)
        shutil.rmtree(self.folder)

    @property
    def vaults(self) -> list[VaultBeside]:
        return [vault for site in self.sites for vault in site.vaults]

    def site_with(self, vault: VaultBeside) -> SiteBeside:
        return next(site for site in self.sites if vault in site.vaults)

    def _at_the_node(self, _request: Message, ask: Callable[[], Message]) -> Message:
        if not self.is_reachable:
            raise RpcUnreachable("cannot reach http://127.0.0.1:1", sent=False)
        self.kills.step()
        reply = ask()
        self.kills.step()
        return reply

    # what is done

    def add(self, vault: VaultBeside, count: int) -> None:
        for _ in range(count):
            self.count += 1
            (added,) = add_numbers(vault.vault, self.count, clock=self.network.clock)
            vault.acknowledged.append(added.leaf_hash)
            vault.numbers[added.leaf_hash] = self.count

    def seal(self, vault: VaultBeside) -> Sealed | None:
        return seal(vault.vault, vault.keys, self.network.clock)

    def rotate(self, vault: VaultBeside) -> None:
        rotate_site_key(vault.vault, vault.keys, clock=self.network.clock, randomness=self.randomness)
        vault.rotations += 1

    def sync(self, vault: VaultBeside, wait: float) -> SyncResult:
        with self.network.anchor_chain(vault.vault.trust) as chain:
            return sync(vault.vault, chain, vault.keys, clock=self.network.clock, wait=wait)

    def pack(self, vault: VaultBeside) -> Stick:
        def noting(database: Database, out: BundleOut) -> None:
            # should it be killed from here on, the bundle may be noted as out or not
            vault.maybe_out.add(out.id)
            store_out(database, out)

        with patch("perdure_node.courier.packing.store_out", noting):
            packed = pack(vault.vault, None, clock=self.network.clock, randomness=self.randomness)
        file = self.new_file()
        write_bundle(file, packed.pieces)
        vault.out.add(packed.id)
        newest = packed.head.newest
        site = self.site_with(vault)
        log = vault.stored_log(site.true_log)[: newest.size] if newest else ()
        begin = packed.head.leaves.begin
        stick = Stick(file, Kind.OUTGOING, site, vault, packed.id, log, begin, vault.rotations)
        self.sticks.append(stick)
        return stick

    def new_file(self) -> Path:
        self.count += 1
        return self.folder / f"{self.count}.bundle"

    def deliver(self, gateway: GatewayBeside, sticks: Sequence[Stick], wait: float) -> Delivered:
        bundles = [load_bundle(stick.file) for stick in sticks]
        with self.network.anchor_chain() as chain:
            return deliver(gateway.gateway, chain, gateway.keys, bundles, clock=self.network.clock, wait=wait)

    def answer(self, gateway: GatewayBeside, stick: Stick) -> Stick:
        head = load_bundle(stick.file).head
        database = gateway.gateway.database
        known = site_of(database, parse_origin(stick.site.origin))
        assert known is not None
        assert head.request is not None
        with self.network.anchor_chain() as chain:
            told, pieces = answer(
                gateway.gateway,
                chain,
                known,
                head.request,
                leaves_from=leaves_for_rivals(database, known, head),
                clock=self.network.clock,
                randomness=self.randomness,
            )
            file = self.new_file()
            write_bundle(file, pieces)
        assert told.answer is not None
        ids = frozenset(told.answer.taken_in)
        returned = Stick(
            file, Kind.RETURN, stick.site, None, load_bundle(file).id, stick.site.true_log, ids=ids
        )
        self.sticks.append(returned)
        return returned

    def receive(self, vault: VaultBeside, stick: Stick) -> Received:
        return receive(vault.vault, load_bundle(stick.file), clock=self.network.clock)

    def copy(self, stick: Stick, keep: float | None, *, zeros: bool) -> Stick:
        """A copy of a stick's file, whole or only so much of it; with its end as ``zeros`` or missing."""
        file = self.new_file()
        octets = stick.file.read_bytes()
        cut = len(octets) if keep is None else int(keep * len(octets))
        file.write_bytes(octets[:cut] + (bytes(len(octets) - cut) if zeros else b""))
        copy = replace(stick, file=file, is_whole=stick.is_whole and cut == len(octets))
        self.sticks.append(copy)
        return copy

    def back_up(self, vault: VaultBeside) -> None:
        site = self.site_with(vault)
        folder = self.folder / f"backups-{self.sites.index(site)}"
        folder.mkdir(exist_ok=True)
        clock, randomness = self.network.clock, self.randomness
        taken = take_backup(vault.vault, folder, vault.keys.private_key, clock=clock, randomness=randomness)
        then = VaultBeside(
            Path(),
            list(vault.acknowledged),
            dict(vault.numbers),
            vault.stored_log(site.true_log),
            vault.stored_anchored,
            set(vault.out),
            set(vault.maybe_out),
            vault.rotations,
            vault.stored_adoptions,
        )
        self.backups.append(Backup(site, folder, taken.path.name, then))

    def restore(self, backup: Backup) -> VaultBeside:
        """A vault from the backup, beside those that there are."""
        self.count += 1
        target = self.folder / f"restored-{self.count}"
        opened = WithPassphrase(lambda: PASSPHRASE)(choose_backup(backup.folder, backup.name))
        restore(opened, target, clock=self.network.clock, randomness=self.randomness)
        then = backup.then
        vault = replace(
            then,
            folder=target,
            acknowledged=list(then.acknowledged),
            numbers=dict(then.numbers),
            out=set(then.out),
            maybe_out=set(then.maybe_out),
        )
        vault.open()
        backup.site.vaults.append(vault)
        return vault

    def burn(self, vault: VaultBeside) -> None:
        """The vault's folder is gone; what only it held is lost, and the model does not ask for it any more."""
        vault.vault.close()
        shutil.rmtree(vault.folder)
        self.site_with(vault).vaults.remove(vault)

    def recover(self, vault: VaultBeside, stick: Stick | None) -> Recovered:
        """Adopt the true log: as the chain has it, or as a return bundle does."""
        clock, randomness = self.network.clock, self.randomness
        if stick is not None:
            sources = Sources(bundles=[load_bundle(stick.file)])
            return recover(vault.vault, sources, clock=clock, randomness=randomness)
        with self.network.anchor_chain(vault.vault.trust) as chain:
            return recover(vault.vault, Sources(chain), clock=clock, randomness=randomness)

    def prove(self, vault: VaultBeside, leaf_hash: bytes) -> None:
        """The record's evidence is believed."""
        found = prove(vault.vault, vault.keys, parse_selector(leaf_hash.hex()))
        verdict = verdict_on(found.evidence, vault.vault.trust, vault.numbers[leaf_hash])
        assert verdict.ok, verdict.errors

    # what must hold

    def look(self) -> None:
        """Read what vaults, gateways and the registry hold now, and compare it with before."""
        for site in self.sites:
            for vault in site.vaults:
                self._look_at_vault(site, vault)
        self._look_at_registry()
        for site in self.sites:
            for vault in site.vaults:
                self._look_at_anchors(site, vault)
            for gateway in self.gateways:
                self._look_at_mirror(site, gateway)

    def _look_at_vault(self, site: SiteBeside, vault: VaultBeside) -> None:
        log, waiting = vault.stored_log(site.true_log), vault.stored_waiting
        adoptions = vault.stored_adoptions
        if adoptions == vault.adoptions:
            assert log[: len(vault.log)] == vault.log, "a log only grows"
        vault.adoptions = adoptions
        site.has_lost |= vault.has_gaps
        everything = [*log, *waiting]
        assert set(vault.acknowledged) <= set(everything), "nothing that was acknowledged is lost"
        rows = vault.vault.database.rows(
            "SELECT log_index, leaf_hash FROM entry JOIN record USING (sequence)"
        )
        assert all(log[index] == name for index, name in rows)
        if not site.has_lost:
            assert len(set(everything)) == len(everything), "no record is there twice"
            own = [each for each in everything if each in vault.numbers]
            assert own == vault.acknowledged, "records keep the order in which they were added"
            assert {bytes(name) for _, name in rows} == {each for each in log if each in vault.numbers}
        for size, root in vault.vault.database.rows("SELECT size, root FROM checkpoint"):
            assert root_of(log[:size]) == root
        vault.log = log
        site.logs.add(log)
        self._look_at_out(vault)

    def _look_at_out(self, vault: VaultBeside) -> None:
        rows = vault.vault.database.rows("SELECT id FROM bundle_out WHERE returned_at IS NULL")
        out = {bytes(row[0]) for row in rows}
        assert vault.out <= out <= vault.out | vault.maybe_out, "status knows what is out"

    def _look_at_registry(self) -> None:
        chain = self.network.anchor_chain()
        client, registry = chain.client, chain.registry
        head = client.head_number()
        if head > self._seen_block:
            for event in client.fetch_events(registry.address, (ANCHORED_TOPIC,), self._seen_block + 1, head):
                anchored = parse_registry_event(event.log)
                site = next(each for each in self.sites if parse_origin(each.origin).site == anchored.site)
                self._extend(site, anchored.size, anchored.root)
            self._seen_block = head
            found = registry.heads([parse_origin(site.origin).site for site in self.sites])
            assert [(each.size, each.root if each.size else root_of(())) for each in found] == [
                (len(site.true_log), root_of(site.true_log)) for site in self.sites
            ]

    def _extend(self, site: SiteBeside, size: int, root: Hash32) -> None:
        found = {log[:size] for log in site.logs if len(log) >= size and root_of(log[:size]) == root}
        assert len(found) == 1, "the registry has a log that no vault had"
        (log,) = found
        assert size > len(site.true_log)
        assert log[: len(site.true_log)] == site.true_log
        assert site.has_lost or len(set(log)) == len(log), "no record is anchored twice"
        site.true_log = log
        site.anchored_sizes.append(size)

    def _look_at_anchors(self, site: SiteBeside, vault: VaultBeside) -> None:
        sizes = [row[0] for row in vault.vault.database.rows("SELECT size FROM anchor ORDER BY size")]
        assert set(sizes) <= set(site.anchored_sizes)
        for size in sizes:
            assert vault.log[:size] == site.true_log[:size], "evidence is of the true log"
        anchored = sizes[-1] if sizes else 0
        assert anchored >= vault.anchored, "evidence that came home stays"
        vault.anchored = anchored

    def mirrored(self, site: SiteBeside, gateway: GatewayBeside) -> int:
        """How many leaf hashes of a site's log the gateway has."""
        return gateway.gateway.database.number("SELECT mirrored FROM site WHERE origin = ?", site.origin)

    def _look_at_mirror(self, site: SiteBeside, gateway: GatewayBeside) -> None:
        row = gateway.gateway.database.row("SELECT number, mirrored FROM site WHERE origin = ?", site.origin)
        if row is None:
            return
        number, mirrored = row
        tiles = gateway.gateway.database.rows(
            "SELECT octets FROM tile WHERE site = ? AND level = 0 ORDER BY tile_index", number
        )
        octets = b"".join(bytes(row[0]) for row in tiles)
        mirror = tuple(octets[at : at + 32] for at in range(0, 32 * mirrored, 32))
        assert mirror == site.true_log[:mirrored], "a mirror is of the true log"


@contextmanager
def kill_points(kills: Kills) -> Iterator[None]:
    """While it lasts, each transaction of a database is a step of ``kills``, and nothing waits for the disk."""
    execute, fsync = Database.execute, os.fsync

    def stepping(self: Database, sql: str, *parameters: Any) -> int:
        if sql != "COMMIT":
            return execute(self, sql, *parameters)
        kills.step()
        changed = execute(self, sql, *parameters)
        kills.step()
        return changed

    Database.execute = stepping  # type: ignore[method-assign]
    os.fsync = lambda _: None
    try:
        yield
    finally:
        Database.execute, os.fsync = execute, fsync  # type: ignore[method-assign]
