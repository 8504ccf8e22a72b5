"""The smallest coalitions that make `verify` accept a false statement, found by search over small chains.

Nothing here knows the answers. Honest validators act as in `parted_network`; the adversary has the keys of a
coalition, makes the best headers that they and the honest ones' seals allow, and asks the library what it takes for final.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from perdure_anchor import rlp
from perdure_anchor.engines import ENGINES
from perdure_anchor.evidence import Evidence
from perdure_anchor.finality import Block, Run
from perdure_anchor.findings import GradeTooLow
from perdure_anchor.hashes import keccak256
from perdure_anchor.header import BlockHeader, encode_header
from perdure_anchor.qbft import max_faulty
from perdure_anchor.trust import Epoch
from perdure_anchor.verdict import Grade, Verdict
from perdure_anchor.verify import verify
from simulated_chain import (
    COINBASE,
    PARENT_HASH,
    PERIOD,
    TIMESTAMP,
    Story,
    Told,
    plain_header,
    tell,
    with_anchor,
    with_field,
)
from tools.accounts import Account, account, accounts, addresses
from tools.engine_kits import KITS
from tools.parted_network import VALUES, Rules, Schedule, State, schedules, states

SIZES = range(1, 6)
STATE_ROOT = 3


@dataclass(frozen=True, slots=True)
class Chain:
    """A kind of chain: who runs it, and by which rules."""

    client: str
    engine: str = "qbft"
    quorum_rule: str = "ceil(2n/3)"

    def story(self, n: int) -> Story:
        return Story(validators=n, client=self.client, engine=self.engine, quorum_rule=self.quorum_rule)

    def told(self, n: int) -> Told:
        return tell(self.story(n))

    def epoch(self, n: int) -> Epoch:
        return self.told(n).trust.epochs[0]

    @property
    def compares_lists(self) -> bool:
        """Whether honest validators compare a header's list with the set in force before they seal it."""
        return self.client != "goquorum"

    def rules(self, n: int, liars: int) -> Rules:
        """How validators of this client act: the import of GoQuorum asks for one seal more than f, Besu's for a quorum."""
        quorum = self.epoch(n).wanted_seals
        return Rules(n, liars, quorum, max_faulty(n) + 1 if self.client == "goquorum" else quorum)


BESU = Chain("besu")
IBFT2 = Chain("besu", "ibft2")
GOQUORUM = Chain("goquorum")
WEAK_BESU = Chain("besu", quorum_rule="2f+1")
WEAK_GOQUORUM = Chain("goquorum", quorum_rule="2f+1")
CLIQUE = Chain("geth", "clique")


def accepted(verdict: Verdict) -> bool:
    """Whether the evidence has what its epoch's own rule asks for: final, or as near to it as such an epoch comes."""
    return verdict.grade is Grade.FINAL or (
        verdict.grade is Grade.ANCHORED and [type(error) for error in verdict.errors] == [GradeTooLow]
    )


# --- headers of an attack


@dataclass(frozen=True, slots=True)
class Forge:
    """Makes headers of an engine that list ``listed``, with seals of whoever wants to."""

    engine: str
    listed: tuple[Account, ...]

    def sealed(self, header: BlockHeader, sealers: Sequence[Account], round: int = 0) -> BlockHeader:
        kit = KITS[self.engine]
        return kit.sealed(kit.unsealed(header, addresses(self.listed), round), sealers)

    def child(self, parent: BlockHeader) -> BlockHeader:
        """An empty block on top of ``parent``, by the same proposer a period later; no seals."""
        header = with_field(plain_header(parent.number + 1), PARENT_HASH, ENGINES[self.engine](parent).hash)
        header = with_field(header, TIMESTAMP, rlp.encode_int(parent.timestamp + PERIOD))
        return with_field(header, COINBASE, bytes(parent.coinbase))


def headers_put(evidence: Evidence, headers: Sequence[BlockHeader]) -> Evidence:
    """The evidence with these headers from the anchor's block on; its lower bound is left out, which nobody needs here."""
    return replace(with_anchor(evidence, headers=tuple(map(encode_header, headers))), not_before=None)


# --- an event that was invented


