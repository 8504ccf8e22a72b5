"""Evidence over one change of the validators, forged with the keys of any coalition of those before and after it.

The true chain goes from a set S, which is pinned, to a set T. Of each kind of validator (in S only, in both, in T only) some are
liars; whether a member is retired or its key was stolen is the same. The adversary invents an event and tries to have it pass: as a
block of S, as a block of T by the true hop, or by a hop to a set that is none, made of liars and of names of its own. Honest
validators seal a header only if its list is the set in force, where their client compares lists; and nothing that rests on an
event that has not happened.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from perdure_anchor.evidence import Evidence, Hops
from perdure_anchor.hashes import keccak256
from perdure_anchor.header import BlockHeader, encode_header, parse_header
from perdure_anchor.verdict import Verdict
from perdure_anchor.verify import verify
from simulated_chain import COINBASE, Told, plain_header, tell, with_field
from tools.accounts import Account, account, accounts
from tools.coalition_search import STATE_ROOT, Chain, Forge, headers_put

Set = tuple[Account, ...]


def ascending(members: Sequence[Account]) -> Set:
    return tuple(sorted(members))


@dataclass(frozen=True, slots=True)
class Change:
    """From ``before`` to ``after``, on a kind of chain."""

    chain: Chain
    before: Set
    after: Set

    @property
    def told(self) -> Told:
        """True evidence, whose hop shows the change, if one can."""
        return tell(replace(self.chain.story(len(self.before)), changes=(self.after,)))

    def kinds(self) -> tuple[Set, Set, Set]:
        """Who is in the set before only, in both, and in the set after only."""
        return (
            tuple(member for member in self.before if member not in self.after),
            tuple(member for member in self.before if member in self.after),
            tuple(member for member in self.after if member not in self.before),
        )

    def coalitions(self) -> Iterator[Set]:
        """Any number of each kind; within a kind they are alike."""
        kinds = self.kinds()
        for counts in product(*(range(len(kind) + 1) for kind in kinds)):
            yield ascending(
                [member for kind, count in zip(kinds, counts, strict=True) for member in kind[:count]]
            )


def changes(chain: Chain, n: int) -> dict[str, Change]:
    """Votes change one validator at a time; two such changes at once replace one."""
    before, new = accounts(n), account("newcomer")
    found = {"one more": Change(chain, before, ascending([*before, new]))}
    if n > 1:
        found["one fewer"] = Change(chain, before, before[1:])
    if n > 2:
        found["one replaced"] = Change(chain, before, ascending([*before[1:], new]))
    return found


@dataclass(frozen=True, slots=True)
class Forgery:
    """Evidence of an event that never happened: over which way, and the set under whom its block stands."""

    way: str
    evidence: Evidence
    under: Set


def forgeries(change: Change, liars: Set) -> Iterator[Forgery]:
    """Each way that the liars' keys open."""
    true_hops = change.told.evidence.hops
    yield _forgery(change, "no hop", (), change.before, liars)
    yield _forgery(change, "the true hop", true_hops, change.after, liars)
    number = change.told.anchor_block.header.number
    for way, hops, last, at in (
        ("a false hop", (), change.before, number - 1),
        ("a false hop after the true one", true_hops, change.after, number),
    ):
        mine = ascending([*(liar for liar in liars if liar in last), account("made up")])
        yield _false_hop(change, way, hops, mine, [*liars, *mine], at)
        # a list that leaves the honest ones in, outnumbered: where lists are compared by nobody, they seal it
        sybils = accounts(2 * len(last) + 1, "sybil")
        yield _false_hop(change, way, hops, ascending([*last, *sybils]), [*liars, *sybils], at)


def _false_hop(
    change: Change, way: str, hops: Hops, invented: Set, mine: Sequence[Account], number: int
) -> Forgery:
    willing = [*mine] if change.chain.compares_lists else [*mine, *change.before, *change.after]
    first = _sealed(change.chain, plain_header(number), invented, willing)
    return _forgery(change, way, (*hops, (encode_header(first),)), invented, mine)


def _forgery(change: Change, way: str, hops: Hops, under: Set, mine: Sequence[Account]) -> Forgery:
    block = with_field(change.told.anchor_block.header, STATE_ROOT, keccak256(b"what never happened"))
    header = _sealed(change.chain, block, under, mine)
    return Forgery(way, replace(headers_put(change.told.evidence, [header]), hops=hops), under)


def _sealed(chain: Chain, header: BlockHeader, listed: Set, willing: Sequence[Account]) -> BlockHeader:
    """Listing this set, in the name of its first, with the seals of whoever is willing and in it."""
    named = with_field(header, COINBASE, bytes(listed[0].address))
    return Forge(chain.engine, listed).sealed(named, [member for member in listed if member in willing])


def parted_before(change: Change, on_one_side: Set, on_the_other: Set) -> tuple[Verdict, Verdict]:
    """The verdicts on two blocks of one number: one side of the network went through the change, the other did not.

    Who seals on a side are those there, the newcomers with the first.
    """
    told, chain = change.told, change.chain
    through = [*on_one_side, *change.kinds()[2]]
    hops = tuple(
        tuple(encode_header(_sealed(chain, parse_header(raw), change.after, through)) for raw in hop)
        for hop in told.evidence.hops
    )
    block = told.anchor_block.header
    first = headers_put(told.evidence, [_sealed(chain, block, change.after, through)])
    other = with_field(block, STATE_ROOT, keccak256(b"the other side"))
    second = headers_put(told.evidence, [_sealed(chain, other, change.before, on_the_other)])
    return verify(replace(first, hops=hops), told.trust), verify(replace(second, hops=()), told.trust)
