"""A model of who proposes blocks and what they say of the time, and the search for bounds of time that are false.

A few blocks, an hour or a period apart, on top of one that everybody knows since the moment 0. Each has an author. An honest one
makes its block when it is due, with its clock's time and under its own name. A liar makes a block as early as its parent's hash is
known (which for blocks of liars in a row is long before they are due), or as late as it likes, and claims any time and name.
Honest validators seal a block that is due if they seal its parent, if its time is at least a period after its parent's (on chains
that have that rule) and at most a second ahead of the clock, and if the name is the author's, where the client compares them. A
block that comes again in a later round keeps its name and time, so rounds matter for the seals alone: they are shown in the
block's own round, in two rounds in halves, or on the last block only. Liars seal everything.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

from perdure_anchor import rlp
from perdure_anchor.engines import ENGINES
from perdure_anchor.errors import VerificationError
from perdure_anchor.finality import Block, Run
from perdure_anchor.hashes import keccak256, to_hex
from perdure_anchor.header import BlockHeader, encode_header
from perdure_anchor.time_bounds import TimeBound, not_after, not_before
from perdure_anchor.verify import verify
from simulated_chain import COINBASE, START, TIMESTAMP, plain_header, tell, with_field
from tools.accounts import accounts, addresses
from tools.coalition_search import Chain, Forge, headers_put

PERIOD, HOUR, YEAR = 2, 3_600, 365 * 86_400
LENGTH = 3
# what liars say of the time: as early or as late as honest validators let pass, or beyond that
EARLY, LATE, MUCH_EARLIER, MUCH_LATER = "early", "late", "much earlier", "much later"
TRUE = "true"
SEALS = ("own", "halves", "last")


@dataclass(frozen=True, slots=True)
class Story:
    """``authors`` and ``names`` by number; the first ``liars`` of ``n`` lie. ``moments`` are when the blocks are due."""

    n: int
    liars: int
    authors: tuple[int, ...]
    names: tuple[int, ...]
    claims: tuple[str, ...]
    moments: tuple[int, ...]
    has_period: bool
    seals: str

    def is_liar(self, validator: int) -> bool:
        return validator < self.liars

    @property
    def stamps(self) -> list[int]:
        stamps: list[int] = []
        for claim, moment in zip(self.claims, self.moments, strict=True):
            least = (stamps[-1] if stamps else 0) + PERIOD if self.has_period else -YEAR
            said = {EARLY: least, LATE: moment + 1, MUCH_EARLIER: -2 * YEAR, MUCH_LATER: moment + YEAR}
            stamps.append(said.get(claim, max(least, moment)))
        return stamps

    @property
    def known_since(self) -> list[int]:
        """Since when somebody can know each block's hash."""
        known: list[int] = []
        for author, moment in zip(self.authors, self.moments, strict=True):
            known.append((known[-1] if known else 0) if self.is_liar(author) else moment)
        return known

    def sealed_by_honest(self, compares_names: bool) -> list[bool]:
        """Which blocks the honest validators seal."""
        sealed: list[bool] = []
        stamps = self.stamps
        for place, stamp in enumerate(stamps):
            before = stamps[place - 1] if place else 0
            is_in_time = stamp <= self.moments[place] + 1 and (
                not self.has_period or stamp >= before + PERIOD
            )
            is_named = self.names[place] == self.authors[place] or not compares_names
            sealed.append(is_in_time and is_named and all(sealed[:place]))
        return sealed


def stories(chain: Chain, n: int, liars: int, claims: Sequence[str], thorough: bool) -> Iterator[Story]:
    """All of them, but for those that differ only in which liar, or which honest validator, it is.

    Unless it is to be ``thorough``, fewer moments are tried; and where neither the honest nor the liars alone can make each block
    final, the story is left to the shorter one that ends before.
    """
    epoch = chain.epoch(n)
    gaps = (
        list(product((PERIOD, HOUR), repeat=LENGTH))
        if thorough
        else [(HOUR, HOUR, HOUR), (HOUR, PERIOD, PERIOD)]
    )
    for authors, names in castings(n, liars, epoch.coinbase_is_proposer):
        said = [claims if author < liars else (TRUE,) for author in authors]
        for claim, gap, has_period in product(product(*said), gaps, (True, False)):
            moments = tuple(sum(gap[: place + 1]) for place in range(LENGTH))
            story = Story(n, liars, authors, names, claim, moments, has_period, SEALS[0])
            if (
                thorough
                or liars >= epoch.wanted_seals
                or all(story.sealed_by_honest(epoch.coinbase_is_proposer))
            ):
                yield from (replace(story, seals=seals) for seals in SEALS)


