"""Validator sets that change on a running chain: by the votes in its headers, on every node and after every restart."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from perdure_anchor.hashes import ZERO_HASH, Address
from perdure_anchor.header import BlockHeader
from perdure_anchor.qbft import Vote, block_hash, parse_extra_data, quorum, seal_signers
from perdure_anchor.trust import ContractPin, Epoch, TrustFile
from perdure_anchor.validator_changes import follow_hops
from perdure_devnet.committee import proposer_for
from perdure_devnet.errors import SealsRefused, TooFewValidators, TooManyProposals, ValidatorListRefused
from perdure_devnet.proposals import MAX_PROPOSALS
from tools.devnets import ADA, forged, with_extra
from tools.voting_devnet import SCRIPTS, VotingDevnet, follow, open_voting_devnet, scripted


@pytest.fixture
def voting(tmp_path: Path) -> Iterator[VotingDevnet]:
    with open_voting_devnet(tmp_path) as chain:
        yield chain


def sizes(chain: VotingDevnet) -> list[int]:
    """How large the set was, each size once."""
    return [size for size, _ in itertools.groupby(len(members) for members in chain.sets)]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("two candidates at once", [4, 5, 6]),
        ("a withdrawn vote", [4, 5]),
        ("four to three", [4, 3]),
        ("three to four", [4, 3, 4]),
        ("four to five and back", [4, 5, 4]),
        ("consumed at the epoch", [4, 5]),
        ("a voter who was out in between", [4, 3, 4, 5]),
        ("rounds", [7, 8]),
        ("everybody replaced", [4, 5, 4, 5, 4, 5, 4, 5, 4]),
    ],
)
def test_what_besus_rules_can_do(tmp_path: Path, name: str, wanted: list[int]) -> None:
    """Each course gives sets of these sizes; another node finds the same, and so does who opens the database again."""
    with scripted(tmp_path, name) as chain:
        assert sizes(chain) == wanted
        for header in chain.headers[1:]:
            assert_keeps_the_rules(header, chain)
        length = chain.chain.epoch_length
        first = len(chain.sets[0])
        with open_voting_devnet(tmp_path, name="node", validators=first, epoch_length=length) as node:
            follow(chain, node, lambda number: chain.copy(number, chain.last_sealers(number)))
            assert node.chain.tally == chain.chain.tally
            assert node.chain.head.hash == chain.chain.head.hash
            assert node.headers[1:] != chain.headers[1:]
        with open_voting_devnet(tmp_path) as again:
            assert again.chain.tally == chain.chain.tally
            assert again.chain.head == chain.chain.head


def assert_keeps_the_rules(header: BlockHeader, chain: VotingDevnet) -> None:
    """A quorum of the list sealed it, and its coinbase was in turn, both by the set in force for this very block."""
    extra = parse_extra_data(header.extra_data)
    assert extra.validators == chain.sets[header.number]
    signers = seal_signers(header)
    assert len(set(signers)) == len(signers) == quorum(len(extra.validators))
    assert set(signers) <= set(extra.validators)
    parent = chain.headers[header.number - 1]
    assert header.coinbase == proposer_for(extra.validators, parent.coinbase, extra.round)


def test_rounds_other_than_0_come_with_votes(tmp_path: Path) -> None:
    with scripted(tmp_path, "rounds") as chain:
        extras = [parse_extra_data(header.extra_data) for header in chain.headers]
        assert {extra.round for extra in extras} == {0, 1, 2}
        assert {extra.round for extra in extras if extra.vote is not None} == {0, 2}


def test_every_script_is_tried() -> None:
    wanted = test_what_besus_rules_can_do.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert {name for name, _ in wanted} == set(SCRIPTS)


def test_a_majority_takes_effect_at_the_next_block(voting: VotingDevnet) -> None:
    first = voting.members
    decided = voting.change(add=voting.candidate(0))
    assert decided.number == 3
    assert voting.sets == [first] * 4 + [tuple(sorted((*first, voting.candidate(0))))]
    assert set(seal_signers(decided.header)) <= set(first)
    with pytest.raises(TooFewValidators, match="got 3 of 5, want 4"):
        voting.block(away=voting.members[:2])


def test_a_dropped_proposer_hands_on_to_the_next_higher(voting: VotingDevnet) -> None:
    first = voting.members
    # its turn is the third, and so is the deciding vote: it votes itself out
    voting.change(drop=first[2])
    assert voting.chain.head.header.coinbase == first[2]
    assert voting.block().header.coinbase == first[3]


def test_a_wrong_set_is_refused_at_each_height(voting: VotingDevnet, tmp_path: Path) -> None:
    """Not the set before the change, nor the one after it a block too early, nor one that nobody voted for."""
    first, newcomer = voting.members, voting.candidate(0)
    voting.change(add=newcomer)
    voting.block()
    later = voting.sets[4]
    with open_voting_devnet(tmp_path, name="node") as node:
        for number in range(1, 5):
            block = voting.chain.store.block(number)
            assert block is not None
            wrong = [first if number == 4 else later, (), tuple(sorted((*first, ADA)))]
            for validators in wrong:
                header = voting.keys.seal(with_extra(block.header, validators=validators, seals=()), first)
                with pytest.raises(ValidatorListRefused):
                    node.chain.import_block(forged(block, header))
            node.clock.now = voting.clock.now
            node.chain.import_block(forged(block, block.header))


def test_the_old_sets_quorum_does_not_seal_for_the_new_one(voting: VotingDevnet, tmp_path: Path) -> None:
    first = voting.members
    voting.change(add=voting.candidate(0))
    block = voting.block(sealers=first)
    with open_voting_devnet(tmp_path, name="node") as node:
        follow(voting, node)  # four of five are enough, whoever they are
        assert node.chain.head.hash == block.hash
    with (
        open_voting_devnet(tmp_path, name="other") as other,
        pytest.raises(SealsRefused, match="3 seals, want 4 of 5"),
    ):
        follow(voting, other, lambda number: voting.copy(number, first[:3]))


def test_a_dropped_validators_seal_is_a_strangers(voting: VotingDevnet, tmp_path: Path) -> None:
    first = voting.members
    voting.change(drop=first[-1])
    voting.block()
    with open_voting_devnet(tmp_path, name="node") as node, pytest.raises(SealsRefused, match="no validator"):
        follow(voting, node, lambda number: voting.copy(number, first[1:]))


def test_a_block_after_the_last_validator_is_refused(tmp_path: Path) -> None:
    """Besu's rules let a set of one vote itself out; nobody can go on then, least of all without seals."""
    with open_voting_devnet(tmp_path, validators=1) as alone:
        alone.change(drop=alone.members[0])
        assert alone.members == ()
        alone.clock.now += 1
        with pytest.raises(TooFewValidators, match="got 0 of 0, want 1"):
            alone.chain.produce(alone.keys)
        last = alone.chain.head
        header = with_extra(last.header, validators=(), seals=(), vote=None)
        fields = list(header.fields)
        fields[0], fields[8] = last.hash, bytes([last.number + 1])
        fields[11] = int(alone.clock.now).to_bytes(4, "big")
        with pytest.raises(ValidatorListRefused, match="last validator"):
            alone.chain.import_block(forged(last, BlockHeader(tuple(fields))))


