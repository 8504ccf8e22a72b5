"""A node that cannot start says why, and ends with another code than 0; what may mend itself is an alarm of a node that runs."""

import contextlib
import json
import re
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from perdure_cli.main import main
from perdure_devnet.info import TRUST_NAME
from perdure_node.clock import Clock, system_clock
from perdure_node.errors import VaultBusy, VaultDamaged, VaultExists, VaultNotFound
from perdure_node.gateway.backup import back_up
from perdure_node.gateway.folder import open_gateway
from perdure_node.locks import node_lock
from perdure_node.service.relaying import RelayWorker
from perdure_node.service.running import run_node
from tools.quiet_node import quiet_folder
from tools.running_devnet import running_devnet
from tools.served_node import make_node, served
from tools.site_network import PASSPHRASE, counted_bytes

pytestmark = pytest.mark.slow

Break = Callable[[Path], contextlib.AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_GATEWAY_PASSPHRASE", PASSPHRASE)


@contextlib.contextmanager
def port_taken(folder: Path) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        set_listen(folder, f"port = {taken.getsockname()[1]}")
        yield


def set_listen(folder: Path, line: str) -> None:
    """As `set_key`, in the table [listen]."""
    set_key(folder, "listen", line)


def set_key(folder: Path, table_name: str, line: str) -> None:
    """Put a line in the place of the one with its key in a table."""
    path = folder / "node.toml"
    before, table, after = path.read_text().partition(f"[{table_name}]\n")
    key = line.partition(" = ")[0]
    path.write_text(before + table + re.sub(rf"(?m)^{key} = .*$", line, after, count=1))


@contextlib.contextmanager
def unknown_key(folder: Path) -> Iterator[None]:
    path = folder / "node.toml"
    path.write_text(path.read_text().replace("[alarms]", "[alarms]\nlag_block = 3"))
    yield


@contextlib.contextmanager
def damaged(folder: Path) -> Iterator[None]:
    (folder / "gateway.sqlite").write_bytes(b"\0" * 20_000)
    yield


@contextlib.contextmanager
def newer(folder: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(folder / "gateway.sqlite")) as connection:
        connection.execute("PRAGMA user_version=9999")
    yield


@contextlib.contextmanager
def served_already(folder: Path) -> Iterator[None]:
    with node_lock(folder, system_clock()):
        yield


@contextlib.contextmanager
def no_certificate(folder: Path) -> Iterator[None]:
    set_listen(folder, 'certificate = "none.pem"')
    yield


@contextlib.contextmanager
def key_without_certificate(folder: Path) -> Iterator[None]:
    set_listen(folder, 'certificate_key = "key.pem"')
    yield


@contextlib.contextmanager
def doubtful_proxy(folder: Path) -> Iterator[None]:
    set_key(folder, "access", 'proxy_addresses = ["10.0.0.5/8"]')
    yield


@contextlib.contextmanager
def no_proxy(folder: Path) -> Iterator[None]:
    set_key(folder, "access", 'reading = "proxy"')
    yield


@contextlib.contextmanager
def tokens_without_tls(folder: Path) -> Iterator[None]:
    set_key(folder, "access", 'reading = "tokens"')
    set_listen(folder, 'address = "0.0.0.0"')
    yield


@contextlib.contextmanager
def no_trust_file(folder: Path) -> Iterator[None]:
    (folder / "trust.json").unlink()
    yield


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (port_taken, "cannot listen on 127.0.0.1 port"),
        (unknown_key, "unknown key 'lag_block'"),
        (damaged, "file is not a database"),
        (newer, "its tables are of version 9999"),
        (served_already, "serves this node"),
        (no_certificate, "none.pem: no such file"),
        (key_without_certificate, "listen: certificate_key: there is a key, and no certificate"),
        (doubtful_proxy, "access: proxy_addresses: got '10.0.0.5/8'"),
        (no_proxy, "access: reading: proxy, but proxy_addresses names none"),
        (tokens_without_tls, "access: reading: tokens, but without TLS"),
        (no_trust_file, "trust.json: no such file"),
    ],
)
def test_what_only_a_hand_can_mend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: Break, message: str
) -> None:
    folder = quiet_folder(tmp_path / "node")
    with broken(folder):
        assert main(["node", "run", "--gateway", str(folder)]) == 2
    assert message in capsys.readouterr().err


def test_settings_that_do_not_fit_name_who_looks_at_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = quiet_folder(tmp_path / "node")
    with doubtful_proxy(folder):
        assert main(["node", "run", "--gateway", str(folder)]) == 2
        told = capsys.readouterr().err
        assert "10.0.0.0/8 for all" in told
        assert "perdure node check-config" in told
        assert main(["node", "check-config", "--gateway", str(folder)]) == 2
        assert "10.0.0.5/8" in capsys.readouterr().out


