"""How many requests are worked on at once: others wait, in the order in which they came, and not too many of them.

One client has a share of the places, waiting included: what is over it is refused at once, so that nobody can take them all.
"""

import asyncio
from collections import Counter
from typing import Final

# for each place, so many may wait
WAITING_FOR_EACH: Final = 16
PATIENCE: Final = 30.0


class Slots:
    """Places for requests at work, of which one client may have ``for_client`` (by default all)."""

    def __init__(self, count: int, patience: float = PATIENCE, *, for_client: int | None = None) -> None:
        self._free = asyncio.Semaphore(count)
        self._may_wait, self._patience = count * WAITING_FOR_EACH, patience
        self._for_client = for_client
        self._waiting = 0
        self._clients: Counter[str] = Counter()

    async def take(self, client: str = "") -> bool:
        """Take a place; False if there was none in time, or the client has its share."""
        if self._for_client is not None and self._clients[client] >= self._for_client:
            return False
        self._clients[client] += 1
        taken = False
        try:
            taken = await self._take()
        finally:
            if not taken:
                self._leave(client)
        return taken

    async def _take(self) -> bool:
        if not self._free.locked():
            return await self._free.acquire()
        if self._waiting >= self._may_wait:
            return False
        self._waiting += 1
        try:
            async with asyncio.timeout(self._patience):
                return await self._free.acquire()
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1

    def give_back(self, client: str = "") -> None:
        """Let the next one have the client's place."""
        self._free.release()
        self._leave(client)

    def _leave(self, client: str) -> None:
        self._clients[client] -= 1
        if self._clients[client] <= 0:
            del self._clients[client]