def invented(chain: Chain, n: int, liars: int, require: Grade = Grade.FINAL) -> Verdict:
    """The verdict on a block that only the liars seal, and blocks after it likewise, in several rounds.

    No honest validator helps: what the block holds has not happened, so none takes it, nor anything after it.
    """
    told, members = chain.told(n), accounts(n)
    forge, lying = Forge(chain.engine, members), members[:liars] or (account("nobody's friend"),)
    block = with_field(told.anchor_block.header, STATE_ROOT, keccak256(b"what never happened"))
    headers: list[BlockHeader] = []
    for number in range(3):
        if chain.engine == "clique":
            headers.append(forge.sealed(block, [lying[number % len(lying)]]))
        else:
            headers += [forge.sealed(block, lying, round) for round in range(2)]
        block = forge.child(headers[-1])
    if not liars:
        headers = [forge.sealed(headers[0], ())] if chain.engine != "clique" else headers[:1]
    return verify(headers_put(told.evidence, headers), told.trust, require=require)


# --- a block and its rival


def seals(
    chain: Chain, n: int, schedule: Schedule, value: str
) -> tuple[tuple[frozenset[int], ...], frozenset[int]]:
    """Who sealed the value in each round, and who its child: the honest ones as the schedule says, the liars always.

    Validators are numbered: the liars come first, the honest ones after them in the order of the schedule's state.
    """
    histories = schedule.state.histories
    liars = frozenset(range(n - len(histories)))

    def with_liars(honest: frozenset[int]) -> frozenset[int]:
        return liars | {len(liars) + place for place in honest}

    rounds = len(histories[0]) if histories else 1
    return (
        tuple(with_liars(schedule.state.sealers(round, value)) for round in range(rounds)),
        with_liars(schedule.children_of(value)),
    )


@cache
def is_final(chain: Chain, n: int, by_round: tuple[frozenset[int], ...], child: frozenset[int]) -> bool:
    """What the library says of a block with these seals and this child."""
    members, told = addresses(accounts(n)), chain.told(n)
    block, after = told.anchor_block, told.chain.blocks[-1]
    blocks = (
        Block(
            block.header,
            block.name,
            tuple(frozenset(members[place] for place in places) for places in by_round),
        ),
        Block(after.header, after.name, (frozenset(members[place] for place in child),)),
    )
    return Run(chain.epoch(n), blocks).is_final(0)


def rival_schedule(chain: Chain, n: int, liars: int, rounds: int) -> Schedule | None:
    """A schedule after which both blocks are final; None if no schedule of so many rounds has this end."""
    rules = chain.rules(n, liars)
    for state in sorted_states(rules, rounds):
        if not _is_hopeless(chain, n, state):
            for schedule in schedules(rules, state, rounds):
                if all(is_final(chain, n, *seals(chain, n, schedule, value)) for value in VALUES):
                    return schedule
    return None


def sorted_states(rules: Rules, rounds: int) -> list[State]:
    """In the same order each time."""
    return sorted(states(rules, rounds), key=lambda state: (state.histories, sorted(state.certificates)))


def _is_hopeless(chain: Chain, n: int, state: State) -> bool:
    """Whether one of the blocks is not final even if all honest validators go on from it: more seals never make it less so."""
    return not all(
        is_final(chain, n, *seals(chain, n, Schedule(state, value * len(state.histories)), value))
        for value in VALUES
    )


def played(chain: Chain, n: int, schedule: Schedule, value: str) -> Verdict:
    """The verdict on the block's evidence, with the real seals that the schedule gives to the adversary."""
    told, members = chain.told(n), accounts(n)
    forge, (by_round, child) = Forge(chain.engine, members), seals(chain, n, schedule, value)
    block = with_field(told.anchor_block.header, STATE_ROOT, keccak256(value.encode()))
    copies = [
        forge.sealed(block, [members[place] for place in sorted(places)], round)
        for round, places in enumerate(by_round)
    ]
    after = forge.sealed(forge.child(copies[0]), [members[place] for place in sorted(child)])
    return verify(headers_put(told.evidence, [*copies, after]), told.trust)


def closest(chain: Chain, n: int, liars: int, rounds: int) -> Schedule:
    """The schedule that comes closest to two final blocks: as many of them final as can be, then with the most sealers."""

    def nearness(schedule: Schedule) -> tuple[int, int]:
        shown = [seals(chain, n, schedule, value) for value in VALUES]
        most = sum(max(len(sealing | child) for sealing in by_round) for by_round, child in shown)
        return sum(is_final(chain, n, *parts) for parts in shown), most

    rules = chain.rules(n, liars)
    reached = sorted_states(rules, rounds)
    return max((found for state in reached for found in schedules(rules, state, rounds)), key=nearness)