def test_a_copy_has_the_same_hash_in_any_round(voting: VotingDevnet) -> None:
    block = voting.block()
    copies = [
        voting.copy(1, sealers, round_number)
        for sealers in (voting.members[1:], voting.members, ())
        for round_number in (None, 0, 3)
    ]
    assert {block_hash(copy) for copy in copies} == {block.hash}
    assert {parse_extra_data(copy.extra_data).round for copy in copies} == {0, 3}
    for copy in copies:
        assert set(seal_signers(copy)) <= set(voting.members)


def test_proposals_are_for_their_voter_or_for_all(voting: VotingDevnet) -> None:
    one, two, *_ = voting.members
    add, drop = Vote(voting.candidate(0), True), Vote(two, False)
    voting.chain.propose_vote(add)
    voting.chain.propose_vote(drop, one)
    assert voting.chain.proposed_votes(one) == {add.validator: True, two: False}
    assert voting.chain.proposed_votes(two) == {add.validator: True}
    assert voting.chain.proposed_votes() == {add.validator: True, two: False}
    voting.chain.discard_vote(add.validator, one)
    assert voting.chain.proposed_votes(one) == {two: False}
    assert voting.chain.proposed_votes(two) == {add.validator: True}
    voting.chain.discard_vote(add.validator)
    assert voting.chain.proposed_votes() == {two: False}
    voting.chain.discard_vote(two)
    assert voting.chain.proposed_votes() == {}


def test_what_all_are_told_replaces_what_one_wanted(voting: VotingDevnet) -> None:
    one, candidate = voting.members[0], voting.candidate(0)
    voting.chain.propose_vote(Vote(candidate, True), one)
    voting.chain.propose_vote(Vote(candidate, False))
    assert voting.chain.proposed_votes(one) == {candidate: False}


