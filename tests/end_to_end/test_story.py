"""The main job as a user does it, and what goes wrong on the way: nothing is lost, and each fault has its exit code."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from perdure_cli import demo
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc import JsonRpc
from perdure_contracts.signer import LocalSigner
from perdure_contracts.transactions import ContractCall, Patience, transact
from perdure_devnet.info import read_info
from perdure_devnet.network import partner_key
from perdure_devnet.serve import detach, stop
from tools.desk import Desk
from tools.keystores import encrypt_key
from tools.running_devnet import running_devnet
from tools.scripted_node import Exchange, scripted_node

pytestmark = pytest.mark.slow

RELAY_PASSPHRASE = "the relay's own"


def test_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `make demo` plays; a second time it clears up after the first."""
    folder = tmp_path / "demo"
    monkeypatch.setattr(sys, "argv", ["demo", str(folder)])
    assert demo.main() == 0
    transcript = (folder / "transcript.txt").read_text("utf-8")
    assert transcript.count("$ perdure ") >= 12
    assert transcript.count("yes, final") == 2
    assert "in place of" in transcript
    assert (folder / "recovery-key.txt").read_text("ascii").startswith("perdure-recovery-1-")
    assert transcript.count("evidence.json: no") == 2
    assert (folder / "office" / "contract.pdf").read_bytes().startswith(b"%PDF-")
    assert (folder / "auditor" / "contract.pdf.evidence.json").stat().st_size < 64 * 1024
    assert not read_info(folder / "chain").is_running


def test_the_demo_spares_what_it_did_not_make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "precious.txt").write_text("x")
    monkeypatch.setattr(sys, "argv", ["demo", str(tmp_path)])
    assert demo.main() == 2
    assert (tmp_path / "precious.txt").exists()


def test_a_correction(site: Desk) -> None:
    """The record that corrects another names its leaf hash; evidence of both stays good."""
    (first,) = site.run("add", "contract.txt", "--type", "letter", "--json").lines
    site.run("add", "contract.txt", "--type", "contract", expected=1)
    site.run(
        "add",
        "contract.txt",
        "--type",
        "contract",
        "--supersedes",
        first["leaf_hash"],
        "--reason",
        "signed anew",
        "--again",
    )
    site.run("sync")
    site.run("prove", "contract.txt")
    (line,) = site.run("verify", "contract.txt", "--json").lines
    assert line["disclosed"]["document_type"] == "contract"
    assert line["disclosed"]["supersedes"] == first["leaf_hash"]
    site.run("prove", "--all", "out")
    lines = site.run("verify", "out", "contract.txt", "--json").lines
    assert [(line["ok"], line["document"]) for line in lines] == [(True, "matched")] * 2


def test_many_syncs_make_one_log(site: Desk) -> None:
    for number in range(3):
        site.write(f"{number}.txt", f"letter {number}\n")
        site.run("add", f"{number}.txt")
        site.run("sync")
    site.run("prove", "--all", "out")
    lines = site.run("verify", "out", "0.txt", "1.txt", "2.txt", "--json").lines
    assert sorted((line["index"], line["size"]) for line in lines) == [(0, 1), (1, 2), (2, 3)]
    assert all(line["ok"] and line["document"] == "matched" for line in lines)


def test_evidence_of_another_consortium(site: Desk, tmp_path: Path) -> None:
    site.run("add", "contract.txt")
    site.run("sync")
    site.run("prove", "contract.txt")
    other = tmp_path / "other"
    with running_devnet(other):
        pass
    (line,) = site.run(
        "verify", "contract.txt", "--trust", str(other / "consortium.json"), "--json", expected=1
    ).lines
    assert [error["error"] for error in line["errors"]] == ["WrongRegistry"]


def test_an_unreachable_chain_loses_nothing(site: Desk) -> None:
    site.run("add", "contract.txt")
    failed = site.run("sync", "--rpc", "http://127.0.0.1:9", expected=3)
    assert failed.err.startswith("perdure: error: ")
    (status,) = site.run("status", "--json").lines
    assert status["total"] == 1
    site.run("sync")
    assert site.run("status", "--json").lines[0]["anchored"] == 1


def _nonsense(exchange: Exchange) -> None:
    exchange.send(b"<html>a router's login page</html>")


