"""A bundle on its way to a node: kept beside the vault, so that it can be sent again, and read by the connection as often as it likes."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final

from perdure_node.files import storage_failures

# bytes: what is longer goes through a file without a name, in the vault's folder
_IN_MEMORY: Final = 8 * 1024 * 1024
_PIECE: Final = 64 * 1024


class Spool:
    """Bytes that are sent as they are read; to be used as a context manager. ``told`` hears after each piece how many were."""

    def __init__(self, folder: Path, pieces: Iterable[bytes]) -> None:
        self.told: Callable[[int], None] = lambda _: None
        with storage_failures(folder):
            self._stream = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, dir=str(folder))  # noqa: SIM115  # closed by __exit__
            for piece in pieces:
                self._stream.write(piece)
            self.size = self._stream.tell()

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._stream.close()

    def __iter__(self) -> Iterator[bytes]:
        sent = 0
        self._stream.seek(0)
        while piece := self._stream.read(_PIECE):
            yield piece
            sent += len(piece)
            self.told(sent)

    # by these two httpx learns the length, and the node from the header whether it takes so much

    def tell(self) -> int:
        """Where reading goes on."""
        return self._stream.tell()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go on there."""
        self._stream.seek(offset, whence)
        return self._stream.tell()
