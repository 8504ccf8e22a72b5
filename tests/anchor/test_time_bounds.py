"""Time bounds against brute force: over every set of lying proposers, a bound holds unless all of its run lied."""

from itertools import chain, combinations
from random import Random

import pytest
from perdure_anchor.finality import Block, Run, TooFewSeals
from perdure_anchor.hashes import Address, keccak256
from perdure_anchor.rlp import encode_int
from perdure_anchor.time_bounds import (
    AHEAD_OF_CLOCK,
    DEFAULT_CLOCK_ALLOWANCE,
    ForeignProposer,
    TimeBound,
    not_after,
    not_before,
    wanted_proposers,
)
from simulated_chain import (
    COINBASE,
    START,
    TIMESTAMP,
    Story,
    account,
    accounts,
    addresses,
    plain_header,
    tell,
    with_epoch,
    with_field,
)

ALLOWANCE = DEFAULT_CLOCK_ALLOWANCE
YEAR = 365 * 86_400


def run_of(
    n: int,
    proposers: list[int],
    stamps: list[int],
    client: str = "besu",
    sealers: list[int] | None = None,
) -> Run:
    """A run whose blocks 1, 2, .. have these proposers (by position in the set) and timestamps.

    ``sealers`` says how many validators sealed each block; all of them, if not given.
    """
    members = addresses(accounts(n))
    counts = sealers or [n] * len(proposers)
    blocks = []
    for number, (proposer, stamp, count) in enumerate(zip(proposers, stamps, counts, strict=True), 1):
        header = with_field(plain_header(number), COINBASE, members[proposer])
        header = with_field(header, TIMESTAMP, encode_int(stamp))
        blocks.append(Block(header, keccak256(b"%d" % number), (frozenset(members[:count]),)))
    epoch = with_epoch(tell(Story(validators=n)).trust, client=client).epochs[0]
    return Run(epoch, tuple(blocks))


def subsets(members: tuple[Address, ...]) -> chain[tuple[Address, ...]]:
    return chain.from_iterable(combinations(members, size) for size in range(len(members) + 1))


def a_history(rng: Random, n: int) -> tuple[list[int], list[float]]:
    """Proposers and true moments of creation of up to nine blocks, some of them after an hour without any."""
    length = rng.randint(1, 9)
    proposers = [rng.randrange(n) for _ in range(length)]
    moments, now = [], START + rng.random()
    for _ in range(length):
        now += rng.choice([1.0, 2.0, 2.7, 3600.0]) + rng.random()
        moments.append(now)
    return proposers, moments


def stamps_of(
    rng: Random, proposers: list[int], moments: list[float], liars: set[int], lie: int
) -> list[int]:
    """Timestamps: a liar's is off by ``lie``, an honest one's as rounded by a clock that is off by the allowance."""
    stamps = []
    for proposer, moment in zip(proposers, moments, strict=True):
        clock = moment + rng.uniform(-ALLOWANCE, ALLOWANCE)
        honest = rng.choice([int(clock), round(clock)])
        stamps.append(honest + lie if proposer in liars else honest)
    return stamps


@pytest.mark.parametrize("n", range(1, 8))
@pytest.mark.parametrize("seed", range(12))
def test_not_after_holds_unless_all_proposers_of_its_run_lied(n: int, seed: int) -> None:
    rng = Random(f"not after {n} {seed}")
    proposers, moments = a_history(rng, n)
    members = addresses(accounts(n))
    bound = not_after(run_of(n, proposers, [int(moment) for moment in moments]), ALLOWANCE)
    for liars in subsets(bound.proposers):
        lying = {members.index(liar) for liar in liars}
        stamps = stamps_of(rng, proposers, moments, lying, -YEAR)
        claimed = not_after(run_of(n, proposers, stamps), ALLOWANCE)
        assert claimed.proposers == bound.proposers
        assert (claimed.seconds >= moments[0]) == (set(liars) != set(bound.proposers))


