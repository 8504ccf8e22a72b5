"""A gateway whose deliveries are killed at any moment: each site's log is anchored, nothing is lost, and nothing anchored twice."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
from perdure_anchor.registry_event import ANCHORED_BEFORE_TOPIC, ANCHORED_TOPIC
from perdure_devnet.network import partner_key, relay_key
from perdure_node.courier.bundle_file import Bundle, encode_bundle, load_bundle, write_bundle
from perdure_node.gateway.checkpoints import State, checkpoints_of, stored_anchor, unproved
from perdure_node.gateway.delivery import deliver
from perdure_node.gateway.folder import GatewayKeys, NewGateway, create_gateway, open_gateway
from perdure_node.gateway.settings import settings_for
from perdure_node.gateway.sites import mirrored_leaves, site_of
from perdure_node.gateway.transactions import open_transactions
from tools.delivery_worker import chain_of, work
from tools.fast_network import fast_network
from tools.light_site import LightSite, register_all
from tools.site_network import CHEAP, PASSPHRASE, copied, counted_bytes
from tools.site_worker import HASTY_CLOCK

ROUNDS = int(os.environ.get("PERDURE_TORTURE", 0)) or 15
SITES = 5


def written(bundle: Bundle, path: Path) -> None:
    write_bundle(path, encode_bundle(bundle.head, [bytes(bundle.leaf_octets)]))


def packed(site: LightSite, sticks: Path, name: str, count: int) -> None:
    """So many bundles, each with the newest checkpoint, all leaf hashes, and proofs from each size there was."""
    sizes = [0]
    for number in range(count):
        carried = site.seal(1 + number % 3)
        head = site.head(proofs_from=sizes)
        written(site.bundle(head, checkpoints=(carried,)), sticks / f"{name}-{number}.bundle")
        sizes.append(site.log.size)


@pytest.mark.slow
def test_nothing_is_lost_or_anchored_twice_whenever_a_delivery_is_killed(
    founded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    directory, sticks = copied(founded, tmp_path / "chain"), tmp_path / "sticks"
    sticks.mkdir()
    trust_raw = (directory / "consortium.json").read_bytes()
    relay = relay_key(directory).private_key
    new = NewGateway(trust_raw, settings_for("http://127.0.0.1:1"), PASSPHRASE, relay, CHEAP)
    folder = tmp_path / "gateway"
    with create_gateway(folder, new, randomness=counted_bytes(b"gateway")) as made:
        domain = made.trust.domain
    sites = {f"site{number}": LightSite(domain, f"acme/site{number}") for number in range(SITES)}
    for name, site in sites.items():
        packed(site, sticks, name, min(200, 20 + ROUNDS))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tools.delivery_worker"])
    with fast_network(directory) as url:
        register(url, directory, folder, list(sites.values()))
        for seed in range(1, ROUNDS + 1):
            process = context.Process(target=work, args=(folder, url, sticks, seed))
            process.start()
            process.join()
            assert process.exitcode == -signal.SIGKILL
        with open_gateway(folder) as gateway, chain_of(gateway, url) as chain:
            keys = GatewayKeys(gateway, lambda: PASSPHRASE)
            last = [load_bundle(max(sticks.glob(f"{name}-*"), key=number_of)) for name in sites]
            delivered = deliver(gateway, chain, keys, last, clock=HASTY_CLOCK, wait=120)
            assert (delivered.refused, delivered.unfinished) == ((), ())
            database = gateway.database
            assert open_transactions(database) == []
            assert unproved(database) == {}
            for site in sites.values():
                known = site_of(database, site.origin)
                assert known is not None
                leaves = b"".join(site.log.node_at(0, index) for index in range(site.log.size))
                assert mirrored_leaves(database, known, 0, known.mirrored) == leaves
                newest = checkpoints_of(database, known, State.ANCHORED)[-1]
                assert newest.size == site.log.size
                assert stored_anchor(database, newest.digest) is not None
                assert checkpoints_of(database, known, State.WAITING) == []
            assert database.row("PRAGMA integrity_check") == ("ok",)
            assert list(database.rows("PRAGMA foreign_key_check")) == []
            events = chain.client.fetch_events(chain.registry.address, (), 1, chain.client.head_number())
            topics = [event.log.topics[0] for event in events]
            anchored = topics.count(ANCHORED_TOPIC)
            assert ANCHORED_BEFORE_TOPIC not in topics
            assert anchored == chain.client.transaction_count(keys.relay().address) >= 2 * SITES


def number_of(path: Path) -> int:
    return int(path.stem.partition("-")[2])


def register(url: str, directory: Path, folder: Path, sites: list[LightSite]) -> None:
    with open_gateway(folder) as gateway, chain_of(gateway, url) as chain:
        key = partner_key(directory, "acme").private_key
        register_all(chain.client, chain.registry, key, chain.trust.chain_id, sites)
        deadline = time.monotonic() + 60
        while None in chain.registry.sites([site.origin.site for site in sites]):
            assert time.monotonic() < deadline
            time.sleep(0.1)
