"""A content that is too large for memory while it comes: kept in a nameless file of the node's folder, which goes with the process.

What comes is not believed yet: all of it together has a bound, and where room runs short nothing of it is put on the disk. A small content
needs no file until it is whole, and is taken in as long as the disk has any room.
"""

import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from pathlib import Path
from typing import IO, Final

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from perdure_node.errors import VaultStorageFailed
from perdure_node.files import storage_failures

# bytes that are written at a time
AT_ONCE: Final = 256 * 1024
_RETRY_AFTER: Final = {"Retry-After": "30", "Connection": "close"}


def free_bytes(folder: Path) -> int:
    """The room on the folder's disk; raises `OSError`."""
    return shutil.disk_usage(folder).free


class Spool:
    """Contents as they come, of all clients: at most ``most`` bytes together, and no large one while ``want_free`` are not free."""

    def __init__(
        self, folder: Path, most: int, want_free: int, free: Callable[[Path], int] = free_bytes
    ) -> None:
        self._folder, self._most, self._want_free, self._free = folder, most, want_free, free
        self.held = 0

    @contextlib.asynccontextmanager
    async def holding(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[IO[bytes]]:
        """The content in a file while the context lasts.

        Raises `VaultStorageFailed`, `HTTPException` 503 while others take all the room that there is, and what ``pieces`` raise.
        """
        stream = await run_in_threadpool(self._nameless)
        held, kept = 0, bytearray()
        try:
            async for piece in pieces:
                kept += piece
                held += len(piece)
                self._hold(len(piece))
                if len(kept) > AT_ONCE:
                    await run_in_threadpool(self._write, stream, bytes(kept), is_large=True)
                    kept.clear()
            await run_in_threadpool(self._write, stream, bytes(kept), is_large=held > AT_ONCE)
            yield stream
        finally:
            self.held -= held
            # what a full disk did not take is tried once more, and may go
            with contextlib.suppress(OSError):
                stream.close()

    def _hold(self, size: int) -> None:
        self.held += size
        if self.held > self._most:
            raise HTTPException(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "as many bundles are coming as there is room for",
                _RETRY_AFTER,
            )

    def _nameless(self) -> IO[bytes]:
        with storage_failures(self._folder):
            return tempfile.TemporaryFile(dir=self._folder)  # whoever asked for it closes it

    def _write(self, stream: IO[bytes], octets: bytes, *, is_large: bool) -> None:
        with storage_failures(self._folder):
            if is_large and self._free(self._folder) < self._want_free + len(octets):
                raise VaultStorageFailed(
                    "the node's disk has too little room for a large content",
                    hint="try again later, or another node",
                )
            stream.write(octets)
            stream.flush()
