"""How pyHanko is called: its coroutines at once, since nothing has to be waited for, and without a word to stderr."""

import asyncio
import atexit
import logging
from collections.abc import Awaitable
from typing import TypeVar

Result = TypeVar("Result")


def run(coroutine: Awaitable[Result]) -> Result:
    """Nothing is waited for: all that is asked about is at hand."""
    return _loop().run_until_complete(coroutine)


def _loop() -> asyncio.AbstractEventLoop:
    global _LOOP  # noqa: PLW0603  # one for the process: making one costs more than a check
    if _LOOP is None:
        _LOOP = asyncio.new_event_loop()
        atexit.register(_LOOP.close)
    return _LOOP


_LOOP: asyncio.AbstractEventLoop | None = None


def silence() -> None:
    """What pyHanko would write to stderr about a document is in the result."""
    for name in ("pyhanko", "pyhanko_certvalidator"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
