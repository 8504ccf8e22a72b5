"""Filters that a client installs and polls: new blocks, and new events.

They live in memory, as in every client, and lapse when nobody polls them; a client that meets "filter not found" installs
its filter again.
"""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass

from perdure_devnet.event_store import EventQuery

FILTER_LIFETIME = 300.0
MAX_FILTERS = 1000


@dataclass(slots=True)
class Filter:
    """``query`` None watches blocks; ``seen`` is the newest block that was reported, ``polled`` the monotonic second."""

    query: EventQuery | None
    seen: int
    polled: float


class FilterTable:
    """All filters of a server; ``clock`` in monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._filters: dict[str, Filter] = {}
        self._lock = threading.Lock()

    def install(self, query: EventQuery | None, head: int) -> str:
        """A new filter's id, which cannot be guessed; the oldest goes where there are too many."""
        name = "0x" + secrets.token_hex(16)
        with self._lock:
            self._drop_lapsed()
            while len(self._filters) >= MAX_FILTERS:
                del self._filters[next(iter(self._filters))]
            self._filters[name] = Filter(query, head, self._clock())
        return name

    def query(self, name: str) -> EventQuery | None:
        """What an event filter asks for; raises KeyError for an unknown filter."""
        with self._lock:
            self._drop_lapsed()
            return self._filters[name].query

    def advance(self, name: str, head: int) -> tuple[EventQuery | None, int]:
        """The filter's query and the last block that it has seen, which is ``head`` from now on; raises KeyError."""
        with self._lock:
            self._drop_lapsed()
            found = self._filters[name]
            seen, found.seen, found.polled = found.seen, head, self._clock()
            return found.query, seen

    def uninstall(self, name: str) -> bool:
        """Whether there was such a filter."""
        with self._lock:
            return self._filters.pop(name, None) is not None

    def _drop_lapsed(self) -> None:
        oldest = self._clock() - FILTER_LIFETIME
        for name in [name for name, each in self._filters.items() if each.polled < oldest]:
            del self._filters[name]
