"""Files as pages: cut to be stored, each page once, and put together again.

The digests of 256 pages make up a page of their own, a group, stored as any other: a backup's file names groups only, so that a
large database of which little has changed needs little there too.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from perdure_node.backup.errors import BackupDamaged, BackupIncomplete
from perdure_node.backup.folder import SiteFolder
from perdure_node.backup.manifest import FileEntry
from perdure_node.backup.pack import (
    DIGEST_SIZE,
    PAGE_SIZE,
    Pack,
    PackWriter,
    page_digest,
    read_pack,
    read_pages,
)
from perdure_node.files import PRIVATE_FILE, PRIVATE_FOLDER, storage_failures

GROUP_PAGES = PAGE_SIZE // DIGEST_SIZE
_READ_PAGES = 256


class Shelf:
    """The pages that a folder holds for one chunk key, from the packs that can be read; ``damaged`` says of the others why."""

    def __init__(self, site: SiteFolder, chunk_key: bytes) -> None:
        self.chunk_key = chunk_key
        self.packs: list[Pack] = []
        self.damaged: list[BackupDamaged] = []
        for path in site.packs():
            try:
                self.packs.append(read_pack(path, chunk_key))
            except BackupDamaged as error:
                self.damaged.append(error)
        self.known = {digest for pack in self.packs for digest, _ in pack.digests()}

    def fetch(self, wanted: set[bytes]) -> Iterator[tuple[bytes, bytes]]:
        """Each wanted page with its digest, once, in the packs' order. Raises `BackupIncomplete` or `BackupDamaged`.

        A page that is in several packs is taken from the first that gives it.
        """
        left = set(wanted)
        damage = list(self.damaged)
        check = page_digest(self.chunk_key)
        for pack in self.packs:
            try:
                for digest, page in read_pages(pack, self.chunk_key, left.__contains__):
                    if check(page) == digest:
                        left.discard(digest)
                        yield digest, page
            except BackupDamaged as error:
                damage.append(error)
            if not left:
                return
        if left and damage:
            raise damage[0]
        if left:
            raise BackupIncomplete(
                f"backup: {len(left)} of its pages are in no pack of the folder",
                hint="wait until the folder is copied or synchronised completely, or take another copy of it",
            )


def store_file(
    name: str, file: IO[bytes], shelf: Shelf, writer: PackWriter, advance: Callable[[int], None]
) -> FileEntry:
    """Write those pages of a file that no pack holds yet; ``advance`` is told how many bytes were read."""
    digest_of = page_digest(shelf.chunk_key)
    hashed, size = hashlib.sha256(), 0
    groups: list[bytes] = []
    while block := file.read(GROUP_PAGES * PAGE_SIZE):
        hashed.update(block)
        size += len(block)
        pages = [block[at : at + PAGE_SIZE] for at in range(0, len(block), PAGE_SIZE)]
        digests = [_store(page, digest_of, shelf, writer) for page in pages]
        groups.append(_store(b"".join(digests), digest_of, shelf, writer, is_group=True))
        advance(len(block))
    return FileEntry(name, size, hashed.digest(), tuple(groups))


def pages_of(entries: Iterable[FileEntry], shelf: Shelf) -> dict[str, list[bytes]]:
    """Each file's pages' digests, in order; raises as `Shelf.fetch`."""
    entries = list(entries)
    groups = dict(shelf.fetch({group for entry in entries for group in entry.groups}))
    return {
        entry.name: [digest for group in entry.groups for digest in _split(groups[group])]
        for entry in entries
    }


def write_files(
    folder: Path, entries: Sequence[FileEntry], shelf: Shelf, advance: Callable[[int], None]
) -> None:
    """Put files together in a new folder; durable when it returns, and what they were. Raises as `Shelf.fetch`."""
    places = _places(pages_of(entries, shelf))
    with _Targets(folder, entries) as targets:
        written = 0
        for digest, page in shelf.fetch(set(places)):
            for name, number in places[digest]:
                targets.write(name, number, page)
                written += len(page)
            advance(written)
        targets.check()


def _places(pages: Mapping[str, list[bytes]]) -> dict[bytes, list[tuple[str, int]]]:
    """Where each page belongs: names of files, and its number in them."""
    places: dict[bytes, list[tuple[str, int]]] = defaultdict(list)
    for name, digests in pages.items():
        for number, digest in enumerate(digests):
            places[digest].append((name, number))
    return places


class _Targets:
    """The files that are being put together."""

    def __init__(self, folder: Path, entries: Sequence[FileEntry]) -> None:
        self._folder = folder
        self._entries = entries
        self._open: dict[str, int] = {}

    def __enter__(self) -> "_Targets":
        for entry in self._entries:
            path = self._folder / entry.name
            with storage_failures(path):
                path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
                flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
                self._open[entry.name] = os.open(path, flags, PRIVATE_FILE)
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)

    def write(self, name: str, number: int, page: bytes) -> None:
        with storage_failures(self._folder / name):
            os.pwrite(self._open[name], page, number * PAGE_SIZE)

    def check(self) -> None:
        """Each file is what it was when it was backed up, and on the disk."""
        for entry in self._entries:
            descriptor = self._open[entry.name]
            with storage_failures(self._folder / entry.name):
                os.fsync(descriptor)
            hashed, size = hashlib.sha256(), 0
            while block := os.pread(descriptor, PAGE_SIZE * _READ_PAGES, size):
                hashed.update(block)
                size += len(block)
            if (size, hashed.digest()) != (entry.size, entry.sha256):
                raise BackupDamaged(f"backup: {entry.name} is not what it was when it was backed up")


def _store(
    page: bytes,
    digest_of: Callable[[bytes], bytes],
    shelf: Shelf,
    writer: PackWriter,
    *,
    is_group: bool = False,
) -> bytes:
    digest = digest_of(page)
    if digest not in shelf.known:
        writer.add(digest, page, is_group=is_group)
        shelf.known.add(digest)
    return digest


def _split(group: bytes) -> Iterator[bytes]:
    return (group[at : at + DIGEST_SIZE] for at in range(0, len(group), DIGEST_SIZE))
