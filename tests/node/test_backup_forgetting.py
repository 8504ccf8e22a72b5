"""Backups that are forgotten: the others stay whole, and of what was erased nothing stays."""

import os
from pathlib import Path

import pytest
from perdure_node.backup.choosing import (
    find_backups,
)
from perdure_node.backup.folder import SiteFolder
from perdure_node.backup.keys import read_backup_key
from perdure_node.backup.pages import Shelf, pages_of
from perdure_node.changes import erase
from perdure_node.selectors import find_records, parse_selector
from perdure_node.traces import Reason
from perdure_node.vault import Vault
from tools.backups import backed_up, backups_in, names_in, no_passphrase, opened, packs_in
from tools.site_desk import add_numbers, document, keys_of
from tools.site_network import STOPPED

pytestmark = pytest.mark.slow


def test_old_backups_are_forgotten_and_the_others_stay_whole(offline_vault: Vault, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    sizes = []
    for number in range(12):
        add_numbers(offline_vault, *range(5 * number, 5 * number + 5))
        taken = backed_up(offline_vault, stick, keep=3)
        sizes.append(sum(path.stat().st_size for path in packs_in(stick)))
        assert taken.forgotten is not None
        assert taken.forgotten.unreadable == ()
    assert [each.number for each in find_backups(stick).backups] == [10, 11, 12]
    for number in (10, 11, 12):
        assert len(names_in(stick, str(number), tmp_path / "new")) == 5 * number
    assert max(sizes) < 3 * sizes[0] + 200_000


def test_nothing_of_what_was_erased_stays_after_a_thorough_one(offline_vault: Vault, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    add_numbers(offline_vault, *range(20))
    backed_up(offline_vault, stick)
    record = find_records(offline_vault, parse_selector(document(1).sha256.hex()))[0]
    assert record.content is not None
    ciphertext = record.content[1]
    assert holds(stick, offline_vault, ciphertext)
    erase(
        offline_vault,
        record,
        Reason("a clerk", "asked for"),
        keys_of(offline_vault),
        clock=STOPPED,
        randomness=os.urandom,
    )
    backed_up(offline_vault, stick)
    assert holds(stick, offline_vault, ciphertext)
    backed_up(offline_vault, stick, keep=1, thorough=True)
    assert not holds(stick, offline_vault, ciphertext)
    assert needed(stick, offline_vault) == held(stick, offline_vault)
    # that it was erased is a record too
    assert len(names_in(stick, None, tmp_path / "new")) == 21


def shelf_of(stick: Path, vault: Vault) -> Shelf:
    key = read_backup_key(vault.folder)
    assert key is not None
    return Shelf(SiteFolder(packs_in(stick)[0].parent), key.chunk_key)


def held(stick: Path, vault: Vault) -> set[bytes]:
    return shelf_of(stick, vault).known


def needed(stick: Path, vault: Vault) -> set[bytes]:
    shelf, found = shelf_of(stick, vault), set()
    for each in find_backups(stick).backups:
        files = opened(stick, str(each.number)).contents.files
        found |= {group for entry in files for group in entry.groups}
        found |= {digest for digests in pages_of(files, shelf).values() for digest in digests}
    return found


def holds(stick: Path, vault: Vault, octets: bytes) -> bool:
    shelf = shelf_of(stick, vault)
    return any(octets in page for _, page in shelf.fetch(set(shelf.known)))


def test_nothing_is_cleared_away_beside_a_backup_that_cannot_be_read(two: Path, offline_vault: Vault) -> None:
    octets = backups_in(two)[0].read_bytes()
    backups_in(two)[0].write_bytes(octets[:-1])
    packs = set(packs_in(two))
    taken = backed_up(offline_vault, two, keep=1, unlock=no_passphrase)
    assert taken.forgotten is not None
    assert len(taken.forgotten.unreadable) == 1
    assert packs < set(packs_in(two))
    assert len(backups_in(two)) == 2
