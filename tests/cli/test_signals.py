"""Signals: a command that one ends says that nothing is lost, in one line, wherever it was."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# sends a signal to the process when it imports a module for the first time
_AT_IMPORT = """
import os, sys
class Signalling:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["SIGNAL_AT"]:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), int(os.environ["SIGNAL"]))
sys.meta_path.insert(0, Signalling())
"""

# a command that holds something open, and waits for its standard input
_WAITING = """
import contextlib, sys, click
from perdure_cli import lazy_group, main, output
def wait():
    with contextlib.ExitStack() as stack:
        stack.callback(output.print_line, "closed")
        output.print_line("ready")
        sys.stdin.read()
lazy_group.LazyCommand.load = lambda _: click.Command("waiting", callback=wait)
sys.exit(main.main(["status"]))
"""


def ended(how: str) -> str:
    return f"perdure: {how}: nothing is lost: run the same command again\n"


@pytest.mark.parametrize(
    ("number", "code", "how"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_while_it_waits(number: signal.Signals, code: int, how: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _WAITING],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (code, "closed\n", ended(how))


@pytest.mark.parametrize(
    "module", ["click", "perdure_anchor.errors", "perdure_cli.commands.verify", "coincurve"]
)
def test_during_imports(module: str, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(_AT_IMPORT)
    process = subprocess.run(
        [sys.executable, "-m", "perdure_cli", "verify", "nothing.json", "nothing.pdf"],
        env=os.environ | {"PYTHONPATH": str(tmp_path), "SIGNAL_AT": module, "SIGNAL": str(int(signal.SIGINT))},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (process.returncode, process.stdout, process.stderr) == (130, "", ended("interrupted"))


def test_who_ignores_sigterm_goes_on_ignoring_it() -> None:
    """As `trap '' TERM` in a shell does for the processes that it starts."""
    script = (
        "import os, signal, click; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "from perdure_cli import lazy_group, main;"
        "lazy_group.LazyCommand.load = lambda _: click.Command('x', callback=lambda: os.kill(os.getpid(), 15));"
        "print(main.main(['status']))"
    )
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (process.returncode, process.stdout, process.stderr) == (0, "0\n", "")


def test_workers_end_without_a_trace() -> None:
    """What the command does at SIGTERM is not what its workers do at the one that ends them."""
    script = (
        "from perdure_cli.signals import termination_raised\n"
        "from perdure_node.parallel import in_order\n"
        "with termination_raised():\n"
        "    for _ in range(25): assert list(in_order(abs, range(9), jobs=2)) == list(range(9))\n"
    )
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (process.returncode, process.stderr) == (0, "")
