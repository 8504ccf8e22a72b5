"""Which files the arguments of `perdure verify` mean: each once, those of folders in the order of their names.

Only in a folder are files left out, and named: hidden ones and devnets. Nothing is opened here.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path

from perdure_cli.exit_codes import FileUnreadable, NotAFile
from perdure_cli.files import os_reason

STANDARD_INPUT = "-"

# what a folder of `perdure devnet` holds: a chain, not documents
_DEVNET_FILES = {"devnet.json", "chain.sqlite"}


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file by its name; ``is_regular`` False: nobody has looked yet, or it is a link."""

    name: str
    is_argument: bool
    is_regular: bool = False


@dataclass(slots=True)
class FoundFiles:
    """What was found; ``left_out`` are names in folders that were not looked at."""

    files: list[FoundFile] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    unreadable: list[tuple[str, FileUnreadable | NotAFile]] = field(default_factory=list)


def find_files(arguments: Sequence[str]) -> FoundFiles:
    """The files that are meant, without those of standard input."""
    found = FoundFiles()
    found.files.extend(_without_repeats(_walk(arguments, found)))
    found.left_out = list(dict.fromkeys(found.left_out))
    return found


def unreadable(name: str, error: OSError) -> FileUnreadable:
    """The error for a file or folder that the system does not let us read."""
    return FileUnreadable(f"{name}: {os_reason(error)}")


def _walk(arguments: Iterable[str], found: FoundFiles) -> Iterator[tuple[FoundFile, str]]:
    """Each file, with the path by which it is known to be the same as another."""
    for argument in arguments:
        # what the system refuses to look at is no folder, where Path.is_dir raises
        if argument != STANDARD_INPUT and os.path.isdir(argument):  # noqa: PTH112  # Path.is_dir raises where the system refuses to look
            yield from _files_below(str(Path(argument)), found)
        elif argument != STANDARD_INPUT:
            name = str(Path(argument))
            # unlike Path.resolve, it does not stumble over a ring of links
            yield FoundFile(name, is_argument=True), os.path.realpath(name)


def _files_below(folder: str, found: FoundFiles) -> Iterator[tuple[FoundFile, str]]:
    waiting = [folder]
    while waiting:
        parent = waiting.pop()
        try:
            with os.scandir(parent) as scanned:
                entries = sorted(scanned, key=attrgetter("name"))
        except OSError as error:
            found.unreadable.append((parent, unreadable(parent, error)))
            continue
        files = [entry for entry in entries if not _is_folder(entry)]
        if {entry.name for entry in files} >= _DEVNET_FILES:
            found.left_out.append(parent)
            continue
        found.left_out.extend(_joined(parent, entry.name) for entry in entries if entry.name.startswith("."))
        yield from _files_in(parent, files)
        folders = [entry for entry in entries if _is_folder(entry) and not entry.name.startswith(".")]
        # links to folders are not followed: they can lead round in a ring
        waiting.extend(_joined(parent, entry.name) for entry in reversed(folders) if not entry.is_symlink())


def _files_in(parent: str, files: Iterable["os.DirEntry[str]"]) -> Iterator[tuple[FoundFile, str]]:
    resolved = os.path.realpath(parent)
    for entry in files:
        if entry.name.startswith("."):
            continue
        name = _joined(parent, entry.name)
        # asking the system about each part of each path would take longer than to verify what is there
        identity = os.path.realpath(name) if entry.is_symlink() else _joined(resolved, entry.name)
        yield FoundFile(name, is_argument=False, is_regular=_is_regular(entry)), identity


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_regular(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_file(follow_symlinks=False)
    except OSError:
        return False


def _joined(folder: str, name: str) -> str:
    """As `Path` writes it, in a tenth of the time."""
    if folder == ".":
        return name
    return folder + name if folder.endswith("/") else f"{folder}/{name}"


def _without_repeats(files: Iterable[tuple[FoundFile, str]]) -> Iterator[FoundFile]:
    seen = set()
    for file, identity in files:
        if identity not in seen:
            seen.add(identity)
            yield file
