"""The file of rejected rows: those of a list that could not be recorded, in the list's own form, to be mended and imported."""

import os
from pathlib import Path
from typing import BinaryIO

from perdure_node.errors import RejectsTaken
from perdure_node.files import PRIVATE_FILE, storage_failures
from perdure_node.imports.runs import ImportRun
from perdure_node.lists.rows import ListRow, RecordList


class Rejects:
    """Made with the first rejected row; cut back to what a run that was broken off had committed. Use it in a ``with``.

    Entering it raises `RejectsTaken` if what is at ``path`` is not what the run has written there.
    """

    def __init__(self, path: Path | None, run: ImportRun) -> None:
        self._path, self._size, self._is_begun = path, run.rejects_size, run.was_broken_off
        self._file: BinaryIO | None = None

    def __enter__(self) -> "Rejects":
        if self._path is not None:
            _check_place(self._path, self._size, self._is_begun)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None and self._path is not None:
            # what a full disk did not take is tried once more
            with storage_failures(self._path):
                self._file.close()

    def write(self, found: RecordList, row: ListRow) -> None:
        """Add a row; raises `RejectsTaken` or `VaultStorageFailed`."""
        assert self._path is not None, "without a file of rejects the first bad row ends the import"
        with storage_failures(self._path):
            file = self._opened(self._path)
            head = found.reject_head() if file.tell() == 0 else ""
            file.write((head + found.reject_text(row)).encode())

    def flush(self) -> int:
        """Make what was written durable; returns the file's size."""
        if self._file is not None and self._path is not None:
            with storage_failures(self._path):
                self._file.flush()
                os.fsync(self._file.fileno())
                self._size = self._file.tell()
        return self._size

    def _opened(self, path: Path) -> BinaryIO:
        if self._file is None:
            self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE), "r+b")
            self._file.truncate(self._size)
            self._file.seek(self._size)
        return self._file


def _check_place(path: Path, size: int, is_begun: bool) -> None:
    """Seen before the first row is read: a run that is broken off later must find its own file, and never another one."""
    if not is_begun and path.exists():
        raise RejectsTaken(
            f"{path}: is there already",
            hint="import it, or move it away: it may hold rows of another import",
        )
    if size and (not path.is_file() or path.stat().st_size < size):
        raise RejectsTaken(
            f"{path}: is not where the import that was broken off has written {size} bytes of rejected rows",
            hint="name the same file again, or begin anew after `perdure import --abandon`",
        )
