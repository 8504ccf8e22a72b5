"""Commands, and devnets, as processes that need not import anything: forked from a server that has imported all of it already.

The server reads a request on each line of standard input and answers with the process's id and, unless nobody waits for that, how it
ended. Each process ends as one does that was started by itself: by its way out of Python, or by a signal.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from select import select
from tempfile import TemporaryFile
from typing import IO, NoReturn

# what the commands load when they need it, at a second's cost
_HEAVY = (
    "cryptography.hazmat.primitives.ciphers.aead",
    "cryptography.hazmat.primitives.hpke",
    "eth_account",
    "httpx",
    "perdure_cli.entry",
    "perdure_node.site_keys.registration",
    "perdure_node.syncing.sync",
    "pyrage",
)
_SECONDS_TO_IMPORT = 120


def run_forked(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], limit: float
) -> tuple[int, str, str]:
    """Run `perdure` in a folder; its exit code as `subprocess` has it, and what it printed. Raises `TimeoutExpired`."""
    with TemporaryFile() as out, TemporaryFile() as err:
        # the files have no names: the server opens them as this process has them
        paths = [Path(f"/proc/{os.getpid()}/fd/{file.fileno()}") for file in (out, err)]
        code = _server().run(_Request("perdure_cli.entry", arguments, folder, environment, paths), limit)
        return code, _text_of(out), _text_of(err)


def start_devnet(arguments: Sequence[str], log: Path) -> int:
    """Start ``python -m perdure_devnet``; its process's id. It lives until it gets a signal."""
    log.touch()
    return _server().start(_Request("perdure_devnet.__main__", arguments, Path.cwd(), os.environ, [log, log]))


def _text_of(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


@dataclass(frozen=True, slots=True)
class _Request:
    """What ``main`` of a module is to do, and into which files standard output and error go."""

    module: str
    arguments: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    files: Sequence[Path]

    def line(self, *, is_awaited: bool) -> bytes:
        words = (
            self.module,
            [*self.arguments],
            str(self.folder),
            dict(self.environment),
            [*map(str, self.files)],
        )
        return json.dumps([is_awaited, *words]).encode() + b"\n"


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
            bufsize=0,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, map(os.path.abspath, sys.path)))},
        )
        atexit.register(self._end)

    def _end(self) -> None:
        self._process.communicate()

    def start(self, request: _Request) -> int:
        with self._lock:
            return self._ask(request, is_awaited=False)

    def run(self, request: _Request, limit: float) -> int:
        with self._lock:
            number = self._ask(request, is_awaited=True)
            try:
                return os.waitstatus_to_exitcode(self._answer(limit))
            except subprocess.TimeoutExpired:
                os.kill(number, 9)
                self._answer(limit)
                raise

    def _ask(self, request: _Request, *, is_awaited: bool) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(request.line(is_awaited=is_awaited))
        self._process.stdin.flush()
        return self._answer(_SECONDS_TO_IMPORT)

    def _answer(self, limit: float) -> int:
        assert self._process.stdout is not None
        if not select([self._process.stdout], [], [], limit)[0]:
            raise subprocess.TimeoutExpired("perdure", limit)
        # line by line from a pipe without a buffer, so that what `select` says is true
        return int(self._process.stdout.readline())


def serve() -> None:
    """Fork a process for each request, until there are no more."""
    import perdure_cli.commands
    from tools.processes import die_with_parent

    for module in pkgutil.iter_modules(perdure_cli.commands.__path__, "perdure_cli.commands."):
        importlib.import_module(module.name)
    for name in _HEAVY:
        importlib.import_module(name)
    answers, living = os.dup(1), set[int]()
    # not by sys.stdin, whose buffer the processes would have too
    with os.fdopen(os.dup(0), "rb", buffering=0) as requests:
        for line in requests:
            is_awaited, module, *how = json.loads(line)
            main = importlib.import_module(module).main
            living = {each for each in living if os.waitpid(each, os.WNOHANG) == (0, 0)}
            # what is imported stays shared: no process looks through it for rubbish on its way out, half a second long
            gc.freeze()
            number = os.fork()
            if number == 0:
                os.close(answers)
                if not is_awaited:
                    # nobody ends it if the tests are ended
                    die_with_parent()
                become(main, *how)
            os.write(answers, b"%d\n" % number)
            if is_awaited:
                _, status = os.waitpid(number, 0)
                os.write(answers, b"%d\n" % status)
            else:
                living.add(number)


def become(
    main: Callable[[], int], arguments: list[str], folder: str, environment: dict[str, str], files: list[str]
) -> NoReturn:
    """Be the command from now on, and end as it does."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for file, number in zip([os.devnull, *files], range(3), strict=True):
        opened = os.open(file, os.O_RDWR | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = ["perdure", *arguments]
    sys.exit(main())
