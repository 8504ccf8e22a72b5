"""Restoring a vault from a backup, as a new folder. It seals nothing before it was compared with the registry."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from perdure_node.backup.manifest import OpenBackup
from perdure_node.backup.pages import Shelf, write_files
from perdure_node.clock import Clock, Randomness
from perdure_node.errors import VaultExists
from perdure_node.files import PRIVATE_FOLDER, storage_failures, sync_folder
from perdure_node.log.reconciliation import Reason, require_reconciliation
from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.vault import open_vault


@dataclass(frozen=True, slots=True)
class Restored:
    """A vault that was restored; ``waiting`` records are in no log yet, ``sealed`` ones in the log as it was then."""

    folder: Path
    opened: OpenBackup
    trust_raw: bytes


def restore(
    opened: OpenBackup,
    folder: Path,
    *,
    clock: Clock,
    randomness: Randomness,
    progress: Progress = NO_PROGRESS,
) -> Restored:
    """Make a vault at ``folder``, which must not exist, and let it seal nothing until it is compared with the registry.

    Raises `VaultExists`, `BackupDamaged`, `BackupIncomplete`, `VaultStorageFailed`, and what opening a vault raises.
    """
    if folder.exists() or folder.is_symlink():
        raise VaultExists(
            f"{folder} is there already", hint="restore to another place: nothing is written over"
        )
    beside = folder.with_name(f"{folder.name}.new-{randomness(4).hex()}")
    try:
        with storage_failures(beside):
            beside.mkdir(mode=PRIVATE_FOLDER, parents=True)
        put_together(opened, beside, progress)
        with open_vault(beside) as vault:
            with vault.database.transaction():
                require_reconciliation(vault.database, Reason.RESTORED, int(clock.now()), randomness)
            trust_raw = vault.trust_raw
        with storage_failures(folder):
            sync_folder(beside)
            beside.rename(folder)
            sync_folder(folder.absolute().parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Restored(folder, opened, trust_raw)


def put_together(opened: OpenBackup, folder: Path, progress: Progress = NO_PROGRESS) -> None:
    """Write a backup's files into an empty folder; raises as `write_files`."""
    entries = opened.contents.files
    progress.stage("restoring", sum(entry.size for entry in entries), "bytes")
    shelf = Shelf(opened.backup.site_folder, opened.chunk_key)
    write_files(folder, entries, shelf, progress.advance)
