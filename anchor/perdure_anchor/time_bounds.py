"""Time on both sides: between which moments a block, and with it a record, came to be (SPEC.md, section 8).

A block's timestamp is its proposer's word. So each bound rests on a run of final blocks by several proposers: it is false only if
all of them lied, or if a quorum invented the blocks, under names that it was free to choose. Where coinbases show nothing, or too few proposers appear, one proposer's word is all there is, and the bound
says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from perdure_anchor.coalitions import Coalition, forgers, text_of
from perdure_anchor.errors import VerificationError
from perdure_anchor.finality import Run, check_final
from perdure_anchor.hashes import Address
from perdure_anchor.qbft import max_faulty
from perdure_anchor.validator_changes import ValidatorChange

Changes: TypeAlias = Sequence[ValidatorChange]

# an honest validator accepts a timestamp at most this far ahead of its clock
AHEAD_OF_CLOCK = 1
DEFAULT_CLOCK_ALLOWANCE = 1


class ForeignProposer(VerificationError):
    """A block's coinbase is not a validator, on a client that checks it."""


@dataclass(frozen=True, slots=True)
class TimeBound:
    """``seconds`` since 1970, allowance included; false only if each of ``proposers`` lied about the time, or one of ``forgers``.

    ``wanted`` is how many distinct proposers would leave an honest one among them; ``complete`` says whether they are there.
    ``forgers`` are the coalitions that can invent the blocks themselves.
    """

    seconds: int
    proposers: tuple[Address, ...]
    wanted: int
    first_block: int
    last_block: int
    forgers: tuple[Coalition, ...]

    @property
    def complete(self) -> bool:
        return len(self.proposers) >= self.wanted

    @property
    def who_must_have_lied(self) -> str:
        if self.complete:
            liars = (
                f"all {len(self.proposers)} proposers of the blocks {self.first_block} to {self.last_block}"
            )
        else:
            liars = f"the one proposer of block {self.first_block}: by one proposer's word"
        return f"{liars}; or whoever can invent blocks, of the validators {text_of(self.forgers)}"


def wanted_proposers(validators: int) -> int:
    """Enough for an honest one among them, and for the next proposer not to choose alone: max(2, f + 1)."""
    return max(2, max_faulty(validators) + 1)


def not_after(run: Run, allowance: int, changes: Changes = ()) -> TimeBound:
    """Latest moment at which the run's first block came to exist; ``allowance`` in seconds, for clocks.

    ``changes`` of the validators have been followed to know the run's epoch; they do not change the bound, but who can forge it.
    """
    positions, proposers = _shortest(run, range(len(run.blocks)))
    latest = max(run.blocks[position].header.timestamp for position in positions)
    return _bound(run, changes, positions, proposers, latest + AHEAD_OF_CLOCK + allowance)


def not_before(run: Run, position: int, allowance: int, changes: Changes = ()) -> TimeBound:
    """Earliest moment at which anybody can have known the hash of the block at ``position``, which has to be final."""
    check_final(run, position)
    positions, proposers = _shortest(run, range(position, -1, -1))
    earliest = min(run.blocks[position].header.timestamp for position in positions)
    return _bound(run, changes, positions, proposers, max(0, earliest - AHEAD_OF_CLOCK - allowance))


def _shortest(run: Run, order: range) -> tuple[list[int], tuple[Address, ...]]:
    """The first positions in ``order`` until enough distinct proposers appeared in final blocks; else the first alone."""
    first = order[0]
    if not run.epoch.coinbase_is_proposer:
        return [first], ()
    taken: list[int] = []
    proposers: list[Address] = []
    for position in order:
        if not run.is_final(position):
            break
        proposer = _proposer(run, position)
        taken.append(position)
        if proposer not in proposers:
            proposers.append(proposer)
        if len(proposers) == wanted_proposers(len(run.epoch.validators)):
            return taken, tuple(proposers)
    return [first], (_proposer(run, first),)


def _proposer(run: Run, position: int) -> Address:
    block = run.blocks[position]
    if block.header.coinbase not in run.epoch.validators:
        raise ForeignProposer(f"block {block.number}: its coinbase is no validator of the epoch")
    return block.header.coinbase


def _bound(
    run: Run, changes: Changes, positions: list[int], proposers: tuple[Address, ...], seconds: int
) -> TimeBound:
    numbers = [run.blocks[position].number for position in positions]
    return TimeBound(
        seconds,
        proposers,
        wanted_proposers(len(run.epoch.validators)),
        min(numbers),
        max(numbers),
        forgers(run.epoch, changes),
    )
