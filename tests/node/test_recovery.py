"""A site's log and records, brought back from what is left: each way, and several together."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from perdure_anchor.checkpoint import Checkpoint, sign_checkpoint
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import CompactRange, append_proof, root_from_peaks
from perdure_anchor.verdict import Grade
from perdure_contracts.signer import LocalSigner
from perdure_contracts.transactions import Patience, transact
from perdure_node.adopting.adoption import Adopted, vault_log
from perdure_node.chain.errors import (
    AdoptionRefused,
    LogClosed,
    RivalLog,
)
from perdure_node.changes import erase
from perdure_node.errors import NoSuchRecord, OtherVault
from perdure_node.log.gaps import log_gaps
from perdure_node.log.site_log import newest_checkpoint
from perdure_node.records import record_by_leaf
from perdure_node.recovering.successor import take_over
from perdure_node.selectors import find_records, parse_selector
from perdure_node.status import read_status
from perdure_node.traces import Reason
from tools.recovered_sites import bring_back, copy_of, empty_vault, succeed
from tools.site_desk import Site, leaf_hashes, prove_all, verdict_on
from tools.site_network import SiteNetwork, counted_bytes


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


def test_a_site_goes_on_from_the_peaks_in_the_chain_alone(site: Site, fresh: Site) -> None:
    """Everything but the key is gone: the log goes on over a counted gap, and new evidence is final."""
    site.add(1, 2, 3)
    site.sync()
    site.add(4, 5)
    site.sync()
    done = bring_back(fresh)
    assert done.source == "the chain"
    assert done.adopted == Adopted(0, 0, 5, queued=0, found=0, without_record=0, unknown=5)
    fresh.sync()
    fresh.add(10, 11)
    fresh.sync()
    assert fresh.vault.log_size == 7
    assert fresh.is_final(10, 11)
    status = read_status(fresh.vault)
    assert (status.anchored, status.losses.gaps.width, status.losses.known_by_hash) == (7, 5, 0)
    # and the old vault, found again, goes on behind it
    bring_back(site)
    site.add(12)
    site.sync()
    assert site.is_final(1, 2, 3, 4, 5, 12)


def test_records_of_a_backup_are_whole_again(site: Site, fresh: Site, tmp_path: Path) -> None:
    site.add(1, 2, 3)
    site.sync()
    site.add(4, 5)
    backup = copy_of(site, tmp_path / "backup")
    site.sync()
    site.add(6)
    site.sync()
    done = bring_back(fresh, backup)
    assert (done.merged.added, done.adopted.size) == (5, 6)
    assert done.adopted.unknown == 1, "what waited in the backup is found by the append proof in the calldata"
    fresh.sync()
    assert fresh.is_final(1, 2, 3, 4, 5)
    assert fresh.sizes == [3, 5, 6], "evidence is fetched again"
    fresh.add(7)
    fresh.sync()
    assert fresh.is_final(1, 2, 3, 4, 5, 7)
    backup.vault.close()


def test_records_of_a_backup_that_waited_and_cannot_be_found_are_sealed_again(
    site: Site, fresh: Site, tmp_path: Path
) -> None:
    """Between its size and the next anchor stands something that nobody knows: better twice than not at all."""
    site.add(1)
    site.sync()
    site.add(2)
    backup = copy_of(site, tmp_path / "backup")
    site.add(3, 4)
    site.sync()
    done = bring_back(fresh, backup)
    # leaf 1 is a node of the append proof: it is found; leaves 2 and 3 are one node, and nobody has their hashes
    assert (done.adopted.found, done.adopted.unknown) == (2, 2)
    fresh.sync()
    assert fresh.is_final(1, 2)
    backup.vault.close()


def test_what_another_vault_sealed_behind_both_its_backup_and_the_chain_keeps_its_checkpoint(
    site: Site, tmp_path: Path
) -> None:
    site.add(1)
    site.sync()
    site.add(2)
    site.seal()
    backup = copy_of(site, tmp_path / "backup")
    site.add(3)
    site.network.pass_time(10)
    site.seal()
    # a checkpoint may be on a stick by now: a second one over the same leaves could be overtaken by it for ever
    handed_out = newest_checkpoint(site.vault)
    bring_back(backup, site)
    assert newest_checkpoint(backup.vault) == handed_out
    assert read_status(backup.vault).waiting == 0
    site.sync()
    backup.sync()
    assert backup.is_final(1, 2, 3)
    backup.vault.close()


def test_two_backups_of_different_days(site: Site, fresh: Site, tmp_path: Path) -> None:
    site.add(1)
    site.sync()
    old = copy_of(site, tmp_path / "old")
    site.add(2, 3)
    site.sync()
    young = copy_of(site, tmp_path / "young")
    site.add(4)
    site.sync()
    done = bring_back(fresh, old, young)
    assert (done.merged.added, done.merged.there, done.adopted.unknown) == (3, 1, 1)
    fresh.sync()
    assert fresh.is_final(1, 2, 3)
    old.vault.close()
    young.vault.close()


def test_recovering_twice_is_recovering_once(site: Site, fresh: Site, tmp_path: Path) -> None:
    site.add(1, 2)
    backup = copy_of(site, tmp_path / "backup")
    site.sync()
    bring_back(fresh, backup)
    again = bring_back(fresh, backup)
    assert (again.merged.added, again.adopted.found, again.adopted.queued) == (0, 0, 0)
    assert fresh.vault.database.number("SELECT count(*) FROM adoption") == 1
    backup.vault.close()


def test_an_old_backup_that_went_on_adopts_the_true_log(site: Site, tmp_path: Path) -> None:
    site.add(1)
    site.sync()
    copy = copy_of(site, tmp_path / "copy")
    site.add(2, 3)
    site.sync()
    copy.add(4)
    with pytest.raises(RivalLog) as caught:
        copy.sync()
    assert "perdure recover" in str(caught.value.hint)
    done = bring_back(copy)
    assert (done.adopted.size, done.adopted.unknown, done.adopted.queued) == (3, 2, 0)
    copy.sync()
    assert copy.is_final(1, 4)
    # later the other one is there too, and brings its records
    assert bring_back(copy, site).adopted.unknown == 0
    copy.sync()
    assert copy.is_final(1, 2, 3, 4)
    copy.vault.close()


def junk(thief: Site, leaves: Sequence[Hash32], size: int | None = None) -> None:
    """What a thief of the site's key can do: anchor leaves that nobody has a record of, or only claim them."""
    with thief.network.anchor_chain() as chain:
        origin = thief.vault.origin
        head = chain.registry.head(origin.site)
        known = vault_log(thief.vault)
        peaks = CompactRange(0, head.size, append_proof(known.node_at(), 0, head.size) if head.size else ())
        if size is None:
            added = CompactRange.over(head.size, leaves)
        else:
            from perdure_anchor.log import decomposition

            nodes = tuple(leaves[0] for _ in decomposition(head.size, size))
            added = CompactRange(head.size, size, nodes)
        grown = peaks.merged(added)
        checkpoint = Checkpoint(
            origin.site, grown.end, root_from_peaks(grown.hashes), int(thief.network.time)
        )
        signature = sign_checkpoint(thief.vault.trust.domain, checkpoint, thief.keys.site_key())
        call = chain.registry.anchor_call(checkpoint, (*peaks.hashes, *added.hashes), signature)
        signer = LocalSigner(thief.network.partner_private_key("globex"))
        clock = thief.network.clock
        patience = Patience(sleep=clock.sleep, clock=clock.monotonic)
        transact(chain.client, signer, call, chain_id=chain.trust.chain_id, patience=patience)


