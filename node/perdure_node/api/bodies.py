"""What a request may carry: as many bytes as its path allows, and not too slowly; counted as they come, whatever its headers say."""

import asyncio
from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

# seconds without a byte
IDLE: Final = 30.0
# after so many seconds, so many bytes a second at least: a ship's line has more
GRACE: Final = 60.0
SLOWEST: Final = 512

_CLOSE: Final = {"Connection": "close"}


def too_large(limit: int) -> HTTPException:
    """The refusal of a content over ``limit`` bytes."""
    return HTTPException(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the content has over {limit} bytes, which is the limit", _CLOSE
    )


class BoundedBody:
    """A request's content, with its bounds; raises `HTTPException` where one is passed."""

    def __init__(self, receive: Receive, limit: int, idle: float = IDLE, grace: float = GRACE) -> None:
        self._receive, self._limit, self._idle, self._grace = receive, limit, idle, grace
        self._received = 0
        self._begin: float | None = None
        self._is_complete = False

    async def __call__(self) -> Message:
        if self._is_complete:
            # what comes now is that the client has gone, which may take as long as it likes
            return await self._receive()
        loop = asyncio.get_running_loop()
        begin = self._begin = self._begin or loop.time()
        latest = begin + self._grace + self._received / SLOWEST
        try:
            async with asyncio.timeout_at(min(loop.time() + self._idle, latest)):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, "the content came too slowly", _CLOSE) from None
        self._received += len(message.get("body", b""))
        self._is_complete = not message.get("more_body", False)
        if self._received > self._limit:
            raise too_large(self._limit)
        return message
