"""Recovering by a recovery sheet: it carries on alone, and gives way to the chain."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from perdure_anchor.checkpoint import Checkpoint, sign_checkpoint
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import CompactRange
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_node.chain.errors import (
    RivalLog,
)
from perdure_node.errors import NoAuthority, NotReconciled, SheetError
from perdure_node.log.reconciliation import open_reconciliation
from perdure_node.log.site_log import newest_checkpoint, nodes_at
from perdure_node.recovery_sheet.locking import lock_under_passphrase
from perdure_node.recovery_sheet.making import log_of_sheet, sheet_state, stranger_of_sheet
from perdure_node.recovery_sheet.sheet import NoKey, Sheet
from perdure_node.status import read_status
from tools.recovered_sites import bring_back, copy_of, empty_vault
from tools.site_desk import Site
from tools.site_network import CHEAP, PASSPHRASE, counted_bytes


@pytest.fixture
def fresh(site: Site, tmp_path: Path) -> Iterator[Site]:
    made = empty_vault(site, tmp_path / "fresh")
    yield made
    made.vault.close()


@pytest.fixture
def thief(site: Site, tmp_path: Path) -> Iterator[Site]:
    made = empty_vault(site, tmp_path / "thief")
    yield made
    made.vault.close()


def state_of(site: Site) -> Sheet:
    state = sheet_state(site.vault, 0, site.network.clock)
    lock = lock_under_passphrase(state, site.keys.site_key(), PASSPHRASE, counted_bytes(), CHEAP)
    return Sheet(state, lock)


def test_a_sheet_alone_carries_on_without_a_network(site: Site, fresh: Site) -> None:
    site.add(1, 2, 3)
    site.sync()
    sheet = state_of(site)
    done = bring_back(fresh, offline=True, sheet=log_of_sheet(sheet, site.keys.site_key()))
    assert (done.source, done.adopted.size, done.adopted.unknown) == ("a printed sheet", 3, 3)
    assert open_reconciliation(fresh.vault.database) is not None
    assert newest_checkpoint(fresh.vault).signature == newest_checkpoint(site.vault).signature
    fresh.add(4)
    with pytest.raises(NotReconciled):
        fresh.seal()
    fresh.sync()
    assert fresh.is_final(4)
    assert fresh.vault.log_size == 4


def test_an_old_sheet_gives_way_to_the_chain(site: Site, fresh: Site) -> None:
    site.add(1, 2, 3)
    site.sync()
    sheet = state_of(site)
    site.add(4, 5)
    site.sync()
    bring_back(fresh, offline=True, sheet=log_of_sheet(sheet, site.keys.site_key()))
    fresh.add(6)
    with pytest.raises(RivalLog):
        fresh.sync()
    assert bring_back(fresh).adopted.size == 5
    fresh.sync()
    assert fresh.is_final(6)


def invented_sheet(site: Site, size: int = 4) -> Sheet:
    """A sheet without a key over leaves that never were, signed by a stranger."""
    stranger = bytes(range(1, 33))
    leaves = [Hash32(os.urandom(32)) for _ in range(size)]
    state = replace(state_of(site).state, size=size, sealed_at=1, peaks=CompactRange.over(0, leaves).hashes)
    checkpoint = Checkpoint(state.origin.site, size, state.root, 1)
    return Sheet(state, NoKey(sign_checkpoint(state.domain, checkpoint, stranger)))


def test_who_signed_a_sheet_without_a_key_is_looked_at(site: Site, fresh: Site) -> None:
    site.add(1)
    site.sync()
    own = Sheet(state_of(site).state, NoKey(newest_checkpoint(site.vault).signature))
    assert stranger_of_sheet(fresh.vault, own) is None
    assert stranger_of_sheet(fresh.vault, Sheet(own.state, NoKey(bytes(65)))) is None
    invented = invented_sheet(site)
    assert stranger_of_sheet(fresh.vault, invented) == address_from_private_key(bytes(range(1, 33)))
    with pytest.raises(SheetError, match="is not signed"):
        stranger_of_sheet(fresh.vault, Sheet(own.state, NoKey(b"\xff" * 65)))


@pytest.mark.parametrize("anchored", [0, 2])
def test_the_registry_has_not_what_an_invented_sheet_says(site: Site, fresh: Site, anchored: int) -> None:
    site.add(*range(1, anchored + 1))
    site.sync()
    bring_back(fresh, offline=True, sheet=log_of_sheet(invented_sheet(site), None))
    status = read_status(fresh.vault)
    assert (status.claimed, status.anchored, status.sealed, status.log_size) == (4, 0, 0, 4)
    fresh.add(9)
    with pytest.raises(RivalLog, match="somebody said that they were anchored") as caught:
        fresh.sync()
    assert "perdure recover" in str(caught.value.hint)
    done = bring_back(fresh)
    assert (done.source, done.adopted.size) == ("the chain", anchored)
    status = read_status(fresh.vault)
    assert (status.claimed, status.anchored, status.log_size) == (0, anchored, anchored)
    fresh.sync()
    assert fresh.is_final(9)
    assert fresh.vault.log_size == anchored + 1


def test_what_a_vault_was_told_by_a_sheet_is_no_truth_for_another(
    site: Site, fresh: Site, thief: Site
) -> None:
    site.add(1)
    site.seal()
    bring_back(thief, offline=True, sheet=log_of_sheet(invented_sheet(site), None))
    assert bring_back(fresh, thief, site).adopted.size == 1
    fresh.sync()
    assert fresh.is_final(1)


def test_the_word_of_a_sheet_over_leaves_that_are_here_ends_with_the_registrys(site: Site) -> None:
    """Its own leaves are no gap: they stay sealed, and are anchored like any other."""
    site.add(1, 2)
    site.seal()
    stored = newest_checkpoint(site.vault)
    state = state_of(site).state
    node_at = nodes_at(site.vault.database, 2)
    state = replace(state, size=2, sealed_at=stored.checkpoint.sealed_at, peaks=(node_at(1, 0),))
    told = log_of_sheet(Sheet(state, NoKey(stored.signature)), None)
    bring_back(site, offline=True, sheet=told)
    assert read_status(site.vault).claimed == 2
    bring_back(site)
    assert (read_status(site.vault).claimed, read_status(site.vault).sealed) == (0, 2)
    site.sync()
    assert site.is_final(1, 2)


def test_a_sheet_says_what_is_anchored_and_not_what_is_only_sealed(site: Site) -> None:
    assert state_of(site).state.size == 0
    site.add(1)
    site.sync()
    site.add(2)
    site.seal()
    state = state_of(site).state
    assert (state.size, state.root) == (1, nodes_at(site.vault.database, 1)(0, 0))


def test_different_histories_need_somebody_who_knows(site: Site, tmp_path: Path) -> None:
    site.add(1)
    copy = copy_of(site, tmp_path / "copy")
    site.seal()
    copy.add(2)
    copy.seal()
    bring_back(site, copy, offline=True)
    assert (site.vault.log_size, open_reconciliation(site.vault.database) is not None) == (2, True)
    third = copy_of(copy, tmp_path / "third")
    third.add(3)
    copy.add(4)
    for each in (third, copy):
        from perdure_node.log.reconciliation import settle_reconciliation

        with each.vault.database.transaction():
            settle_reconciliation(each.vault.database)
        each.seal()
    with pytest.raises(NoAuthority, match="different histories"):
        bring_back(third, copy, offline=True)
    with pytest.raises(NoAuthority, match="nothing says"):
        bring_back(third, offline=True)
    # the chain knows: it has neither, so the log that is here stays, and the other's record comes behind it
    done = bring_back(third, copy)
    assert (done.adopted.size, done.merged.added) == (3, 1)
    third.sync()
    assert third.is_final(1, 2, 3, 4)
    copy.vault.close()
    third.vault.close()