def test_proposals_have_a_bound(voting: VotingDevnet) -> None:
    one = voting.members[0]
    for number in range(MAX_PROPOSALS):
        voter = one if number % 2 else None
        voting.chain.propose_vote(Vote(Address(number.to_bytes(20, "big")), True), voter)
    with pytest.raises(TooManyProposals):
        voting.chain.propose_vote(Vote(ADA, True))
    voting.chain.discard_vote(Address(bytes(20)))
    voting.chain.propose_vote(Vote(ADA, True), one)
    for number in range(MAX_PROPOSALS):
        voting.chain.discard_vote(Address(number.to_bytes(20, "big")))
        voting.chain.discard_vote(Address(number.to_bytes(20, "big")), one)
    assert voting.chain.proposed_votes() == {ADA: True}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_verifier_follows_what_the_votes_did(tmp_path: Path, name: str) -> None:
    """From the first set alone, by one hop for each change: the sets are the chain's own."""
    with scripted(tmp_path, name) as chain:
        followed = follow_hops(trust_in(chain.sets[0]), hops(chain))
        assert [(change.after.from_block, change.after.validators) for change in followed.changes] == [
            (number, chain.sets[number]) for number in changes(chain)
        ]


def changes(chain: VotingDevnet) -> list[int]:
    """The first block of each new set."""
    sets = chain.sets[:-1]
    return [number for number in range(1, len(sets)) if sets[number] != sets[number - 1]]


def hops(chain: VotingDevnet) -> list[list[BlockHeader]]:
    """For each change, the headers from its first block on until a quorum of the set before has sealed them."""
    found = []
    for first in changes(chain):
        before = chain.sets[first - 1]
        vouching: set[Address] = set()
        run = []
        for header in chain.headers[first:]:
            if parse_extra_data(header.extra_data).validators != chain.sets[first]:
                break
            run.append(header)
            vouching |= set(seal_signers(header)) & set(before)
            if len(vouching) >= quorum(len(before)):
                break
        found.append(run)
    return found


def trust_in(validators: tuple[Address, ...]) -> TrustFile:
    """A trust file that knows this set, from block 1 on."""
    epoch = Epoch(1, None, "devnet", "qbft", "header", "ceil(2n/3)", "secp256k1", validators)
    pin = ContractPin(ADA, ZERO_HASH, 1)
    return TrustFile("test", 1, None, True, 1337, ZERO_HASH, pin, pin, (), (), (epoch,))


def produce(chain: VotingDevnet, blocks: int) -> list[Vote | None]:
    votes = []
    for _ in range(blocks):
        chain.clock.now += 1
        header = chain.chain.produce(chain.keys).header
        votes.append(parse_extra_data(header.extra_data).vote)
    return votes


def test_a_proposal_is_voted_for_once_a_voter_and_no_more_once_it_is_in_force(voting: VotingDevnet) -> None:
    add = Vote(voting.candidate(0), True)
    voting.chain.propose_vote(add)
    assert voting.chain.has_vote_to_cast(voting.keys)
    assert produce(voting, 6) == [add, add, add, None, None, None]
    assert not voting.chain.has_vote_to_cast(voting.keys)


def test_without_a_majority_a_vote_is_cast_once(voting: VotingDevnet) -> None:
    add = Vote(voting.candidate(0), True)
    voting.chain.propose_vote(add, voting.members[1])
    assert produce(voting, 8) == [None, add, *[None] * 6]
    assert voting.chain.tally.ballots == {add.validator: {voting.sets[0][1]: True}}


def test_newcomers_take_up_what_all_want(tmp_path: Path) -> None:
    """From one validator to three: the second has to vote for the third."""
    with open_voting_devnet(tmp_path, validators=1) as alone:
        one, two = (Vote(alone.candidate(number), True) for number in (0, 1))
        alone.chain.propose_vote(one)
        alone.chain.propose_vote(two)
        produce(alone, 5)
        assert len(alone.members) == 3


def test_an_epoch_block_makes_a_voter_vote_again(tmp_path: Path) -> None:
    with open_voting_devnet(tmp_path, epoch_length=3) as chain:
        add = Vote(chain.candidate(0), True)
        chain.chain.propose_vote(add, chain.members[0])
        chain.chain.propose_vote(add, chain.members[1])
        # the third block and each third after it is an epoch block
        assert produce(chain, 6) == [add, add, None, None, add, add]
        assert chain.chain.tally.ballots == {}
