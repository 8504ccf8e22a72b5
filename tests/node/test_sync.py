"""The way to the chain and back, on a devnet without HTTP and without waiting."""

from pathlib import Path

import pytest
from perdure_anchor.verdict import Grade
from perdure_contracts.transactions import TransactionNotMined
from perdure_node.chain.relay_transactions import open_transaction
from perdure_node.evidence.proving import prove
from perdure_node.keys.keyring import KeyRing
from perdure_node.selectors import parse_selector
from perdure_node.status import NextStep, read_status
from perdure_node.syncing.sync import sync
from tools.site_desk import Site, document, keys_of, prove_all, verdict_on


def no_passphrase() -> str:
    raise AssertionError("asked for nothing")


def test_what_waits_is_sealed_anchored_and_brought_home(site: Site) -> None:
    site.add(1, 2, 3)
    result = site.sync()
    assert result.sealed is not None
    assert result.sealed.size == 3
    assert [anchor.size for anchor in result.anchored] == [3]
    assert result.time_runs_open == 0
    assert site.is_final(1, 2, 3)
    assert open_transaction(site.vault.database) is None
    assert read_status(site.vault).next_step is NextStep.PROVE


def test_evidence_bounds_the_time_on_both_sides(site: Site) -> None:
    site.sync()
    site.network.idle(3600)
    site.sync()
    before = site.network.time
    site.add(1)
    site.network.idle(3600)
    site.sync()
    verdict = site.verdict(1)
    assert verdict.not_before is not None
    assert verdict.not_after is not None
    assert verdict.not_before.complete
    assert verdict.not_after.complete
    assert before - 10 < verdict.not_before.seconds < before
    assert before + 3600 < verdict.not_after.seconds < site.network.time + 5


def test_the_first_records_have_no_lower_bound_where_the_site_knew_no_block(site: Site) -> None:
    site.add(1)
    site.sync()
    assert site.verdict(1).not_before is None
    assert site.verdict(1).ok


def test_a_sync_without_work_asks_for_no_passphrase_and_sends_nothing(site: Site) -> None:
    site.add(1)
    site.sync()
    sent = site.sent()
    with site.network.anchor_chain() as chain:
        result = sync(site.vault, chain, KeyRing(site.vault, no_passphrase), clock=site.network.clock)
    assert (result.sealed, result.anchored) == (None, ())
    assert site.sent() == sent


def test_many_syncs_make_one_log(site: Site) -> None:
    for number in range(5):
        site.add(*range(10 * number, 10 * number + number + 1))
        site.sync()
    assert site.sizes == [1, 3, 6, 10, 15]
    proofs = list(prove_all(site.vault))
    assert [proof.index for proof in proofs] == list(range(15))
    sizes = [proof.evidence.checkpoint.size for proof in proofs if proof.evidence.checkpoint]
    assert sizes == [1] + [3] * 2 + [6] * 3 + [10] * 4 + [15] * 5
    for proof in proofs:
        assert verdict_on(proof.evidence, site.vault.trust).ok


def test_only_the_newest_checkpoint_is_anchored(site: Site) -> None:
    for number in range(3):
        site.add(number)
        site.seal()
    result = site.sync()
    assert [anchor.size for anchor in result.anchored] == [3]
    assert site.sent() == 1
    assert site.is_final(0, 1, 2)


def test_sites_of_several_partners_share_a_chain(site: Site, tmp_path: Path) -> None:
    with site.network.vault(tmp_path / "other", "globex/oslo") as vault:
        other = Site(site.network, vault)
        other.register()
        for number in range(3):
            site.add(number)
            other.add(number, number + 10)
            site.sync()
            other.sync()
        assert site.is_final(0, 1, 2)
        assert other.is_final(0, 1, 2, 10, 11, 12)
        proof = prove(site.vault, site.keys, parse_selector(document(1).sha256.hex()))
        foreign = prove(vault, keys_of(vault), parse_selector(document(1).sha256.hex()))
        assert proof.evidence.origin != foreign.evidence.origin


def test_two_sites_are_anchored_in_one_block(site: Site, tmp_path: Path) -> None:
    with site.network.vault(tmp_path / "other", "globex/oslo") as vault:
        other = Site(site.network, vault)
        other.register()
        site.network.makes_blocks = False
        for each in (site, other):
            each.add(1, 2, 3)
            with pytest.raises(TransactionNotMined):
                each.sync(wait=1)
        site.network.makes_blocks = True
        site.network.pass_time(5)
        anchors = [each.sync().anchored[0] for each in (site, other)]
        assert [anchor.proof.receipt_index for anchor in anchors] == [0, 1]
        assert anchors[0].block_number == anchors[1].block_number
        assert site.is_final(1, 2, 3)
        assert other.is_final(1, 2, 3)


def test_evidence_can_be_given_out_before_its_anchor(site: Site) -> None:
    site.add(1)
    assert site.verdict(1, Grade.RECORDED).grade is Grade.RECORDED
    site.seal()
    verdict = site.verdict(1, Grade.SIGNED)
    # no key is pinned, so the signature is there and shows nothing yet
    assert verdict.size == 1
