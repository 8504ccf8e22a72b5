"""Running a founded devnet: in the foreground until a signal, or as a process in the background."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from os import getpid, kill
from pathlib import Path

from perdure_anchor.errors import ConfigError
from perdure_contracts.rpc import JsonRpc
from perdure_contracts.rpc_errors import RpcTimeout, RpcUnreachable

from perdure_devnet.chain import Chain, Clock
from perdure_devnet.database import Database
from perdure_devnet.errors import DevnetNotReady, DirectoryInUse
from perdure_devnet.info import DATABASE_NAME, LOG_NAME, DevnetInfo, read_info, write_info
from perdure_devnet.lock import holder, locked
from perdure_devnet.membership import KeyFolder
from perdure_devnet.producer import Producer
from perdure_devnet.rpc.filters import FilterTable
from perdure_devnet.rpc.node import Node, client_version
from perdure_devnet.server import listen, serving, url_of

LOOPBACK = "127.0.0.1"
_SECONDS_TO_START = 60.0
_SECONDS_TO_STOP = 30.0
_POLL = 0.05


def serve(
    directory: Path,
    *,
    host: str = LOOPBACK,
    port: int | None = None,
    period: int | None = None,
    on_ready: Callable[[str], None] = lambda _url: None,
    stopping: threading.Event | None = None,
    clock: Clock = time.time,
) -> None:
    """Make blocks and answer requests until SIGINT or SIGTERM, or until ``stopping`` is set where it is given.

    ``host`` is an address; ``port`` 0 takes a free one; ``period`` in whole seconds, 0 for blocks on demand; None for
    either keeps what was used last. ``on_ready`` gets the url. Raises `DirectoryInUse`, `AddressInUse`,
    `DirectoryNotADevnet`.
    """
    info = read_info(directory)
    pace = _checked_period(info.period if period is None else period)
    with locked(directory), _open_chain(directory, clock) as chain:
        listener = listen(host, info.port if port is None else port)
        node = Node(chain, FilterTable(time.monotonic), client_version())
        producer = Producer(chain, KeyFolder(directory).committee, pace)
        with listener, serving(node, listener) as server:
            url = url_of(listener)
            running = replace(info, url=url, port=listener.getsockname()[1], period=pace, pid=getpid())
            producer.start()
            try:
                write_info(directory, running)
                on_ready(url)
                with _signals_caught(stopping) as event:
                    _wait(event, server)
            finally:
                producer.stop()
                write_info(directory, replace(running, pid=None))


def _checked_period(period: int) -> int:
    if period < 0 or period != int(period):
        raise ConfigError(
            f"period: got {period}, want whole seconds",
            hint="a block's time is in whole seconds; 0 makes blocks on demand",
        )
    return int(period)


@contextmanager
def _open_chain(directory: Path, clock: Clock) -> Iterator[Chain]:
    database = Database(directory / DATABASE_NAME)
    try:
        yield Chain(database, clock)
    finally:
        database.close()


@contextmanager
def _signals_caught(given: threading.Event | None) -> Iterator[threading.Event]:
    """The given event, or one that SIGINT and SIGTERM set while the context lasts (main thread only)."""
    if given is not None:
        yield given
        return
    event = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: event.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(stopping: threading.Event, server: threading.Thread) -> None:
    while not stopping.wait(1.0):
        if not server.is_alive():
            raise DevnetNotReady("the HTTP server ended by itself")


def detach(
    directory: Path, *, host: str = LOOPBACK, port: int | None = None, period: int | None = None
) -> DevnetInfo:
    """Serve in a process of its own, with its log in the directory; returns when it answers.

    Raises `DirectoryInUse`, `AddressInUse`, or `DevnetNotReady` with the last line of the log.
    """
    info = read_info(directory)
    running = holder(directory)
    if running is not None:
        raise DirectoryInUse(f"{directory}: a devnet runs here already, process {running}")
    # a port that is taken is told as what it is, and not as a line of the other process's log
    listen(host, info.port if port is None else port).close()
    command = [sys.executable, "-m", "perdure_devnet", str(directory), "--host", host]
    command += [] if port is None else ["--port", str(port)]
    command += [] if period is None else ["--period", str(period)]
    with (directory / LOG_NAME).open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - this interpreter, our own module
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    # somebody has to take note of its end, or it stays in the process table for as long as we live
    threading.Thread(target=process.wait, daemon=True).start()
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DevnetNotReady(f"the devnet ended at once: {_last_line(directory / LOG_NAME)}")
        info = read_info(directory)
        if info.pid == process.pid and info.url is not None and _answers(info.url):
            return info
        time.sleep(_POLL)
    process.terminate()
    raise DevnetNotReady(f"the devnet did not answer within {_SECONDS_TO_START:g} s")


def _answers(url: str) -> bool:
    try:
        with JsonRpc(url, timeout=2.0, attempts=1) as rpc:
            rpc.call("eth_blockNumber")
    except (RpcUnreachable, RpcTimeout):
        return False
    return True


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it left no word"


def stop(directory: Path) -> bool:
    """End the directory's server and wait until it has ended; False if none ran. Raises `DevnetNotReady`."""
    process = holder(directory)
    if process is None:
        return False
    try:
        kill(process, signal.SIGTERM)
    except ProcessLookupError:
        return False
    deadline = time.monotonic() + _SECONDS_TO_STOP
    while holder(directory) == process:
        if time.monotonic() > deadline:
            raise DevnetNotReady(f"process {process} did not end within {_SECONDS_TO_STOP:g} s")
        time.sleep(_POLL)
    return True
