"""Counting header votes, against an oracle that keeps nothing but the history and counts it anew each time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.hashes import Address
from perdure_anchor.header import BlockHeader
from perdure_anchor.qbft import Vote
from perdure_devnet.votes import VoteTally, is_epoch_block, last_epoch_block, tally_from
from tools.devnets import with_extra
from tools.voting_devnet import plain_header

NAMES = [Address(bytes([number]) * 20) for number in range(1, 8)]
A, B, C, D, E, F, G = NAMES


class Oracle:
    """Every vote ever cast, in order, with who was added and dropped in between; nothing is ever removed from it."""

    def __init__(self, validators: list[Address]) -> None:
        self.validators = set(validators)
        self.history: list[tuple[str, Address, Address, bool]] = []

    def counted(self, candidate: Address, add: bool) -> int:
        latest: dict[Address, bool] = {}
        for kind, who, subject, stance in self.history:
            if kind == "cleared":
                latest = {}
            elif kind == "vote" and subject == candidate:
                latest[who] = stance
            elif kind in ("added", "dropped") and subject == candidate:
                latest = {}
            if kind == "dropped":
                latest.pop(subject, None)
        return sum(stance is add for stance in latest.values())

    def cast(self, voter: Address, vote: Vote) -> None:
        self.history.append(("vote", voter, vote.validator, vote.add))
        most = len(self.validators) // 2 + 1
        if self.counted(vote.validator, True) >= most:
            self.validators |= {vote.validator}
            self.history.append(("added", voter, vote.validator, True))
        elif self.counted(vote.validator, False) >= most:
            self.validators -= {vote.validator}
            self.history.append(("dropped", voter, vote.validator, False))

    def clear(self) -> None:
        self.history.append(("cleared", A, A, False))


@given(
    st.integers(1, 7),
    st.lists(
        st.tuples(st.integers(0, 6), st.sampled_from(NAMES), st.booleans(), st.integers(0, 19)), max_size=80
    ),
)
def test_any_votes_count_as_the_oracle_counts_them(
    size: int, script: list[tuple[int, Address, bool, int]]
) -> None:
    """At ``clear`` 0 a block is an epoch block: its vote does not count."""
    oracle, tally = Oracle(NAMES[:size]), VoteTally(tuple(NAMES[:size]))
    for number, (turn, candidate, add, clear) in enumerate(script, 1):
        if not tally.validators:
            break
        voter, vote = tally.validators[turn % len(tally.validators)], Vote(candidate, add)
        if clear == 0:
            oracle.clear()
        else:
            oracle.cast(voter, vote)
        header = with_extra(plain_header(number, voter, tally.validators), vote=vote)
        tally = tally.after(header, number if clear == 0 else number + 1)
        assert list(tally.validators) == sorted(oracle.validators)
        assert {
            (candidate, add, count)
            for candidate in NAMES
            for add in (True, False)
            if (count := oracle.counted(candidate, add))
        } == {
            (candidate, add, count)
            for candidate, cast in tally.ballots.items()
            for add in (True, False)
            if (count := sum(stance is add for stance in cast.values()))
        }


def voted(tally: VoteTally, *votes: tuple[Address, Address, bool]) -> VoteTally:
    for voter, candidate, add in votes:
        tally = tally.with_vote(voter, Vote(candidate, add))
    return tally


FOUR = VoteTally((A, B, C, D))


@pytest.mark.parametrize(("size", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 4)])
def test_more_than_half_bring_a_change_about(size: int, needed: int) -> None:
    tally = VoteTally(tuple(NAMES[:size]))
    for count, voter in enumerate(NAMES[:needed], 1):
        tally = voted(tally, (voter, G, True))
        assert (G in tally.validators) == (count == needed)


def test_the_same_vote_twice_is_one() -> None:
    tally = voted(FOUR, (A, E, True), (A, E, True), (A, E, True), (B, E, True))
    assert tally.validators == FOUR.validators
    assert tally.ballots == {E: {A: True, B: True}}


def test_a_vote_the_other_way_withdraws() -> None:
    tally = voted(FOUR, (A, E, True), (B, E, True), (B, E, False), (C, E, True))
    assert E not in tally.validators
    assert voted(tally, (D, E, True)).validators == (A, B, C, D, E)


def test_votes_are_used_up_by_the_change() -> None:
    tally = voted(FOUR, (A, E, True), (B, E, True), (C, E, True), (A, E, False), (B, E, False))
    assert tally.validators == (A, B, C, D, E)
    assert tally.ballots == {E: {A: False, B: False}}


def test_a_dropped_validators_votes_are_void() -> None:
    tally = voted(FOUR, (D, E, True), (D, F, False), (A, D, False), (B, D, False), (C, D, False))
    assert tally == VoteTally((A, B, C))


def test_a_set_that_shrank_makes_a_majority_of_older_votes_at_the_next_vote() -> None:
    """Besu counts both ways at each vote on a candidate: here a vote against it brings it in."""
    tally = voted(FOUR, (A, E, True), (B, E, True), *((voter, D, False) for voter in (A, B, C)))
    assert tally.validators == (A, B, C)
    assert voted(tally, (C, E, False)).validators == (A, B, C, E)


def test_a_majority_for_who_is_in_only_clears() -> None:
    tally = voted(FOUR, (D, A, False), (A, A, True), (B, A, True), (C, A, True))
    assert tally == FOUR


def test_the_last_can_be_voted_out() -> None:
    assert voted(VoteTally((A,)), (A, A, False)) == VoteTally(())


@pytest.mark.parametrize(
    ("stance", "member", "add", "worth"),
    [
        (None, False, True, True),
        (None, False, False, False),
        (None, True, True, False),
        (None, True, False, True),
        (True, False, True, False),
        (True, False, False, True),
        (True, True, False, True),
        (False, True, False, False),
        (False, True, True, True),
        (False, False, True, True),
    ],
)
def test_what_an_honest_proposer_votes(stance: bool | None, member: bool, add: bool, worth: bool) -> None:
    candidate = B if member else E
    tally = VoteTally((A, B, C, D), {} if stance is None else {candidate: {A: stance}})
    assert tally.is_worth_casting(A, Vote(candidate, add)) is worth


def test_epoch_blocks() -> None:
    assert [number for number in range(10) if is_epoch_block(number, 3)] == [0, 3, 6, 9]
    assert [last_epoch_block(number, 3) for number in range(7)] == [0, 0, 0, 3, 3, 3, 6]


def header(number: int, voter: Address, vote: Vote | None, validators: tuple[Address, ...]) -> BlockHeader:
    return with_extra(plain_header(number, voter, validators), vote=vote)


def test_an_epoch_block_clears_and_its_own_vote_is_ignored() -> None:
    add_e = Vote(E, True)
    first = VoteTally(FOUR.validators)
    for number, voter in ((1, A), (2, B)):
        first = first.after(header(number, voter, add_e, first.validators), 3)
    assert first.ballots == {E: {A: True, B: True}}
    assert first.after(header(3, C, add_e, first.validators), 3) == FOUR
    assert E in first.after(header(3, C, add_e, first.validators), 4).validators


def test_a_majority_just_before_an_epoch_block_holds() -> None:
    headers = [
        header(number, voter, Vote(E, True), FOUR.validators) for number, voter in ((1, A), (2, B), (3, C))
    ]
    genesis = header(0, A, None, FOUR.validators)
    tally = tally_from(genesis, headers, 4)
    assert tally.validators == (A, B, C, D, E)
    after = tally.after(header(4, D, None, tally.validators), 4)
    assert after.validators == (A, B, C, D, E)
    assert tally_from(header(4, D, None, after.validators), [], 4) == after
