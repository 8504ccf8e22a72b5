"""The sandbox: a folder with a chain, the learner's desk, an auditor's desk, and settings of their own for both.

    perdure-tutorial/
      tutorial.json     what was done so far; also the mark by which the folder is known
      chain/            the embedded devnet, which runs as long as the tutorial does, within it
      desk/             the learner's documents, and the vault of the site acme/practice
      auditor/          what an auditor was handed
      settings/         trust stores: the learner's own is never touched

The passphrase is no secret: it is in each sandbox, and says so.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perdure_anchor.errors import ChainError

from perdure_cli.tutorial.documents import text_of

ORIGIN: Final = "acme/practice"
# no secret: it opens what is in a sandbox
PASSPHRASE: Final = "practice makes perfect"  # noqa: S105
DESK: Final = "desk"
AUDITOR: Final = "auditor"
_SECONDS_TO_START: Final = 60.0


class ChainNotReady(ChainError):
    """The tutorial's chain did not start in time."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The folder, and how commands are run in it."""

    folder: Path

    @property
    def chain(self) -> Path:
        return self.folder / "chain"

    @property
    def desk(self) -> Path:
        return self.folder / DESK

    @property
    def auditor(self) -> Path:
        return self.folder / AUDITOR

    @property
    def vault(self) -> Path:
        return self.desk / ".perdure"

    def variables(self, where: str) -> Mapping[str, str]:
        """The environment's variables for commands in ``where``; an auditor knows no passphrase."""
        settings = {"PERDURE_CONFIG_DIR": str(self.folder / "settings" / where)}
        if where == AUDITOR:
            return settings
        return settings | {
            "PERDURE_PASSPHRASE": PASSPHRASE,
            "PERDURE_OPERATOR_PASSPHRASE": PASSPHRASE,
            "PERDURE_NEW_PASSPHRASE": PASSPHRASE,
        }

    def run(
        self, words: Sequence[str], where: str = DESK, *, typing: bool = False, to_stderr: bool = False
    ) -> int:
        """Run a `perdure` command as the learner would, and wait for its end; its exit code.

        ``typing``: somebody sits at the terminal, and the command may ask him. ``to_stderr``: standard output is for JSON.
        """
        with subprocess.Popen(  # noqa: S603 - this interpreter, our own module
            _command(words),
            cwd=self.folder / where,
            env=self._environment(where),
            stdin=None if typing else subprocess.DEVNULL,
            stdout=sys.stderr if to_stderr else None,
        ) as process:
            while True:
                try:
                    return process.wait()
                except KeyboardInterrupt:
                    # the terminal has told the command too, which ends by itself; so does one that answers the signal late
                    continue

    def ask(self, *words: str, where: str = DESK) -> tuple[int, str]:
        """Run a command that nobody sees; its exit code, and what it printed."""
        completed = subprocess.run(  # noqa: S603 - this interpreter, our own module
            _command(words),
            cwd=self.folder / where,
            env=self._environment(where),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        return completed.returncode, completed.stdout

    def put(self, name: str, *, again: bool = False) -> None:
        """Lay a document of the tutorial on the desk, unless it lies there; ``again``: as it was, whatever became of it."""
        path = self.desk / name
        if again or not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text_of(name), encoding="utf-8")

    def _environment(self, where: str) -> Mapping[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PERDURE_")}
        return {**inherited, "PYTHONIOENCODING": "utf-8", **self.variables(where)}


def _command(words: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "perdure_cli", *words]


@contextmanager
def running_chain(sandbox: Sandbox, port: int | None) -> Iterator[str]:
    """The sandbox's chain, founded if it is new, while the context lasts; its URL.

    It runs in this process, so that it ends with it, however that ends. ``port`` None: the last one, or a free one.
    Raises what `perdure_devnet.serve.serve` raises, or `ChainNotReady`.
    """
    chain = _started(sandbox, port)
    try:
        yield chain.url
    finally:
        chain.stop()


def _started(sandbox: Sandbox, port: int | None) -> "_Chain":
    from perdure_devnet.errors import AddressInUse

    try:
        wanted = _port(sandbox)
        try:
            return _start(sandbox, wanted if port is None else port)
        except AddressInUse:
            if port is not None:
                raise
            # somebody else has the last one meanwhile
            return _start(sandbox, 0)
    except sqlite3.Error as error:
        raise SandboxBroken(
            f"{sandbox.chain}: the sandbox's chain cannot be written or read: {error}",
            hint="is the disk full? Else `perdure tutorial --fresh` begins in a new sandbox",
        ) from None


def _start(sandbox: Sandbox, port: int) -> "_Chain":
    chain = _Chain(sandbox.chain, port)
    try:
        chain.start()
    except BaseException:
        chain.stop()
        raise
    return chain


def _port(sandbox: Sandbox) -> int:
    from perdure_devnet.info import read_info
    from perdure_devnet.network import NetworkSettings, found

    if not (sandbox.chain / "devnet.json").exists():
        # what a founding that was broken off has left
        shutil.rmtree(sandbox.chain, ignore_errors=True)
        found(sandbox.chain, NetworkSettings(), now=time.time(), randomness=os.urandom)
        return 0
    info = read_info(sandbox.chain)
    return info.port if info.url else 0


class _Chain:
    """The chain's thread."""

    def __init__(self, directory: Path, port: int) -> None:
        self.url = ""
        self._directory, self._port = directory, port
        self._stopping, self._ready = threading.Event(), threading.Event()
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._thread.start()
        if not self._ready.wait(_SECONDS_TO_START):
            raise ChainNotReady(
                f"the chain did not start within {_SECONDS_TO_START:g} s", hint="try again: nothing is lost"
            )
        if self._fault is not None:
            raise self._fault

    def stop(self) -> None:
        """End it, and wait for its end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _serve(self) -> None:
        from perdure_devnet.serve import serve

        try:
            serve(
                self._directory, port=self._port, period=1, on_ready=self._is_ready, stopping=self._stopping
            )
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            self._fault = error
        self._ready.set()

    def _is_ready(self, url: str) -> None:
        self.url = url
        self._ready.set()


def found_site(sandbox: Sandbox, url: str, *, is_new: bool = True) -> None:
    """Make the vault of the sandbox's site, if it is new; and let it know where the chain is today.

    Raises `SandboxBroken`, for one that is not new also where the vault is gone.
    """
    from perdure_node.places import is_vault

    sandbox.desk.mkdir(exist_ok=True)
    sandbox.auditor.mkdir(exist_ok=True)
    init = ("init", ORIGIN, "--devnet", str(sandbox.chain), "--no-recovery-key")
    if not is_new and not is_vault(sandbox.vault):
        raise SandboxBroken(f"{sandbox.vault}: the vault that you practised with is gone")
    commands: list[tuple[str, ...]] = [("config", "set", "rpc_url", url)] if is_vault(sandbox.vault) else []
    # one that was broken off goes on where it stopped
    commands += [init] if is_new else []
    for command in commands:
        code, told = sandbox.ask(*command)
        if code:
            raise SandboxBroken(f"perdure {command[0]} in the sandbox: exit code {code}: {last_line(told)}")


class SandboxBroken(ChainError):
    """Something that the tutorial does itself went wrong in its sandbox."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint or "`perdure tutorial --fresh` begins in a new sandbox")


def last_line(told: str) -> str:
    """The last line that a command printed, for an error message."""
    lines = told.strip().splitlines() or ["it said nothing"]
    return next((line for line in lines if "error:" in line), lines[-1])
