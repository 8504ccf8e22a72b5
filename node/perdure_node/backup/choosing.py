"""Which backup is meant, and with which key it is opened."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from perdure_anchor.checkpoint import Origin
from perdure_anchor.errors import PerdureError
from perdure_anchor.timestamp import format_seconds

from perdure_node.backup.errors import NoSuchBackup, NotABackupFolder, SeveralSites
from perdure_node.backup.folder import number_of, site_folders
from perdure_node.backup.keys import authentication_key
from perdure_node.backup.manifest import (
    Backup,
    OpenBackup,
    open_with_identities,
    read_backup,
)
from perdure_node.encryption.hybrid import PrivateKey
from perdure_node.encryption.identity import decrypt_identity_file

# a year with its month
_SHORTEST = 7


@dataclass(frozen=True, slots=True)
class Found:
    """The backups in a folder by time, oldest first, and the files that cannot be read, each with its fault."""

    backups: tuple[Backup, ...]
    unreadable: tuple[tuple[Path, PerdureError], ...]


def find_backups(folder: Path, origin: Origin | None = None) -> Found:
    """All backups in a folder, of one site or of all; raises `NotABackupFolder`."""
    backups, unreadable = [], []
    for site in site_folders(folder):
        for path in site.backups():
            try:
                backup = read_backup(path)
            except PerdureError as error:
                unreadable.append((path, error))
            else:
                if origin in (None, backup.origin):
                    backups.append(backup)
    backups.sort(key=lambda each: (each.origin.text, each.taken_at, each.number))
    return Found(tuple(backups), tuple(unreadable))


def choose_backup(folder: Path, which: str | None = None, origin: Origin | None = None) -> Backup:
    """As `choose_among` those of a folder; raises as `find_backups` too."""
    return choose_among(find_backups(folder, origin), folder, which)


def choose_among(found: Found, folder: Path, which: str | None = None) -> Backup:
    """The newest backup, or the one of this number, or the newest whose time or name begins so.

    ``which`` in digits alone is a number; as a time it is the beginning of an RFC 3339 text, a month at least: ``2026-11-03`` is the
    newest of that day. Raises `NoSuchBackup`,
    `SeveralSites`, `NotABackupFolder` if there is none, or the fault of a file that is named and cannot be read.
    """
    if not found.backups and found.unreadable:
        raise found.unreadable[0][1]
    if not found.backups:
        raise NotABackupFolder(
            f"{folder}: no backups in it", hint="`perdure backup DIR` makes one, from the vault"
        )
    sites = sorted({backup.origin.text for backup in found.backups})
    if len(sites) > 1:
        raise SeveralSites(f"{folder}: backups of {', '.join(sites)}", hint="name one of them: --site NAME")
    matching = [each for each in found.backups if which is None or _is_meant(each, which)]
    for path, error in found.unreadable:
        if not matching and which is not None and _may_be_meant(path, which):
            raise error
    if not matching:
        raise NoSuchBackup(f"backup: none is {which!a}", hint="`perdure backup list DIR` shows what there is")
    return matching[-1]


def _is_meant(backup: Backup, which: str) -> bool:
    if which.isdecimal():
        return int(which) == backup.number
    return len(which) >= _SHORTEST and (
        format_seconds(backup.taken_at).startswith(which) or backup.path.name.startswith(which)
    )


def _may_be_meant(path: Path, which: str) -> bool:
    """Whether a file that cannot be read is the one that was asked for, by what its name says."""
    return number_of(path) == int(which) if which.isdecimal() else path.name.startswith(which)


class Opener(Protocol):
    """Opens a backup with some key."""

    def __call__(self, backup: Backup) -> OpenBackup: ...


@dataclass(frozen=True, slots=True)
class WithPassphrase:
    """Opens with the passphrase that the vault had; ``private_key`` is the identity once it has."""

    ask: Callable[[], str] = field(repr=False)
    opened: list[PrivateKey] = field(default_factory=list, repr=False)

    def __call__(self, backup: Backup) -> OpenBackup:
        """Raises `WrongPassphrase`, `IdentityUnreadable`, and as `open_with_identities`."""
        private_key = decrypt_identity_file(backup.identity, backup.path, self.ask())
        self.opened[:] = [private_key]
        return open_with_identities(backup, [private_key], authentication_key(private_key))


@dataclass(frozen=True, slots=True)
class WithKeys:
    """Opens with the recovery key, or with the identities of extra recipients: whether the vault made the backup is not known."""

    keys: tuple[PrivateKey, ...] = field(repr=False)

    def __call__(self, backup: Backup) -> OpenBackup:
        """Raises as `open_with_identities`."""
        return open_with_identities(backup, self.keys, None)
