"""Progress bars for long work: on stderr, on a terminal only, one a stage.

`TerminalProgress` fits `perdure_node.progress.Progress` without importing it, as `perdure verify` draws bars too.
"""

import sys
import time
from typing import Any, Protocol

import click

from perdure_cli import output

# a bar that is gone before anybody could read it only flickers
_SECONDS_BEFORE_A_BAR = 0.3


class Progress(Protocol):
    """Who is told how far long work has come."""

    def stage(self, name: str, total: int | None) -> None:
        """A stage of ``total`` units begins, None if nobody knows how many."""

    def advance(self, done: int) -> None:
        """So many units of the stage are done."""


class TerminalProgress:
    """Draws the stages' bars; `close` ends the last one, as does leaving the ``with``."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._name = ""
        self._total: int | None = None
        self._due = 0.0
        self._bar: Any = None

    def __enter__(self) -> "TerminalProgress":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def stage(self, name: str, total: int | None) -> None:
        self.close()
        self._name, self._total = name, total
        self._due = time.monotonic() + _SECONDS_BEFORE_A_BAR
        if self._shown and total is None:
            output.tell(f"{name} ...")

    def advance(self, done: int) -> None:
        if not self._shown or self._total is None or time.monotonic() < self._due:
            return
        if self._bar is None:
            bar = click.progressbar(length=self._total, label=output.visible(self._name), file=sys.stderr)
            self._bar = bar.__enter__()
        self._bar.update(max(0, done - self._bar.pos))

    def close(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None
