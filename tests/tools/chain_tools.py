"""The chain clients that the tests run: geth, built by go, and anvil, brought in by npm, each once, pinned, outside of the repository.

`python -m tools.chain_tools` (what `make test-chains` does first) brings in what is missing and says what cannot be had, and why.
The tests only look, and skip with the reason; nobody else needs go. The folder is ~/.cache/perdure/tools, or $PERDURE_TOOLS.
"""

import fcntl
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

GETH_VERSION: Final = "1.13.15"  # the last geth that seals Clique blocks
GETH_MODULE: Final = f"github.com/ethereum/go-ethereum/cmd/geth@v{GETH_VERSION}"
ANVIL_VERSION: Final = "1.7.1"
ANVIL_PACKAGE: Final = f"@foundry-rs/anvil-linux-amd64@{ANVIL_VERSION}"
# seconds; what takes longer, on two cores that do nothing else, waits for something that will not come
BUILD_SECONDS = 900
INSTALL_SECONDS = 180


class ToolMissing(Exception):
    """A tool is not here; the message says why."""


def tools_folder() -> Path:
    """Where the tools are kept for all clones and runs."""
    chosen = os.environ.get("PERDURE_TOOLS")
    return Path(chosen) if chosen else Path.home() / ".cache" / "perdure" / "tools"


def geth_binary() -> Path:
    """Where geth is; raises `ToolMissing`. It is never built here: that takes a minute or two."""
    binary = _geth_place()
    if not binary.exists():
        raise ToolMissing(
            f"geth {GETH_VERSION} is not in {tools_folder()}: `make test-chains` builds it, with go"
        )
    return binary


def anvil_binary() -> Path:
    """Where anvil is, brought in if need be (a second or two); raises `ToolMissing`."""
    found = _anvil()
    if isinstance(found, ToolMissing):
        raise found
    return found


@cache
def _anvil() -> Path | ToolMissing:
    """Asked once a process: without a network, npm takes its time to say so."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return ToolMissing("anvil is pinned for Linux on x86-64 only")
    try:
        return _brought_in(tools_folder() / f"anvil-{ANVIL_VERSION}", _install_anvil)
    except ToolMissing as error:
        return error


def build_geth() -> Path:
    """Where geth is, built if need be; raises `ToolMissing`."""
    return _brought_in(_geth_place(), _build_geth)


def _geth_place() -> Path:
    return tools_folder() / f"geth-{GETH_VERSION}"


def _brought_in(place: Path, make: Callable[[Path], Path]) -> Path:
    """``place``, which appears whole or not at all, made in a workshop; several test processes may want it at once."""
    if place.exists():
        return place
    with _locked(tools_folder()) as folder:
        if not place.exists():
            with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as workshop:
                make(Path(workshop)).rename(place)
    return place


@contextmanager
def _locked(folder: Path) -> Iterator[Path]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise ToolMissing(f"{folder} cannot be written to: {error.strerror}") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def _build_geth(workshop: Path) -> Path:
    go = _program("go", "build geth with")
    # the flag lets modules of its time link against names that go has closed since; the toolchain is the one that is here
    command = [go, "install", "-ldflags=-checklinkname=0", GETH_MODULE]
    _run(
        command,
        BUILD_SECONDS,
        {"GOBIN": str(workshop), "GOTOOLCHAIN": "local", "GOFLAGS": "-modcacherw"},
        workshop,
    )
    return workshop / "geth"


def _install_anvil(workshop: Path) -> Path:
    npm = _program("npm", "bring in anvil with")
    options = ("--ignore-scripts", "--no-save", "--no-audit", "--no-fund")
    command = [npm, "install", "--prefix", str(workshop), *options, ANVIL_PACKAGE]
    _run(command, INSTALL_SECONDS, {}, workshop)
    return workshop / "node_modules" / ANVIL_PACKAGE.rpartition("@")[0] / "bin" / "anvil"


def _program(name: str, purpose: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise ToolMissing(f"{name} is not installed to {purpose}")
    return found


def _run(command: Sequence[str], seconds: int, environment: Mapping[str, str], folder: Path) -> None:
    """Run an installer; raises `ToolMissing` with its last words."""
    what = " ".join(command[-2:])
    try:
        ended = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ToolMissing(f"{what}: not done after {seconds} s") from None
    if ended.returncode != 0:
        raise ToolMissing(f"{what}: {ended.stderr.strip()[-300:]}")


def main() -> None:
    """Bring in both, and say what the tests will find."""
    for name, bring_in in (("geth", build_geth), ("anvil", anvil_binary)):
        try:
            print(f"{name}: {bring_in()}", flush=True)
        except ToolMissing as error:
            print(f"{name} cannot be had, its tests will be skipped: {error}", flush=True)


if __name__ == "__main__":
    main()