def test_what_a_thief_anchored_is_junk_in_the_log_and_the_site_goes_on(site: Site, thief: Site) -> None:
    site.add(1, 2)
    site.sync()
    bring_back(thief, site)
    junk(thief, [Hash32(os.urandom(32)) for _ in range(3)])
    site.add(3)
    with pytest.raises(RivalLog):
        site.sync()
    done = bring_back(site)
    assert (done.adopted.size, done.adopted.unknown) == (5, 3)
    site.sync()
    assert site.is_final(1, 2, 3)
    assert read_status(site.vault).losses.gaps.width == 3
    with pytest.raises(NoSuchRecord, match="no record of it"):
        find_records(site.vault, parse_selector("3"))


def test_a_thief_who_claims_a_log_without_end_does_not_stop_the_site(site: Site, thief: Site) -> None:
    """2^40 leaves behind ten nodes: nothing here walks over a gap leaf by leaf."""
    site.add(1, 2)
    site.sync()
    bring_back(thief, site)
    junk(thief, [Hash32(os.urandom(32))], size=2**40 + 5)
    assert bring_back(site).adopted.unknown == 2**40 + 3
    site.add(3)
    site.sync()
    assert site.is_final(1, 2, 3)
    assert site.vault.log_size == 2**40 + 6
    proofs = prove_all(site.vault)
    assert [proof.index for proof in proofs] == [0, 1, 2**40 + 5]
    assert all(verdict_on(proof.evidence, site.vault.trust).ok for proof in proofs)


