"""The courier: a million leaf hashes out of a site and into a gateway's mirror, and the evidence of 100,000 records back in.

Out: `pack` writes the bundle, durably; the gateway loads it, checks it, keeps it, anchors it, verifies the evidence of the anchor, grows
its mirror, and writes the bundle that goes back. The gateway asks a chain in this process; the seconds in which that answers and makes
its blocks are taken off. Beside it stand the least that must be done: to hash as many leaf hashes into a root, once, and to
write them to a file, with fsync, twice: at the site and at the gateway.

In: `perdure courier receive` as a process, in a vault with so many real records under dozens of checkpoints. It verifies each anchor;
that is counted.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench_verify import launch
from measure import Row, seconds
from perdure_anchor.checkpoint import Checkpoint, checkpoint_digest, sign_checkpoint
from perdure_anchor.hashes import Hash32, sha256
from perdure_anchor.log import CompactRange, MemoryLog, append_to_tiles, leaf_hash
from perdure_anchor.record import SLOTS, leaf_from_digests
from perdure_node.courier.bundle_file import load_bundle, write_bundle
from perdure_node.courier.packing import pack
from perdure_node.evidence.anchors import anchors
from perdure_node.gateway.answering import answer, known_site
from perdure_node.gateway.delivery import deliver
from perdure_node.imports.importing import ImportOptions, import_list
from perdure_node.log.sealing import seal
from perdure_node.log.site_log import StoredCheckpoint, write_tiles
from perdure_node.log.site_log import store_checkpoint as store_own_checkpoint
from perdure_node.vault import open_vault

# the tests' networks, whose chain is in this process
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

if TYPE_CHECKING:
    from tools.gateway_desk import GatewayDesk
    from tools.site_desk import Site
    from tools.site_network import SiteNetwork

LEAVES = 1_000_000
BYTES_A_LEAF = 36
WANTED = 0.5
ROUNDS = 3
RECORDS, SEALS = 100_000, 40
RECEIVED_A_SECOND = 10_000
PERDURE = Path(sys.executable).with_name("perdure")
LAST_SLOTS = tuple(sha256(b"slot %d" % number) for number in range(len(SLOTS)))


def rows() -> Iterator[Row]:
    from tools.site_network import PASSPHRASE

    os.environ["PERDURE_PASSPHRASE"] = PASSPHRASE
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as name:
        yield from out_rows(Path(name))
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as name:
        yield from back_rows(Path(name))


@contextmanager
def places(folder: Path) -> Iterator[tuple["Site", "GatewayDesk"]]:
    """A registered site and a gateway, on a chain in this process."""
    from tools.gateway_desk import GatewayDesk
    from tools.site_desk import Site
    from tools.site_network import found_network, open_network

    found_network(folder / "chain")
    with open_network(folder / "chain") as network:
        site = Site(network, network.vault(folder / "site"))
        site.register()
        desk = GatewayDesk(network, folder / "gateway")
        yield site, desk
        desk.gateway.close()
        site.vault.close()


# out of the site


def out_rows(folder: Path) -> Iterator[Row]:
    leaves = [leaf_hash(b"%d" % number) for number in range(LEAVES - 1)]
    leaves.append(leaf_hash(leaf_from_digests(LAST_SLOTS)))
    octets = b"".join(leaves)
    least, took = [], []
    for number in range(ROUNDS):
        place = folder / f"{number}"
        place.mkdir()
        with places(place) as (site, desk):
            fill(site, leaves)
            # in turns: a slow spell of the machine hits all alike
            least.append(least_seconds(folder / "leaves", leaves, octets))
            took.append(out_and_in(site, desk, place))
    size = (folder / "0" / "out.bundle").stat().st_size / LEAVES
    yield Row(
        f"bundle of {LEAVES:,} leaf hashes",
        f"{size:.1f} bytes/leaf",
        f"at most {BYTES_A_LEAF}",
        BYTES_A_LEAF / size,
        1,
    )
    hashed, written = (min(column) for column in zip(*least, strict=True))
    packed, delivered = (min(column) for column in zip(*took, strict=True))
    ours, theirs = packed + delivered, hashed + 2 * written
    stage = f"courier pack and deliver, {LEAVES:,} leaves"
    beside = f"hash, write twice {LEAVES / theirs:,.0f}/s"
    yield Row(stage, f"{LEAVES / ours:,.0f}/s", beside, theirs / ours, WANTED)
    yield Row("  pack alone", f"{packed:.2f} s", f"write {written:.2f} s", written / packed)
    yield Row(
        "  deliver alone", f"{delivered:.2f} s", f"hash {hashed:.2f} s, write", (hashed + written) / delivered
    )


def least_seconds(path: Path, leaves: list[Hash32], octets: bytes) -> tuple[float, float]:
    """Seconds of hashing into a root, by the faster of two ways, and of writing a file."""
    ranged = seconds(lambda: CompactRange.empty().extended(leaves).root)
    whole = seconds(lambda: MemoryLog(leaves).root())
    return min(ranged, whole), seconds(lambda: write_durably(path, octets))


def fill(site: "Site", leaves: list[Hash32]) -> None:
    """A log of these leaf hashes under one signed checkpoint, as a seal leaves it; there are no records behind it."""
    vault, database = site.vault, site.vault.database
    log = MemoryLog(leaves)
    checkpoint = Checkpoint(vault.origin.site, log.size, log.root(), int(site.network.clock.now()))
    signature = sign_checkpoint(vault.trust.domain, checkpoint, site.keys.site_key())
    digest = checkpoint_digest(vault.trust.domain, checkpoint)
    with database.transaction():
        tiles = append_to_tiles(lambda _level, _index: b"", 0, leaves)
        write_tiles(database, {(tile.level, tile.index): tile.octets for tile in tiles})
        store_own_checkpoint(database, StoredCheckpoint(checkpoint, signature, digest, LAST_SLOTS))
    database.fold()


def out_and_in(site: "Site", desk: "GatewayDesk", folder: Path) -> tuple[float, float]:
    """Seconds of packing, and of delivering without the chain's."""
    network, gateway, file = site.network, desk.gateway, folder / "out.bundle"
    began = time.perf_counter()
    write_bundle(file, pack(site.vault, None, clock=network.clock, randomness=os.urandom).pieces)
    packed = time.perf_counter()
    with timed_chain(network) as spent, network.anchor_chain() as chain:
        bundle = load_bundle(file)
        delivered = deliver(gateway, chain, desk.keys, [bundle], clock=network.clock, wait=60)
        known = known_site(gateway, bundle.head.origin)
        assert bundle.head.request is not None
        _, pieces = answer(
            gateway, chain, known, bundle.head.request, clock=network.clock, randomness=os.urandom
        )
        write_bundle(folder / "back.bundle", pieces)
    ended = time.perf_counter()
    assert (delivered.refused, delivered.unfinished, known.mirrored) == ((), (), LEAVES)
    return packed - began, ended - packed - sum(spent)


