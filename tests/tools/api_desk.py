"""A node's application without its process: a folder with sites that were made up, and a client of it."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from perdure_anchor.checkpoint import Checkpoint, checkpoint_digest, parse_origin
from perdure_anchor.evidence import AnchorProof
from perdure_anchor.hashes import Hash32, sha256
from perdure_anchor.log import MemoryLog
from perdure_node.api.app import create_app
from perdure_node.api.context import NodeContext
from perdure_node.api.tokens import Scope, new_token
from perdure_node.clock import Clock
from perdure_node.database import Database
from perdure_node.evidence.anchors import StoredAnchor
from perdure_node.gateway.checkpoints import GatewayCheckpoint, State, store_anchor, store_checkpoint
from perdure_node.gateway.folder import Gateway, NewGateway, create_gateway, open_gateway
from perdure_node.gateway.leaf_places import place_leaves
from perdure_node.gateway.settings import AccessSettings, ListenSettings, NodeSettings, settings_for
from perdure_node.gateway.sites import KnownSite, add_site, extended_mirror, site_by_number, store_mirror
from perdure_node.log.site_log import StoredCheckpoint
from perdure_node.service.endpoints import open_pool
from perdure_node.service.listening import listen, serving, url_of
from perdure_node.service.state import NodeState, new_state
from tools.site_network import CHEAP, PASSPHRASE, counted_bytes

TRUST = Path(__file__).parents[1] / "vectors" / "specification" / "consortium.json"
NOW = 1_790_000_000


@dataclass
class ApiDesk:
    """A node's folder, and its application; the chain client that the settings name is not there."""

    folder: Path
    context: NodeContext
    time: list[float]
    woken: list[str] = field(default_factory=list)

    @property
    def database(self) -> Database:
        return self.context.gateway().database

    def token(self, *scopes: Scope, expires_at: int | None = None, name: str = "a test") -> str:
        made = new_token(
            self.database,
            name,
            scopes,
            now=int(self.time[0]),
            expires_at=expires_at,
            randomness=counted_bytes(name.encode()),
        )
        return made.text

    @contextlib.contextmanager
    def client(self, **more: Any) -> Iterator[httpx.Client]:
        """A client of the application, which is served on a free port."""
        settings = ListenSettings(port=0)
        listener = listen(settings)
        with (
            serving(create_app(self.context), listener, settings, self.folder),
            httpx.Client(base_url=url_of(listener, settings), timeout=30, **more) as opened,
        ):
            yield opened


@contextlib.contextmanager
def api_desk(
    folder: Path, change: Callable[[NodeSettings], NodeSettings] = lambda each: each
) -> Iterator[ApiDesk]:
    """A node's folder without any site."""
    settings = change(settings_for("http://127.0.0.1:1"))
    new = NewGateway(TRUST.read_bytes(), settings, PASSPHRASE, b"\1" * 32, CHEAP)
    create_gateway(folder, new, randomness=counted_bytes(b"api")).close()
    time = [float(NOW)]
    clock = Clock(lambda: time[0], lambda: time[0], lambda seconds: None)
    woken: list[str] = []
    state: NodeState = new_state(clock)
    with open_gateway(folder) as gateway:
        pool = open_pool(gateway, clock)
    context = NodeContext(folder, settings, state, clock, counted_bytes(b"context"), woken.append, pool)
    try:
        yield ApiDesk(folder, context, time, woken)
    finally:
        context.close()
        pool.close()


def reading_by(reading: str, **more: Any) -> Callable[[NodeSettings], NodeSettings]:
    """Settings in which reading is for these."""
    return lambda settings: replace(settings, access=AccessSettings(reading=reading, **more))


def leaf(text: str, index: int) -> Hash32:
    """A leaf hash that was made up."""
    return sha256(f"{text} {index}".encode())


def make_site(gateway: Gateway, text: str, *sizes: int, block_number: int = 100) -> KnownSite:
    """A site with a log of made-up leaves, anchored at these sizes by proofs that prove nothing, and its mirror; ``sizes`` ascend."""
    database, origin = gateway.database, parse_origin(text)
    log = MemoryLog()
    with database.transaction():
        site = add_site(database, origin, NOW)
    for place, size in enumerate(sizes):
        added = [leaf(text, index) for index in range(log.size, size)]
        log.append(added)
        checkpoint = Checkpoint(origin.site, size, log.root(), NOW)
        digest = checkpoint_digest(gateway.trust.domain, checkpoint)
        stored = StoredCheckpoint(checkpoint, b"\7" * 65, digest, (Hash32(bytes(32)),) * 15)
        with database.transaction():
            store_checkpoint(database, GatewayCheckpoint(site.number, stored, (), State.ANCHORED), NOW)
        proof = AnchorProof(0, (b"\xf8" * 300,), 0, (b"\xf9" * 600,))
        store_anchor(
            database, digest, StoredAnchor(size, block_number + place, NOW, proof, time_run_open=False)
        )
        with database.transaction():
            tiles = extended_mirror(database, site, b"".join(added))
            store_mirror(database, site, tiles, size)
        site = site_by_number(database, site.number)
    return site


def place_all(database: Database) -> None:
    while place_leaves(database):
        pass
