"""A site whose processes are killed at any moment: what was acknowledged is there once, and anchored once."""

import multiprocessing
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from perdure_anchor.log import MemoryLog
from perdure_anchor.registry_event import ANCHORED_BEFORE_TOPIC, ANCHORED_TOPIC
from perdure_node.keystore import KeyRing
from perdure_node.proving import prove_all
from perdure_node.relay_transactions import open_transaction
from perdure_node.site_log import newest_checkpoint, nodes_at
from perdure_node.sync import sync
from perdure_node.vault import Vault, open_vault
from tools import fast_devnet
from tools.site_desk import Site, document, leaf_hashes, verdict_on
from tools.site_network import PASSPHRASE, Message, copied
from tools.site_worker import HASTY_CLOCK, LIST_LENGTH, chain_of, work

ROUNDS = 20
LONGEST_LIFE = 0.8


class Killed(BaseException):
    """Nothing in the node catches this, as nothing catches a kill."""


def kill_at(site: Site, count: int) -> None:
    """The site's process ends at its so-many-th request, a transaction's sending after the node has got it."""
    left = [count]

    def fault(request: Message, ask: Callable[[], Message]) -> Message:
        left[0] -= 1
        if left[0]:
            return ask()
        if request["method"] == "eth_sendRawTransaction":
            ask()
        raise Killed

    site.network.faults = dict.fromkeys(set(site.network.calls), fault)


def test_a_sync_can_be_killed_at_every_request(site: Site) -> None:
    site.add(0)
    site.sync()
    requests = len(site.network.calls)
    killed = 0
    for number in range(1, requests):
        site.add(number)
        kill_at(site, number)
        try:
            site.sync()
        except Killed:
            killed += 1
        site.network.faults = {}
        site.vault.close()
        site = Site(site.network, open_vault(site.vault.folder))
        site.sync()
        assert site.sizes[-1] == number + 1
        assert site.sent() == number + 1
        assert open_transaction(site.vault.database) is None
    assert killed > 0.8 * requests
    assert site.is_final(*range(site.sizes[-1]))
    site.vault.close()


@contextmanager
def fast_network(directory: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, fast_devnet.__file__, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        url = process.stdout.readline().strip()
        try:
            assert url
            yield url
        finally:
            process.stdin.close()
            process.wait(20)


def numbers_in(vault: Vault) -> list[bytes]:
    return [row[0] for row in vault.database.rows("SELECT document_sha256 FROM record")]


def check_nothing_lost(folder: Path, acknowledged: Path) -> None:
    """Each acknowledged record is there, none twice; lists are there as a whole; the log is what was signed."""
    promised = [int(line) for line in acknowledged.read_text().split()] if acknowledged.exists() else []
    with open_vault(folder) as vault:
        found = numbers_in(vault)
        assert len(found) == len(set(found))
        assert {document(number).sha256 for number in promised} <= set(found)
        lists = vault.database.row(
            "SELECT count(*) FROM record WHERE json_extract(slots, '$.extra.list') IS NOT NULL"
        )
        assert lists is not None
        assert lists[0] % LIST_LENGTH == 0
        indices = [
            row[0]
            for row in vault.database.rows(
                "SELECT log_index FROM record WHERE log_index IS NOT NULL ORDER BY log_index"
            )
        ]
        newest = newest_checkpoint(vault)
        assert indices == list(range(vault.log_size))
        if newest is not None:
            log = MemoryLog(leaf_hashes(vault))
            assert log.root() == newest.checkpoint.root
            assert log.size == newest.size
            assert [nodes_at(vault.database, log.size)(0, index) for index in indices] == leaf_hashes(vault)
        assert vault.database.row("PRAGMA integrity_check") == ("ok",)
        assert list(vault.database.rows("PRAGMA foreign_key_check")) == []


@pytest.mark.slow
def test_nothing_is_lost_doubled_or_anchored_twice_whenever_the_process_is_killed(
    registered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(20260504)
    folder = copied(registered / "site", tmp_path / "site") / ".perdure"
    acknowledged = tmp_path / "acknowledged"
    # the server from which the workers are forked shall find what it loads for them
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tools.site_worker", "eth_account"])
    with fast_network(copied(registered / "chain", tmp_path / "chain")) as url:
        for seed in range(1, ROUNDS + 1):
            begun = context.Event()
            process = context.Process(target=work, args=(folder, url, acknowledged, seed, begun))
            process.start()
            assert begun.wait(30)
            time.sleep(chance.uniform(0.05, LONGEST_LIFE))
            process.kill()
            process.join()
            assert process.exitcode == -signal.SIGKILL
            check_nothing_lost(folder, acknowledged)
        with open_vault(folder) as vault, chain_of(vault, url) as chain:
            for _ in range(2):
                sync(vault, chain, KeyRing(vault, lambda: PASSPHRASE), clock=HASTY_CLOCK)
            proofs = list(prove_all(vault))
            assert len(proofs) == len(numbers_in(vault)) > ROUNDS
            for proof in proofs:
                assert verdict_on(proof.evidence, vault.trust).ok
            events = chain.client.fetch_events(chain.registry.address, (), 1, chain.client.head_number())
            kinds = [event.log.topics[0] for event in events]
            assert kinds.count(ANCHORED_TOPIC) == chain.client.transaction_count(vault.relay_address) > 3
            assert ANCHORED_BEFORE_TOPIC not in kinds
    check_nothing_lost(folder, acknowledged)
