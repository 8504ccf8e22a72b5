"""A terminal for a process: what a user types goes in, and what is on the screen can be looked at."""

import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

_LIMIT = 30.0
# makes the terminal on standard input the process's own, so that Ctrl-C reaches it, and becomes the program
_TAKE_TERMINAL = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"


class Terminal:
    """A program that runs in a terminal of its own."""

    def __init__(
        self, command: Sequence[str], *, columns: int = 80, environ: Mapping[str, str] | None = None
    ) -> None:
        self.shown = ""
        self._ours, theirs = os.openpty()
        self.resize(columns)
        self._process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, *command],
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env={**(os.environ if environ is None else environ), "TERM": "xterm"},
        )  # fmt: skip
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def wait_for(self, pattern: str, limit: float = _LIMIT) -> str:
        """Read until what was shown since the last call matches; returns that."""
        start, deadline = len(self.shown), time.monotonic() + limit
        while not re.search(pattern, self.shown[start:]):
            assert self._read(deadline), f"no {pattern!r} in {self.shown[start:]!r}"
        return self.shown[start:]

    def end(self) -> int:
        """Read until the program ends; its exit code."""
        deadline = time.monotonic() + _LIMIT
        while self._read(deadline):
            pass
        return self._process.wait(_LIMIT)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))
        try:
            octets = os.read(self._ours, 65536) if ready else b""
        except OSError:
            # nobody has the other end open any more
            octets = b""
        self.shown += octets.decode("utf-8", "replace")
        return bool(octets)


def screen(shown: str, columns: int) -> list[str]:
    """The rows of a screen after what was written to it: text, ends of lines, and erasing from the cursor to the end."""
    rows, row, column = [""], 0, 0
    for piece in re.findall(r"\x1b\[\d*[A-Za-z]|.", shown, re.DOTALL):
        if piece == "\r":
            column = 0
        elif piece == "\n":
            row, column = row + 1, 0
        elif piece == "\x1b[J":
            rows = [*rows[:row], rows[row][:column]]
        elif piece.startswith("\x1b"):
            assert piece.endswith("m"), f"only colours may pass besides erasing: {piece!r}"
        else:
            if column == columns:
                row, column = row + 1, 0
            rows += [""] * (row + 1 - len(rows))
            rows[row] = rows[row][:column].ljust(column) + piece + rows[row][column + 1 :]
            column += 1
        rows += [""] * (row + 1 - len(rows))
    return [line.rstrip() for line in rows]
