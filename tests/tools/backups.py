"""Backups as tests make and restore them: with the system's randomness and a stopped clock."""

import os
import shutil
from pathlib import Path
from typing import Any

from perdure_node.backup.choosing import (
    WithPassphrase,
    choose_backup,
)
from perdure_node.backup.manifest import OpenBackup
from perdure_node.backup.restoring import Restored, restore
from perdure_node.backup.taking import Taken, take_backup
from perdure_node.encryption.hybrid import PrivateKey
from perdure_node.listing import list_records
from perdure_node.vault import Vault, open_vault
from tools.site_desk import keys_of
from tools.site_network import PASSPHRASE, STOPPED


def backed_up(vault: Vault, folder: Path, **options: Any) -> Taken:
    """A backup of the vault in the folder, which is made."""
    folder.mkdir(exist_ok=True)
    asked = options.pop("unlock", keys_of(vault).private_key)
    return take_backup(vault, folder, asked, **{"clock": STOPPED, "randomness": os.urandom} | options)


def no_passphrase() -> PrivateKey:
    """In the place of `KeyRing.private_key`, where nobody may be asked."""
    raise AssertionError("asked for the passphrase")


def opened(folder: Path, which: str | None = None, passphrase: str = PASSPHRASE) -> OpenBackup:
    """A backup, opened with the passphrase."""
    return WithPassphrase(lambda: passphrase)(choose_backup(folder, which))


def restored(folder: Path, target: Path, which: str | None = None) -> Restored:
    """A vault from a backup."""
    return restore(opened(folder, which), target, clock=STOPPED, randomness=os.urandom)


def names(vault: Vault) -> list[tuple[object, ...]]:
    """What tells the records of two vaults apart."""
    return [
        (each.sequence, each.index, each.leaf_hash, each.document_name)
        for each in list_records(vault, keys_of(vault))
    ]


def names_in(folder: Path, which: str | None, target: Path) -> list[tuple[object, ...]]:
    """The records of a backup, by restoring it to a place that is gone afterwards."""
    made = restored(folder, target, which)
    try:
        with open_vault(made.folder) as vault:
            return names(vault)
    finally:
        shutil.rmtree(target)


def files_of(folder: Path, pattern: str = "*/*") -> list[Path]:
    """The files of all backups in the folder."""
    return sorted(folder.glob(pattern))


def bytes_in(folder: Path) -> int:
    """How many bytes lie in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def backups_in(folder: Path) -> list[Path]:
    return sorted(files_of(folder, "*/*.backup"), key=lambda path: path.name)


def packs_in(folder: Path) -> list[Path]:
    """By age."""
    return sorted(files_of(folder, "*/*.pack"), key=lambda path: path.stat().st_mtime_ns)
