"""Nothing is lost: not by stopping, not by a kill in the middle, not by a second process."""

import itertools
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from perdure_contracts.rpc import JsonRpc, RpcRefused, RpcUnreachable
from perdure_devnet.block import encode_block
from perdure_devnet.database import Database
from perdure_devnet.errors import DirectoryInUse, DirectoryNotADevnet
from perdure_devnet.info import read_info
from perdure_devnet.lock import holder, locked
from perdure_devnet.network import NetworkSettings, found, relay_key
from perdure_devnet.serve import serve
from tools.devnets import ADA, BOB, COMMITTEE, RICH, ManualClock, Sender, open_devnet
from tools.voting_devnet import follow, open_voting_devnet

pytestmark = pytest.mark.slow


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    path, clock, ada = tmp_path / "chain.sqlite", ManualClock(), Sender("ada")
    with open_devnet(path, clock) as devnet:
        devnet.block(ada.sign(to=BOB, value=3))
        devnet.chain.submit(waiting := ada.sign(to=BOB, value=4))
        devnet.chain.submit(later := ada.sign(to=BOB, value=5))
        head = devnet.chain.head
    with open_devnet(path, clock) as devnet:
        assert devnet.chain.head == head
        assert devnet.state_of(ADA) == (1, RICH - 3)
        assert [pooled.transaction.raw for pooled in devnet.chain.pool] == [waiting, later]
        assert devnet.block().transactions == (waiting, later)


def test_a_replaced_transaction_stays_replaced(tmp_path: Path) -> None:
    path, clock, ada = tmp_path / "chain.sqlite", ManualClock(), Sender("ada")
    with open_devnet(path, clock) as devnet:
        devnet.chain.submit(ada.sign(to=BOB, nonce=0, gasPrice=10))
        devnet.chain.submit(better := ada.sign(to=BOB, nonce=0, gasPrice=20))
    with open_devnet(path, clock) as devnet:
        assert devnet.block().transactions == (better,)