def test_a_vault_of_another_site_is_no_help(site: Site, tmp_path: Path, network: SiteNetwork) -> None:
    with network.vault(tmp_path / "oslo", "globex/oslo") as vault:
        other = Site(network, vault)
        with pytest.raises(OtherVault):
            bring_back(site, other)


def test_an_erased_record_comes_along_erased(site: Site, fresh: Site, tmp_path: Path) -> None:
    (added,) = site.add(1)
    site.add(2)
    site.sync()
    record = record_by_leaf(site.vault.database, added.leaf_hash)
    erase(
        site.vault,
        record,
        Reason("ada", "asked"),
        site.keys,
        clock=site.network.clock,
        randomness=counted_bytes(),
    )
    backup = copy_of(site, tmp_path / "backup")
    bring_back(fresh, backup)
    fresh.sync()
    stored = record_by_leaf(fresh.vault.database, added.leaf_hash)
    assert (stored.content, stored.index) == (None, 0)
    assert fresh.is_final(2)
    backup.vault.close()


def test_a_successor_takes_over_what_waits(site: Site, tmp_path: Path, network: SiteNetwork) -> None:
    site.add(1)
    site.sync()
    site.add(2)
    site.seal()
    site.add(3)
    with network.vault(tmp_path / "second", "acme/rotterdam-2") as vault:
        second = Site(network, vault)
        second.register()
        with network.anchor_chain() as chain, pytest.raises(OtherVault, match="does not say"):
            take_over(vault, site.vault, site.keys, chain, clock=network.clock, randomness=os.urandom)
        succeed(site, vault)
        with pytest.raises(LogClosed, match="goes on as acme/rotterdam-2: 2 records"):
            site.sync()
        assert read_status(site.vault).waiting == 1
        with network.anchor_chain() as chain:
            merged = take_over(
                vault, site.vault, site.keys, chain, clock=network.clock, randomness=os.urandom
            )
        assert merged.added == 2
        second.sync()
        assert second.is_final(2, 3)
        assert site.is_final(1)
        old = record_by_leaf(site.vault.database, leaf_hashes(second.vault)[0])
        assert old is not None, "a leaf does not name its site"


def test_a_closed_site_with_nothing_left_syncs_in_peace(
    site: Site, tmp_path: Path, network: SiteNetwork
) -> None:
    site.add(1)
    site.sync()
    with network.vault(tmp_path / "second", "acme/rotterdam-2") as vault:
        Site(network, vault).register()
        succeed(site, vault)
        assert site.sync().anchored == ()


def test_final_evidence_at_home_outweighs_a_mirror(site: Site, fresh: Site, tmp_path: Path) -> None:
    site.add(1)
    site.sync()
    fresh.add(2)
    from perdure_node.log.sealing import seal

    seal(fresh.vault, fresh.keys, fresh.network.clock)
    with pytest.raises(AdoptionRefused):
        bring_back(site, offline=True, sheet=vault_log(fresh.vault))


def test_a_vault_that_is_whole_is_left_alone(site: Site) -> None:
    site.add(1)
    site.sync()
    site.add(2)
    done = bring_back(site)
    assert (done.adopted.prefix, done.adopted.size, done.adopted.queued) == (1, 1, 0)
    assert site.vault.database.number("SELECT count(*) FROM adoption") == 0
    site.sync()
    assert site.is_final(1, 2)
    assert len(log_gaps(site.vault.database)) == 0
    assert site.verdict(2, Grade.FINAL).ok
