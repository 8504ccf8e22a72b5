"""Taking a backup: what is new is written and made durable, then the file that names it; nothing that was there is touched.

Killed at any moment, it leaves earlier backups whole, and pages that the next one finds and need not write again.
"""

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from perdure_anchor.errors import EncodingError, VerificationError

from perdure_node.backup.errors import BackupDamaged, NotABackupFolder
from perdure_node.backup.folder import SiteFolder, number_of, open_site_folder
from perdure_node.backup.forgetting import Forgotten, forget
from perdure_node.backup.history import Remembered, last_backup, remember_backup
from perdure_node.backup.keys import BackupKey, new_backup_key, read_backup_key, write_backup_key
from perdure_node.backup.manifest import Contents, FileEntry, open_with_chunk_key, read_backup, write_backup
from perdure_node.backup.pack import PackWriter
from perdure_node.backup.pages import Shelf, store_file
from perdure_node.backup.snapshot import Snapshot, snapshot
from perdure_node.clock import Clock, Randomness
from perdure_node.encryption.hybrid import PrivateKey, PublicKey
from perdure_node.keys.data_keys import active_recipients
from perdure_node.locks import backup_lock
from perdure_node.places import DATABASE_FILE, IDENTITY_FILE
from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.vault import Vault


@dataclass(frozen=True, slots=True)
class Taken:
    """A backup that was made.

    ``written`` and ``total`` in bytes: of the new files, and of the vault. ``is_anew``: there was nothing to build on, so all was
    written. ``rolled_back`` is the backup that the folder should hold and does not. ``damaged`` names packs that cannot be read.
    """

    path: Path
    contents: Contents
    recipients: tuple[PublicKey, ...]
    written: int
    total: int
    is_anew: bool
    rolled_back: Remembered | None
    damaged: tuple[BackupDamaged, ...]
    forgotten: Forgotten | None


def take_backup(
    vault: Vault,
    folder: Path,
    unlock: Callable[[], PrivateKey],
    *,
    recipients: Sequence[PublicKey] = (),
    keep: int | None = None,
    thorough: bool = False,
    clock: Clock,
    randomness: Randomness,
    progress: Progress = NO_PROGRESS,
) -> Taken:
    """Back a vault up into a folder, to its own keys and ``recipients``, then forget all but the newest ``keep``, as `forget` does.

    ``unlock`` gives the identity's private key, and is called only where the vault has no backup key yet. Raises
    `NotABackupFolder`, `VaultStorageFailed`, `VaultBusy`, and what ``unlock`` raises.
    """
    _check_place(vault, folder)
    with backup_lock(vault.folder, clock):
        key = _key(vault, recipients, unlock, randomness)
        site = open_site_folder(folder, vault.origin, key.tag, randomness)
        missing = _rolled_back(vault, site)
        shelf = Shelf(site, key.chunk_key)
        writer = PackWriter(site.path, key.chunk_key, randomness)
        is_anew = not shelf.known
        with snapshot(vault) as copy:
            files = _store(copy, shelf, writer, progress)
            contents = _contents(vault, site, key, copy, files, int(clock.now()))
            path = write_backup(site, key, copy.files[IDENTITY_FILE], contents, randomness)
        with vault.database.transaction():
            remember_backup(vault.database, _remembered(contents, folder, site, path))
        return Taken(
            path,
            contents,
            key.recipients,
            writer.written + path.stat().st_size,
            sum(entry.size for entry in files),
            is_anew,
            missing,
            tuple(shelf.damaged),
            None if keep is None else forget(site, key, keep, randomness, thorough=thorough),
        )


def _check_place(vault: Vault, folder: Path) -> None:
    inner, outer = folder.resolve(), vault.folder.resolve()
    if inner == outer or outer in inner.parents:
        raise NotABackupFolder(
            f"{folder}: it is in the vault itself, and would be lost with it",
            hint="take a folder on another disk: a stick, a mounted share, a synchronised folder",
        )


def _key(
    vault: Vault, recipients: Sequence[PublicKey], unlock: Callable[[], PrivateKey], randomness: Randomness
) -> BackupKey:
    """The vault's key, made or made anew where it has to be; durable when it returns."""
    own = {each.kind: each.public_key for each in active_recipients(vault.database)}
    wanted = tuple(dict.fromkeys((*own.values(), *recipients)))
    old = read_backup_key(vault.folder)
    if old is None or old.identity != own["identity"]:
        key = new_backup_key(unlock(), wanted, randomness)
    else:
        key = old.for_recipients(wanted, randomness)
    if key != old:
        write_backup_key(vault.folder, key)
    return key


def _rolled_back(vault: Vault, site: SiteFolder) -> Remembered | None:
    """The newest backup that was made into this very folder, if the folder does not hold it."""
    folder_id = site.folder_id()
    last = None if folder_id is None else last_backup(vault.database, folder_id)
    return None if last is None or (site.path / last.name).exists() else last


def _store(copy: Snapshot, shelf: Shelf, writer: PackWriter, progress: Progress) -> tuple[FileEntry, ...]:
    progress.stage("backing up", copy.size, "bytes")
    done = [0]

    def advance(count: int) -> None:
        done[0] += count
        progress.advance(done[0])

    files = [store_file(DATABASE_FILE, copy.database, shelf, writer, advance)]
    files += [
        store_file(name, BytesIO(octets), shelf, writer, lambda _: None)
        for name, octets in copy.files.items()
    ]
    writer.finish()
    return tuple(files)


def _contents(
    vault: Vault, site: SiteFolder, key: BackupKey, copy: Snapshot, files: tuple[FileEntry, ...], now: int
) -> Contents:
    newest = _newest(site, key)
    last = last_backup(vault.database)
    number = 1 + max(0 if last is None else last.number, 0 if newest is None else number_of(newest))
    previous = None if newest is None else newest.name
    return Contents(vault.origin, number, now, copy.records, copy.log_size, previous, files)


def _newest(site: SiteFolder, key: BackupKey) -> Path | None:
    """The newest backup of the vault's own: a number in another's name is anybody's word, and might leave none that is higher."""
    for path in reversed(site.backups()):
        with contextlib.suppress(EncodingError, VerificationError):
            open_with_chunk_key(read_backup(path), key.chunk_key, key.authentication)
            return path
    return None


def _remembered(contents: Contents, folder: Path, site: SiteFolder, path: Path) -> Remembered:
    return Remembered(
        contents.number,
        os.fspath(folder.absolute()),
        site.folder_id() or "",
        path.name,
        contents.taken_at,
        contents.records,
        contents.log_size,
    )