def test_a_block_that_cannot_be_stored_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_devnet(tmp_path / "chain.sqlite") as devnet:
        devnet.chain.submit(raw := Sender("ada").sign(to=BOB, value=1))

        def full_disk(*_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        with monkeypatch.context() as patch:
            patch.setattr("perdure_devnet.mempool.Mempool.delete", full_disk)
            with pytest.raises(sqlite3.OperationalError):
                devnet.block()
        assert devnet.chain.head.number == 0
        assert devnet.chain.store.head_number() == 0
        assert devnet.chain.store.mined_in(1) == ()
        assert devnet.block().transactions == (raw,)


def test_a_chain_of_before_votes_were_counted_has_besus_epochs(tmp_path: Path) -> None:
    path = tmp_path / "chain.sqlite"
    with open_devnet(path) as devnet:
        head = devnet.block()
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM setting WHERE name = 'epoch_length'")
    connection.close()
    with open_devnet(path) as devnet:
        assert devnet.chain.epoch_length == 30_000
        assert devnet.chain.head == head
        assert devnet.chain.validators == COMMITTEE.validators


@pytest.mark.parametrize("content", [b"no database at all, just text", b""])
def test_another_file_is_no_chain(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "chain.sqlite"
    path.write_bytes(content)
    with pytest.raises(DirectoryNotADevnet), open_devnet(path):
        pass


def test_another_database_is_no_chain(tmp_path: Path) -> None:
    path = tmp_path / "chain.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE somebody_elses (thing)")
    connection.close()
    with pytest.raises(DirectoryNotADevnet, match="not a devnet's database"):
        Database(path)


def test_a_directory_has_one_holder(tmp_path: Path) -> None:
    assert holder(tmp_path) is None
    with locked(tmp_path):
        assert holder(tmp_path) == os.getpid()
        with pytest.raises(DirectoryInUse, match=f"process {os.getpid()}"), locked(tmp_path):
            pass
    assert holder(tmp_path) is None
    with locked(tmp_path):
        pass


# a validator at work as fast as it can, that says on stdout what it has acknowledged
WORKER = """
import sys
from pathlib import Path
from perdure_anchor.hashes import to_hex
from tools.devnets import BOB, COMMITTEE, ManualClock, Sender, open_devnet

path = Path(sys.argv[1])
clock = ManualClock()
with open_devnet(path, clock) as devnet:
    clock.now = devnet.chain.head.header.timestamp
    nonce = devnet.chain.pool.next_nonce(Sender("ada").address, devnet.state_of(Sender("ada").address)[0])
    print("ready", flush=True)
    while True:
        for _ in range(2):
            taken = devnet.chain.submit(Sender("ada").sign(to=BOB, value=1, nonce=nonce))
            nonce += 1
            print("tx", to_hex(taken), flush=True)
        block = devnet.block()
        print("block", block.number, to_hex(block.hash), flush=True)
"""


def test_a_kill_in_the_middle_of_making_blocks_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "chain.sqlite"
    said: list[str] = []
    for moment in (0.0, 0.009, 0.031, 0.06):
        said += _lines_until_killed(path, moment)
        with open_devnet(path) as devnet:
            pooled = {pooled.transaction.hash for pooled in devnet.chain.pool}
            for line in said:
                kind, *words = line.split()
                if kind == "block":
                    assert devnet.chain.store.hash_of(int(words[0])) == bytes.fromhex(words[1][2:])
                elif kind == "tx":
                    transaction_hash = bytes.fromhex(words[0][2:])
                    assert transaction_hash in pooled or devnet.chain.store.mined(transaction_hash)  # type: ignore[arg-type]
    # each life tells of one at least
    assert sum(line.startswith("block") for line in said) >= 4
    _assert_whole(path, tmp_path / "replayed.sqlite")


def _lines_until_killed(path: Path, moment: float, work: str = WORKER, least: int = 4) -> list[str]:
    tests = Path(__file__).parents[1]
    worker = subprocess.Popen(
        [sys.executable, "-c", work, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(tests)},
    )
    assert worker.stdout is not None
    lines = list(itertools.islice(worker.stdout, least))
    time.sleep(moment)
    worker.kill()
    rest, _ = worker.communicate()
    # the last line may be cut off by the kill
    return [line for line in (*lines, *rest.splitlines(keepends=True)) if line.endswith("\n")]


# validators that vote each other in and out as fast as they can
VOTER = """
import sys
from pathlib import Path
from perdure_anchor.qbft import Vote
from tools.voting_devnet import open_voting_devnet

with open_voting_devnet(Path(sys.argv[1]).parent, epoch_length=7) as chain:
    candidates = [chain.candidate(number) for number in range(4)]
    print("ready", flush=True)
    while True:
        subject = candidates[chain.chain.head.number % 4]
        chain.chain.propose_vote(Vote(subject, subject not in chain.members))
        block = chain.block()
        members = "".join(member.hex() for member in chain.members)
        print("block", block.number, members, flush=True)
"""


def test_a_kill_between_votes_leaves_the_set_that_was_shown(tmp_path: Path) -> None:
    path = tmp_path / "voting.sqlite"
    shown: dict[int, str] = {}
    for moment in (0.0, 0.007, 0.029, 0.2):
        for line in _lines_until_killed(path, moment, VOTER, 10):
            if line.startswith("block"):
                _, number, members = line.split()
                shown[int(number)] = members
        with open_voting_devnet(tmp_path, epoch_length=7) as chain:
            sets = ["".join(member.hex() for member in members) for members in chain.sets]
            assert all(sets[number + 1] == members for number, members in shown.items())
    assert len(set(shown.values())) > 2
    with (
        open_voting_devnet(tmp_path, epoch_length=7) as chain,
        open_voting_devnet(tmp_path, epoch_length=7, name="node") as node,
    ):
        follow(chain, node)
        assert node.chain.tally == chain.chain.tally


def _assert_whole(path: Path, replayed: Path) -> None:
    """The chain on disk is one that another node takes from the first block to the last."""
    with open_devnet(path) as devnet, open_devnet(replayed, devnet.clock) as other:
        other.clock.now += 10**6
        for number in range(1, devnet.chain.head.number + 1):
            block = devnet.chain.store.block(number)
            assert block is not None
            other.chain.import_block(encode_block(block))
        assert other.chain.head == devnet.chain.head


def test_a_killed_server_comes_back_with_what_it_acknowledged(tmp_path: Path) -> None:
    """The whole process over HTTP: acknowledged, killed, started again on the same port."""
    directory = tmp_path / "chain"
    found(directory, NetworkSettings(), now=time.time())
    relay = relay_key(directory)
    hashes: list[str] = []
    for attempt in range(3):
        server, url = _start(directory)
        with JsonRpc(url) as rpc:
            before = int(str(rpc.call("eth_blockNumber")), 16)
            for number in range(5):
                raw = _payment(relay.private_key, 5 * attempt + number)
                hashes.append(str(rpc.call("eth_sendRawTransaction", "0x" + raw.hex())))
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
        assert read_info(directory).pid is None
        assert before >= 1
    server, url = _start(directory)
    with JsonRpc(url) as rpc:
        deadline = time.monotonic() + 20
        receipts = [rpc.call("eth_getTransactionReceipt", each) for each in hashes]
        while None in receipts:
            assert time.monotonic() < deadline
            time.sleep(0.1)
            receipts = [rpc.call("eth_getTransactionReceipt", each) for each in hashes]
    with pytest.raises(DirectoryInUse, match=f"process {server.pid}"):
        serve(directory, port=0)
    server.terminate()
    assert server.wait(20) == 0
    assert json.loads((directory / "devnet.json").read_text())["pid"] is None
    with pytest.raises((RpcUnreachable, RpcRefused)), JsonRpc(url, attempts=1) as rpc:
        rpc.call("eth_blockNumber")


def _start(directory: Path) -> tuple[subprocess.Popen[bytes], str]:
    port = read_info(directory).port if read_info(directory).url else 0
    command = [sys.executable, "-m", "perdure_devnet", str(directory), "--port", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while (info := read_info(directory)).pid != server.pid:
        assert time.monotonic() < deadline
        assert server.poll() is None
        time.sleep(0.02)
    assert info.url is not None
    return server, info.url


def _payment(private_key: bytes, nonce: int) -> bytes:
    from eth_account import Account
    from perdure_anchor.hashes import checksum_address

    members = {
        "chainId": NetworkSettings().chain_id,
        "nonce": nonce,
        "gas": 21_000,
        "gasPrice": 0,
        "value": 1,
    }
    members["to"] = checksum_address(BOB)
    return bytes(Account.sign_transaction(members, private_key).raw_transaction)


def test_the_committee_in_the_tests_is_not_the_networks(tmp_path: Path) -> None:
    """Keys are drawn at founding: no two networks share a validator."""
    networks = [tmp_path / name for name in ("one", "two")]
    keys = set()
    for directory in networks:
        found(directory, NetworkSettings(), now=time.time())
        keys |= {entry["address"] for entry in json.loads((directory / "keys/validators.json").read_text())}
    assert len(keys) == 8
    assert not {bytes.fromhex(key[2:]) for key in keys} & set(COMMITTEE.validators)
