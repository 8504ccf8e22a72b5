"""A devnet whose validators come and go: chains for tests of whoever follows or verifies them.

    with open_voting_devnet(folder) as chain:                  # four validators, and keys for four candidates
        chain.block()                                          # nobody votes
        chain.block(vote=Vote(chain.candidate(0), True))       # whoever's turn it is votes to add a candidate
        chain.block(away=[chain.members[1]])                   # round 1 where that one is in turn
        chain.block(sealers=[...])                             # these seal, in this order, instead of the first quorum
        chain.change(add=chain.candidate(0))                   # blocks until it is in the set
        chain.copy(7, sealers=[...], round_number=1)           # block 7's header as another node may have stored it
        chain.headers, chain.sets                              # what a follower gets; the true set of each height

`SCRIPTS` has the courses that Besu's rules allow, by name: two candidates at once, a withdrawn vote, four to three, three to
four, four to five and back, votes that an epoch block consumes, a voter who was out in between, rounds. Hundreds of blocks a
second: the database is a file, nothing waits, and the clock is turned by a second a block.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from perdure_anchor.hashes import ZERO_HASH, Address, sha256
from perdure_anchor.header import BlockHeader
from perdure_anchor.qbft import Vote, encode_extra_data, parse_extra_data
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_anchor.trie import EMPTY_TRIE_ROOT
from perdure_devnet.block import Block
from perdure_devnet.chain import Chain
from perdure_devnet.committee import Committee, committee_of, proposer_for, unsealed_extra_data
from perdure_devnet.database import Database
from perdure_devnet.genesis import validators_of
from perdure_devnet.headers import EMPTY_BLOOM, Outcome, Slot, compose_header
from perdure_devnet.votes import DEFAULT_EPOCH_LENGTH
from tools.devnets import GENESIS_TIME, ManualClock, forged, found_chain, make_genesis

CANDIDATES = 4
SHORT_EPOCH = 10


def validator_key(number: int) -> bytes:
    """Of the first validators, by number; `tools.devnets.VALIDATOR_KEYS` are the first four."""
    return sha256(f"validator {number}".encode())


def candidate_key(number: int) -> bytes:
    """Of those that may be voted in."""
    return sha256(f"candidate {number}".encode())


class VotingDevnet:
    """A chain with all keys at hand; ``chain`` is the devnet's own, for whatever is not here."""

    def __init__(self, chain: Chain, clock: ManualClock, keys: Committee) -> None:
        self.chain = chain
        self.clock = clock
        self.keys = keys

    @property
    def members(self) -> tuple[Address, ...]:
        """The set in force for the next block, ascending."""
        return self.chain.validators

    @property
    def headers(self) -> list[BlockHeader]:
        """All headers from genesis on; a header's position is its number."""
        return list(self.chain.store.headers(0, self.chain.head.number))

    @property
    def sets(self) -> list[tuple[Address, ...]]:
        """The set that sealed each block, by number, and last the one in force for the block that comes next."""
        return [*(parse_extra_data(header.extra_data).validators for header in self.headers), self.members]

    def candidate(self, number: int) -> Address:
        """Somebody with a key who is not in the first set."""
        return address_from_private_key(candidate_key(number))

    def next_proposer(self, away: Sequence[Address] = ()) -> Address:
        """Who proposes the next block while ``away`` are absent."""
        seated = self.keys.without(*away).seated(self.members)
        coinbase = self.chain.head.header.coinbase
        return proposer_for(seated.validators, coinbase, seated.next_round(coinbase))

    def block(
        self,
        *,
        vote: Vote | None = None,
        away: Sequence[Address] = (),
        sealers: Sequence[Address] | None = None,
    ) -> Block:
        """The next block, a second later. ``vote`` must be one that an honest proposer would cast."""
        voter = self.next_proposer(away)
        if vote is not None:
            self.chain.propose_vote(vote, voter)
        self.clock.now += 1
        made = self.chain.produce(self.keys.without(*away), sealers)
        if vote is not None:
            self.chain.discard_vote(vote.validator)
            cast = parse_extra_data(made.header.extra_data).vote
            assert cast == vote, "nobody honest would cast this vote now"
        return made

    def idle(self, blocks: int, away: Sequence[Address] = ()) -> None:
        """Blocks without votes."""
        for _ in range(blocks):
            self.block(away=away)

    def vote_by(self, voter: Address, vote: Vote) -> Block:
        """Blocks without votes until it is the voter's turn, and then its vote."""
        for _ in self.members:
            if self.next_proposer() == voter:
                return self.block(vote=vote)
            self.block()
        raise AssertionError(f"0x{voter.hex()} is not in the set")

    def change(self, *, add: Address | None = None, drop: Address | None = None) -> Block:
        """Blocks, each with a vote for it, until the change is in force for the next one; the block that decided it."""
        subject = add or drop
        assert subject is not None
        for _ in self.members:
            made = self.block(vote=Vote(subject, add is not None))
            if (subject in self.members) == (add is not None):
                return made
        raise AssertionError("all have voted, and nothing changed")

    def copy(
        self, number: int, sealers: Sequence[Address] | None = None, round_number: int | None = None
    ) -> BlockHeader:
        """A block's header as another node may have it: the same block hash, other seals, maybe another round."""
        (header,) = self.chain.store.headers(number, number)
        extra = parse_extra_data(header.extra_data)
        moved = replace(extra, seals=(), round=extra.round if round_number is None else round_number)
        return self.keys.seal(header.with_extra_data(encode_extra_data(moved)), sealers)

    def last_sealers(self, number: int) -> tuple[Address, ...]:
        """A quorum of a block's list that shares as few as possible with those who sealed it here: the last of the list."""
        block = self.chain.store.block(number)
        assert block is not None
        listed = validators_of(block)
        return listed[-self.keys.seated(listed).quorum :]