def _hang_up(exchange: Exchange) -> None:
    exchange.hang_up()


@pytest.mark.parametrize("answer", [_nonsense, _hang_up])
def test_a_node_that_answers_nonsense(site: Desk, answer) -> None:  # type: ignore[no-untyped-def]
    site.run("add", "contract.txt")
    with scripted_node(answer) as node:
        (line,) = site.run("sync", "--rpc", node.url, "--json", expected=3).lines
    assert line["ok"] is False


def test_another_chain(site: Desk, tmp_path: Path) -> None:
    site.run("add", "contract.txt")
    with running_devnet(tmp_path / "another") as url:
        failed = site.run("sync", "--rpc", url, expected=2)
    assert "another chain" in failed.err
    assert site.run("status", "--json").lines[0]["waiting"] == 1


def test_not_final_in_time(site: Desk) -> None:
    """What was sent stays sent: the next sync brings it home, and anchors it once."""
    site.run("add", "contract.txt")
    site.run("sync", "--wait", "0", expected=3)
    (status,) = site.run("status", "--json").lines
    assert (status["waiting"], status["sealed"]) == (0, 1)
    site.run("sync")
    (status,) = site.run("status", "--json").lines
    assert (status["anchored"], status["size"]) == (1, 1)


def test_a_wrong_passphrase(site: Desk) -> None:
    site.run("add", "contract.txt")
    wrong = site.write("wrong.txt", "not it\n")
    failed = site.run("sync", "--passphrase-file", str(wrong), expected=2)
    assert "not it" not in failed.err
    assert site.run("status", "--json").lines[0]["waiting"] == 1


@pytest.mark.slow
def test_killed_at_any_moment(site: Desk) -> None:
    """Records are added and syncs killed again and again; in the end each record has evidence, once."""
    for attempt in range(6):
        site.write(f"{attempt}.txt", f"letter {attempt}\n")
        site.run("add", f"{attempt}.txt")
        site.kill_after(0.5 + 0.45 * attempt, "sync")
    site.run("sync")
    (status,) = site.run("status", "--json").lines
    assert (status["anchored"], status["total"]) == (6, 6)
    site.run("prove", "--all", "out")
    lines = site.run("verify", "out", *(f"{attempt}.txt" for attempt in range(6)), "--json").lines
    assert sorted(line["index"] for line in lines) == list(range(6))
    assert all(line["ok"] and line["document"] == "matched" for line in lines)


