"""Putting recorded files away: each lands in the other folder whole, nothing there is written over, and a kill loses nothing.

Within one file system a file gets its new name before it loses the old one. Across two it is copied, the copy is read back and
held against the original, and only then is the original taken away. Begun again after a kill, the same steps end the same way.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from perdure_anchor.hashes import Hash32

from perdure_node.documents import hash_stream
from perdure_node.errors import CannotPutAway
from perdure_node.files import open_regular, sync_folder

# where a file cannot have two names: another file system, or one that has no links, such as FAT
_NO_LINK = frozenset({errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES})
_MOST_NAMES = 10_000


def put_away(source: Path, folder: Path, place: str) -> Path:
    """Move a file to its ``place`` below a folder, or beside what is there already; where it is then.

    Raises `CannotPutAway`, and leaves the file where it is.
    """
    try:
        for target in _names(folder / place):
            target.parent.mkdir(parents=True, exist_ok=True)
            if not os.path.lexists(target):
                _bring(source, target)
                _leave(source, target)
                return target
            # from an earlier run that was killed, or the same document once more
            if target.is_file() and not target.is_symlink() and _digest(target) == _digest(source):
                _leave(source, target)
                return target
    except OSError as error:
        raise CannotPutAway(
            f"{source}: cannot be moved to {folder}: {(error.strerror or str(error)).lower()}",
            hint="it is recorded, and stays where it is",
        ) from error
    raise CannotPutAway(f"{source}: too many files of its name are in {folder}")


def _names(target: Path) -> Iterator[Path]:
    """The target, and beside it ``name-2.pdf`` and so on."""
    yield target
    for number in range(2, _MOST_NAMES):
        yield target.with_name(f"{target.stem}-{number}{target.suffix}")


def _bring(source: Path, target: Path) -> None:
    """Give the file its new name; raises `FileExistsError` if somebody took that meanwhile."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        _copy(source, target)
    sync_folder(target.parent)


def _copy(source: Path, target: Path) -> None:
    beside = target.with_name(f".{target.name[:200]}.part")
    try:
        with open_regular(source) as original, beside.open("wb") as copy:
            shutil.copyfileobj(original, copy)
            copy.flush()
            os.fsync(copy.fileno())
        shutil.copystat(source, beside)
        # no link, so no way to refuse a name that is taken but to look first
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "is there already", str(target))
        beside.rename(target)
    finally:
        beside.unlink(missing_ok=True)


def _leave(source: Path, target: Path) -> None:
    """Take the old name away; a file that was written to since stays."""
    if not source.samefile(target) and _digest(source) != _digest(target):
        raise OSError(errno.EBUSY, "it was written to while it was copied")
    source.unlink()
    sync_folder(source.parent)


def _digest(path: Path) -> Hash32:
    with open_regular(path) as file:
        return hash_stream(file, None).sha256
