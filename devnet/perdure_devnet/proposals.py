"""What validators want to vote for: proposals that wait for their voter's turn to propose a block.

Each of Besu's nodes holds its own, and forgets them at its end; so it is here, with all of them in one process: a proposal is
one voter's, or everybody's. A proposal stays after its vote is cast, and is voted for anew when an epoch block has cleared
the votes, until somebody discards it.
"""

from collections.abc import Mapping

from perdure_anchor.hashes import Address
from perdure_anchor.qbft import Vote

from perdure_devnet.errors import TooManyProposals
from perdure_devnet.votes import VoteTally

# whoever reaches the server can propose, and each proposal is looked at before each block
MAX_PROPOSALS = 1000


class Proposals:
    """Proposals by voter and candidate. Not safe for several threads: `perdure_devnet.chain.Chain` holds its lock."""

    def __init__(self) -> None:
        self._everybody: dict[Address, bool] = {}
        # None abstains from what everybody wants
        self._own: dict[Address, dict[Address, bool | None]] = {}

    def propose(self, vote: Vote, voter: Address | None = None) -> None:
        """Have ``voter`` cast this vote; without one, all do, whoever is a validator then and whatever each wanted before.

        Raises `TooManyProposals`.
        """
        self._check_room()
        if voter is None:
            self.discard(vote.validator)
            self._everybody[vote.validator] = vote.add
        else:
            self._own.setdefault(voter, {})[vote.validator] = vote.add

    def discard(self, candidate: Address, voter: Address | None = None) -> None:
        """Have ``voter``, or everybody, vote no more on ``candidate``. Votes that were cast stand."""
        if voter is not None and candidate in self._everybody:
            self._check_room()
            self._own.setdefault(voter, {})[candidate] = None
        elif voter is not None:
            self._forget(voter, candidate)
        else:
            self._everybody.pop(candidate, None)
            for each in tuple(self._own):
                self._forget(each, candidate)

    def _forget(self, voter: Address, candidate: Address) -> None:
        stances = self._own.get(voter, {})
        stances.pop(candidate, None)
        if not stances:
            self._own.pop(voter, None)

    def _check_room(self) -> None:
        if len(self._everybody) + sum(map(len, self._own.values())) >= MAX_PROPOSALS:
            raise TooManyProposals(f"{MAX_PROPOSALS} votes are proposed already", hint="discard some first")

    def of(self, voter: Address) -> Mapping[Address, bool]:
        """What ``voter`` wants, by candidate: True to add, False to drop."""
        stances = {**self._everybody, **self._own.get(voter, {})}
        return {candidate: add for candidate, add in stances.items() if add is not None}

    def of_all(self) -> Mapping[Address, bool]:
        """What anybody wants; where voters disagree, what everybody was told, else the first voter that has a proposal."""
        merged: dict[Address, bool] = dict(self._everybody)
        for stances in self._own.values():
            for candidate, add in stances.items():
                if add is not None:
                    merged.setdefault(candidate, add)
        return merged

    def next_vote(self, voter: Address, tally: VoteTally) -> Vote | None:
        """The vote for a block by ``voter`` on top of ``tally``: its oldest proposal that is worth casting, if any."""
        wanted = (Vote(candidate, add) for candidate, add in self.of(voter).items())
        return next((vote for vote in wanted if tally.is_worth_casting(voter, vote)), None)
