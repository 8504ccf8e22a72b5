"""When a file is whole: once it has looked the same for a while. Pure; the caller tells what it sees, and when.

Looking the same is judged between looks of our own, by a clock that nobody can set: a file's own time may come from another
machine's clock, or from before it was copied.
"""

from collections.abc import Mapping
from typing import Generic, TypeVar

State = TypeVar("State")


class Settling(Generic[State]):
    """Files by their places; ``seconds`` is how long each must look the same."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[str, tuple[State, float]] = {}
        self._unsettled: set[str] = set()

    def __len__(self) -> int:
        """How many of the files that were seen last have not settled."""
        return len(self._unsettled)

    def observe(self, seen: Mapping[str, State], now: float) -> list[str]:
        """Take in all that is there ``now`` (seconds, monotonic); the places that have settled, in the order of ``seen``."""
        before, self._since, self._unsettled = self._since, {}, set()
        settled = []
        for place, state in seen.items():
            old = before.get(place)
            since = old[1] if old is not None and old[0] == state else now
            self._since[place] = (state, since)
            if now - since >= self._seconds:
                settled.append(place)
            else:
                self._unsettled.add(place)
        return settled

    def begin_again(self, place: str) -> None:
        """Let a file settle anew, since it was not as it looked."""
        self._since.pop(place, None)
        self._unsettled.add(place)