def test_a_second_process_is_told_soon_to_stop_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = quiet_folder(tmp_path / "node")
    with served_already(folder):
        assert main(["node", "run", "--gateway", str(folder)]) == 2
        waited: list[float] = []
        clock = Clock(time.time, lambda: sum(waited), waited.append)
        with pytest.raises(VaultBusy):
            run_node(folder, lambda: PASSPHRASE, clock=clock, stopping=threading.Event())
        assert sum(waited) < 2
    told = capsys.readouterr().err
    assert "stop it first" in told
    assert "wait until" not in told


def test_a_wrong_passphrase(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERDURE_GATEWAY_PASSPHRASE", "another one")
    folder = quiet_folder(tmp_path / "node")
    assert main(["node", "run", "--gateway", str(folder)]) == 2
    assert "passphrase" in capsys.readouterr().err


def test_a_fault_of_ours_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = quiet_folder(tmp_path / "node")

    def step(worker: RelayWorker) -> float:
        raise KeyError("a slip")

    monkeypatch.setattr(RelayWorker, "step", step)
    with pytest.raises(RuntimeError, match="a worker of the node ended"):
        run_node(folder, lambda: PASSPHRASE, clock=system_clock(), stopping=threading.Event())


def test_a_chain_that_is_away_or_another_one_is_an_alarm(tmp_path: Path) -> None:
    """The chain client may be repaired any time, and what is stored is answered meanwhile."""
    with running_devnet(tmp_path / "chain") as url:
        members = json.loads((tmp_path / "chain" / TRUST_NAME).read_bytes())
        make_node(tmp_path / "chain", url, tmp_path / "node")
        (tmp_path / "node" / "trust.json").write_text(
            json.dumps(members | {"genesis_hash": "0x" + "77" * 32})
        )
        for folder in (tmp_path / "node", quiet_folder(tmp_path / "quiet")):
            with served(folder) as node:
                deadline = time.monotonic() + 60
                while not failing(node.get("/metrics").text):
                    assert time.monotonic() < deadline
                    time.sleep(0.2)
                assert node.get("/health").status_code == 200
                assert node.get("/ready").status_code == 503


def failing(metrics: str) -> bool:
    names = "worker-failing|wrong-chain|endpoint-unreachable"
    return re.search(rf'^perdure_alarm\{{alarm="({names})"\}} [1-9]', metrics, re.MULTILINE) is not None


class TestBackup:
    def test_while_the_node_runs(self, tmp_path: Path) -> None:
        folder = quiet_folder(tmp_path / "node")
        with open_gateway(folder) as gateway:
            with gateway.database.transaction():
                gateway.database.execute("INSERT INTO site (origin, added_at) VALUES ('acme/one', 0)")
            # not folded into the database yet
            assert (folder / "gateway.sqlite-wal").stat().st_size > 0
            assert main(["node", "backup", str(tmp_path / "copy"), "--gateway", str(folder)]) == 0
        names = {path.name for path in (tmp_path / "copy").iterdir()}
        assert names == {"gateway.sqlite", "node.toml", "trust.json", "identity.json", "relay.key"}
        assert all(
            path.stat().st_mode & 0o077 == 0 for path in [tmp_path / "copy", *(tmp_path / "copy").iterdir()]
        )
        with open_gateway(tmp_path / "copy") as copy:
            assert copy.database.rows("SELECT origin FROM site") == [("acme/one",)]
        with served(tmp_path / "copy") as node:
            assert node.get("/health").status_code == 200

    def test_nothing_is_overwritten_and_nothing_half_stays(self, tmp_path: Path) -> None:
        folder = quiet_folder(tmp_path / "node")
        (tmp_path / "copy").mkdir()
        with pytest.raises(VaultExists):
            back_up(folder, tmp_path / "copy", counted_bytes())
        with pytest.raises(VaultNotFound):
            back_up(tmp_path / "copy", tmp_path / "other", counted_bytes())
        (folder / "gateway.sqlite").write_bytes(b"\0" * 20_000)
        with pytest.raises(VaultDamaged):
            back_up(folder, tmp_path / "third", counted_bytes())
        assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "node"]


@pytest.mark.parametrize(
    ("spoil", "octets"),
    [
        (None, b""),
        ("identity.json", b"x" * 5000),
        ("gateway.sqlite", b"x" * 5000),
        ("relay.key", b"x" * 5000),
        ("relay.key", b"00" * 1200),
    ],
)
def test_remedies_are_a_node_s_and_not_a_vault_s(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    spoil: str | None,
    octets: bytes,
) -> None:
    folder = quiet_folder(tmp_path / "node")
    if spoil is None:
        monkeypatch.setenv("PERDURE_GATEWAY_PASSPHRASE", "another one")
    else:
        (folder / spoil).write_bytes(octets)
    assert main(["node", "run", "--gateway", str(folder)]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "perdure node init" in told if spoil is None else "perdure node backup" in told
    assert "vault" not in told
    assert "key passphrase" not in told
