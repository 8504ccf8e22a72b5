"""A name for each request, which its answer, its problem and the log's lines about it share."""

import re
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final

HEADER: Final = b"x-request-id"
_SIZE = 12
# what a client, or a proxy before us, may call a request: it goes into logs
_GIVEN: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)

current_request_id: ContextVar[str] = ContextVar("request_id", default="")


def request_id_for(given: bytes | None, randomness: Callable[[int], bytes]) -> str:
    """The given one, if it is one that may stand in a log, else a new one."""
    if given is not None and _GIVEN.fullmatch(given):
        return given.decode("ascii")
    return randomness(_SIZE).hex()
