"""Commands as processes that need not import anything: forked from a server that has imported all of it already.

``python -m tools.command_server`` reads a request on each line of standard input and answers with two lines, the process's id and how
it ended. Each process ends as one does that was started by itself: by its way out of Python, or by a signal.
"""

import atexit
import importlib
import json
import os
import pkgutil
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from select import select
from tempfile import TemporaryFile
from typing import IO, Any

# what the commands load when they need it, at a second's cost
_HEAVY = (
    "cryptography.hazmat.primitives.ciphers.aead",
    "cryptography.hazmat.primitives.hpke",
    "eth_account",
    "httpx",
    "perdure_cli.entry",
    "perdure_node.registration",
    "perdure_node.sync",
    "pyrage",
)


def run_forked(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], limit: float
) -> tuple[int, str, str]:
    """Run `perdure` in a folder; its exit code as `subprocess` has it, and what it printed. Raises `TimeoutExpired`."""
    with TemporaryFile() as out, TemporaryFile() as err:
        code = _server().run(arguments, folder, environment, (out, err), limit)
        return code, _text_of(out), _text_of(err)


def _text_of(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


@cache
def _server() -> "_Server":
    return _Server()


class _Server:
    """The server of this process, for one command at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from tools.command_server import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, map(os.path.abspath, sys.path)))},
        )
        atexit.register(self._end)

    def _end(self) -> None:
        self._process.communicate()

    def run(
        self,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        files: tuple[IO[bytes], IO[bytes]],
        limit: float,
    ) -> int:
        assert self._process.stdin is not None
        # the files have no names: the server opens them as this process has them
        paths = [f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in files]
        request = [*arguments], str(folder), dict(environment), paths
        with self._lock:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            number = self._answer(limit)
            try:
                return os.waitstatus_to_exitcode(self._answer(limit))
            except subprocess.TimeoutExpired:
                os.kill(number, 9)
                self._answer(limit)
                raise

    def _answer(self, limit: float) -> int:
        assert self._process.stdout is not None
        if not select([self._process.stdout], [], [], limit)[0]:
            raise subprocess.TimeoutExpired("perdure", limit)
        return int(os.read(self._process.stdout.fileno(), 16).split()[0])


def serve() -> None:
    """Fork a process for each request, until there are no more."""
    import perdure_cli.commands

    for module in pkgutil.iter_modules(perdure_cli.commands.__path__, "perdure_cli.commands."):
        importlib.import_module(module.name)
    for name in _HEAVY:
        importlib.import_module(name)
    answers = os.dup(1)
    # not by sys.stdin, whose buffer the processes would have too
    with os.fdopen(os.dup(0), "rb", buffering=0) as requests:
        for line in requests:
            number = os.fork()
            if number == 0:
                os.close(answers)
                become(*json.loads(line))
            os.write(answers, b"%d\n" % number)
            _, status = os.waitpid(number, 0)
            os.write(answers, b"%d\n" % status)


def become(arguments: list[str], folder: str, environment: dict[str, str], files: list[str]) -> Any:
    """Be the command from now on, and end as it does."""
    from perdure_cli.entry import main

    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for file, number in zip([os.devnull, *files], range(3), strict=True):
        opened = os.open(file, os.O_RDWR)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = ["perdure", *arguments]
    sys.exit(main())