@cache
def castings(n: int, liars: int, names_count: bool) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
    """Authors of the blocks and the names that stand in them, up to renumbering of the liars and of the honest.

    Where names count for nothing, liars use those of the others in turn.
    """
    found: dict[tuple[tuple[bool, int], ...], tuple[tuple[int, ...], tuple[int, ...]]] = {}
    for authors in product(range(n), repeat=LENGTH):
        free = range(n) if names_count else [len(found) % n]
        choices = [free if author < liars else (author,) for author in authors]
        for names in product(*choices):
            pairs = [validator for pair in zip(authors, names, strict=True) for validator in pair]
            found.setdefault(_renumbered(pairs, liars), (authors, names))
    return tuple(found.values())


def _renumbered(people: Sequence[int], liars: int) -> tuple[tuple[bool, int], ...]:
    """Each in the order of its first appearance among its kind."""
    orders: dict[bool, dict[int, int]] = {True: {}, False: {}}
    return tuple(
        (person < liars, orders[person < liars].setdefault(person, len(orders[person < liars])))
        for person in people
    )


# --- what the library makes of it


def run_of(chain: Chain, story: Story) -> Run:
    """The run with each seal that the adversary can show."""
    epoch, members = chain.epoch(story.n), addresses(accounts(story.n))
    honest = story.sealed_by_honest(epoch.coinbase_is_proposer)
    blocks = []
    for place, stamp in enumerate(story.stamps):
        sealers = [number for number in range(story.n) if story.is_liar(number) or honest[place]]
        if chain.engine == "clique":
            # one signature a block, by its author
            sealers = [number for number in sealers if number == story.authors[place]]
        rounds = _shown(sealers, story.seals, place)
        by_round = tuple(frozenset(members[number] for number in sealing) for sealing in rounds)
        blocks.append(Block(header(place + 1, stamp, members[story.names[place]]), _names[place], by_round))
    return Run(epoch, tuple(blocks))


def _shown(sealers: list[int], seals: str, place: int) -> list[list[int]]:
    if seals == "last" and place < LENGTH - 1:
        return [[]]
    return [sealers[::2], sealers[1::2]] if seals == "halves" else [sealers]


_names = [keccak256(b"block %d" % place) for place in range(LENGTH)]


@cache
def header(number: int, stamp: int, coinbase: bytes) -> BlockHeader:
    named = with_field(plain_header(number), COINBASE, coinbase)
    return with_field(named, TIMESTAMP, rlp.encode_int(max(0, START + stamp)))


@dataclass(frozen=True, slots=True)
class Falsehood:
    """A bound that the library computed, which is false."""

    story: Story
    bound: TimeBound

    @property
    def is_admitted(self) -> bool:
        """Whether the bound's own words name a coalition of which each is a liar here: its proposers, or enough to invent blocks."""
        story = self.story
        members = addresses(accounts(story.n))
        liars = set(members[: story.liars])
        # where the coinbase names nobody, the one proposer is whoever it was
        named = set(self.bound.proposers) or {members[story.authors[self.bound.first_block - 1]]}
        return named <= liars or any(story.liars >= coalition.liars for coalition in self.bound.forgers)


def false_not_after(chain: Chain, story: Story) -> Iterator[Falsehood]:
    """Bounds below the moment at which their block was made; runs are cut short at will."""
    run = run_of(chain, story)
    for end in range(1, LENGTH + 1):
        part = Run(run.epoch, run.blocks[:end])
        if part.is_final(0):
            bound = not_after(part, 1)
            # who lies that the block is old makes it as late as that
            if bound.seconds < START + story.moments[0]:
                yield Falsehood(story, bound)


