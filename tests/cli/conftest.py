"""A user of their own for each test: an empty folder to work in, an empty store of trust files, no terminal."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from perdure_cli.main import main
from tools.commands import Run, RunJson
from tools.json_lines import check, command_named
from tools.running_devnet import running_devnet
from tools.site_network import found_network


@pytest.fixture(autouse=True)
def own_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the commands run."""
    for name in (
        "PERDURE_VAULT",
        "PERDURE_PASSPHRASE",
        "PERDURE_NEW_PASSPHRASE",
        "PERDURE_KEYSTORE_PASSPHRASE",
        "PERDURE_DEBUG",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PERDURE_CONFIG_DIR", str(tmp_path / "settings"))
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="module")
def devnet_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a devnet that makes a block a second."""
    directory = tmp_path_factory.mktemp("devnet") / "chain"
    with running_devnet(directory):
        yield directory


@pytest.fixture(scope="session")
def chain_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a network that nobody runs, for vaults that need no chain."""
    directory = tmp_path_factory.mktemp("network") / "chain"
    found_network(directory)
    return directory


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `perdure` with arguments; its exit code, standard output and standard error."""

    def run_command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_command


@pytest.fixture
def run_json(run: Run) -> RunJson:
    """Run `perdure` with ``--json``; its exit code and the objects that it printed, a line each, of the documented shape."""

    def run_command(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
        code, out, _ = run(*arguments, "--json")
        lines = [json.loads(line) for line in out.splitlines()]
        for line in lines:
            check(command_named(arguments), line)
        return code, lines

    return run_command
