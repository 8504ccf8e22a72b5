"""What can go wrong with backups, one class for each fault. A backup that cannot be restored is an answer: no."""

from perdure_anchor.errors import ConfigError, EncodingError, VerificationError

_OTHER = "take an earlier backup (`perdure backup list DIR`), or another copy of the folder"


class BackupDamaged(EncodingError):
    """A file of a backup was changed, or copied by half."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint or _OTHER)


class BackupIncomplete(VerificationError):
    """A backup needs pages that are in no pack of its folder."""


class BackupForged(VerificationError):
    """A backup was not made by this vault, though it was encrypted to its keys, as anybody can."""


class BackupUnproved(VerificationError):
    """A backup can be restored, but evidence from it does not verify."""


class NoSuchBackup(VerificationError):
    """There is no backup of the name, number or site that was asked for."""


class SeveralSites(ConfigError):
    """The folder holds backups of several sites, and none was named."""


class NotABackupFolder(ConfigError):
    """The folder is not there, or is a vault, or holds no backups."""


class BackupKeyMissing(ConfigError):
    """What backups are encrypted with has to be made first, with the passphrase."""


class NewerBackup(EncodingError):
    """A backup was written by a newer version of Perdure."""
