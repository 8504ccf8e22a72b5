"""A site whose processes are killed at any moment: what was acknowledged is there once, and anchored once."""

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from perdure_anchor.log import MemoryLog
from perdure_anchor.registry_event import ANCHORED_BEFORE_TOPIC, ANCHORED_TOPIC
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_contracts.abi import contract_abi
from perdure_node.chain.relay_transactions import open_transaction
from perdure_node.keys.keyring import KeyRing
from perdure_node.keys.signing_keys import site_keys
from perdure_node.listing import list_records
from perdure_node.log.site_log import newest_checkpoint, nodes_at
from perdure_node.records import State, open_record, select_records
from perdure_node.site_keys.rotating import rotate_site_key
from perdure_node.site_keys.standing import is_reachable, rotations_under_way
from perdure_node.syncing.sync import sync
from perdure_node.vault import Vault, open_vault
from tools.fast_network import fast_network
from tools.site_desk import Site, document, keys_of, leaf_hashes, prove_all, verdict_on
from tools.site_network import PASSPHRASE, Message, copied
from tools.site_worker import HASTY_CLOCK, LIST_LENGTH, chain_of, work

pytestmark = pytest.mark.slow

TORTURE = int(os.environ.get("PERDURE_TORTURE", 0))
ROUNDS = TORTURE or 40
# each time all records are read and the log is built anew
CHECK_EACH = max(1, ROUNDS // 10)
LONGEST_LIFE = 1.2


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
        if number % 3 == 0:
            rotate_site_key(site.vault, site.keys, clock=site.network.clock, randomness=os.urandom)
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
        assert site.sent() == number + 1 + number // 3
        assert rotations_under_way(site.vault.database) == []
        assert open_transaction(site.vault.database) is None
    assert killed > 0.8 * requests
    assert site.is_final(*range(site.sizes[-1]))
    site.vault.close()


class Promised:
    """What the killed processes had acknowledged."""

    def __init__(self, path: Path) -> None:
        lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        self.added = {document(int(number)).sha256: name for number, name in self.of(lines, "added")}
        self.lists = [tuple(map(int, words[0].split("-"))) for words in self.of(lines, "listed")]
        self.amended = dict(map(tuple, self.of(lines, "amended")))
        self.withdrawn = {words[0] for words in self.of(lines, "withdrawn")}
        self.erased = {words[0] for words in self.of(lines, "erased")}
        self.rotated = {words[0] for words in self.of(lines, "rotated")}
        self.touched = {words[0] for words in self.of(lines, "touched")}

    @staticmethod
    def of(lines: list[list[str]], what: str) -> list[list[str]]:
        return [words for kind, *words in lines if kind == what]

    @property
    def listed(self) -> set[bytes]:
        return {document(number).sha256 for first, last in self.lists for number in range(first, last + 1)}


def check_nothing_lost(folder: Path, acknowledged: Path) -> None:
    """Each acknowledged record is there, none twice; lists are there as a whole; the log is what was signed."""
    promised = Promised(acknowledged)
    with open_vault(folder) as vault:
        records = list(list_records(vault, keys_of(vault)))
        standing = [each.document_sha256 for each in records if each.state is not State.WITHDRAWN]
        assert len(standing) == len(set(standing))
        by_leaf = {each.leaf_hash.hex(): each for each in records}
        assert promised.listed <= set(standing)
        assert set(promised.added.values()) <= set(by_leaf)
        for digest, name in promised.added.items():
            # what somebody was about to change as he was killed may be changed or not
            assert digest in standing or name in promised.touched
        for old, new in promised.amended.items():
            assert by_leaf[old].state is State.WITHDRAWN
            assert new in by_leaf
        assert all(by_leaf[name].state is State.WITHDRAWN for name in promised.withdrawn)
        assert all(by_leaf[name].is_erased for name in promised.erased)
        lists = [each for each in records if each.document_name is None and not each.is_erased]
        assert len(lists) % LIST_LENGTH == 0
        assert promised.rotated <= {key.address.hex() for key in site_keys(vault.database)}
        check_keys(vault)
        check_log(vault)
        check_erasures(vault)


def check_erasures(vault: Vault) -> None:
    """Of each erasure there is one record, and none of one that did not happen."""
    keys, erased, told = keys_of(vault), [], []
    for each in select_records(vault.database, "ORDER BY record.sequence"):
        if each.content is None:
            erased.append(each.leaf_hash.hex())
            continue
        extra = open_record(each, keys).record.value("extra")
        if isinstance(extra, dict) and isinstance(extra.get("erasure"), dict):
            told.append(extra["erasure"]["leaf_hash"])  # type: ignore[index,call-overload]
    assert sorted(erased) == sorted(map(str, told))


def check_keys(vault: Vault) -> None:
    """The key that signs now can be opened, and the registry has it or gets to it."""
    assert address_from_private_key(keys_of(vault).site_key()) == vault.site_address
    assert is_reachable(vault.database)


def check_log(vault: Vault) -> None:
    indices = [row[0] for row in vault.database.rows("SELECT log_index FROM entry ORDER BY log_index")]
    newest = newest_checkpoint(vault)
    assert indices == list(range(vault.log_size))
    if newest is not None:
        log = MemoryLog(leaf_hashes(vault))
        assert log.root() == newest.checkpoint.root
        assert log.size == newest.size
        at = nodes_at(vault.database, log.size)
        assert [at(0, index) for index in indices] == leaf_hashes(vault)
    assert vault.database.row("PRAGMA integrity_check") == ("ok",)
    assert list(vault.database.rows("PRAGMA foreign_key_check")) == []


def assert_no_orphans(process: int) -> None:
    """Who reads and encrypts rows for a process ends with it."""
    deadline = time.monotonic() + 5
    while left := [each for each in living() if group_of(each) == process]:
        assert time.monotonic() < deadline, f"processes {left} of {process} are left"
        time.sleep(0.01)


def let_live(process: int, seconds: float) -> None:
    """So long, or longer where the machine is busy with other things: it shall have a third of that to do something."""
    begun, deadline = processor_time(process), time.monotonic() + 30 * seconds
    time.sleep(seconds)
    while processor_time(process) - begun < seconds / 3 and time.monotonic() < deadline:
        time.sleep(0.01)


def processor_time(process: int) -> float:
    """In seconds."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def living() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def group_of(process: int) -> int | None:
    """Its process group, None once it has ended."""
    try:
        state, _parent, group = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[:3]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state == "Z" else int(group)


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
            let_live(process.pid or 0, chance.uniform(0.05, LONGEST_LIFE))
            process.kill()
            process.join()
            assert process.exitcode == -signal.SIGKILL
            assert_no_orphans(process.pid or 0)
            if seed % CHECK_EACH == 0:
                check_nothing_lost(folder, acknowledged)
        with open_vault(folder) as vault, chain_of(vault, url) as chain:
            for _ in range(2):
                sync(vault, chain, KeyRing(vault, lambda: PASSPHRASE), clock=HASTY_CLOCK)
            proofs = prove_all(vault)
            assert len(proofs) == vault.log_size > ROUNDS / 2
            for proof in proofs[:: 1 + len(proofs) // 1000]:
                assert verdict_on(proof.evidence, vault.trust).ok
            events = chain.client.fetch_events(chain.registry.address, (), 1, chain.client.head_number())
            kinds = [event.log.topics[0] for event in events]
            rotations = kinds.count(contract_abi("AnchorRegistry").event_topic("KeyRotated"))
            assert rotations == len(site_keys(vault.database)) - 1
            sent = chain.client.transaction_count(vault.relay_address)
            assert kinds.count(ANCHORED_TOPIC) + rotations == sent > 3
            assert ANCHORED_BEFORE_TOPIC not in kinds
    check_nothing_lost(folder, acknowledged)
