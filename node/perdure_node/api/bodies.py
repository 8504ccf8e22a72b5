"""What a request may carry: as many bytes as its path allows, and not too slowly; counted as they come, whatever its headers say."""

import asyncio
from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

# seconds without a byte
IDLE: Final = 30.0
# so many bytes a second at least, over each window of so many seconds: a ship's line has more. The first window is longer
SLOWEST: Final = 512
WINDOW: Final = 30.0
GRACE: Final = 15.0

_CLOSE: Final = {"Connection": "close"}


def too_large(limit: int) -> HTTPException:
    """The refusal of a content over ``limit`` bytes."""
    return HTTPException(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the content has over {limit} bytes, which is the limit", _CLOSE
    )


class BoundedBody:
    """A request's content, with its bounds; raises `HTTPException` where one is passed.

    Only the time for which the client is waited for counts. What came quickly before buys no time later: windows follow on one another.
    """

    def __init__(
        self, receive: Receive, limit: int, idle: float = IDLE, grace: float = GRACE, window: float = WINDOW
    ) -> None:
        self._receive, self._limit, self._idle, self._window = receive, limit, idle, window
        self._received = 0
        # seconds that are left in this window, and bytes that it still wants
        self._left, self._wanted = grace + window, self._quota
        self._is_complete = False

    @property
    def _quota(self) -> float:
        return self._window * SLOWEST

    async def __call__(self) -> Message:
        if self._is_complete:
            # what comes now is that the client has gone, which may take as long as it likes
            return await self._receive()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            async with asyncio.timeout(min(self._idle, self._patience())):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, "the content came too slowly", _CLOSE) from None
        size = len(message.get("body", b""))
        self._note(size, loop.time() - begun)
        self._received += size
        self._is_complete = not message.get("more_body", False)
        if self._received > self._limit:
            raise too_large(self._limit)
        return message

    def _patience(self) -> float:
        """For how long nothing may come: to the window's end, or the next one's if this one has what it wants."""
        return max(self._left, 0.0) + (self._window if self._wanted <= 0 else 0.0)

    def _note(self, size: int, seconds: float) -> None:
        self._left -= seconds
        if self._left <= 0:
            self._left += self._window
            self._wanted = self._quota
        self._wanted -= size
