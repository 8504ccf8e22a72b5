"""The one line at the end of a terminal that tells how far long work has come, and that leaves no trace.

It is drawn on stderr, if that is a terminal and perdure is in its foreground, and stays within the terminal's width at the
time. The cursor waits at the line's first column: so whatever comes next writes over it, and a terminal that is made
narrower folds the line below the cursor, where the next drawing erases it. No other state of the terminal is touched, neither
its cursor's look nor its wrapping, so nothing has to be restored, however the process ends.

Whatever else is written to the terminal has to be written within ``with LINE``.
"""

import contextlib
import os
import sys
import threading
import unicodedata
from types import TracebackType

_FALLBACK_WIDTH = 80
_ERASE_BELOW = "\x1b[J"


class StatusLine:
    """The line; threads may draw it and write within it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._is_drawn = False

    def __enter__(self) -> None:
        """The line is gone, and nobody draws it until the ``with`` is left."""
        self._lock.acquire()
        self.hide()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def show(self, text: str) -> None:
        """Draw a text, in place of the one that is there; it has to fit `width`."""
        with self._lock:
            self._is_drawn = True
            _write(f"{text}{_ERASE_BELOW}\r")

    def hide(self) -> None:
        """Erase what is drawn."""
        with self._lock:
            if self._is_drawn:
                self._is_drawn = False
                _write(_ERASE_BELOW)


LINE = StatusLine()


def can_be_shown() -> bool:
    """Whether stderr is a terminal that can erase, and is ours to draw on."""
    if os.environ.get("TERM") == "dumb" or not sys.stderr.isatty():
        return False
    try:
        return os.tcgetpgrp(sys.stderr.fileno()) == os.getpgrp()
    except OSError:
        # a terminal, but not the one that controls this process
        return True


def width() -> int:
    """How many columns a line may take, so that it does not wrap: one fewer than the terminal has now."""
    with contextlib.suppress(OSError):
        if columns := os.get_terminal_size(sys.stderr.fileno()).columns:
            return columns - 1
    return _FALLBACK_WIDTH - 1


def columns_of(text: str) -> int:
    """How many columns a terminal takes for printable text (Unicode Standard Annex 11)."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def fit(text: str, columns: int) -> str:
    """The text, or as much of its beginning as fits, with ``…`` at the end."""
    if columns_of(text) <= columns:
        return text
    taken, used = "", 1
    for character in text:
        used += _columns(character)
        if used > columns:
            break
        taken += character
    return f"{taken}…" if columns > 0 else ""


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _write(text: str) -> None:
    # a terminal that is gone is no reason to stop the work
    with contextlib.suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()
