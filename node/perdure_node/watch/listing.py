"""What is in a watched folder: documents, each with the file of details beside it if there is one.

Left out are what the system or a program that is still writing would not want read: hidden files, names that mean "unfinished" or
"lock" (``.part``, ``.tmp``, ``~$``), links, empty files, evidence and vaults. Files whose name ends in ``.json`` hold details, and are
never documents here: otherwise one that is written before its document would be recorded in its place. For the same reason a name
such as ``contract.pdf.p7s`` is that of a detached signature, and never of a document, unless somebody asks for such names.
"""

import os
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG

from perdure_anchor.evidence import FILE_SUFFIX

from perdure_node.places import is_vault

DETAILS_SUFFIX = ".json"
# how browsers, scanners, copying programs and office suites name what is not a document, or not yet
UNFINISHED = (
    *("*.part", "*.partial", "*.tmp", "*.temp", "*.crdownload", "*.download", "*.filepart", "*.opdownload"),
    *("*.swp", "*.lock", "*.lck", "*~", "~*", "thumbs.db", "desktop.ini"),
)
# the signature of a document whose name comes first
_DETACHED = re.compile(r".+\.[a-z0-9]{1,8}\.(?:p7s|p7b|sig|asc)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FileState:
    """What the system says of a file: it is other for a file that was written to, or replaced. Times in nanoseconds."""

    size: int
    modified: int
    changed: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> "FileState":
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


@dataclass(frozen=True, slots=True)
class Found:
    """A document in the folder: its state, and the name and state of the file of details beside it, None without one."""

    document: FileState
    details_name: str | None = None
    details: FileState | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which files are meant: ``include`` and ``ignore`` are patterns of names (as in a shell, in any case), the first empty for all.

    ``leave_out`` are folders that are not looked into.
    """

    include: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    leave_out: tuple[Path, ...] = ()

    def takes(self, name: str) -> bool:
        """Whether a file of this name is a document."""
        lower = name.lower()
        if lower.startswith(".") or lower.endswith((FILE_SUFFIX, DETAILS_SUFFIX)):
            return False
        if _matches(lower, UNFINISHED) or _matches(lower, self.ignore):
            return False
        return _matches(lower, self.include) if self.include else not _DETACHED.fullmatch(lower)


def list_folder(folder: Path, selection: Selection) -> dict[str, Found]:
    """The documents in a folder and below it, by their place in it; raises `OSError` if the folder itself cannot be read."""
    found: dict[str, Found] = {}
    for parent, names in _folders(folder, selection):
        states, below = dict(_states(parent, names)), os.path.relpath(parent, folder)
        for name, state in states.items():
            if state.size and selection.takes(name):
                place = name if below == os.curdir else f"{below}/{name}"
                details = details_beside(name, states)
                found[place] = Found(state, details, states[details] if details else None)
    return found


def details_beside(name: str, names: Container[str]) -> str | None:
    """The file of details of a document among the ``names`` of its folder: ``scan.pdf.json``, else ``scan.json``."""
    stem = name.rpartition(".")[0]
    candidates = (f"{name}{DETAILS_SUFFIX}", f"{stem}{DETAILS_SUFFIX}" if stem else name)
    return next((each for each in candidates if each != name and each in names), None)


def _folders(folder: Path, selection: Selection) -> Iterator[tuple[str, list[str]]]:
    """Each folder with the names in it, in their order; one below that cannot be read is passed over."""
    os.scandir(folder).close()
    left_out = {os.path.realpath(each) for each in selection.leave_out}
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if _is_looked_into(parent, name, left_out))
        yield parent, sorted(names)


def _is_looked_into(parent: str, name: str, left_out: set[str]) -> bool:
    path = f"{parent}/{name}"
    return not name.startswith(".") and not is_vault(Path(path)) and os.path.realpath(path) not in left_out


def _states(parent: str, names: list[str]) -> Iterator[tuple[str, FileState]]:
    """The regular files among the names; a link may lead to what nobody meant."""
    for name in names:
        try:
            status = os.lstat(f"{parent}/{name}")
        except OSError:
            # gone since it was listed
            continue
        if S_ISREG(status.st_mode):
            yield name, FileState.of(status)


def _matches(lower: str, patterns: tuple[str, ...]) -> bool:
    return bool(patterns) and _any_of(patterns).match(lower) is not None


@lru_cache(maxsize=8)
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """The patterns as one expression: to try each on each of many files takes long."""
    return re.compile("|".join(translate(pattern.lower()) for pattern in patterns))
