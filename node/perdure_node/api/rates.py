"""How many requests a client may make: a bucket of tokens for each, in memory, which fills up evenly."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

# of so many clients buckets are kept; whoever was not seen for longest is forgotten, and begins with a full one
MAX_CLIENTS: Final = 65_536
_MINUTE: Final = 60.0


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Rates:
    """``a_minute`` requests a client; all of a minute's may come at once. Use it from one thread."""

    def __init__(self, a_minute: int, max_clients: int = MAX_CLIENTS) -> None:
        self._size = float(a_minute)
        self._max_clients = max_clients
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def wait(self, client: str, now: float) -> float:
        """Count a request of the client's at ``now`` (monotonic seconds): 0 if it may, else after how many seconds it may."""
        bucket = self._buckets.get(client)
        if bucket is None:
            bucket = self._buckets[client] = _Bucket(self._size, now)
            if len(self._buckets) > self._max_clients:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(client)
            bucket.left = min(self._size, bucket.left + (now - bucket.at) * self._size / _MINUTE)
            bucket.at = now
        if bucket.left >= 1:
            bucket.left -= 1
            return 0.0
        return (1 - bucket.left) * _MINUTE / self._size
