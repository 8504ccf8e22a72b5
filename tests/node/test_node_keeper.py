"""The keeper raises each alarm when it is due and takes it back, and tells systemd how the node is."""

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import sleep

import pytest
from perdure_anchor.errors import ChainError
from perdure_anchor.hashes import Hash32
from perdure_node.chain.relay_transactions import Outcome
from perdure_node.clock import Clock, Uptime
from perdure_node.database import Database
from perdure_node.gateway.folder import GATEWAY
from perdure_node.gateway.settings import AlarmSettings, NodeSettings, settings_for
from perdure_node.gateway.transactions import GatewayTransaction, close_transactions, store_transactions
from perdure_node.service.alarms import AlarmName
from perdure_node.service.keeping import Keeper
from perdure_node.service.state import NodeState, WorkerView, new_state
from perdure_node.service.supervisor import Supervisor
from perdure_node.service.workers import WorkerPlan, Workers

GENESIS = 1_800_000_000
SETTINGS = replace(
    settings_for("http://127.0.0.1:1"),
    alarms=AlarmSettings(silent_site_hours=24),
)


@dataclass
class FakeTime:
    """Seconds that a test lets pass; ``set_by`` is by how much somebody has set the clock."""

    passed: float = 0.0
    set_by: float = 0.0

    @property
    def clock(self) -> Clock:
        return Clock(
            lambda: GENESIS + self.passed + self.set_by,
            lambda: self.passed,
            lambda _: None,
            lambda: Uptime(bytes(16), self.passed),
        )


@dataclass
class FakeGateway:
    """What the keeper needs of a gateway."""

    folder: Path
    settings: NodeSettings
    database: Database

    def close(self) -> None:
        self.database.close()


class Kept:
    """A keeper in a test's time; ``free`` is how many bytes the disk has."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.time = FakeTime()
        self.state = new_state(self.time.clock)
        self.free = 1 << 40
        self.database = Database(folder / "gateway.sqlite", GATEWAY, create=True)
        gateway = FakeGateway(folder, SETTINGS, self.database)
        self.keeper = Keeper(
            gateway,  # type: ignore[arg-type]
            self.state,
            self.time.clock,
            Supervisor(environment),
            lambda _: self.free,
        )

    def look(self, passing: float = 0.0, head: int | None = None) -> dict[str, str]:
        """Let time pass, let the chain be seen, and look; the messages of the raised alarms by name and subject."""
        self.time.passed += passing
        if head is not None:
            self.state.saw_chain(head=head)
        self.keeper.step()
        raised = self.state.alarms.raised()
        return {
            each.name.value + (f" {each.subject}" if each.subject else ""): each.message for each in raised
        }


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path, {})
    yield made
    made.keeper.close()


def test_a_node_that_works_has_no_alarms(kept: Kept) -> None:
    for head in range(50):
        assert kept.look(5, head) == {}


def test_a_disk_that_gets_full(kept: Kept) -> None:
    kept.free = (1 << 30) - 1
    assert kept.look() == {"disk": "1073741823 bytes are free, want 1073741824"}
    kept.free += 1
    assert kept.look() == {}


def test_a_node_that_lags(kept: Kept) -> None:
    kept.state.saw_chain(followed=100)
    assert kept.look(5, 200) == {}
    assert kept.look(5, 201)["lag"] == "101 blocks behind: followed to 100, the chain is at 201"
    kept.state.saw_chain(followed=150)
    assert kept.look(5, 202) == {}


def test_a_clock_that_is_set(kept: Kept) -> None:
    kept.look(5)
    kept.time.set_by = -40
    assert kept.look(5)["clock-skew jump"].startswith("the clock was put back by 40 s at 2027-")
    assert "clock-skew jump" in kept.look(3000)
    assert kept.look(601) == {}
    kept.time.set_by += 29
    assert kept.look(5) == {}, "as time servers do"


def transaction(nonce: int, stored_at: int, name: int) -> GatewayTransaction:
    return GatewayTransaction(None, 1, nonce, Hash32(bytes([name]) * 32), b"", stored_at)


def test_a_transaction_that_gets_into_no_block(kept: Kept) -> None:
    with kept.database.transaction():
        kept.database.execute(
            "INSERT INTO site (number, origin, added_at) VALUES (1, 'acme/one', ?)", GENESIS
        )
        kept.database.execute(
            "INSERT INTO rotation (site, new_key, grace_period, nonce, signature, state) VALUES (1, ?, 0, 0, ?, 'waiting')",
            bytes(20),
            bytes(65),
        )
    first = transaction(9, GENESIS, 1)
    store_transactions(kept.database, [first, transaction(10, GENESIS + 500, 2)])
    assert kept.look(600) == {}
    told = "the transaction with nonce 9 is in no block for 601 s; 2 wait"
    assert kept.look(1)["unmined-nonce"] == told
    close_transactions(kept.database, [(first, Outcome.REPLACED)])
    store_transactions(kept.database, [transaction(9, GENESIS + 601, 3)])
    assert kept.look()["unmined-nonce"] == told, "a higher fee makes it no younger"
    close_transactions(kept.database, [(transaction(9, 0, 3), Outcome.MINED)])
    assert kept.look() == {}


def test_a_site_that_is_silent(kept: Kept) -> None:
    with kept.database.transaction():
        for number, name in enumerate(("one", "two"), 1):
            kept.database.execute(
                "INSERT INTO site (number, origin, added_at) VALUES (?, ?, ?)",
                number,
                f"acme/{name}",
                GENESIS,
            )
        kept.database.execute(
            "INSERT INTO bundle (id, site, made_at, taken_at) VALUES (?, 2, 0, ?)", bytes(16), GENESIS + 5000
        )
    assert kept.look(24 * 3600) == {}
    assert kept.look(60) == {
        "silent-site acme/one": "nothing has come from acme/one since 2027-01-15T08:00:00Z"
    }
    with kept.database.transaction():
        kept.database.execute(
            "INSERT INTO bundle (id, site, made_at, taken_at) VALUES (?, 1, 0, ?)",
            bytes([1] * 16),
            GENESIS + 86_000,
        )
    assert kept.look(60) == {}


class Systemd:
    """The socket that systemd would listen on."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path)
        self._socket.setblocking(False)

    def told(self) -> list[str]:
        found = []
        while True:
            try:
                found.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return found

    def close(self) -> None:
        self._socket.close()


