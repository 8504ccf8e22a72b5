"""Which backup is meant, and with which key it is opened."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from perdure_anchor.checkpoint import Origin
from perdure_anchor.errors import EncodingError, PerdureError, VerificationError
from perdure_anchor.timestamp import format_seconds

from perdure_node.backup.errors import BackupDamaged, NoSuchBackup, NotABackupFolder, SeveralSites
from perdure_node.backup.folder import number_of, site_folders
from perdure_node.backup.keys import authentication_key
from perdure_node.backup.manifest import (
    Backup,
    OpenBackup,
    open_with_identities,
    read_backup,
)
from perdure_node.clock import Clock
from perdure_node.encryption.age import NotForThisKey
from perdure_node.encryption.hybrid import PrivateKey
from perdure_node.encryption.identity import decrypt_identity_file
from perdure_node.errors import IdentityUnreadable, WrongPassphrase

# a year with its month
_SHORTEST = 7
_DAY = 86_400
# what is no fault of a backup's
_OTHER_KEY = (WrongPassphrase, NotForThisKey)


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


@dataclass(frozen=True, slots=True)
class Chosen:
    """A backup that was opened, and the files that would have been taken before it, each with what is wrong with it."""

    opened: OpenBackup
    left_aside: tuple[tuple[Path, PerdureError], ...]


def choose_backup(folder: Path, which: str | None = None, origin: Origin | None = None) -> Backup:
    """As `choose_among` those of a folder; raises as `find_backups` too."""
    return choose_among(find_backups(folder, origin), folder, which)


def choose_among(found: Found, folder: Path, which: str | None = None) -> Backup:
    """The first of `meant_among`, by what headers say."""
    return meant_among(found, folder, which)[0]


def open_chosen(found: Found, folder: Path, which: str | None, opener: "Opener", clock: Clock) -> Chosen:
    """Open the backup that is meant: of several, the newest one that the key opens and that the vault made, if that can be known.

    Whoever can write to the folder can put a file there that says it is newer, or has the same number: it hides none of the others.
    Of those that are dated more than a day from now, one is taken only if there is no other. Raises as `meant_among`; if none can
    be opened, `WrongPassphrase` or `NotForThisKey` where that was so of one, or what is wrong with the first.
    """
    latest = clock.now() + _DAY
    meant = sorted(meant_among(found, folder, which), key=lambda each: each.taken_at > latest)
    faults: list[tuple[Path, PerdureError]] = []
    for backup in meant:
        try:
            opened = opener(backup)
        except (EncodingError, VerificationError, *_OTHER_KEY) as error:
            faults.append((backup.path, error))
        else:
            aside = [
                (each.path, _in_future(each)) for each in meant if each.taken_at > latest >= backup.taken_at
            ]
            return Chosen(opened, (*faults, *aside))
    raise next((error for _, error in faults if isinstance(error, _OTHER_KEY)), faults[0][1])


def meant_among(found: Found, folder: Path, which: str | None = None) -> list[Backup]:
    """All backups, or those of this number, or those whose time or name begins so: the newest first, and at least one.

    ``which`` in digits alone is a number; as a time it is the beginning of an RFC 3339 text, a month at least: ``2026-11-03`` are
    those of that day. Raises `NoSuchBackup`,
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
    return matching[::-1]


def _in_future(backup: Backup) -> BackupDamaged:
    return BackupDamaged(
        f"{backup.path}: its date, {format_seconds(backup.taken_at)}, is yet to come",
        hint=f"to take it all the same: --at {backup.path.name}",
    )


def _is_meant(backup: Backup, which: str) -> bool:
    if which.isdecimal():
        return which.lstrip("0") == str(backup.number)
    return len(which) >= _SHORTEST and (
        format_seconds(backup.taken_at).startswith(which) or backup.path.name.startswith(which)
    )


def _may_be_meant(path: Path, which: str) -> bool:
    """Whether a file that cannot be read is the one that was asked for, by what its name says."""
    return str(number_of(path)) == which.lstrip("0") if which.isdecimal() else path.name.startswith(which)


class Opener(Protocol):
    """Opens a backup with some key."""

    def __call__(self, backup: Backup) -> OpenBackup: ...


@dataclass(frozen=True, slots=True)
class WithPassphrase:
    """Opens with the passphrase that the vault had. Each identity is tried once, as that takes time by design."""

    ask: Callable[[], str] = field(repr=False)
    tried: dict[bytes, PrivateKey | WrongPassphrase] = field(default_factory=dict, repr=False)

    def __call__(self, backup: Backup) -> OpenBackup:
        """Raises `WrongPassphrase`, and as `open_with_identities`."""
        private_key = self.tried.get(backup.identity)
        if private_key is None:
            private_key = self.tried[backup.identity] = self._unlocked(backup)
        if isinstance(private_key, WrongPassphrase):
            raise private_key
        return open_with_identities(backup, [private_key], authentication_key(private_key))

    def _unlocked(self, backup: Backup) -> PrivateKey | WrongPassphrase:
        passphrase = self.ask()
        try:
            return decrypt_identity_file(backup.identity, backup.path, passphrase)
        except WrongPassphrase as error:
            return error
        except IdentityUnreadable as error:
            raise BackupDamaged(str(error)) from None


@dataclass(frozen=True, slots=True)
class WithKeys:
    """Opens with the recovery key, or with the identities of extra recipients: whether the vault made the backup is not known."""

    keys: tuple[PrivateKey, ...] = field(repr=False)

    def __call__(self, backup: Backup) -> OpenBackup:
        """Raises as `open_with_identities`."""
        return open_with_identities(backup, self.keys, None)
