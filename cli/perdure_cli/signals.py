"""SIGTERM as an exception, so that what is open is closed on the way out, as it is after Ctrl-C."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class Terminated(BaseException):
    """Somebody asked the process to end; no `Exception`, so that no command takes it for a fault of its own."""


@contextlib.contextmanager
def termination_raised() -> Iterator[None]:
    """Raise `Terminated` at SIGTERM while the context lasts; a process whose parent had it ignored goes on ignoring it."""
    is_ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if not is_ours:
        yield
        return
    signal.signal(signal.SIGTERM, _raise_terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _raise_terminated(_: int, __: FrameType | None) -> None:
    raise Terminated