@pytest.mark.parametrize("n", range(1, 8))
@pytest.mark.parametrize("seed", range(12))
def test_not_before_holds_unless_all_proposers_of_its_run_lied(n: int, seed: int) -> None:
    rng = Random(f"not before {n} {seed}")
    proposers, moments = a_history(rng, n)
    members, last = addresses(accounts(n)), len(proposers) - 1
    bound = not_before(run_of(n, proposers, [int(moment) for moment in moments]), last, ALLOWANCE)
    for liars in subsets(bound.proposers):
        lying = {members.index(liar) for liar in liars}
        stamps = stamps_of(rng, proposers, moments, lying, YEAR)
        claimed = not_before(run_of(n, proposers, stamps), last, ALLOWANCE)
        assert claimed.proposers == bound.proposers
        assert (claimed.seconds <= moments[last]) == (set(liars) != set(bound.proposers))


@pytest.mark.parametrize("n", range(4, 8))
@pytest.mark.parametrize("seed", range(12))
def test_a_complete_bound_outlives_every_coalition_of_f(n: int, seed: int) -> None:
    rng = Random(f"coalitions {n} {seed}")
    proposers, moments = a_history(rng, n)
    for liars in combinations(range(n), (n - 1) // 3):
        early = run_of(n, proposers, stamps_of(rng, proposers, moments, set(liars), -YEAR))
        late = run_of(n, proposers, stamps_of(rng, proposers, moments, set(liars), YEAR))
        after, before = not_after(early, ALLOWANCE), not_before(late, len(proposers) - 1, ALLOWANCE)
        assert not after.complete or after.seconds >= moments[0]
        assert not before.complete or before.seconds <= moments[-1]


@pytest.mark.parametrize("n", range(1, 8))
@pytest.mark.parametrize("seed", range(12))
def test_the_run_is_the_shortest_that_has_enough_proposers(n: int, seed: int) -> None:
    rng = Random(f"shortest {n} {seed}")
    proposers, moments = a_history(rng, n)
    stamps = [rng.randrange(START) for _ in moments]
    run = run_of(n, proposers, stamps)
    want = next(
        (
            count
            for count in range(1, len(proposers) + 1)
            if len(set(proposers[:count])) >= wanted_proposers(n)
        ),
        0,
    )
    bound = not_after(run, ALLOWANCE)
    assert (bound.first_block, bound.last_block) == (1, max(want, 1))
    assert bound.complete == (want > 0)
    assert bound.seconds == max(stamps[: max(want, 1)]) + AHEAD_OF_CLOCK + ALLOWANCE
    backwards = not_before(run_of(n, proposers[::-1], stamps[::-1]), len(stamps) - 1, ALLOWANCE)
    assert (backwards.first_block, backwards.last_block) == (len(stamps) + 1 - max(want, 1), len(stamps))
    assert backwards.complete == (want > 0)
    assert backwards.seconds == min(stamps[: max(want, 1)]) - AHEAD_OF_CLOCK - ALLOWANCE
    assert set(backwards.proposers) == set(bound.proposers)


def test_how_many_proposers_are_wanted() -> None:
    assert [wanted_proposers(n) for n in range(1, 14)] == [2, 2, 2, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5]


def test_the_latest_of_the_run_counts_for_not_after_and_the_earliest_for_not_before() -> None:
    """Where a period below a second lets timestamps fall, the run's last is not its latest."""
    run = run_of(4, [0, 1, 2], [START + 9, START + 5, START + 99])
    assert not_after(run, 0).seconds == START + 9 + AHEAD_OF_CLOCK
    assert not_before(run, 1, 0).seconds == START + 5 - AHEAD_OF_CLOCK
    assert not_before(run, 2, 0).seconds == START + 5 - AHEAD_OF_CLOCK


def test_the_allowance_is_a_second_unless_another_is_asked_for() -> None:
    assert (AHEAD_OF_CLOCK, DEFAULT_CLOCK_ALLOWANCE) == (1, 1)


def test_the_allowance_widens_both() -> None:
    run = run_of(4, [0, 1], [START, START])
    assert not_after(run, 7).seconds == START + 8
    assert not_before(run, 1, 7).seconds == START - 8
    assert not_before(run_of(4, [0, 1], [3, 3]), 1, 7).seconds == 0


def test_one_proposer_many_times_is_one_proposers_word() -> None:
    run = run_of(4, [2, 2, 2], [START + 5, START + 7, START + 9])
    for bound, number in ((not_after(run, 1), 1), (not_before(run, 2, 1), 3)):
        assert not bound.complete
        assert bound.proposers == (accounts(4)[2].address,)
        assert (bound.first_block, bound.last_block) == (number, number)
        assert bound.who_must_have_lied == (
            f"the one proposer of block {number}: by one proposer's word; or whoever can invent blocks, of the validators 3 of 4"
        )
    assert not_after(run, 1).seconds == START + 7
    assert not_before(run, 2, 1).seconds == START + 7


def test_a_complete_bound_names_its_proposers_and_blocks() -> None:
    bound = not_after(run_of(7, [0, 0, 3, 5, 6], [START] * 5), 1)
    assert bound.complete
    assert bound.proposers == tuple(accounts(7)[position].address for position in (0, 3, 5))
    assert bound.who_must_have_lied == (
        "all 3 proposers of the blocks 1 to 4; or whoever can invent blocks, of the validators 5 of 7"
    )


def test_goquorums_coinbases_count_for_nothing() -> None:
    run = run_of(4, [0, 1, 2], [START + 5, START + 7, START + 9], client="goquorum")
    after, before = not_after(run, 1), not_before(run, 2, 1)
    assert (after.seconds, after.proposers, after.complete) == (START + 7, (), False)
    assert (before.seconds, before.proposers, before.complete) == (START + 7, (), False)
    assert "one proposer's word" in after.who_must_have_lied


def test_blocks_that_are_not_final_do_not_count() -> None:
    """Two of four sealed block 2, which anybody can then have made whose headers nobody accepted."""
    stamps = [START, START + YEAR]
    bound = not_after(run_of(4, [0, 1], stamps, sealers=[4, 2]), 1)
    assert not bound.complete
    assert bound.seconds == START + 2
    assert not_after(run_of(4, [0, 1], stamps, sealers=[4, 3]), 1).complete


def test_the_block_of_a_lower_bound_has_to_be_final() -> None:
    with pytest.raises(TooFewSeals, match="block 2: 2 of 4"):
        not_before(run_of(4, [0, 1], [START, START], sealers=[4, 2]), 1, 1)
    later = run_of(4, [0, 1, 2], [START, START, START], sealers=[0, 0, 3])
    assert not_before(later, 1, 1).complete


def test_blocks_before_a_final_one_are_final_without_seals_of_their_own() -> None:
    assert not_before(run_of(4, [0, 1], [START, START], sealers=[0, 3]), 1, 1).complete


def test_a_lower_bound_does_not_look_past_its_block() -> None:
    run = run_of(4, [0, 0, 1, 2], [START + 1, START + 2, START - 90, START - 90])
    assert not not_before(run, 1, 1).complete
    assert not_before(run, 1, 1).seconds == START


def stranger_at(run: Run, position: int) -> Run:
    block = run.blocks[position]
    header = with_field(block.header, COINBASE, account("stranger").address)
    changed = Block(header, block.hash, block.sealers_by_round)
    return Run(run.epoch, (*run.blocks[:position], changed, *run.blocks[position + 1 :]))


@pytest.mark.parametrize("position", [0, 1])
def test_a_coinbase_that_is_no_validator_is_refused(position: int) -> None:
    run = stranger_at(run_of(4, [0, 1], [START, START]), position)
    for bound in (lambda: not_after(run, 1), lambda: not_before(run, 1, 1)):
        with pytest.raises(ForeignProposer, match=f"block {position + 1}: its coinbase is no validator"):
            bound()


def test_a_stranger_is_refused_where_he_is_the_only_one() -> None:
    run = stranger_at(run_of(1, [0], [START]), 0)
    with pytest.raises(ForeignProposer):
        not_after(run, 1)


def test_a_stranger_beyond_the_run_does_not_matter() -> None:
    assert not_after(stranger_at(run_of(4, [0, 1, 2], [START] * 3), 2), 1).complete
    assert not_before(stranger_at(run_of(4, [0, 1, 2], [START] * 3), 0), 2, 1).complete
    goquorum = stranger_at(run_of(4, [0, 1], [START] * 2, client="goquorum"), 0)
    assert not not_after(goquorum, 1).complete


def test_complete_is_counted_not_said() -> None:
    members = addresses(accounts(3))
    assert TimeBound(0, members[:2], 2, 1, 2, ()).complete
    assert not TimeBound(0, members[:2], 3, 1, 2, ()).complete
