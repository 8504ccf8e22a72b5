"""Adoption in a vault: its records, its log and its signatures, before and after, and whatever is killed in between."""

import shutil
from pathlib import Path

import pytest
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import Gaps, nodes_of_range
from perdure_contracts.rpc import RpcUnreachable
from perdure_node.adopting import adoption as adoption_module
from perdure_node.adopting.adoption import Adopted, adopt_log, vault_log
from perdure_node.adopting.true_log import KnownLog, Stretch
from perdure_node.chain.errors import AdoptionRefused, RivalLog, TrueLogBroken
from perdure_node.changes import withdraw
from perdure_node.log.gaps import log_gaps
from perdure_node.log.site_log import newest_checkpoint, node_source
from perdure_node.records import record_by_leaf
from perdure_node.traces import Reason
from perdure_node.vault import open_vault
from tools.site_desk import Site, document, leaf_hashes
from tools.site_network import counted_bytes, unreachable


def copy_of(site: Site, folder: Path) -> Site:
    """The site as it is restored from a backup that is made now."""
    shutil.copytree(site.vault.folder, folder)
    return Site(site.network, open_vault(folder))


def peaks_of(log: KnownLog, *sizes: int) -> KnownLog:
    """What the chain tells of a log that was anchored at some sizes."""
    nodes: dict[tuple[int, int], Hash32] = {}
    for size in sizes:
        node_at = log.node_at(size)
        nodes |= {node: node_at(*node) for node in nodes_of_range(0, size, range(size.bit_count()))}  # type: ignore[arg-type]
    kept = tuple(stored for stored in log.checkpoints if stored.size in sizes)
    return KnownLog(log.size, (), nodes, kept, anchored=log.size)


def adopt(site: Site, true: KnownLog) -> Adopted:
    return adopt_log(site.vault, true, site.network.clock, source="a test")


def rival_sites(site: Site, tmp_path: Path) -> Site:
    """Two vaults of one site: both have records 1 to 3, the true one then 4 to 6, the copy 7 and 8, and 9 that waits."""
    site.add(1, 2, 3)
    site.sync()
    copy = copy_of(site, tmp_path / "copy")
    site.add(4, 5, 6)
    site.sync()
    copy.add(7, 8)
    copy.seal()
    copy.add(9)
    with pytest.raises(RivalLog):
        copy.sync()
    return copy


def in_order(site: Site) -> list[Hash32 | None]:
    """The record at each place of the log, None where the vault has none."""
    rows = dict(
        site.vault.database.rows("SELECT log_index, leaf_hash FROM entry JOIN record USING (sequence)")
    )
    return [rows.get(index) for index in range(site.vault.log_size)]


def name(site: Site, number: int) -> Hash32:
    (row,) = site.vault.database.rows(
        "SELECT leaf_hash FROM record WHERE document = ?",
        site.vault.lookup_key.of_document(document(number).sha256),
    )
    return Hash32(row[0])


def test_the_records_of_a_rival_are_sealed_again_at_the_end_of_the_true_log(
    site: Site, tmp_path: Path
) -> None:
    copy = rival_sites(site, tmp_path)
    done = adopt(copy, vault_log(site.vault))
    assert done == Adopted(5, 3, 6, queued=2, found=0, without_record=3, unknown=0)
    assert done.was_rival
    copy.sync()
    own = [name(copy, number) for number in (1, 2, 3, 7, 8, 9)]
    assert in_order(copy) == [*own[:3], None, None, None, *own[3:]]
    assert copy.is_final(1, 2, 3, 7, 8, 9)
    # and the first vault takes over what the second has anchored
    site.add(10)
    assert adopt(site, vault_log(copy.vault)).found == 0
    site.sync()
    assert site.is_final(1, 2, 3, 4, 5, 6, 10)
    assert site.vault.log_size == 10
    copy.vault.close()


def test_what_was_signed_beside_the_true_log_is_kept_apart(site: Site, tmp_path: Path) -> None:
    copy = rival_sites(site, tmp_path)
    rival = newest_checkpoint(copy.vault)
    adopt(copy, vault_log(site.vault))
    assert copy.vault.database.rows("SELECT size, digest FROM rival_checkpoint") == [(5, rival.digest)]
    assert copy.vault.database.rows(
        "SELECT source, old_size, common_prefix, new_size, queued, found FROM adoption"
    ) == [("a test", 5, 3, 6, 2, 0)]
    assert newest_checkpoint(copy.vault) == newest_checkpoint(site.vault)
    assert copy.sizes == [3, 6], "an anchor of the common prefix stays, and one of the true log comes"
    copy.vault.close()


def test_adopting_again_changes_nothing(site: Site, tmp_path: Path) -> None:
    copy = rival_sites(site, tmp_path)
    adopt(copy, vault_log(site.vault))
    before = [*copy.vault.database._connection.iterdump()]
    done = adopt(copy, vault_log(site.vault))
    assert (done.queued, done.found, done.prefix) == (0, 0, 6)
    without_counter = [line for line in before if "queue_change" not in line]
    assert [
        line for line in copy.vault.database._connection.iterdump() if "queue_change" not in line
    ] == without_counter
    copy.vault.close()