def false_not_before(chain: Chain, story: Story) -> Iterator[Falsehood]:
    """Bounds above the moment since when their block's hash can be known."""
    run, known = run_of(chain, story), story.known_since
    for begin, position in product(range(LENGTH), range(LENGTH)):
        part = Run(run.epoch, run.blocks[begin:])
        if position < begin or not part.is_final(position - begin):
            continue
        try:
            bound = not_before(part, position - begin, 1)
        except VerificationError:
            continue
        if bound.seconds > START + known[position]:
            yield Falsehood(story, bound)


def falsehoods(chain: Chain, n: int, liars: int, thorough: bool) -> Iterator[tuple[str, Falsehood]]:
    """All false bounds of both kinds, with the kind's name."""
    early = (EARLY, MUCH_EARLIER, LATE, MUCH_LATER) if thorough else (EARLY, MUCH_EARLIER)
    late = early if thorough else (LATE, MUCH_LATER)
    for story in stories(chain, n, liars, early, thorough):
        yield from (("not after", found) for found in false_not_after(chain, story))
    for story in stories(chain, n, liars, late, thorough):
        yield from (("not before", found) for found in false_not_before(chain, story))


KINDS = tuple(product(("not after", "not before"), (True, False)))


@dataclass(frozen=True, slots=True)
class Lies:
    """What a search over coalitions found: the first falsehood of each kind and completeness, and those that no words admit."""

    first: dict[tuple[str, bool], Falsehood]
    unadmitted: tuple[Falsehood, ...]

    def liars(self, kind: str, complete: bool) -> int | None:
        """The smallest coalition; None if there is no such bound, or none that is false."""
        found = self.first.get((kind, complete))
        return None if found is None else found.story.liars


def search_lies(chain: Chain, n: int, thorough: bool = False) -> Lies:
    """Every coalition that cannot invent blocks, in all stories; then one that can, as far as a kind is still open."""
    first: dict[tuple[str, bool], Falsehood] = {}
    unadmitted: list[Falsehood] = []
    wanted = chain.epoch(n).wanted_seals
    for liars in range(wanted + 1):
        for kind, found in falsehoods(chain, n, liars, thorough):
            first.setdefault((kind, found.bound.complete), found)
            if not found.is_admitted:
                unadmitted.append(found)
            if liars == wanted and len(first) == len(KINDS):
                break
    return Lies(first, tuple(unadmitted))


# --- the same in an evidence file


def real_bound(chain: Chain, kind: str, found: Falsehood) -> TimeBound | None:
    """The bound that `verify` gives to evidence with these blocks, sealed by the keys of whom the story says."""
    story = found.story
    first = found.bound.first_block - 1
    told = chain.told(story.n)
    if kind == "not after":
        # more blocks would complete a bound by one word, but where names count for nothing
        end = found.bound.last_block if run_of(chain, story).epoch.coinbase_is_proposer else LENGTH
        headers = _real_headers(chain, story, told.anchor_block.header)[:end]
        return verify(headers_put(told.evidence, headers), told.trust).not_after
    headers = _real_headers(chain, story, told.chain.blocks[1].header)[first:]
    names = [ENGINES[chain.engine](header).hash for header in headers]
    # the block that the bound is about is its last one
    after = names[found.bound.last_block - 1 - first]
    named = tell(replace(chain.story(story.n), slots=(("after", to_hex(after)),)))
    evidence = replace(named.evidence, not_before=tuple(map(encode_header, headers)))
    return verify(evidence, named.trust).not_before


def _real_headers(chain: Chain, story: Story, first: BlockHeader) -> list[BlockHeader]:
    """The story's blocks from ``first`` on, with the seals of their own round only."""
    members = accounts(story.n)
    forge, run = Forge(chain.engine, members), run_of(chain, replace(story, seals=SEALS[0]))
    headers: list[BlockHeader] = []
    block = first
    for place, stamp in enumerate(story.stamps):
        block = with_field(block, COINBASE, bytes(members[story.names[place]].address))
        block = with_field(block, TIMESTAMP, rlp.encode_int(max(0, START + stamp)))
        sealers = [member for member in members if member.address in run.blocks[place].sealers]
        headers.append(forge.sealed(block, sealers))
        block = forge.child(headers[-1])
    return headers
