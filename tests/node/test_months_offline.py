"""Months without a network: dozens of checkpoints are sealed and never sent, and all records get evidence under the newest."""

from dataclasses import replace

import pytest
from perdure_anchor.verdict import Grade
from perdure_node.clock import Clock
from perdure_node.config import VaultConfig
from perdure_node.evidence.anchors import anchors
from perdure_node.evidence.proving import prove
from perdure_node.log.sealing import seal_if_due
from perdure_node.seal_policy import Due, SealPolicy
from perdure_node.selectors import parse_selector
from perdure_node.status import NextStep, read_status
from perdure_node.syncing.plan import plan_sync
from perdure_node.syncing.sync import sync
from tools.site_desk import Site, add_numbers, document, prove_all, verdict_on
from tools.site_network import START

CHECKPOINTS = 60
DAY = 86_400
BY_HAND = SealPolicy(on_sync=False)


def policy(site: Site, seal: SealPolicy) -> None:
    config: VaultConfig = site.vault.config
    site.vault.config = replace(config, seal=seal)


def clock_at(seconds: float) -> Clock:
    return Clock(lambda: START + seconds, lambda: seconds, lambda _: None)


def offline(site: Site, checkpoints: int = CHECKPOINTS) -> int:
    """So many days offline, each with a seal over one to five records; how many there are."""
    count = 0
    for day in range(checkpoints):
        more = 1 + day % 5
        add_numbers(site.vault, *range(count, count + more), clock=site.network.clock)
        count += more
        site.seal()
        site.network.idle(DAY / 100)
    return count


def test_the_newest_of_dozens_of_checkpoints_is_enough(site: Site) -> None:
    site.sync()
    count = offline(site)
    status = read_status(site.vault)
    assert (status.unanchored_checkpoints, status.sealed, status.next_step) == (
        CHECKPOINTS,
        count,
        NextStep.ANCHOR,
    )
    site.sync()
    assert site.sizes == [count]
    assert site.sent() == 1
    assert read_status(site.vault).unanchored_checkpoints == 0
    # every record of every batch, one by one and all together
    assert site.is_final(*range(count))
    proofs = prove_all(site.vault)
    assert [proof.index for proof in proofs] == list(range(count))
    assert all(verdict_on(proof.evidence, site.vault.trust).ok for proof in proofs)


def test_records_under_an_old_anchor_keep_it_and_those_after_it_get_the_next(site: Site) -> None:
    first = offline(site, 5)
    site.sync()
    add_numbers(site.vault, *range(first, first + 30), clock=site.network.clock)
    site.seal()
    second = first + 30
    for number in range(second, second + 12):
        site.add(number)
        site.seal()
    site.sync()
    assert site.sizes == [first, second + 12]
    blocks = [anchor.block_number for anchor in anchors(site.vault.database)]
    for number in range(second + 12):
        selector = parse_selector(document(number).sha256.hex())
        proof = prove(site.vault, site.keys, selector)
        assert proof.block_number == blocks[number >= first]
        assert verdict_on(proof.evidence, site.vault.trust, number).ok


def test_before_the_anchor_each_record_has_evidence_under_the_first_checkpoint_over_it(site: Site) -> None:
    count = offline(site, 24)
    sizes = [size for (size,) in site.vault.database.rows("SELECT size FROM checkpoint ORDER BY size")]
    for number in range(count):
        selector = parse_selector(document(number).sha256.hex())
        proof = prove(site.vault, site.keys, selector, require=Grade.SIGNED)
        assert proof.evidence.checkpoint is not None
        assert proof.evidence.checkpoint.size == next(size for size in sizes if size > number)


def test_a_sync_seals_as_the_policy_says_unless_it_is_told(site: Site) -> None:
    with site.network.anchor_chain(site.vault.trust) as chain:

        def sizes_after(*, sealing: bool | None = None) -> tuple[int, int, list[int]]:
            plan = plan_sync(site.vault, site.network.clock, sealing)
            result = sync(site.vault, chain, site.keys, clock=site.network.clock, sealing=sealing)
            assert result.waiting == plan.to_leave
            assert site.vault.log_size == plan.size
            sealed = 0 if result.sealed is None else result.sealed.size - result.sealed.previous_size
            return sealed, result.waiting, site.sizes

        policy(site, BY_HAND)
        site.add(1)
        assert sizes_after() == (0, 1, [])
        assert sizes_after(sealing=True) == (1, 0, [1])
        policy(site, SealPolicy())
        site.add(2)
        assert sizes_after(sealing=False) == (0, 1, [1])
        policy(site, SealPolicy(False, 3))
        site.add(3)
        assert sizes_after() == (0, 2, [1])
        site.add(4)
        assert sizes_after() == (3, 0, [1, 4])
        # what was sealed by hand goes out, whatever the policy says of what waits
        policy(site, BY_HAND)
        site.add(5)
        site.seal()
        site.add(6)
        assert sizes_after() == (0, 1, [1, 4, 5])


def test_a_seal_is_due_by_number_and_by_time(site: Site) -> None:
    def if_due(seconds: float) -> tuple[Due | None, int]:
        due, sealed = seal_if_due(site.vault, site.keys, clock_at(seconds))
        assert (due is None) == (sealed is None)
        return due, site.vault.log_size

    policy(site, SealPolicy(True, 3, DAY))
    add_numbers(site.vault, 1, 2, clock=clock_at(0))
    assert if_due(DAY - 1) == (None, 0)
    add_numbers(site.vault, 3, clock=clock_at(10))
    assert if_due(20) == (Due.RECORDS, 3)
    assert if_due(30) == (None, 3)
    add_numbers(site.vault, 4, clock=clock_at(40))
    # counted from the seal before, since the record's key was made before that: at most some minutes early
    assert if_due(19 + DAY) == (None, 3)
    assert if_due(20 + DAY) == (Due.TIME, 4)


@pytest.mark.parametrize("wrong", [-(10**9), -2 * DAY, 2 * DAY, 10**9])
def test_a_wrong_clock_seals_once_too_often_and_not_again(site: Site, wrong: int) -> None:
    policy(site, SealPolicy(False, None, DAY))
    add_numbers(site.vault, 1, clock=clock_at(0))
    seal_if_due(site.vault, site.keys, clock_at(DAY))
    seals = 0
    for minute in range(100):
        # the clock jumps for a while, and comes back
        now = DAY + 60 * minute + (wrong if 20 <= minute < 40 else 0)
        add_numbers(site.vault, 2 + minute, clock=clock_at(now))
        due, _ = seal_if_due(site.vault, site.keys, clock_at(now))
        seals += due is not None
    assert seals <= 2
    # in the order in which they were added, however often it was sealed
    assert seal_if_due(site.vault, site.keys, clock_at(3 * DAY + abs(wrong)))[1] is not None
    site.sync()
    sequences = [
        each for (each,) in site.vault.database.rows("SELECT sequence FROM entry ORDER BY log_index")
    ]
    assert sequences == list(range(1, 102))
    assert site.is_final(1, 50, 101)
