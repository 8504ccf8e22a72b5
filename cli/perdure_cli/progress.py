"""How far long work has come, on the terminal's status line: a bar, the rate and the time left, or how long it takes so far.

`TerminalProgress` fits `perdure_node.progress.Progress` without importing it, as `perdure verify` draws bars too. Nothing is
drawn at first, so that short work does not flicker, and at most ten times a second afterwards. A stage of unknown length may
wait without a word from the work, so a thread draws it; all others are drawn by the work itself.
"""

import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol

from perdure_anchor.visible_text import visible

from perdure_cli import output, status_line
from perdure_cli.status_line import LINE

_SECONDS_BEFORE_A_BAR = 0.5
_SECONDS_BETWEEN_BARS = 0.1
_SECONDS_OF_A_TICK = 1.0
_WIDEST_BAR: Final = 30
_NARROWEST_BAR: Final = 5
_BYTES: Final = "bytes"


class Progress(Protocol):
    """Who is told how far long work has come."""

    def stage(self, name: str, total: int | None, unit: str = "") -> None:
        """A stage of ``total`` units begins, None if nobody knows how many; ``unit`` is a plural, such as ``records``."""

    def advance(self, done: int) -> None:
        """So many units of the stage are done."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the work; ``unit`` is what ``total`` counts, empty if that has no name."""

    name: str
    total: int | None
    unit: str = ""


class TerminalProgress:
    """Draws the stages; `close` ends the last one, as does leaving the ``with``."""

    def __init__(self) -> None:
        self._stage: Stage | None = None
        self._shown = False
        self._done = 0
        self._began = 0.0
        self._due = 0.0
        self._ended = threading.Event()
        self._ticker: threading.Thread | None = None

    def __enter__(self) -> "TerminalProgress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def stage(self, name: str, total: int | None, unit: str = "") -> None:
        self.close()
        self._stage, self._done = Stage(visible(name), total, unit), 0
        self._began = time.monotonic()
        self._due = self._began + _SECONDS_BEFORE_A_BAR
        self._shown = not output.is_quiet() and status_line.can_be_shown()
        if self._shown and total is None:
            self._ended.clear()
            self._ticker = threading.Thread(target=self._tick, daemon=True)
            self._ticker.start()

    def advance(self, done: int) -> None:
        self._done = done
        if not self._shown or self._ticker is not None:
            return
        now = time.monotonic()
        if now >= self._due:
            self._due = now + _SECONDS_BETWEEN_BARS
            self._draw(now)

    def close(self) -> None:
        """End the stage: its line goes; with ``--verbose`` one stays that says what it took."""
        stage, self._stage = self._stage, None
        if self._ticker is not None:
            self._ended.set()
            self._ticker.join()
            self._ticker = None
        LINE.hide()
        if stage is not None:
            output.tell_detail(ended_line(stage, self._done, time.monotonic() - self._began))

    def _tick(self) -> None:
        while not self._ended.wait(_SECONDS_OF_A_TICK):
            self._draw(time.monotonic())

    def _draw(self, now: float) -> None:
        if self._stage is not None:
            LINE.show(stage_line(self._stage, self._done, now - self._began, status_line.width()))


def stage_line(stage: Stage, done: int, seconds: float, width: int) -> str:
    """What to show of a stage after so many seconds, in at most ``width`` columns."""
    if not stage.total:
        counted = f", {amount(done, stage.unit)}" if done else ""
        return status_line.fit(f"{stage.name}{counted}, {duration(seconds)}", width)
    done = min(done, stage.total)
    facts = f"{100 * done // stage.total:>3}%"
    # a rate over less says nothing, and may be too large to be written
    if done and seconds >= 1e-9:
        rate = done / seconds
        facts += f"  {amount(round(rate), stage.unit)}/s  {duration((stage.total - done) / rate)} left"
    room = width - status_line.columns_of(f"{stage.name}  []  {facts}")
    cells = min(room, _WIDEST_BAR)
    bar = f"  [{'#' * (cells * done // stage.total):-<{cells}}]" if cells >= _NARROWEST_BAR else ""
    return status_line.fit(f"{stage.name}{bar}  {facts}", width)


def ended_line(stage: Stage, done: int, seconds: float) -> str:
    """What to say of a stage that is over."""
    counted = f"{amount(done, stage.unit)} in " if done else ""
    if stage.total is not None and done < stage.total:
        counted = f"{amount(done, stage.unit)} of {amount(stage.total, stage.unit)} in "
    return f"{stage.name}: {counted}{seconds:.1f} s"


def amount(count: int, unit: str) -> str:
    """``1,200 records``, ``3.4 MB``, or just the number where the unit has no name."""
    if unit != _BYTES:
        return f"{count:,} {unit}".rstrip()
    scaled = float(count)
    for name in ("bytes", "kB", "MB", "GB"):
        if scaled < 1000 or name == "GB":
            break
        scaled /= 1000
    return f"{scaled:.0f} bytes" if name == "bytes" else f"{scaled:,.1f} {name}"


def duration(seconds: float) -> str:
    """``12 s``, ``3 min 5 s``, ``2 h 10 min``."""
    minutes, rest = divmod(int(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