def plain_header(number: int, coinbase: Address, validators: Sequence[Address]) -> BlockHeader:
    """A header of an empty block, linked to nothing and sealed by nobody."""
    slot = Slot(ZERO_HASH, number, GENESIS_TIME + number, coinbase, 30_000_000)
    outcome = Outcome(EMPTY_TRIE_ROOT, EMPTY_TRIE_ROOT, EMPTY_TRIE_ROOT, EMPTY_BLOOM, 0)
    return compose_header(slot, outcome, unsealed_extra_data(validators, 0))


@contextmanager
def open_voting_devnet(
    folder: Path,
    *,
    validators: int = 4,
    epoch_length: int = DEFAULT_EPOCH_LENGTH,
    name: str = "voting",
    clock: ManualClock | None = None,
) -> Iterator[VotingDevnet]:
    """The chain of this name in a folder; founded if there is none. Another name with the same settings is another node."""
    first = committee_of([validator_key(number) for number in range(validators)])
    keys = committee_of([validator_key(number) for number in range(validators)] + _candidate_keys())
    path = folder / f"{name}.sqlite"
    if not path.exists():
        found_chain(path, make_genesis(validators=first.validators, epoch_length=epoch_length))
    database = Database(path)
    try:
        turned = clock or ManualClock()
        chain = Chain(database, turned)
        turned.now = max(turned.now, chain.head.header.timestamp)
        yield VotingDevnet(chain, turned, keys)
    finally:
        database.close()


def _candidate_keys() -> list[bytes]:
    return [candidate_key(number) for number in range(CANDIDATES)]


def follow(
    source: VotingDevnet, node: VotingDevnet, copy_of: Callable[[int], BlockHeader] | None = None
) -> None:
    """Have another node import what it lacks; ``copy_of`` gives the copies that it gets, by block number."""
    node.clock.now = max(node.clock.now, source.clock.now)
    for number in range(node.chain.head.number + 1, source.chain.head.number + 1):
        block = source.chain.store.block(number)
        assert block is not None
        node.chain.import_block(forged(block, block.header if copy_of is None else copy_of(number)))


def _two_candidates_at_once(chain: VotingDevnet) -> None:
    """Votes on two candidates alternate; both come in, a block apart: each has votes of three of the first four."""
    one, two = Vote(chain.candidate(0), True), Vote(chain.candidate(1), True)
    for vote in (one, two, one, two, two, one, two, one):
        if vote.validator not in chain.members:
            chain.block(vote=vote)
    chain.idle(4)


