"""Nodes that watch each other: gateways under the trust file of `simulated_chain`, peers that tell the truth or lie, and a server."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from perdure_anchor.checkpoint import Checkpoint, sign_checkpoint
from perdure_anchor.evidence import Evidence, encode_evidence
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import MemoryLog, append_to_tiles, leaf_hash
from perdure_anchor.record import leaf_from_digests
from perdure_anchor.trust_file import encode_trust_file
from perdure_node.api.app import create_app
from perdure_node.api.context import NodeContext
from perdure_node.clock import Clock
from perdure_node.gateway.folder import Gateway, NewGateway, create_gateway, open_gateway
from perdure_node.gateway.settings import ListenSettings, settings_for
from perdure_node.gateway.sites import KnownSite, add_site, extended_mirror, site_of, store_mirror
from perdure_node.service.endpoints import open_pool
from perdure_node.service.listening import listen, serving, url_of
from perdure_node.service.state import new_state
from perdure_node.witness.signed import SignedBySomebody
from perdure_node.witness.tile_paths import TilePathError, parse_tile_path
from simulated_chain import DOMAIN, ORIGIN, SITE_KEY, START, Story, tell
from tools.site_network import CHEAP, PASSPHRASE, counted_bytes

CLOCK = Clock(lambda: START + 100.0, lambda: 0.0, lambda _seconds: None)


def new_gateway(folder: Path, story: Story = Story()) -> Gateway:  # noqa: B008  # frozen
    """A gateway without a chain."""
    trust = encode_trust_file(tell(story).trust)
    new = NewGateway(trust, settings_for("http://127.0.0.1:1"), PASSPHRASE, b"\x11" * 32, CHEAP)
    gateway = create_gateway(folder, new, randomness=counted_bytes(b"witness"))
    gateway.database._set(synchronous="OFF")
    return gateway


def forget_all(gateway: Gateway) -> None:
    with gateway.database.transaction():
        for table in ("copied_tile", "two_histories", "shown_checkpoint", "waiting_leaves", "anchor"):
            gateway.database.execute(f"DELETE FROM {table}")
        for table in ("checkpoint_signature", "checkpoint", "tile", "site"):
            gateway.database.execute(f"DELETE FROM {table}")


@cache
def anchored_log(size: int) -> tuple[tuple[Hash32, ...], Evidence]:
    """The leaf hashes of a log of this size, and final evidence of its last record, of which nothing is shown."""
    evidence = tell(Story(size=size, index=size - 1)).evidence
    leaves = [leaf_hash(b"leaf %d" % number) for number in range(size)]
    leaves[-1] = leaf_hash(leaf_from_digests([slot.digest for slot in evidence.slots]))
    slots = tuple(replace(slot, disclosure=None) for slot in evidence.slots)
    return tuple(leaves), replace(evidence, slots=slots, not_before=None)


def mirrored(gateway: Gateway, leaves: Sequence[Hash32]) -> KnownSite:
    """Let the gateway have mirrored these, whatever was proved."""
    with gateway.database.transaction():
        site = add_site(gateway.database, ORIGIN, 0)
        store_mirror(
            gateway.database, site, extended_mirror(gateway.database, site, b"".join(leaves)), len(leaves)
        )
    found = site_of(gateway.database, ORIGIN)
    assert found is not None
    return found


def signed_by_site(leaves: Sequence[Hash32], key: bytes = SITE_KEY.private_key) -> SignedBySomebody:
    checkpoint = Checkpoint(ORIGIN.site, len(leaves), MemoryLog(leaves).root(), START)
    return SignedBySomebody(checkpoint, sign_checkpoint(DOMAIN, checkpoint, key))


@dataclass
class LogPeer:
    """A peer with one log and its evidence; ``lies`` are answers to paths, ``asked`` what was asked for."""

    leaves: Sequence[Hash32]
    evidence: Evidence | None
    name: str = "globex"
    lies: dict[str, bytes | Exception | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        tiles = append_to_tiles(lambda _level, _index: b"", 0, list(self.leaves))
        self._tiles = {(tile.level, tile.index): tile.octets for tile in tiles}

    def get(self, path: str, at_most: int) -> bytes | None:
        path = path.removeprefix(f"{ORIGIN.text}/")
        self.asked.append(path)
        answer = self.lies[path] if path in self.lies else self._truth(path)
        if isinstance(answer, Exception):
            raise answer
        assert answer is None or path in self.lies or len(answer) <= at_most
        return answer

    def _truth(self, path: str) -> bytes | None:
        if path == "checkpoint":
            return None if self.evidence is None else encode_evidence(self.evidence)
        try:
            place = parse_tile_path(path)
        except TilePathError:
            return None
        octets = self._tiles.get((place.level, place.index), b"")[: 32 * place.width]
        return octets if len(octets) == 32 * place.width else None


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A gateway's folder over HTTP, by the node's own application; the URL of its API."""
    with open_gateway(folder) as gateway:
        settings, pool = replace(gateway.settings, listen=ListenSettings(port=0)), open_pool(gateway, CLOCK)
    requests = counted_bytes(b"requests")
    context = NodeContext(folder, settings, new_state(CLOCK), CLOCK, requests, lambda _: None, pool)
    with (
        pool,
        listen(settings.listen) as listener,
        serving(create_app(context), listener, settings.listen, folder),
    ):
        yield f"{url_of(listener, settings.listen)}/v1"
    context.close()
