"""A content that is too large for memory while it comes: kept in a nameless file of the node's folder, which goes with the process."""

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Final

from starlette.concurrency import run_in_threadpool

from perdure_node.files import storage_failures

# bytes that are written at a time
AT_ONCE: Final = 256 * 1024


async def spooled(pieces: AsyncIterator[bytes], folder: Path) -> IO[bytes]:
    """The content in a file, to be closed; raises `VaultStorageFailed`, and what ``pieces`` raise."""
    stream = await run_in_threadpool(_nameless, folder)
    kept = bytearray()
    try:
        async for piece in pieces:
            kept += piece
            if len(kept) > AT_ONCE:
                await run_in_threadpool(_write, stream, bytes(kept), folder)
                kept.clear()
        await run_in_threadpool(_write, stream, bytes(kept), folder)
    except BaseException:
        # what a full disk did not take is tried once more, and may go
        with contextlib.suppress(OSError):
            stream.close()
        raise
    return stream


def _nameless(folder: Path) -> IO[bytes]:
    with storage_failures(folder):
        return tempfile.TemporaryFile(dir=folder)  # whoever asked for it closes it


def _write(stream: IO[bytes], octets: bytes, folder: Path) -> None:
    with storage_failures(folder):
        stream.write(octets)
        stream.flush()
