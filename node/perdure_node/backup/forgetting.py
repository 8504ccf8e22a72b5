"""Forgetting old backups: their files go first, then packs that no other backup needs, and none before its pages lie elsewhere.

A pack of which less than half is needed is written anew with the rest, so that a folder does not grow for ever. Nothing is cleared
away while there is a backup that cannot be read: what it needs is not known, and it may be a copy that is still on its way.
"""

from dataclasses import dataclass

from perdure_anchor.errors import PerdureError

from perdure_node.backup.folder import SiteFolder, remove
from perdure_node.backup.keys import BackupKey
from perdure_node.backup.manifest import OpenBackup, open_with_chunk_key, read_backup
from perdure_node.backup.pack import Pack, PackWriter, read_pages
from perdure_node.backup.pages import Shelf, pages_of
from perdure_node.clock import Randomness

# a pack of which less is needed is written anew
_LEAST_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Forgotten:
    """``freed`` counts bytes, less those that were written anew; ``unreadable`` says why no pack was cleared away."""

    backups: int
    packs: int
    freed: int
    unreadable: tuple[PerdureError, ...] = ()


def forget(
    site: SiteFolder, key: BackupKey, keep: int, randomness: Randomness, *, thorough: bool = False
) -> Forgotten:
    """Keep the newest ``keep`` (at least 1) backups that can be read and are the vault's, and what they need. Raises `VaultStorageFailed`.

    ``thorough`` writes every pack anew that holds a page which they do not need, so that no page of what is forgotten stays.
    """
    readable, unreadable = _open_all(site, key)
    old = readable[:-keep]
    for each in old:
        remove(each.backup.path)
    freed = sum(each.backup.size for each in old)
    if unreadable:
        return Forgotten(len(old), 0, freed, tuple(unreadable))
    try:
        packs, cleared = _clear(
            site, key, readable[-keep:], randomness, least=1.0 if thorough else _LEAST_SHARE
        )
    except PerdureError as error:
        return Forgotten(len(old), 0, freed, (error,))
    return Forgotten(len(old), packs, freed + cleared)


def _open_all(site: SiteFolder, key: BackupKey) -> tuple[list[OpenBackup], list[PerdureError]]:
    readable: list[OpenBackup] = []
    unreadable: list[PerdureError] = []
    for path in site.backups():
        try:
            readable.append(open_with_chunk_key(read_backup(path), key.chunk_key, key.authentication))
        except PerdureError as error:
            unreadable.append(error)
    return readable, unreadable


def _clear(
    site: SiteFolder, key: BackupKey, kept: list[OpenBackup], randomness: Randomness, *, least: float
) -> tuple[int, int]:
    """Take away packs that are not needed, after what is needed of them was written anew; how many, and the bytes gained."""
    shelf = Shelf(site, key.chunk_key)
    # what only a pack without a readable index holds cannot be saved, and such a pack is not touched
    needed = _needed(kept, shelf)
    writer = PackWriter(site.path, key.chunk_key, randomness)
    weak = []
    for pack in sorted(shelf.packs, key=lambda each: _share(each, needed), reverse=True):
        # what a better pack holds is not needed here
        if _share(pack, needed) >= least:
            needed.difference_update(digest for digest, _ in pack.digests())
        else:
            for digest, page in read_pages(pack, key.chunk_key, needed.__contains__):
                writer.add(digest, page)
                needed.discard(digest)
            weak.append(pack.path)
    writer.finish()
    # a pack that was written anew with the same pages would bear another name
    freed = sum(path.stat().st_size for path in weak)
    for path in weak:
        remove(path)
    return len(weak), freed - writer.written


def _needed(kept: list[OpenBackup], shelf: Shelf) -> set[bytes]:
    needed: set[bytes] = set()
    for each in kept:
        needed.update(group for entry in each.contents.files for group in entry.groups)
        for digests in pages_of(each.contents.files, shelf).values():
            needed.update(digests)
    return needed


def _share(pack: Pack, needed: set[bytes]) -> float:
    """Which part of a pack's bytes is needed."""
    sizes = [(size, digest in needed) for digest, size in pack.digests()]
    total = sum(size for size, _ in sizes)
    return sum(size for size, wanted in sizes if wanted) / total if total else 0.0