def test_systemd_is_told(tmp_path: Path) -> None:
    systemd = Systemd(str(tmp_path / "notify"))
    kept = Kept(tmp_path, {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "12000000"})
    assert kept.keeper.step() == 3.0, "a quarter of what systemd waits"
    assert systemd.told() == ["WATCHDOG=1", "STATUS=no block seen yet; no alarms"]
    kept.free = 0
    kept.look(5, 7)
    assert systemd.told() == ["WATCHDOG=1", "STATUS=block 7; alarms: disk"]
    kept.keeper.close()
    systemd.close()


def test_a_worker_that_hangs_lets_the_watchdog_bite(tmp_path: Path) -> None:
    systemd = Systemd(str(tmp_path / "notify"))
    kept = Kept(tmp_path, {"NOTIFY_SOCKET": str(tmp_path / "notify")})
    kept.state.beat("relay")
    kept.state.beat("witness", pause=3600)
    kept.look(601)
    assert systemd.told() == ["STATUS=no block seen yet; no alarms"]
    kept.state.beat("relay")
    kept.look()
    assert "WATCHDOG=1" in systemd.told()
    kept.keeper.close()
    systemd.close()


def test_an_abstract_socket_and_none(tmp_path: Path) -> None:
    name = f"perdure-test-{os.getpid()}"
    systemd = Systemd("\0" + name)
    supervisor = Supervisor({"NOTIFY_SOCKET": "@" + name})
    supervisor.ready()
    supervisor.status("two\nREADY=0")
    supervisor.stopping()
    assert systemd.told() == ["READY=1", "STATUS=two?READY=0", "STOPPING=1"]
    systemd.close()
    supervisor.alive()
    Supervisor({}).ready()


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "x"}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
    ],
)
def test_how_often_systemd_wants_to_hear(environment: dict[str, str], seconds: float | None) -> None:
    assert Supervisor(environment).watchdog_seconds == seconds


def test_a_worker_beats_while_it_steps_and_pauses(tmp_path: Path) -> None:
    time = FakeTime()
    state: NodeState = new_state(time.clock)
    hanging: list[list[str]] = []

    class Step:
        def step(self) -> float:
            hanging.append(state.hanging_workers(time.passed + 11, 10.0))
            workers.wake("one")
            if len(hanging) == 2:
                raise ChainError("not now")
            return 100.0

        def close(self) -> None:
            pass

    workers = Workers([WorkerPlan("one", Step)], state, lambda error: pytest.fail(str(error)))
    with workers.running():
        while len(hanging) < 3:
            sleep(0.01)
    assert hanging[:3] == [["one"]] * 3
    assert state.hanging_workers(1e9, 10.0) == [], "who has ended does not hang"
    assert state.workers[0] == WorkerView("one", GENESIS, 0, None)
    assert AlarmName.WORKER_FAILING not in [each.name for each in state.alarms.raised()]
