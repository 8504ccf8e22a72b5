"""The keeper: a worker that looks at the machine, at how far the chain is followed, and at what lies open, raises the alarms about it, and tells systemd.

It asks the chain nothing: what the other workers saw is in `NodeState`.
"""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

from perdure_anchor.timestamp import told_time

from perdure_node.clock import Clock
from perdure_node.database import Database
from perdure_node.gateway.folder import Gateway
from perdure_node.gateway.transactions import open_transactions
from perdure_node.service.alarms import AlarmName
from perdure_node.service.state import NodeState
from perdure_node.service.supervisor import Supervisor

LONGEST_PAUSE = 5.0
# a worker that has said nothing for so long hangs: rounds and catching up are bounded by far less, or say in between that they go on
STEP_PATIENCE = 600.0
# a clock that was set is told of for so long
_JUMP_TOLD = 3600.0
_HOUR = 3600
_SITES_LOOK = 60.0
_log = logging.getLogger("perdure.node")

FreeBytes = Callable[[Path], int]
"""How many bytes a folder's disk has free."""


def free_bytes(folder: Path) -> int:
    """As the operating system says."""
    return shutil.disk_usage(folder).free


class Keeper:
    """A step is one look."""

    def __init__(
        self,
        gateway: Gateway,
        state: NodeState,
        clock: Clock,
        supervisor: Supervisor,
        free: FreeBytes = free_bytes,
    ) -> None:
        self._gateway, self._state, self._clock = gateway, state, clock
        self._supervisor, self._free = supervisor, free
        self._alarms, self._limits = state.alarms, gateway.settings.alarms
        self._jumps = ClockJumps(clock, self._limits.clock_skew_seconds)
        self._unmined: dict[int, int] = {}
        self._next_sites = 0.0
        watchdog = supervisor.watchdog_seconds
        self._pause = LONGEST_PAUSE if watchdog is None else min(LONGEST_PAUSE, watchdog / 4)

    def step(self) -> float:
        """Look once; raises what the database raises, after systemd was told that we live."""
        hanging = self._state.hanging_workers(self._clock.monotonic(), STEP_PATIENCE)
        if hanging:
            # systemd ends us with SIGABRT once it has heard nothing for long enough
            _log.error("workers hang, systemd is not told that we live: %s", ", ".join(hanging))
        else:
            self._supervisor.alive()
        self._look_at_disk()
        self._look_at_clock()
        self._look_at_lag()
        self._look_at_transactions()
        self._look_at_sites()
        self._supervisor.status(self._status())
        return self._pause

    def close(self) -> None:
        """Close the folder."""
        self._gateway.close()

    def _look_at_disk(self) -> None:
        free = self._free(self._gateway.folder)
        message = (
            f"{free} bytes are free, want {self._limits.disk_bytes}"
            if free < self._limits.disk_bytes
            else None
        )
        self._alarms.set(AlarmName.DISK, message, remedy="make room on the disk that has the node's folder")

    def _look_at_clock(self) -> None:
        self._alarms.set(AlarmName.CLOCK_SKEW, self._jumps.look(), "jump", remedy="see who set the clock")

    def _look_at_lag(self) -> None:
        view = self._state.chain
        lag = view.lag
        self._alarms.set(
            AlarmName.LAG,
            f"{lag} blocks behind: followed to {view.followed}, the chain is at {view.head}"
            if lag is not None and lag > self._limits.lag_blocks
            else None,
            remedy="see the log of the worker `follower`, and whether the chain client is quick enough",
        )

    def _look_at_transactions(self) -> None:
        # what replaces a transaction has its nonce, and is as old as it
        waiting = {each.nonce: each.stored_at for each in reversed(open_transactions(self._gateway.database))}
        self._unmined = {nonce: self._unmined.get(nonce, stored) for nonce, stored in waiting.items()}
        message = None
        if self._unmined:
            nonce, since = min(self._unmined.items(), key=lambda each: each[1])
            age = self._clock.now() - since
            if age > self._limits.unmined_seconds:
                message = (
                    f"the transaction with nonce {nonce} is in no block for {age:.0f} s; {len(waiting)} wait"
                )
        self._alarms.set(
            AlarmName.UNMINED_NONCE,
            message,
            remedy="see whether the chain halts, and the relay account's funds, fees and permission to send",
        )

    def _look_at_sites(self) -> None:
        now = self._clock.monotonic()
        if not self._limits.silent_site_hours or now < self._next_sites:
            return
        self._next_sites = now + _SITES_LOOK
        silent = silent_sites(
            self._gateway.database, int(self._clock.now()) - self._limits.silent_site_hours * _HOUR
        )
        for origin, heard_at in silent.items():
            message = f"nothing has come from {origin} since {told_time(heard_at)}"
            self._alarms.raise_(AlarmName.SILENT_SITE, message, origin, "ask the people there")
        self._alarms.keep_only(AlarmName.SILENT_SITE, silent)

    def _status(self) -> str:
        names = sorted({each.name.value for each in self._alarms.raised()})
        head = self._state.chain.head
        block = "no block seen yet" if head is None else f"block {head}"
        return f"{block}; {'alarms: ' + ', '.join(names) if names else 'no alarms'}"


class ClockJumps:
    """Whether somebody sets the clock while the machine runs: beside its uptime, which nobody sets."""

    def __init__(self, clock: Clock, tolerance: float) -> None:
        self._clock, self._tolerance = clock, tolerance
        self._offset: float | None = None
        self._told: tuple[str, float] | None = None

    def look(self) -> str | None:
        """What is to be told now."""
        uptime = self._clock.uptime()
        if uptime is not None:
            offset = self._clock.now() - uptime.seconds
            moved = 0.0 if self._offset is None else offset - self._offset
            if abs(moved) > self._tolerance:
                direction = "forward" if moved > 0 else "back"
                text = f"the clock was put {direction} by {abs(moved):.0f} s at {told_time(int(self._clock.now()))}"
                self._told = text, self._clock.monotonic() + _JUMP_TOLD
            self._offset = offset
        if self._told is not None and self._clock.monotonic() > self._told[1]:
            self._told = None
        return None if self._told is None else self._told[0]


def silent_sites(database: Database, before: int) -> dict[str, int]:
    """When sites were heard of last, of those that were not heard of since ``before``; in seconds since 1970."""
    rows = database.rows(
        "SELECT origin, max(added_at, "
        "coalesce((SELECT max(taken_at) FROM bundle WHERE bundle.site = site.number), 0), "
        "coalesce((SELECT max(taken_at) FROM checkpoint WHERE checkpoint.site = site.number), 0)) AS heard "
        "FROM site WHERE heard < ? ORDER BY origin",
        before,
    )
    return dict(rows)
