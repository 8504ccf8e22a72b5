"""The folder that backups lie in: names that carry the digest of their file's content, and files that are whole or have no name.

Made for sticks and synchronised folders: a file is written beside its place and renamed, is never changed afterwards, has a name
that FAT takes, and can be told from a half-copied one by whoever reads it, without any key.
"""

import contextlib
import errno
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from perdure_anchor.checkpoint import Origin

from perdure_node.backup.errors import BackupDamaged, NotABackupFolder
from perdure_node.clock import Randomness
from perdure_node.errors import VaultStorageFailed
from perdure_node.files import PRIVATE_FILE, PRIVATE_FOLDER, open_regular, storage_failures, sync_folder

PACK_SUFFIX = ".pack"
BACKUP_SUFFIX = ".backup"
_PART_SUFFIX = ".part"
_DIGEST_DIGITS = 32
_PACK = re.compile(rf"pack-([0-9a-f]{{{_DIGEST_DIGITS}}}){re.escape(PACK_SUFFIX)}")
_BACKUP = re.compile(
    rf"([0-9]{{6,12}})-([0-9]{{8}}T[0-9]{{6}}Z)-([0-9a-f]{{{_DIGEST_DIGITS}}}){re.escape(BACKUP_SUFFIX)}"
)
_FOLDER_ID = re.compile(r"folder-([0-9a-f]{32})\.id")
_SITE_FOLDER = re.compile(r"[a-z0-9-]{1,32}--[a-z0-9-]{1,32}-[0-9a-f]{8}")
_BLOCK = 1 << 20
# what file systems say that keep no folders to be forced to the disk, as some on sticks and networks
_CANNOT_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF})

_README = """\
Backups of a Perdure site. `perdure restore THIS-FOLDER --vault NEW-FOLDER` makes a vault from
the newest one, with the passphrase that the vault had then; with --recovery-key FILE without it.
`perdure backup list THIS-FOLDER` shows what is here. No file is ever changed: copy all of them.
"""
README_FILE = "README-perdure-backup.txt"


@dataclass(frozen=True, slots=True)
class SiteFolder:
    """Where the backups of one copy of a vault lie."""

    path: Path

    def packs(self) -> list[Path]:
        """The packs, by name."""
        return _named(self.path, _PACK)

    def backups(self) -> list[Path]:
        """The backups' files, oldest number first."""
        return sorted(_named(self.path, _BACKUP), key=lambda path: (number_of(path), path.name))

    def folder_id(self) -> str | None:
        """What tells this folder from its copies, None before the first backup."""
        found = _named(self.path, _FOLDER_ID)
        return found[0].name[len("folder-") : -len(".id")] if found else None

    def remove_parts(self) -> None:
        """Take away what a backup that was killed left; whoever calls it is the only one who writes here."""
        for path in self.path.glob(f"*{_PART_SUFFIX}"):
            with contextlib.suppress(OSError):
                path.unlink()


def site_folders(folder: Path) -> list[SiteFolder]:
    """All copies of vaults that have backups in the folder; raises `NotABackupFolder`."""
    try:
        found = [path for path in folder.iterdir() if _SITE_FOLDER.fullmatch(path.name) and path.is_dir()]
    except OSError as error:
        raise NotABackupFolder(
            f"{folder}: {(error.strerror or str(error)).lower()}", hint="is the stick or the share mounted?"
        ) from None
    return [SiteFolder(path) for path in sorted(found)]


def open_site_folder(folder: Path, origin: Origin, tag: str, randomness: Randomness) -> SiteFolder:
    """The folder for a vault's backups, made if it is not there; raises `NotABackupFolder` or `VaultStorageFailed`."""
    if not folder.is_dir():
        raise NotABackupFolder(
            f"{folder}: no such folder",
            hint="is the stick or the share mounted? If it is to be a new folder, make it first",
        )
    path = folder / f"{origin.text.replace('/', '--')}-{tag}"
    site = SiteFolder(path)
    with storage_failures(path):
        path.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        _sync(folder)
    site.remove_parts()
    if site.folder_id() is None:
        name = f"folder-{randomness(16).hex()}.id"
        write_file(site.path, lambda file, _digest: _put(file, b"perdure backup folder\n"), lambda _: name)
    if not (folder / README_FILE).exists():
        write_file(folder, lambda file, _digest: _put(file, _README.encode()), lambda _: README_FILE)
    return site


def number_of(path: Path) -> int:
    """A backup's number, from its name."""
    return int(path.name.partition("-")[0])


def digest_in(path: Path) -> str:
    """The digest that a pack's or a backup's name carries."""
    return path.stem.rpartition("-")[2]


def backup_name(number: int, taken_at: str, digest: str) -> str:
    """A backup's file name; ``taken_at`` as RFC 3339 has it."""
    return f"{number:06d}-{taken_at.replace('-', '').replace(':', '')}-{digest}{BACKUP_SUFFIX}"


def pack_name(digest: str) -> str:
    """A pack's file name."""
    return f"pack-{digest}{PACK_SUFFIX}"


def write_file(
    folder: Path, write: Callable[[IO[bytes], "Digest"], None], name: Callable[[str], str]
) -> Path:
    """A new file with what ``write`` writes, named after its digest; durable when it returns. Raises `VaultStorageFailed`."""
    part = folder / f"{os.getpid()}-{os.urandom(8).hex()}{_PART_SUFFIX}"
    try:
        with storage_failures(folder):
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
            with os.fdopen(descriptor, "wb") as file:
                digest = Digest(file)
                write(file, digest)
                file.flush()
                os.fsync(file.fileno())
            path = folder / name(digest.text())
            part.replace(path)
            _sync(folder)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    return path


class Digest:
    """Writes to a file, and takes the digest of what it writes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, octets: bytes) -> int:
        """Write all of it."""
        self._hash.update(octets)
        self.size += len(octets)
        return self._file.write(octets)

    def flush(self) -> None:
        """For those who take it for a file."""
        self._file.flush()

    def text(self) -> str:
        """Half of a SHA-256, as file names carry it."""
        return self._hash.hexdigest()[:_DIGEST_DIGITS]


def is_whole(path: Path, advance: Callable[[int], None] = lambda _: None) -> bool:
    """Whether a pack or backup is what its name says; reads all of it. Raises `BackupDamaged` if it cannot be read."""
    hashed = hashlib.sha256()
    with reading(path) as file:
        while block := file.read(_BLOCK):
            hashed.update(block)
            advance(len(block))
    return hashed.hexdigest()[:_DIGEST_DIGITS] == digest_in(path)


@contextlib.contextmanager
def reading(path: Path) -> Iterator[IO[bytes]]:
    """A file of the folder, opened to be read; raises `BackupDamaged` where the disk refuses."""
    try:
        with open_regular(path) as file:
            yield file
    except OSError as error:
        raise BackupDamaged(f"{path}: {(error.strerror or str(error)).lower()}") from None


def remove(path: Path) -> None:
    """Take a file away; raises `VaultStorageFailed`. One that is gone already is fine."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise VaultStorageFailed(f"{path}: {(error.strerror or str(error)).lower()}") from error


def _put(file: IO[bytes], octets: bytes) -> None:
    file.write(octets)


def _sync(folder: Path) -> None:
    try:
        sync_folder(folder)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise


def _named(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if pattern.fullmatch(path.name))
    except OSError as error:
        raise BackupDamaged(f"{folder}: {(error.strerror or str(error)).lower()}") from None