def _no_answer(_: Exchange) -> None:
    time.sleep(60)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ended_while_it_waits(site: Desk, number: signal.Signals, code: int) -> None:
    site.run("add", "contract.txt")
    with scripted_node(_no_answer) as node, site.start("sync", "--rpc", node.url) as process:
        while not node.documents:
            time.sleep(0.05)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (code, "")
    assert "Traceback" not in err
    assert site.run("status", "--json").lines[0]["waiting"] == 1
    site.run("sync")
    (status,) = site.run("status", "--json").lines
    assert (status["anchored"], status["size"]) == (1, 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ended_while_it_waits_for_finality(site: Desk, number: signal.Signals) -> None:
    """What was signed and sent is sent again: one anchor, whenever the signal comes."""
    site.run("add", "contract.txt")
    with site.start("sync") as process:
        while site.run("status", "--json").lines[0]["open_transaction"] is None and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert "Traceback" not in err
    site.run("sync")
    (status,) = site.run("status", "--json").lines
    assert (status["anchored"], status["size"], status["open_transaction"]) == (1, 1, None)


def test_a_devnet_in_the_foreground(desk: Desk) -> None:
    """Ready is said when it answers; Ctrl-C ends it, and it goes on with the same chain."""
    for expected_founding in (True, False):
        with desk.start("devnet", "up", "--dir", "chain", "--port", "0") as process:
            assert process.stdout is not None
            assert process.stderr is not None
            ready = process.stdout.readline()
            assert ready.startswith("ready http://127.0.0.1:")
            with JsonRpc(ready.split()[1]) as rpc:
                height = int(str(rpc.call("eth_blockNumber")), 16)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
        assert process.returncode == 0
        assert ("founding" in err) is expected_founding
        assert height >= 1


def test_a_second_devnet_in_one_folder(desk: Desk, chain: Path) -> None:
    failed = desk.run("devnet", "up", "--dir", str(chain), expected=2)
    assert "devnet down" in failed.err


def test_a_refused_init_leaves_no_vault(site: Desk, chain: Path) -> None:
    """The site's name is taken: nothing is told as done, and only the vault that was there before stays."""
    (status,) = site.run("status", "--json").lines
    failed = site.run("init", status["site"], "--devnet", str(chain), "--vault", "other", expected=2)
    assert (failed.out, "is registered with the key" in failed.err) == ("", True)
    assert not (site.folder / "other").exists()
    assert (site.folder / ".perdure").exists()


def test_init_needs_a_running_devnet(desk: Desk, chain: Path) -> None:
    copy = desk.folder / "chain"
    shutil.copytree(chain, copy, ignore=shutil.ignore_patterns("*.lock"))
    failed = desk.run("init", "acme/nowhere", "--devnet", "chain", expected=3)
    assert "perdure devnet up" in failed.err
    assert not (desk.folder / ".perdure").exists()


@pytest.fixture
def own_chain(desk: Desk) -> Iterator[Path]:
    """A devnet that the test may stop."""
    directory = desk.folder / "chain"
    with running_devnet(directory):
        yield directory


def test_a_site_on_a_chain_that_is_run_by_others(desk: Desk, own_chain: Path) -> None:
    """As on a real chain: trust file, endpoint and keystore are given, and the partner registers the site itself."""
    info = read_info(own_chain)
    assert info.url is not None
    relay = os.urandom(32)
    (desk.folder / "relay.json").write_bytes(encrypt_key(relay, RELAY_PASSPHRASE))
    desk.write("relay-passphrase.txt", RELAY_PASSPHRASE + "\n")
    real = ("--trust", "chain/consortium.json", "--rpc", info.url, "--relay-keystore", "relay.json")
    (answer,) = desk.run(
        "init", "globex/paris", *real, "--relay-passphrase-file", "relay-passphrase.txt", "--json"
    ).lines
    assert answer["registered"] is False
    desk.write("contract.txt", "a contract\n")
    desk.run("add", "contract.txt")
    assert "register" in desk.run("sync", expected=1).err
    request = answer["request"]
    with JsonRpc(info.url) as rpc:
        call = ContractCall(bytes.fromhex(request["to"][2:]), bytes.fromhex(request["input"][2:]))  # type: ignore[arg-type]
        signer = LocalSigner(partner_key(own_chain, "globex").private_key)
        transact(
            ChainClient(rpc),
            signer,
            call,
            chain_id=request["chain_id"],
            patience=Patience(30),
        )
    desk.run("sync")
    desk.run("prove", "contract.txt")
    (line,) = desk.run("verify", "contract.txt", "--json").lines
    assert (line["ok"], line["site"], line["trust"]["pinned"]) == (True, "globex/paris", True)


def test_init_while_the_chain_is_away(desk: Desk, own_chain: Path) -> None:
    """On a real chain the vault is made all the same; records without a known block have no lower bound in time."""
    stop(own_chain)
    (desk.folder / "relay.json").write_bytes(encrypt_key(os.urandom(32), RELAY_PASSPHRASE))
    desk.write("relay-passphrase.txt", RELAY_PASSPHRASE + "\n")
    made = desk.run(
        "init", "globex/paris", "--trust", "chain/consortium.json", "--rpc", "http://127.0.0.1:9",
        "--relay-keystore", "relay.json", "--relay-passphrase-file", "relay-passphrase.txt",
    )  # fmt: skip
    assert "registerSite(globex, paris, 0x" in made.out
    assert "perdure: warning: " in made.err
    assert "http" not in made.out


def test_a_chain_that_comes_back(desk: Desk, own_chain: Path) -> None:
    """A devnet that was killed goes on with what it had; so does the site."""
    desk.run("init", "initech/austin", "--devnet", "chain")
    desk.write("contract.txt", "a contract\n")
    desk.run("add", "contract.txt")
    running = read_info(own_chain)
    assert running.pid is not None
    os.kill(running.pid, signal.SIGKILL)
    while read_info(own_chain).is_running:
        time.sleep(0.05)
    desk.run("sync", expected=3)
    detach(own_chain, port=running.port, period=1)
    desk.run("sync")
    desk.run("prove", "contract.txt")
    desk.run("verify", "contract.txt")