@contextmanager
def timed_chain(network: "SiteNetwork") -> Iterator[list[float]]:
    """The seconds of each of the node's answers and of each wait for blocks; neither is within the other."""
    from tools.site_network import _InProcess

    spent: list[float] = []
    exchange, pass_time = _InProcess.exchange, network.pass_time

    def timed(work: Callable[..., object]) -> Callable[..., object]:
        def run(*arguments: object, **named: object) -> object:
            began = time.perf_counter()
            try:
                return work(*arguments, **named)
            finally:
                spent.append(time.perf_counter() - began)

        return run

    def ask(client: _InProcess, document: object, *, repeatable: bool) -> object:
        if isinstance(document, list):
            return [ask(client, each, repeatable=repeatable) for each in document]
        return timed(exchange)(client, document, repeatable=repeatable)

    _InProcess.exchange = ask  # type: ignore[method-assign]  # to take its time off
    network.pass_time = timed(pass_time)  # type: ignore[method-assign, assignment]  # to take its time off
    try:
        yield spent
    finally:
        _InProcess.exchange = exchange  # type: ignore[method-assign]  # to take its time off
        network.pass_time = pass_time  # type: ignore[method-assign]  # to take its time off


def write_durably(path: Path, octets: bytes) -> None:
    with path.open("wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())


# back into it


def back_rows(folder: Path) -> Iterator[Row]:
    with places(folder) as (site, desk):
        first = folder / "back.bundle"
        for number in range(SEALS):
            add_records(site, folder / f"{number}.sha256", number)
            out = folder / f"{number}.bundle"
            write_bundle(out, pack(site.vault, None, clock=site.network.clock, randomness=os.urandom).pieces)
            assert desk.deliver(out).unfinished == ()
        desk.answer(out, folder).rename(first)
    took, _ = launch([PERDURE, "courier", "receive", first, "--vault", folder / "site"])
    with open_vault(folder / "site") as vault:
        found = list(anchors(vault.database))
        assert [each.size for each in found] == [RECORDS // SEALS * (each + 1) for each in range(SEALS)]
    rate = RECORDS / took
    yield Row(
        f"courier receive, {RECORDS:,} records",
        f"{rate:,.0f}/s",
        f"at least {RECEIVED_A_SECOND:,}/s",
        rate / RECEIVED_A_SECOND,
        1,
    )
    yield Row(f"  under {SEALS} anchors", f"{took:.2f} s", f"{SEALS / took:.0f} anchors/s", 1)


def add_records(site: "Site", path: Path, number: int) -> None:
    count = RECORDS // SEALS
    with path.open("w") as stream:
        for each in range(number * count, (number + 1) * count):
            stream.write(f"{sha256(b'%d' % each).hex()}  scans/document-{each:07d}.pdf\n")
    with path.open("rb") as stream:
        import_list(
            site.vault,
            stream,
            path.name,
            path.parent,
            ImportOptions(jobs=1),
            clock=site.network.clock,
            randomness=os.urandom,
        )
    seal(site.vault, site.keys, site.network.clock)
