"""A vault that was restored seals nothing before it is compared with the registry."""

from pathlib import Path

import pytest
from perdure_node.chain.errors import RivalLog
from perdure_node.errors import NotReconciled
from perdure_node.log.reconciliation import Reason, open_reconciliation, require_reconciliation
from perdure_node.log.sealing import seal
from perdure_node.vault import Vault, open_vault
from tools.site_desk import Site, add_numbers, copy_of, keys_of
from tools.site_network import STOPPED, counted_bytes


def restored(vault: Vault) -> None:
    with vault.database.transaction():
        require_reconciliation(vault.database, Reason.RESTORED, int(STOPPED.now()), counted_bytes())


def test_a_restored_vault_records_but_does_not_seal(offline_vault: Vault) -> None:
    restored(offline_vault)
    add_numbers(offline_vault, 1)
    with pytest.raises(NotReconciled, match=r"restored on 2026-01-01T00:00:00Z"):
        seal(offline_vault, keys_of(offline_vault), STOPPED)
    assert offline_vault.log_size == 0


def test_a_sync_compares_and_goes_on(site: Site) -> None:
    add_numbers(site.vault, 1)
    site.sync()
    restored(site.vault)
    add_numbers(site.vault, 2)
    site.sync()
    assert open_reconciliation(site.vault.database) is None
    assert site.vault.log_size == 2


def test_an_older_copy_stays_unreconciled(site: Site, tmp_path: Path) -> None:
    copy = copy_of(site, tmp_path / "copy")
    add_numbers(site.vault, 1)
    site.sync()
    restored(copy.vault)
    add_numbers(copy.vault, 2)
    with pytest.raises(RivalLog):
        copy.sync()
    assert open_reconciliation(copy.vault.database) is not None
    copy.vault.close()
    with open_vault(copy.vault.folder) as vault, pytest.raises(NotReconciled):
        seal(vault, keys_of(vault), STOPPED)
