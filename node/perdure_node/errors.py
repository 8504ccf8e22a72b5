"""What can go wrong in a site's vault, one class for each fault.

`VaultError` and `ConfigError` are about the user's own house; `AlreadyRecorded`, `NoSuchRecord` and `NotAnchoredYet`
are answers, under `VerificationError`; what happens between the vault and the chain is in `perdure_node.chain.errors`.
"""

import functools
from collections.abc import Callable

from perdure_anchor.errors import ConfigError, Unfinished, VaultError, VerificationError


class VaultNotFound(VaultError):
    """There is no vault where one was looked for."""


class VaultExists(VaultError):
    """There is a vault already where one should be made."""


class VaultBusy(VaultError):
    """Another process seals, syncs or writes; ``pid`` is its process number, None if it is not known."""

    def __init__(self, message: str, *, pid: int | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint or "wait until it has finished, then try again")
        self.pid = pid


class NewerVault(VaultError):
    """The vault was written by a newer version of Perdure."""


class OlderVault(VaultError):
    """The vault was written by a version of Perdure whose vaults cannot be brought up to date."""


class NotWritable(VaultError):
    """The vault can be read, but not written to."""


class VaultDamaged(VaultError):
    """What the vault holds contradicts itself, or cannot be read."""


class NotReconciled(VaultError):
    """The vault was restored or rebuilt, and may hold an older log than the registry."""


class VaultStorageFailed(VaultError):
    """The disk refuses to take what has to be stored; nothing of it was acknowledged."""


class WorkerDied(Unfinished):
    """A process that did a part of the work was ended from outside, so nothing is known of that part."""


class KeystoreError(VaultError):
    """A file is not an Ethereum keystore that can be read."""


class WrongPassphrase(VaultError):
    """The passphrase does not open the vault, or the keystore."""


class IdentityUnreadable(VaultError):
    """The file with the vault's private key is missing, or is not what it should be."""


class LookupKeyMissing(VaultError):
    """The file with the key by which documents are found is missing, or is not what it should be."""


class RecoveryKeyError(ConfigError):
    """A text is no recovery key, or not this vault's."""


class GracePeriodTooLong(ConfigError):
    """A replaced key would go on signing for longer than the registry allows."""


class SiteKeyNotReplaceable(VaultError):
    """The site's key is not, or no longer, the registry's: it cannot hand over to another one."""


class EmptyPassphrase(ConfigError):
    """A key would be stored without protection."""


class PartnerUnknown(ConfigError):
    """The trust file does not know the partner in the site's name."""


class SettingsError(ConfigError):
    """The vault's config.toml cannot be used."""


class OtherVault(ConfigError):
    """A vault that should help another one is of another site."""


class SheetError(ConfigError):
    """A text is no recovery sheet that can be used; the message names the slip."""


class NoAuthority(ConfigError):
    """Nothing at hand tells which of several histories is the registry's."""


class TrustReplacement(ConfigError):
    """A trust file of another chain or registry should take the place of the pinned one."""


class IntakeError(ConfigError):
    """What should be recorded is not given in a form that can be recorded."""


class DocumentUnreadable(ConfigError):
    """The document's file cannot be read."""


class FileUnsettled(Unfinished):
    """A file in a watched folder is not whole yet, as far as can be seen: it is looked at again."""


class DetailsRefused(ConfigError):
    """The file of details beside a document cannot be used."""


class FolderUnreadable(ConfigError):
    """A folder that should be watched is not there, or cannot be read."""


class CannotPutAway(VaultError):
    """A file that is recorded cannot be moved to where it should be."""


class UnknownImportFormat(ConfigError):
    """The file is no list that can be imported."""


class EmptyList(ConfigError):
    """The list has no record in it, which looks more like a slip than like a wish."""


class ImportRefused(ConfigError):
    """A row of an imported list cannot be recorded, so nothing of the list was; rows count as in a spreadsheet, from 1."""

    def __init__(self, row: int, column: str | None, reason: str, *, hint: str | None = None) -> None:
        where = f"row {row}" if column is None else f"row {row}, column {column}"
        super().__init__(
            f"{where}: {reason}",
            hint=f"{hint or 'correct the row and import again'}; nothing was imported",
        )
        self.row = row
        self.column = column
        self.reason = reason
        self.given_hint = hint

    def __reduce__(self) -> tuple[Callable[..., "ImportRefused"], tuple[int, str | None, str]]:
        # rows are read in other processes, and refusals come back from there
        return functools.partial(ImportRefused, hint=self.given_hint), (self.row, self.column, self.reason)


class RejectsTaken(ConfigError):
    """The rows that a list's import rejects would be written over a file."""


class AlreadyRecorded(VerificationError):
    """The document has a record already, and this one says something else about it."""


class UnknownSlot(ConfigError):
    """A record has no slot of this name."""


class RecordErased(VerificationError):
    """What the record said was destroyed on purpose; its place in the log stays."""


class AlreadySealed(VerificationError):
    """The record has its place in the log: it cannot be changed any more, only superseded."""


class NoSuchRecord(VerificationError):
    """The vault has no record of this document, leaf hash or index."""


class NotAnchoredYet(VerificationError):
    """The record is in the vault, but not (yet) in a checkpoint whose anchor is at home."""
