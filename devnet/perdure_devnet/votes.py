"""How header votes change the validator set: Besu's rules for QBFT in header mode, as a pure count.

Source: Besu's ``VoteTally``, ``VoteTallyUpdater`` and ``VoteProposer``. A block carries its proposer's vote on one candidate at
most. The vote stands until the same proposer votes the other way on the same candidate, until the candidate is added or
dropped, until its caster is dropped, or until the next epoch block. More than half of the validators of the moment bring a
change about; it is in force from the next block. Epoch blocks clear all votes and count none of their own (DROP votes too, as
Besu does since 26.2.0). Which votes a validator wants to cast is `perdure_devnet.proposals`'s.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce

from perdure_anchor.hashes import Address
from perdure_anchor.header import BlockHeader
from perdure_anchor.qbft import Vote, parse_extra_data

# Besu's default, in blocks
DEFAULT_EPOCH_LENGTH = 30_000

# the votes that stand, by candidate and then by voter: True to add, False to drop
Ballots = Mapping[Address, Mapping[Address, bool]]


@dataclass(frozen=True, slots=True)
class VoteTally:
    """The set in force for the next block, ascending, and the votes that stand on changing it."""

    validators: tuple[Address, ...]
    ballots: Ballots = field(default_factory=dict)

    def after(self, header: BlockHeader, epoch_length: int) -> "VoteTally":
        """The tally after a block whose header is ``header``, which must follow the one that this tally is after."""
        if is_epoch_block(header.number, epoch_length):
            return VoteTally(self.validators)
        vote = parse_extra_data(header.extra_data).vote
        return self if vote is None else self.with_vote(header.coinbase, vote)

    def with_vote(self, voter: Address, vote: Vote) -> "VoteTally":
        """The tally once ``voter``, a validator, has cast this vote."""
        cast = {**self.ballots.get(vote.validator, {}), voter: vote.add}
        # a set that shrank may have made a majority of older votes: it takes effect with the next vote on the candidate, even if
        # that one goes the other way
        for add in (True, False):
            if 2 * sum(stance == add for stance in cast.values()) > len(self.validators):
                return self._changed(vote.validator, add)
        return VoteTally(self.validators, {**self.ballots, vote.validator: cast})

    def _changed(self, candidate: Address, add: bool) -> "VoteTally":
        """What a majority brings about; votes on the candidate are used up, and a dropped validator's votes are void."""
        others = {subject: cast for subject, cast in self.ballots.items() if subject != candidate}
        if add:
            return VoteTally(tuple(sorted({*self.validators, candidate})), others)
        remaining = {subject: _without(cast, candidate) for subject, cast in others.items()}
        return VoteTally(
            tuple(validator for validator in self.validators if validator != candidate),
            {subject: cast for subject, cast in remaining.items() if cast},
        )

    def stance(self, voter: Address, candidate: Address) -> bool | None:
        """The vote of ``voter`` on ``candidate`` that stands: True to add, False to drop, None if there is none."""
        return self.ballots.get(candidate, {}).get(voter)

    def is_worth_casting(self, voter: Address, vote: Vote) -> bool:
        """Whether an honest proposer casts this vote: it asks for a change, or takes back an earlier vote, and is new."""
        stance = self.stance(voter, vote.validator)
        asks_for_change = (vote.validator in self.validators) != vote.add
        return stance != vote.add and (asks_for_change or stance is not None)


def _without(cast: Mapping[Address, bool], voter: Address) -> dict[Address, bool]:
    return {each: stance for each, stance in cast.items() if each != voter}


def is_epoch_block(number: int, epoch_length: int) -> bool:
    """Whether votes are cleared at this height; ``epoch_length`` in blocks, from block 0."""
    return number % epoch_length == 0


def last_epoch_block(number: int, epoch_length: int) -> int:
    """The newest epoch block at or below this height."""
    return number - number % epoch_length


def tally_from(epoch_block: BlockHeader, following: Iterable[BlockHeader], epoch_length: int) -> VoteTally:
    """The tally after the last of ``following``, from headers alone: the list of an epoch block, and all headers since."""
    start = VoteTally(parse_extra_data(epoch_block.extra_data).validators)
    return reduce(lambda tally, header: tally.after(header, epoch_length), following, start)
