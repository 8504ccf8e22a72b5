"""How many requests are worked on at once: others wait, in the order in which they came, and not too many of them."""

import asyncio
from typing import Final

# for each place, so many may wait
WAITING_FOR_EACH: Final = 16
PATIENCE: Final = 30.0


class Slots:
    """Places for requests at work."""

    def __init__(self, count: int, patience: float = PATIENCE) -> None:
        self._free = asyncio.Semaphore(count)
        self._may_wait, self._patience = count * WAITING_FOR_EACH, patience
        self._waiting = 0

    async def take(self) -> bool:
        """Take a place; False if there was none in time."""
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

    def give_back(self) -> None:
        """Let the next one have the place."""
        self._free.release()
