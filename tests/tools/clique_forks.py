"""A model of Clique (EIP-225) over a few blocks, and the search for two branches that both have signatures of more than half.

Two branches start with rivals of one number. An honest signer signs on the heaviest chain that it has seen (either one of two that
weigh the same), and not within floor(n/2) blocks of its own last signature on that chain; in turn a block weighs 2, out of turn 1.
What it has seen is what the adversary shows it; what it has signed on, it has seen. A liar signs whatever it likes, with any
weight that its turn gives it. No honest signer lies by signing on both branches: it leaves one for a heavier one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

Branch = tuple[int, ...]
Branches = tuple[Branch, Branch]
Seen = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Fork:
    """Who signed the blocks of each branch, and how much of each branch every signer has seen at least."""

    branches: Branches
    seen: tuple[Seen, ...]


def can_fork(n: int, liars: int) -> Branches | None:
    """Two branches with signatures of floor(n/2) + 1 of the signers each, the first ``liars`` of whom lie; None if there are none.

    The first block's signer in turn can be any of them, which is tried.
    """
    wanted = n // 2 + 1
    for turn in range(n):
        reached, fresh = set[Fork](), {Fork(((), ()), ((0, 0),) * n)}
        while fresh:
            reached |= fresh
            for fork in fresh:
                if all(len(set(branch)) >= wanted for branch in fork.branches):
                    return fork.branches
            fresh = {after for fork in fresh for after in _moves(fork, n, liars, turn)} - reached
    return None


def _moves(fork: Fork, n: int, liars: int, turn: int) -> Iterator[Fork]:
    for on in (0, 1):
        branch = fork.branches[on]
        if len(branch) == n // 2 + 1:
            continue
        for signer in range(n):
            if signer in branch[max(0, len(branch) - n // 2) :]:
                continue  # it signed recently, so nobody takes the block
            other = fork.branches[1 - on][: fork.seen[signer][1 - on]]
            if signer >= liars and _weight(other, n, turn) > _weight(branch, n, turn):
                continue  # it knows a heavier chain
            if signer >= liars and not branch and other:
                continue  # a rival of the first block of a chain that it is on already
            yield _signed(fork, on, signer)


def _weight(branch: Branch, n: int, turn: int) -> int:
    return sum(2 if (turn + place) % n == signer else 1 for place, signer in enumerate(branch))


def _signed(fork: Fork, on: int, signer: int) -> Fork:
    branches = [*fork.branches]
    branches[on] = (*branches[on], signer)
    seen = [*fork.seen]
    mine = [*seen[signer]]
    mine[on] = len(branches[on])
    seen[signer] = (mine[0], mine[1])
    return Fork((branches[0], branches[1]), tuple(seen))
