"""How many of which validators must have lied for what a verdict says to be false (SPEC.md, section 10.5).

Honest validators seal only what they took for valid, so an invented block needs a quorum of liars: of the set in force, or of one
before it that was followed to it. A *rival* of a final block needs fewer: honest validators may take two blocks of one number,
each of them valid, where the network is parted and some seal both. Numbers are of validators, or of their keys.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from perdure_anchor.qbft import max_faulty
from perdure_anchor.trust import Epoch
from perdure_anchor.validator_changes import ValidatorChange


@dataclass(frozen=True, slots=True)
class Coalition:
    """Any ``liars`` out of ``validators``: those in force at the block, or those who were before the change at block ``change``."""

    liars: int
    validators: int
    change: int | None = None

    @property
    def text(self) -> str:
        liars = self.liars or "none"
        if self.change is None:
            return f"{liars} of {self.validators}"
        return f"{liars} of the {self.validators} before the change at block {self.change}"


def forgers(epoch: Epoch, changes: Sequence[ValidatorChange]) -> tuple[Coalition, ...]:
    """Each of these can make a block of ``epoch`` pass that no honest validator ever took; ``changes`` were followed."""
    return _coalitions(wanted_liars, epoch, changes)


def rivals(epoch: Epoch, changes: Sequence[ValidatorChange]) -> tuple[Coalition, ...]:
    """Each of these can have two blocks of one number sealed in a parted network. Not for Clique, where nobody has to lie.

    A chain that was parted under an earlier set stays so: one side can have gone through the change, the other not.
    """
    return _coalitions(rival_liars, epoch, changes)


def _coalitions(
    liars: Callable[[Epoch], int], epoch: Epoch, changes: Sequence[ValidatorChange]
) -> tuple[Coalition, ...]:
    """Of the epoch, and of those that led to it; a change after its beginning has nothing to do with it."""
    before = [change for change in changes if change.after.from_block <= epoch.from_block]
    return (
        Coalition(liars(epoch), len(epoch.validators)),
        *(
            Coalition(liars(change.before), len(change.before.validators), change.after.from_block)
            for change in before
        ),
    )


def wanted_liars(epoch: Epoch) -> int:
    """As many as have to seal."""
    return epoch.wanted_seals


def rival_liars(epoch: Epoch) -> int:
    """Two quorums have this many in common; on GoQuorum a quorum, and what makes nodes take a block from each other."""
    return max(0, epoch.wanted_seals + taken_with(epoch) - len(epoch.validators))


def taken_with(epoch: Epoch) -> int:
    """With how many seals an honest node takes a block from another and builds on it: GoQuorum's import wants f + 1 only."""
    return max_faulty(len(epoch.validators)) + 1 if epoch.client == "goquorum" else epoch.wanted_seals


def text_of(coalitions: Sequence[Coalition]) -> str:
    """As in ``3 of 4, or 4 of the 5 before the change at block 9``."""
    return ", or ".join(coalition.text for coalition in coalitions)
