"""anvil, a development chain of the usual fee-market kind: brought in once by npm, started in a moment.

It stands for the chains that are not ours: London and later with fees, London with a base fee of zero, and the time before
London. Where it cannot be had (no npm, no network, another machine than Linux on x86-64), its tests are skipped and say so.
"""

import fcntl
import platform
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

PACKAGE = "@foundry-rs/anvil-linux-amd64"
VERSION = "1.7.1"
CACHE = Path(__file__).parent.parent.parent / ".cache" / "tools"
BINARY = CACHE / "node_modules" / PACKAGE / "bin" / "anvil"

# the first account of anvil's well-known mnemonic: rich on each of its chains, and on no other
FUNDED_KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")


@cache
def anvil_binary() -> Path | str:
    """Where the binary is, or why it cannot be had."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return "anvil is pinned for Linux on x86-64 only"
    CACHE.mkdir(parents=True, exist_ok=True)
    # several test processes may want it at once
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return BINARY if BINARY.exists() else _install()


def _install() -> Path | str:
    npm = shutil.which("npm")
    if npm is None:
        return "anvil is not in .cache/tools, and npm is not installed to bring it in"
    wanted = [
        npm,
        "install",
        "--prefix",
        str(CACHE),
        "--ignore-scripts",
        "--no-save",
        "--no-audit",
        "--no-fund",
    ]
    try:
        ended = subprocess.run(
            [*wanted, f"{PACKAGE}@{VERSION}"], capture_output=True, text=True, timeout=120, check=False
        )
    except subprocess.TimeoutExpired:
        return "anvil could not be installed: npm took over two minutes"
    return BINARY if ended.returncode == 0 else f"anvil could not be installed: {ended.stderr.strip()[-200:]}"


@contextmanager
def running_anvil(*options: str) -> Iterator[str]:
    """The URL of a fresh chain that makes a block for each transaction."""
    binary = anvil_binary()
    if isinstance(binary, str):
        pytest.skip(binary)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(binary), "--silent", "--host", "127.0.0.1", "--port", str(port), *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, "anvil ended at once"
        time.sleep(0.05)
    raise AssertionError("anvil does not listen after 10 s")