def test_a_log_that_is_known_by_its_peaks_goes_on(site: Site, tmp_path: Path) -> None:
    """The copy learns from the chain that there are three more leaves, and nothing of them."""
    copy = rival_sites(site, tmp_path)
    done = adopt(copy, peaks_of(vault_log(site.vault), 3, 6))
    assert done == Adopted(5, 3, 6, queued=2, found=0, without_record=0, unknown=3)
    assert [(gap.begin, gap.end) for gap in log_gaps(copy.vault.database)] == [(3, 6)]
    copy.sync()
    assert copy.vault.log_size == 9
    assert copy.is_final(1, 2, 7, 8, 9)
    # and from the first vault it gets the hashes, later
    assert adopt(copy, vault_log(site.vault)).unknown == 0
    assert leaf_hashes(site.vault) == [node_source(copy.vault.database).at(9)(0, index) for index in range(6)]
    copy.sync()
    assert copy.is_final(3)
    copy.vault.close()


def test_a_backup_finds_what_waited_in_it(site: Site, tmp_path: Path) -> None:
    site.add(1, 2, 3, 4, 5)
    site.sync()
    site.add(6, 7, 8)
    copy = copy_of(site, tmp_path / "copy")
    site.sync()
    done = adopt(copy, peaks_of(vault_log(site.vault), 5, 8))
    assert (done.found, done.queued, done.unknown) == (3, 0, 0)
    copy.sync()
    assert copy.is_final(6, 7, 8)
    assert copy.vault.log_size == 8
    copy.vault.close()


def test_evidence_at_home_is_not_given_up(site: Site, tmp_path: Path) -> None:
    copy = rival_sites(site, tmp_path)
    with pytest.raises(AdoptionRefused, match="6 records are anchored"):
        adopt(site, vault_log(copy.vault))
    assert site.is_final(1, 2, 3, 4, 5, 6)
    copy.vault.close()


def test_a_log_with_another_root_is_refused(site: Site, tmp_path: Path) -> None:
    copy = rival_sites(site, tmp_path)
    true = vault_log(site.vault)
    leaves = [*true.stretches[0].leaf_hashes]
    leaves[4], leaves[5] = leaves[5], leaves[4]
    before = in_order(copy)
    with pytest.raises(TrueLogBroken):
        adopt(copy, KnownLog(6, (Stretch(0, leaves),), {}, true.checkpoints, 6))
    assert in_order(copy) == before
    copy.vault.close()


class Killed(BaseException):
    """Nothing in the node catches this, as nothing catches a kill."""


@pytest.mark.parametrize(
    "moment",
    ["_note", "_put_rivals_aside", "write_tiles", "store_gaps", "_store_signatures", "_place_records"],
)
def test_a_kill_leaves_all_or_nothing(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    copy = rival_sites(site, tmp_path)
    before = [*copy.vault.database._connection.iterdump()]
    step = getattr(adoption_module, moment)

    def killed(*arguments: object) -> None:
        step(*arguments)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(adoption_module, moment, killed)
        with pytest.raises(Killed):
            adopt(copy, vault_log(site.vault))
    assert [*copy.vault.database._connection.iterdump()] == before
    adopt(copy, vault_log(site.vault))
    copy.sync()
    assert copy.is_final(7, 8, 9)
    copy.vault.close()


def test_a_transaction_that_carried_a_rival_is_forgotten(site: Site, tmp_path: Path) -> None:
    """It was signed while nobody knew of the true log: the registry would refuse it."""
    site.add(1)
    site.sync()
    copy = copy_of(site, tmp_path / "copy")
    copy.add(2)
    copy.network.faults["eth_sendRawTransaction"] = unreachable
    with pytest.raises(RpcUnreachable):
        copy.sync(wait=1)
    copy.network.faults.clear()
    site.add(3)
    site.sync()
    adopt(copy, vault_log(site.vault))
    assert copy.vault.database.number("SELECT count(*) FROM relay_transaction WHERE outcome IS NULL") == 0
    assert copy.vault.database.number("SELECT count(*) FROM rival_transaction") == 1
    copy.sync()
    assert copy.is_final(1, 2)
    copy.vault.close()


def test_a_withdrawn_record_that_the_true_log_has_is_in_it(site: Site, tmp_path: Path) -> None:
    site.add(1)
    copy = copy_of(site, tmp_path / "copy")
    site.sync()
    record = record_by_leaf(copy.vault.database, name(copy, 1))
    withdraw(
        copy.vault, record, Reason("ada", "a slip"), clock=site.network.clock, randomness=counted_bytes()
    )
    assert adopt(copy, vault_log(site.vault)).found == 0
    assert in_order(copy) == [name(copy, 1)]
    copy.vault.close()


def test_the_gaps_of_a_whole_log_are_none(site: Site) -> None:
    assert log_gaps(site.vault.database) == Gaps()
