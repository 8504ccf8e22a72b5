"""A model of QBFT at one height of a small chain whose network the adversary runs, and the search for two blocks that both pass.

Values are two valid blocks of one number, `B` and its rival `R`. Liars say anything to anybody: they propose, prepare, seal both,
and show or hide what they have seen. An honest validator

- takes one proposal a round, and one that is justified: in round 0 any, later one for which a quorum of round changes is shown
  whose highest prepared block it is, or none of which has a prepared block;
- seals (commits) a block in a round only when it has a quorum of prepares for it, which makes it its prepared block;
- tells the truth about its prepared block in round changes;
- takes a block from others when it carries as many seals of one round as its client asks of an import, and then goes on from it:
  it seals the child, if a quorum prepares that too.

The adversary delays each message at will, so every honest validator can be absent from any round, and each round of the search
is everything that can come out of it. Rounds can be looked at one after another, since what is done in one rests on messages of
earlier ones. Honest validators are alike, so a state is how many have done what. Where there is a liar he may propose in each
round: rounds in which nothing happens lie between. That a value comes back in a later round without a certificate is allowed,
which gives the adversary more than he has. Taking a block is put at the end: whoever takes one earlier only acts less.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

VALUES = "BR"
NOTHING = "-"

Certificates = frozenset[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Rules:
    """``validators`` of whom ``liars`` lie; a ``quorum`` prepares and commits; ``taken_with`` seals make nodes import a block."""

    validators: int
    liars: int
    quorum: int
    taken_with: int

    @property
    def honest(self) -> int:
        return self.validators - self.liars

    def enough(self, honest: int, wanted: int) -> bool:
        """Whether so many honest ones suffice, together with all liars."""
        return honest + self.liars >= wanted


@dataclass(frozen=True, slots=True, order=True)
class State:
    """What each honest validator sealed in each round (`B`, `R` or `-`), sorted, and which blocks a quorum prepared when."""

    histories: tuple[str, ...]
    certificates: Certificates

    def sealers(self, round: int, value: str) -> frozenset[int]:
        """The honest validators, by position, who sealed the value in the round."""
        return frozenset(place for place, history in enumerate(self.histories) if history[round] == value)


@dataclass(frozen=True, slots=True)
class Schedule:
    """An outcome: what was sealed in each round, and who went on from which block (`-`: from neither) and sealed its child."""

    state: State
    went_on: str

    def children_of(self, value: str) -> frozenset[int]:
        return frozenset(place for place, taken in enumerate(self.went_on) if taken == value)


def states(rules: Rules, rounds: int) -> frozenset[State]:
    """Every state that can be reached within so many rounds."""
    reached = {State(("",) * rules.honest, frozenset())}
    for round in range(rounds):
        reached = {after for state in reached for after in _after_round(rules, state, round)}
    return frozenset(reached)


def _after_round(rules: Rules, state: State, round: int) -> Iterator[State]:
    allowed = [value for value in VALUES if is_justified(rules, state, round, value)]
    for histories in _choices(state, allowed):
        sealed = Counter(history[-1] for history in histories)
        idle = sealed[NOTHING]
        for prepared in _subsets(allowed):
            missing = sum(max(0, rules.quorum - rules.liars - sealed[value]) for value in prepared)
            seals = {value for value in VALUES if sealed[value]}
            one_proposal = rules.liars > 0 or len(prepared) <= 1
            if seals <= set(prepared) and missing <= idle and one_proposal:
                yield State(histories, state.certificates | {(round, value) for value in prepared})


def _subsets(values: list[str]) -> Iterator[tuple[str, ...]]:
    for size in range(len(values) + 1):
        yield from combinations(values, size)


def _choices(state: State, allowed: list[str]) -> set[tuple[str, ...]]:
    """Each honest validator seals one of the values or nothing; those with one history are alike."""
    options = [[history + value for value in (*allowed, NOTHING)] for history in state.histories]
    return {tuple(sorted(chosen)) for chosen in product(*options)}


def is_justified(rules: Rules, state: State, round: int, value: str) -> bool:
    """Whether an honest validator takes the proposal: see the module."""
    if round == 0:
        return True
    wanted = max(0, rules.quorum - rules.liars)
    prepared = [_last_sealed(history) for history in state.histories]
    if sum(last is None for last in prepared) >= wanted:
        return True
    return any(
        sum(last is None or last[0] < when or last == (when, value) for last in prepared) >= wanted
        and (rules.liars > 0 or (when, value) in prepared)
        for when, certified in state.certificates
        if certified == value
    )


def _last_sealed(history: str) -> tuple[int, str] | None:
    return next(
        ((round, value) for round, value in reversed(list(enumerate(history))) if value != NOTHING), None
    )


def schedules(rules: Rules, state: State, rounds: int) -> Iterator[Schedule]:
    """Who may then have gone on from which of the blocks, and sealed a child of it."""
    taken = [
        value
        for value in VALUES
        if any(rules.enough(len(state.sealers(round, value)), rules.taken_with) for round in range(rounds))
    ]
    for went_on in product((*taken, NOTHING), repeat=rules.honest):
        people = list(zip(state.histories, went_on, strict=True))
        if people != sorted(people):
            continue  # the same with two who are alike in each other's place
        counts = Counter(went_on)
        if all(not counts[value] or rules.enough(counts[value], rules.quorum) for value in VALUES):
            yield Schedule(state, "".join(went_on))
