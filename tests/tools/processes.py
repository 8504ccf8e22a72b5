"""Programs that a test runs beside itself, on ports of their own, and that never outlive it."""

import ctypes
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

# prctl(2): the kernel sends this process a signal when its parent dies, however that ends
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
END_SECONDS = 10.0
START_SECONDS = 60.0


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 on which nobody listened just now."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The program, whose output goes to ``log``; it is ended on leaving, and killed if it does not end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent,
        )
    try:
        yield process
    finally:
        _end(process)


def wait_until(
    is_so: Callable[[], bool],
    what: str,
    process: subprocess.Popen[bytes] | None = None,
    seconds: float = START_SECONDS,
) -> None:
    """Wait for something that a program does; fails when the program has ended, or after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert process is None or process.poll() is None, f"{what}: the program has ended"
        assert time.monotonic() < deadline, f"{what}: not so after {seconds:g} s"
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Whether somebody takes connections on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(END_SECONDS)