def _a_withdrawn_vote(chain: VotingDevnet) -> None:
    """Three of four vote for a candidate, but one takes its vote back before the third: it takes a fourth."""
    newcomer, voters = chain.candidate(0), chain.members
    chain.vote_by(voters[0], Vote(newcomer, True))
    chain.vote_by(voters[1], Vote(newcomer, True))
    chain.vote_by(voters[1], Vote(newcomer, False))
    chain.vote_by(voters[2], Vote(newcomer, True))
    assert newcomer not in chain.members
    chain.vote_by(voters[3], Vote(newcomer, True))
    assert newcomer in chain.members
    chain.idle(3)


def _four_to_three(chain: VotingDevnet) -> None:
    chain.idle(2)
    chain.change(drop=chain.members[-1])
    chain.idle(4)


def _three_to_four(chain: VotingDevnet) -> None:
    chain.change(drop=chain.members[0])
    chain.idle(3)
    chain.change(add=chain.candidate(0))
    chain.idle(4)


def _four_to_five_and_back(chain: VotingDevnet) -> None:
    chain.change(add=chain.candidate(0))
    chain.idle(5)
    chain.change(drop=chain.candidate(0))
    chain.idle(4)


def _consumed_at_the_epoch(chain: VotingDevnet) -> None:
    """Two votes before the epoch block, one in it, and two after it, which alone are not enough; then a third.

    Needs an epoch length of `SHORT_EPOCH`.
    """
    newcomer = Vote(chain.candidate(0), True)
    assert chain.chain.epoch_length == SHORT_EPOCH
    chain.idle(SHORT_EPOCH - 3)
    for _ in range(5):
        chain.block(vote=newcomer)
    assert newcomer.validator not in chain.members
    chain.block(vote=newcomer)
    assert newcomer.validator in chain.members
    chain.idle(3)


def _a_voter_who_was_out_in_between(chain: VotingDevnet) -> None:
    """One validator votes for a candidate, is dropped and comes back: its vote is void, and two more do not make three."""
    newcomer, voters = chain.candidate(0), chain.members
    chain.vote_by(voters[0], Vote(newcomer, True))
    chain.change(drop=voters[0])
    chain.idle(2)
    chain.change(add=voters[0])
    chain.vote_by(voters[1], Vote(newcomer, True))
    chain.vote_by(voters[2], Vote(newcomer, True))
    assert newcomer not in chain.members
    chain.vote_by(voters[0], Vote(newcomer, True))
    assert newcomer in chain.members
    chain.idle(2)


def _rounds(chain: VotingDevnet) -> None:
    """Seven validators, of whom those whose turn it is are away: rounds 0 to 2, while one more is voted in. Needs seven."""
    newcomer = Vote(chain.candidate(0), True)
    for number in range(16):
        away: list[Address] = []
        for _ in range(number % 3):
            away.append(chain.next_proposer(away))
        # who is present each time would vote twice before the others have
        wanted = newcomer.validator not in chain.members and number % 3 != 1
        fresh = chain.chain.tally.is_worth_casting(chain.next_proposer(away), newcomer)
        chain.block(vote=newcomer if wanted and fresh else None, away=away)


def _mass_change(chain: VotingDevnet) -> None:
    """Everybody of the first four is replaced, one after the other."""
    for number, first in enumerate(chain.members):
        chain.change(add=chain.candidate(number))
        chain.change(drop=first)
    chain.idle(3)


Script = Callable[[VotingDevnet], None]

SCRIPTS: dict[str, Script] = {
    "two candidates at once": _two_candidates_at_once,
    "a withdrawn vote": _a_withdrawn_vote,
    "four to three": _four_to_three,
    "three to four": _three_to_four,
    "four to five and back": _four_to_five_and_back,
    "consumed at the epoch": _consumed_at_the_epoch,
    "a voter who was out in between": _a_voter_who_was_out_in_between,
    "rounds": _rounds,
    "everybody replaced": _mass_change,
}

# how many validators a script begins with and its epoch length, where these are not four and Besu's
_SETTINGS = {"consumed at the epoch": (4, SHORT_EPOCH), "rounds": (7, DEFAULT_EPOCH_LENGTH)}


@contextmanager
def scripted(folder: Path, name: str) -> Iterator[VotingDevnet]:
    """The chain on which the script of this name was played."""
    validators, epoch_length = _SETTINGS.get(name, (4, DEFAULT_EPOCH_LENGTH))
    with open_voting_devnet(folder, validators=validators, epoch_length=epoch_length) as chain:
        SCRIPTS[name](chain)
        yield chain
