"""Two vaults of one site, and what comes of bringing one into the other."""

import os
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from perdure_anchor.hashes import Hash32
from perdure_node.records import EncryptedRecord, record_by_leaf
from perdure_node.recovering.merging import Merged, merge_records
from perdure_node.traces import Reason, changes_of
from perdure_node.vault import Vault, open_vault
from tools.site_desk import keys_of
from tools.site_network import STOPPED

CASE, OVER = Reason("Ada", "the case of 2026/17"), Reason("Ben", "it is settled")


@dataclass
class Copies:
    """Makes copies of a vault, such as backups, and opens them."""

    folder: Path
    opened: ExitStack
    count: int = 0

    def of(self, vault: Vault) -> Vault:
        self.count += 1
        folder = self.folder / str(self.count)
        shutil.copytree(vault.folder, folder)
        return self.opened.enter_context(open_vault(folder))


def merged(vault: Vault, other: Vault) -> Merged:
    return merge_records(vault, other, keys_of(other), clock=STOPPED, randomness=os.urandom)


def stored(vault: Vault, name: Hash32) -> EncryptedRecord:
    record = record_by_leaf(vault.database, name)
    assert record is not None
    return record


def told(vault: Vault, name: Hash32) -> list[tuple[str, str]]:
    changes = changes_of(vault.database, stored(vault, name), keys_of(vault))
    return [(change.kind, change.reason.why) for change in changes]
