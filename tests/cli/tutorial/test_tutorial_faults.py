"""What goes wrong around the tutorial: interrupted at any moment, ports, folders and disks that it cannot have, a vault that is gone."""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from perdure_devnet.info import read_info
from perdure_devnet.lock import holder

pytestmark = pytest.mark.slow

_LIMIT = 300
FOLDER = "perdure-tutorial"


def start(folder: Path, *arguments: str, limit: int | None = None) -> subprocess.Popen[str]:
    """Start the tutorial; ``limit``: no file may become larger, as on a disk that is full."""

    def bound() -> None:
        assert limit is not None
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.Popen(
        [sys.executable, "-m", "perdure_cli", "tutorial", *arguments],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("PERDURE_")}
        | {"PERDURE_CONFIG_DIR": str(folder / "own")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=None if limit is None else bound,  # no threads here
    )


def end(process: subprocess.Popen[str], typed: str = "") -> tuple[int, str, str]:
    """Type this and no more; exit code, and what it printed."""
    out, err = process.communicate(typed, timeout=_LIMIT)
    assert "Traceback" not in err
    assert "fault of perdure" not in err
    return process.returncode, out, err


def wait_until(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _LIMIT
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def nothing_runs(folder: Path) -> bool:
    return holder(folder / FOLDER / "chain") is None


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sandbox in which one lesson is done."""
    folder = tmp_path_factory.mktemp("begun")
    code, _, err = end(start(folder), "skip\n")
    assert code == 0, err
    return folder


def copied(begun: Path, folder: Path) -> Path:
    shutil.copytree(begun / FOLDER, folder / FOLDER)
    return folder


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("chain", signal.SIGINT),
        ("chain/devnet.json", signal.SIGTERM),
        ("desk", signal.SIGINT),
        ("desk/.perdure", signal.SIGTERM),
        ("desk/contract.txt", signal.SIGINT),
    ],
)
def test_interrupted_at_any_moment(tmp_path: Path, moment: str, number: signal.Signals) -> None:
    process = start(tmp_path)
    wait_until(lambda: (tmp_path / FOLDER / moment).exists())
    # as a terminal does: all that runs in the foreground is told
    os.killpg(process.pid, number)
    code, _, err = end(process)
    assert code == 128 + number
    assert "nothing is lost" in err
    assert nothing_runs(tmp_path)
    code, out, err = end(start(tmp_path), "quit\n")
    assert code == 0, err
    assert "1 of" in out
    assert nothing_runs(tmp_path)


def test_a_port_that_is_taken(begun: Path, tmp_path: Path) -> None:
    copied(begun, tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = end(start(tmp_path, "--port", str(port)))
        assert code == 2
        assert f"cannot listen on 127.0.0.1:{port}" in err
    with socket.create_server(("127.0.0.1", read_info(tmp_path / FOLDER / "chain").port)):
        # nobody asked for a port, so another one will do, and the site finds its chain there
        code, out, _ = end(start(tmp_path), "perdure config get rpc_url\nperdure sync\nquit\n")
    assert code == 0
    assert f":{read_info(tmp_path / FOLDER / 'chain').port}" in out
    assert "evidence is at home" in out


def test_a_vault_that_is_gone(begun: Path, tmp_path: Path) -> None:
    desk = copied(begun, tmp_path) / FOLDER / "desk"
    process = start(tmp_path)
    assert process.stdout is not None
    while not process.stdout.readline().startswith("2 of"):
        pass
    shutil.rmtree(desk / ".perdure")
    code, _, err = end(process, "check\nquit\n")
    assert code == 0
    assert "is gone or broken" in err
    assert "--fresh" in err
    code, _, err = end(start(tmp_path))
    assert code == 3
    assert "the vault that you practised with is gone" in err
    assert "--fresh" in err
    code, out, _ = end(start(tmp_path, "--fresh"), "quit\n")
    assert code == 0
    assert "1 of" in out


def test_two_at_once(begun: Path, tmp_path: Path) -> None:
    copied(begun, tmp_path)
    first = start(tmp_path)
    wait_until(lambda: not nothing_runs(tmp_path))
    for arguments in ((), ("--fresh",)):
        code, _, err = end(start(tmp_path, *arguments))
        assert code == 2
        assert "a tutorial runs in it" in err
    assert end(first, "quit\n")[0] == 0


@pytest.mark.parametrize("arguments", [(), ("--fresh",)])
def test_a_folder_that_is_something_else(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "thesis.txt").write_text("years of work")
    code, _, err = end(start(tmp_path, *arguments))
    assert code == 2
    assert "--dir" in err
    assert (tmp_path / FOLDER / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize(
    "written",
    [
        "",
        "[]",
        "{}",
        '{"format": "x", "lessons": {}}',
        json.dumps({"format": "perdure-tutorial/1", "lessons": {"record": 1}}),
    ],
)
def test_progress_that_cannot_be_read(begun: Path, tmp_path: Path, written: str) -> None:
    copied(begun, tmp_path)
    (tmp_path / FOLDER / "tutorial.json").write_text(written)
    code, _, err = end(start(tmp_path))
    assert code == 2
    assert "tutorial.json" in err
    assert "--fresh" in err


@pytest.mark.parametrize("limit", [0, 16 * 1024])
def test_a_full_disk(tmp_path: Path, limit: int) -> None:
    code, _, err = end(start(tmp_path, limit=limit), "skip\n")
    assert code in (2, 3)
    assert "perdure: error: " in err
    assert nothing_runs(tmp_path)


def test_lines_that_are_not_for_here(begun: Path, tmp_path: Path) -> None:
    copied(begun, tmp_path)
    typed = "perdure add x | cat\nrm -rf /\ncat ../../../own\nperdure devnet down\nperdure tutorial\n'\nsudo x\ncat none\n"
    code, out, err = end(start(tmp_path), typed + "change none\nrestore none\nanswer\nhelp\nenv\ntask\n")
    assert code == 0
    for told in (
        "| is for a shell",
        "want rm FILE",
        "is outside of the sandbox",
        "perdure devnet is not for here",
        "perdure tutorial is not for here",
        "a quote is opened",
        "'sudo' is no word",
        "none: no such file",
        "'none' is no document",
        "want answer WORD",
    ):
        assert told in err
    assert "export PERDURE_CONFIG_DIR=" in out
    assert "answer WORD: answer a question" in out


def test_without_the_extra(tmp_path: Path) -> None:
    (tmp_path / "eth.py").write_text("raise ModuleNotFoundError('gone', name='eth')")
    os_path = os.environ.get("PYTHONPATH", "")
    ended = subprocess.run(
        [sys.executable, "-m", "perdure_cli", "tutorial"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{os_path}"},
        capture_output=True,
        text=True,
        timeout=_LIMIT,
        check=False,
    )
    assert ended.returncode == 2
    assert "pip install 'perdure[devnet]'" in ended.stderr
    assert not (tmp_path / FOLDER).exists()
