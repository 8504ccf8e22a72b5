"""`perdure watch` as a process: what it tells while it runs, and how it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from perdure_node.config import change_config
from perdure_node.places import CONFIG_FILE
from tools.commands import Run
from tools.json_lines import check
from tools.site_network import PASSPHRASE, new_vault


@pytest.fixture
def scans(chain_folder: Path, own_user: Path) -> Path:
    """The folder, empty, beside a vault."""
    new_vault(chain_folder, own_user / ".perdure").close()
    folder = own_user / "scans"
    folder.mkdir()
    return folder


def seal_setting(scans: Path, text: str) -> None:
    path = scans.parent / ".perdure" / CONFIG_FILE
    path.write_bytes(change_config(path.read_bytes(), "seal", text))


@contextmanager
def watching(*options: str, passphrase: str | None = None) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "perdure_cli", "watch", "scans", "--settle", "0", "--interval", "0.1"]
    environ = os.environ | ({} if passphrase is None else {"PERDURE_PASSPHRASE": passphrase})
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_a_summary(scans: Path, number: signal.Signals) -> None:
    (scans / "a.txt").write_text("a")
    with watching() as process:
        assert next_line(process).startswith("recorded: scans/a.txt, leaf hash ")
        (scans / "b.txt").write_text("b")
        assert next_line(process).startswith("recorded: scans/b.txt, leaf hash ")
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert out == "scans: recorded 2 documents\n"
    assert err == (
        "watching scans, every 0.1 s; Ctrl-C ends it, and nothing is lost\nended\nnext: perdure status\n"
    )


def test_it_seals_by_the_policy_if_it_was_given_the_passphrase(scans: Path) -> None:
    seal_setting(scans, "2 records")
    with watching("--json", passphrase=PASSPHRASE) as process:
        lines = []
        for number in range(3):
            (scans / f"{number}.txt").write_text(str(number))
            lines.append(json.loads(next_line(process)))
            if number == 1:
                lines.append(json.loads(next_line(process)))
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
    lines.append(json.loads(out))
    for line in lines:
        check("watch", line)
    assert [line.get("sequence") for line in lines] == [1, 2, None, 3, None]
    assert lines[2]["sealed"]["size"] == 2
    assert lines[-1] == {
        "ok": True,
        "folder": "scans",
        "recorded": 3,
        "known": 0,
        "refused": 0,
        "seals": 1,
    }


def test_it_says_that_it_does_not_seal_without_the_passphrase(scans: Path, run: Run) -> None:
    seal_setting(scans, "1 hour")
    (scans / "a.txt").write_text("a")
    code, out, err = run("watch", "scans", "--once", "--settle", "0")
    assert code == 0
    assert "recorded: scans/a.txt" in out
    assert "nothing is sealed here, since no passphrase is at hand" in err


def test_it_waits_for_a_folder_that_is_gone(scans: Path) -> None:
    with watching() as process:
        (scans / "a.txt").write_text("a")
        assert next_line(process).startswith("recorded: ")
        away = scans.rename(scans.parent / "unplugged")
        assert process.stderr is not None
        assert process.stderr.readline().startswith("watching")
        assert process.stderr.readline() == (
            "perdure: warning: scans: no such file or directory; looked for again every 0.1 s\n"
        )
        (away / "b.txt").write_text("b")
        away.rename(scans)
        assert next_line(process).startswith("recorded: scans/b.txt")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (
        0,
        "scans: recorded 2 documents\n",
        "ended\nnext: perdure status\n",
    )


def test_what_is_refused_decides_how_a_single_look_ends_and_what_is_left_is_told(
    scans: Path, run: Run
) -> None:
    (scans / "a.txt").write_text("a")
    (scans / "a.json").write_text("[]")
    (scans / "open.txt").write_text("half")
    with (scans / "open.txt").open("a"):
        code, out, err = run("watch", "scans", "--once", "--settle", "0", "--interval", "0.1")
    assert code == 2
    assert "refused 1" in out
    assert "a.json: want an object" in err
    if "recorded 0" in out:
        assert "left 1 file for the next time" in err
    code, out, _ = run("watch", "scans", "--once", "--settle", "0", "--interval", "0.1")
    assert code == 0
    assert "refused" not in out


def test_names_of_files_move_no_terminal(scans: Path, run: Run) -> None:
    (scans / "a\x1b[2Jb.txt").write_text("a")
    _, out, _ = run("watch", "scans", "--once", "--settle", "0")
    assert "scans/a\\x1b[2Jb.txt" in out
    assert "\x1b" not in out
