"""Changing the validators of a devnet in a directory: keys for newcomers, and votes that bring the change about.

One process holds every validator's key, so a change that is asked for is what all validators propose; they still have to vote
for it, a block each (`perdure_devnet.votes`). The trust file stays as it was founded: it pins the first set.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from perdure_anchor.hashes import Address, checksum_address, to_hex
from perdure_anchor.qbft import Vote
from perdure_contracts.rpc import JsonRpc

from perdure_devnet.chain import Chain
from perdure_devnet.committee import Committee
from perdure_devnet.database import Database
from perdure_devnet.errors import ChangeNotInForce, DevnetNotReady, NotAValidator
from perdure_devnet.info import DATABASE_NAME, read_info
from perdure_devnet.keys import Randomness
from perdure_devnet.network import CANDIDATES_NAME, KEYS_NAME, add_candidate, read_committee
from perdure_devnet.votes import VoteTally

_POLL = 0.05
_HEADERS_AT_ONCE = 1000


class KeyFolder:
    """The keys in a devnet's directory, read again when a candidate's came."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._candidates = directory / KEYS_NAME / CANDIDATES_NAME
        self._seen = self._names()
        self._committee = read_committee(directory)

    def _names(self) -> frozenset[str]:
        try:
            return frozenset(path.name for path in self._candidates.iterdir())
        except FileNotFoundError:
            return frozenset()

    def committee(self) -> Committee:
        """All keys that are there now; raises `DirectoryNotADevnet` where a file cannot be read."""
        names = self._names()
        if names != self._seen:
            self._committee = read_committee(self._directory)
            self._seen = names
        return self._committee


@dataclass(frozen=True, slots=True)
class Membership:
    """The set in force for the block after ``block_number``, the head, and the votes that stand on changing it."""

    block_number: int
    tally: VoteTally

    @property
    def validators(self) -> tuple[Address, ...]:
        return self.tally.validators


def read_membership(directory: Path) -> Membership:
    """Who the validators are, by the stored chain, running or not; raises `DirectoryNotADevnet`."""
    with _stored_chain(directory) as chain:
        return Membership(chain.head.number, chain.tally)


@contextmanager
def _stored_chain(directory: Path) -> Iterator[Chain]:
    """The chain as it is stored now, for reading: the devnet's own process may go on with it."""
    read_info(directory)
    database = Database(directory / DATABASE_NAME)
    try:
        yield Chain(database, time.time)
    finally:
        database.close()


def add_validator(directory: Path, *, wait: float, randomness: Randomness = os.urandom) -> Address:
    """Make a key, have all validators vote for it, and wait until it is in the set, ``wait`` seconds at most.

    Raises `DevnetNotReady` unless the devnet runs, and `ChangeNotInForce`.
    """
    url = _running_url(directory)
    candidate = add_candidate(directory, randomness).address
    with _stored_chain(directory) as chain:
        _have_voted(chain, url, Vote(candidate, add=True), wait)
    return candidate


def drop_validator(directory: Path, validator: Address, *, wait: float) -> None:
    """Have all validators vote one of them out, and wait until it is, ``wait`` seconds at most.

    Raises `DevnetNotReady` unless the devnet runs, `NotAValidator`, and `ChangeNotInForce`.
    """
    url = _running_url(directory)
    with _stored_chain(directory) as chain:
        _check_droppable(chain, validator, directory)
        _have_voted(chain, url, Vote(validator, add=False), wait)


def _check_droppable(chain: Chain, validator: Address, directory: Path) -> None:
    if validator not in chain.validators:
        raise NotAValidator(
            f"{checksum_address(validator)} is not a validator",
            hint=f"list them with: perdure devnet validators --dir {directory}",
        )
    if len(chain.validators) == 1:
        raise NotAValidator(f"{checksum_address(validator)} is the last validator: without it the chain ends")


def _running_url(directory: Path) -> str:
    info = read_info(directory)
    if not info.is_running or info.url is None:
        raise DevnetNotReady(
            f"{directory}: the devnet is not running",
            hint=f"start it with: perdure devnet up --dir {directory}",
        )
    return info.url


def _have_voted(chain: Chain, url: str, vote: Vote, wait: float) -> None:
    candidate = to_hex(vote.validator)
    with JsonRpc(url) as rpc:
        rpc.call("qbft_proposeValidatorVote", candidate, vote.add)
        if not _comes_into_force(chain, vote, wait):
            raise ChangeNotInForce(
                f"{checksum_address(vote.validator)}: not voted {'in' if vote.add else 'out'} within {wait:g} s",
                hint="the validators go on voting, a block each; look again with: perdure devnet validators",
            )
        # nobody shall answer if the opposite is asked for later
        rpc.call("qbft_discardValidatorVote", candidate)


def _comes_into_force(chain: Chain, vote: Vote, wait: float) -> bool:
    """Count the votes of blocks that another process stores, until the change is made or ``wait`` seconds are over."""
    tally, number = chain.tally, chain.head.number
    deadline = time.monotonic() + wait
    while (vote.validator in tally.validators) != vote.add:
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
        for header in chain.store.headers(number + 1, number + _HEADERS_AT_ONCE):
            tally, number = tally.after(header, chain.epoch_length), header.number
    return True
