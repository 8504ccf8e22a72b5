"""What systemd is told of a service of Type=notify: that it is ready, how it is, that it is alive, that it stops.

Source: sd_notify(3): a datagram of NAME=VALUE lines to the socket that ``NOTIFY_SOCKET`` names, and ``WATCHDOG_USEC``, within which
systemd wants to hear ``WATCHDOG=1``. Without these variables nothing is sent. Whether anybody listens makes no difference to the node.
"""

import contextlib
import os
import socket
from collections.abc import Mapping

_MICROSECONDS = 1_000_000


class Supervisor:
    """Speaks to systemd, if it started us; for any thread."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        path = environment.get("NOTIFY_SOCKET", "")
        # "@" stands for the zero byte with which Linux's abstract names begin
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self.watchdog_seconds = _watchdog_seconds(environment)

    def ready(self) -> None:
        """The node serves."""
        self._send("READY=1")

    def stopping(self) -> None:
        """The node ends its work."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """A line for `systemctl status`."""
        self._send("STATUS=" + "".join(each if each.isprintable() else "?" for each in text))

    def alive(self) -> None:
        """The node does what it is there for."""
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker,
        ):
            # a supervisor that does not read must not stop us
            speaker.setblocking(False)
            speaker.connect(self._address)
            speaker.send(message.encode())


def _watchdog_seconds(environment: Mapping[str, str]) -> float | None:
    """Within which time systemd wants to hear of us; None if it does not, or not of this process."""
    interval = environment.get("WATCHDOG_USEC", "")
    if not interval.isascii() or not interval.isdigit() or int(interval) == 0:
        return None
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(interval) / _MICROSECONDS
