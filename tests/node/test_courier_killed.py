"""A site and its gateway, both killed at any moment: what was acknowledged is in the vault once, in the registry once, and proven."""

import multiprocessing
import os
import random
import signal
import time
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
from perdure_anchor.registry_event import ANCHORED_TOPIC
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc import JsonRpc
from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.courier.bundle_file import load_bundle, write_bundle
from perdure_node.courier.packing import pack
from perdure_node.courier.receiving import receive
from perdure_node.gateway.answering import answer
from perdure_node.gateway.delivery import deliver
from perdure_node.gateway.folder import Gateway, GatewayKeys, NewGateway, create_gateway, open_gateway
from perdure_node.gateway.settings import settings_for
from perdure_node.gateway.sites import site_of
from perdure_node.log.reconciliation import open_reconciliation
from perdure_node.log.sealing import seal
from perdure_node.vault import Vault, open_vault
from tools.courier_worker import WORKERS, current_vault, work
from tools.courier_world import root_of
from tools.fast_network import fast_network
from tools.site_desk import keys_of, leaf_hashes, prove_all, verdict_on
from tools.site_network import CHEAP, PASSPHRASE, copied, open_network
from tools.site_worker import HASTY_CLOCK

TORTURE = int(os.environ.get("PERDURE_TORTURE", 0))
ROUNDS = TORTURE or 20
CHECK_EACH = max(1, ROUNDS // 5)
# a process does so many things, and is killed in the next one
MOST_STEPS, LONGEST_STEP = 12, 0.3


def promised(acknowledged: Path) -> list[bytes]:
    """Leaf hashes of the records that were acknowledged, in their order."""
    lines = acknowledged.read_text().splitlines() if acknowledged.exists() else []
    return [bytes.fromhex(line.split()[1]) for line in lines]


def check_nothing_lost(folder: Path, acknowledged: Path) -> None:
    with open_vault(current_vault(folder / "site")) as vault:
        rows = vault.database.rows(
            "SELECT leaf_hash FROM queue JOIN record USING (sequence) ORDER BY queue.sequence"
        )
        log = [bytes(each) for each in leaf_hashes(vault)]
        names = [*log, *(bytes(row[0]) for row in rows)]
        # what was killed between storing and acknowledging is there too
        told = promised(acknowledged)
        assert [each for each in names if each in set(told)] == told
        assert len(names) == len(set(names)) == vault.database.number("SELECT count(*) FROM record")
        for size, root in vault.database.rows("SELECT size, root FROM checkpoint"):
            assert root_of(tuple(log[:size])) == root
        assert vault.database.row("PRAGMA integrity_check") == ("ok",)
    with open_gateway(folder / "gateway") as gateway:
        assert gateway.database.row("PRAGMA integrity_check") == ("ok",)


def drain(folder: Path, url: str) -> None:
    """One last stick there and back; two, where the vault was restored and seals nothing before the first one's answer."""
    with open_vault(current_vault(folder / "site")) as vault, open_gateway(folder / "gateway") as gateway:
        if open_reconciliation(vault.database) is not None:
            there_and_back(vault, gateway, url, folder / "asking")
        seal(vault, keys_of(vault), HASTY_CLOCK)
        there_and_back(vault, gateway, url, folder / "last")


def there_and_back(vault: Vault, gateway: Gateway, url: str, stick: Path) -> None:
    stick.mkdir()
    file, returned = stick / "out.bundle", stick / "back.bundle"
    write_bundle(file, pack(vault, None, clock=HASTY_CLOCK, randomness=os.urandom).pieces)
    with AnchorChain(ChainClient(JsonRpc(url)), gateway.trust) as chain:
        bundle = load_bundle(file)
        keys = GatewayKeys(gateway, lambda: PASSPHRASE)
        delivered = deliver(gateway, chain, keys, [bundle], clock=HASTY_CLOCK, wait=60)
        assert (delivered.refused, delivered.unfinished) == ((), ())
        site, request = site_of(gateway.database, vault.origin), bundle.head.request
        assert site is not None
        assert request is not None
        _, pieces = answer(gateway, chain, site, request, clock=HASTY_CLOCK, randomness=os.urandom)
        write_bundle(returned, pieces)
    assert receive(vault, load_bundle(returned), clock=HASTY_CLOCK).doubted == ()


def check_all_anchored(vault: Vault, url: str) -> None:
    """Each record has evidence, and the registry's events show one log that only grew."""
    proofs = prove_all(vault)
    assert len(proofs) == vault.log_size == vault.database.number("SELECT count(*) FROM record")
    for proof in proofs[:: 1 + len(proofs) // 1000]:
        assert verdict_on(proof.evidence, vault.trust).ok
    log = tuple(bytes(each) for each in leaf_hashes(vault))
    with AnchorChain(ChainClient(JsonRpc(url)), vault.trust) as chain:
        head = chain.client.head_number()
        events = chain.client.fetch_events(chain.registry.address, (ANCHORED_TOPIC,), 1, head)
        sizes = [int.from_bytes(event.log.topics[2], "big") for event in events]
        assert sizes == sorted(set(sizes))
        assert sizes[-1] == vault.log_size
        for event, size in zip(events, sizes, strict=True):
            assert event.log.topics[3] == root_of(log[:size])


class Working:
    """A process that works until it is killed."""

    def __init__(
        self, context: ForkServerContext, who: str, folder: Path, url: str, acknowledged: Path, seed: int
    ) -> None:
        self.steps = context.Semaphore(0)
        self.process = context.Process(target=work, args=(who, folder, url, acknowledged, seed, self.steps))
        self.process.start()

    def wait_for(self, steps: int) -> None:
        """Until it has done so many things."""
        for _ in range(steps):
            while not self.steps.acquire(timeout=1):
                assert self.process.is_alive(), "it ended by itself"

    def kill(self) -> None:
        self.process.kill()
        self.process.join()
        assert self.process.exitcode == -signal.SIGKILL


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_whenever_site_and_gateway_are_killed(
    registered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(20260611)
    copied(registered / "site", tmp_path / "site")
    (tmp_path / "sticks").mkdir()
    (tmp_path / "backups").mkdir()
    acknowledged = tmp_path / "acknowledged"
    with open_network(registered / "chain") as network:
        new = NewGateway(
            network.trust_raw, settings_for("http://127.0.0.1:1"), PASSPHRASE, b"\x07" * 32, CHEAP
        )
        create_gateway(tmp_path / "gateway", new, randomness=os.urandom).close()
    # the server from which the workers are forked shall find what it loads for them
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tools.courier_worker", "eth_account"])
    running: dict[str, Working] = {}
    with fast_network(copied(registered / "chain", tmp_path / "chain")) as url:
        for seed in range(1, ROUNDS + 1):
            for who in WORKERS:
                if who not in running:
                    running[who] = Working(context, who, tmp_path, url, acknowledged, seed)
            # the other one works on, and finds what was left behind
            killed = running.pop(chance.choice(list(running)))
            killed.wait_for(chance.randint(1, MOST_STEPS))
            time.sleep(chance.uniform(0, LONGEST_STEP))
            killed.kill()
            if seed % CHECK_EACH == 0:
                check_nothing_lost(tmp_path, acknowledged)
        for each in running.values():
            each.kill()
        drain(tmp_path, url)
        with open_vault(current_vault(tmp_path / "site")) as vault:
            check_all_anchored(vault, url)
            assert vault.log_size > ROUNDS / 2
    check_nothing_lost(tmp_path, acknowledged)
