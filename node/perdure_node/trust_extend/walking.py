"""Walking along the chain from a trust file's last epoch, and opening an epoch at each change of validators.

Each change is believed by a hop from the set right before it, as evidence has them, and its first block is exact: a quorum of the
set before sealed the parent. Changes are looked for by bisection between blocks that are ``every`` blocks apart, always the same
ones, so that whoever walks over the same blocks finds the same. What came and went between two of them is not seen.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import takewhile

from perdure_anchor.engines import ENGINES
from perdure_anchor.errors import ChainError, VerificationError
from perdure_anchor.evidence import MAX_RUN
from perdure_anchor.finality import parse_headers
from perdure_anchor.hashes import Address, checksum_address
from perdure_anchor.trust import Epoch, TrustFile
from perdure_anchor.validator_changes import follow_hops
from perdure_contracts.validator_sets import NoValidatorMethod, fetch_validators

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.header_source import HeaderSource
from perdure_node.evidence.following import find_changes, hop_from
from perdure_node.evidence.hops import Hop, KnownSet, known_to
from perdure_node.progress import Progress
from perdure_node.trust_extend.standing import as_the_node_shows_it, check_linked, check_sealed

Named = Callable[[int], tuple[Address, ...]]


class ChangeNotFollowed(VerificationError):
    """The validators changed in a way that no hop can show: the new set has to be compared and entered by people."""


class ChangeNotYetVouched(ChainError):
    """Too few of the validators before a change have sealed blocks after it so far, or on the nodes that were asked."""


class NodeBehind(ChainError):
    """The node has not come to the block in question."""


class How(Enum):
    """Why an epoch was opened."""

    FOLLOWED = "followed"
    GOES_ON = "goes on"
    BY_HAND = "by hand"


@dataclass(frozen=True, slots=True)
class Opened:
    """An epoch that was added, why, and in words by whose word."""

    from_block: int
    how: How
    note: str


class Walk:
    """``trust`` with the epochs opened so far; its last set is known to be in force at block ``known``."""

    def __init__(self, trust: TrustFile, chain: AnchorChain, every: int, progress: Progress) -> None:
        self.trust = trust
        self.chain = chain
        self.opened: list[Opened] = []
        self.unseen: list[str] = []
        self.known = known_to(trust.epochs[-1])
        self._every, self._progress = every, progress

    @property
    def epoch(self) -> Epoch:
        return self.trust.epochs[-1]

    def source(self, epoch: Epoch) -> HeaderSource:
        """Headers of the blocks of an epoch."""
        return HeaderSource(self.chain.client, ENGINES[epoch.consensus], self.chain.others)

    def open(self, trust: TrustFile, how: How, note: str) -> None:
        """Go on with ``trust``, whose last epoch is new."""
        self.trust = trust
        self.known = self.epoch.from_block
        self.opened.append(Opened(self.known, how, note))

    def to(self, block: int) -> None:
        """Follow the validators to a block, at which a quorum of the last set then stands.

        Raises `ChangeNotFollowed`, `ChangeNotYetVouched`, `NodeBehind`, `BlocksNotVerified`, and what the chain client does.
        """
        source = self.source(self.epoch)
        if block > source.head_number():
            raise NodeBehind(
                f"the node has come to block {source.head_number()}, want {block}",
                hint="wait until it has caught up, or ask another one",
            )
        # nobody sealed the genesis block
        start = max(self.known, 1)
        if block < start:
            return
        with as_the_node_shows_it(f"block {start} does not stand under the trust file's last epoch"):
            check_sealed(self.trust, source, start, block)
        self._progress.stage(f"following validators to block {block}", block - start, "blocks")
        if self.epoch.can_be_followed:
            self._follow(source, start, block)
        else:
            self._look_for_changes(start, block)
        with as_the_node_shows_it(f"block {block} does not stand under the validators that were followed"):
            check_sealed(self.trust, source, block, source.head_number())
        self.known = block

    def _follow(self, source: HeaderSource, start: int, block: int) -> None:
        for first in self._changes(source.listed, start, block):
            if self._is_closed_before(first - 1):
                self._go_on(source)
            self._hop(source, first)
            source.forget_before(first)
        if self._is_closed_before(block):
            self._go_on(source)

    def _changes(self, named: Named, start: int, block: int) -> Iterator[int]:
        with as_the_node_shows_it("the node's headers cannot be read"):
            for low, high in stretches(start, block, self._every):
                yield from find_changes(named, low, high)
                self._progress.advance(high - start)

    def _is_closed_before(self, block: int) -> bool:
        return self.epoch.to_block is not None and self.epoch.to_block < block

    def _go_on(self, source: HeaderSource) -> None:
        """The last epoch is closed, and the next block has its validators still."""
        ended = self.epoch.to_block
        assert ended is not None
        first = ended + 1
        trust = replace(
            self.trust, epochs=(*self.trust.epochs, replace(self.epoch, from_block=first, to_block=None))
        )
        with as_the_node_shows_it(f"block {first}, the first after the last epoch, does not stand"):
            check_sealed(trust, source, first, source.head_number())
        self.open(trust, How.GOES_ON, "the same validators as before: a quorum of them sealed it")

    def _hop(self, source: HeaderSource, first: int) -> None:
        before = self.epoch
        hop = self._found_hop(source, first)
        headers = parse_headers(hop.headers)
        with as_the_node_shows_it(f"the change of validators at block {first} does not hold"):
            trust = follow_hops(self.trust, [headers]).trust
            check_linked(trust, source, source.header(first))
        count = f"{len(headers)} header" + "s" * (len(headers) > 1)
        note = f"{before.wanted_seals} or more of the {len(before.validators)} validators before sealed its blocks: {count}"
        self.open(trust, How.FOLLOWED, note)

    def _found_hop(self, source: HeaderSource, first: int) -> Hop:
        before, after = self.epoch, source.listed(first)
        staying = len(set(after) & set(before.validators))
        if staying < before.wanted_seals:
            raise _not_followed(
                first,
                after,
                f"{staying} of the {len(before.validators)} validators before stay in office, and it takes "
                f"{before.wanted_seals} of them to vouch for the new set",
            )
        with as_the_node_shows_it(f"the change of validators at block {first} does not hold"):
            hop = hop_from(self.trust, KnownSet(before.validators, first - 1), source, first)
        if hop is None:
            raise _too_few_seals(source, before, first)
        return hop

    def _look_for_changes(self, start: int, block: int) -> None:
        """Where validators cannot be followed, the node can still say that they changed, and when."""
        epoch = self.epoch

        def named(number: int) -> tuple[Address, ...]:
            return fetch_validators(self.chain.client, epoch.consensus, number).validators

        try:
            first = next(self._changes(named, start, block), None)
            accounts = epoch.validators if first is None else named(first)
        except NoValidatorMethod as error:
            self.unseen.append(f"changes of validators from block {start} to {block}: {error}")
            first, accounts = None, epoch.validators
        what = "the validators change"
        if first is None and self._is_closed_before(block):
            first, what = known_to(epoch) + 1, "the last epoch ends before it"
        if first is not None:
            raise _not_followed(
                first,
                accounts,
                "these validators cannot be followed, because headers do not list them, honest ones do not check the lists, "
                f"or a quorum is too small ({epoch.client}, {epoch.consensus}, {epoch.selection}, {epoch.quorum_rule})",
                what,
            )


def stretches(start: int, end: int, every: int) -> Iterator[tuple[int, int]]:
    """From ``start`` to ``end`` in stretches that end at the multiples of ``every``."""
    low = start
    while low < end:
        high = min(low - low % every + every, end)
        yield low, high
        low = high


def _not_followed(
    first: int, accounts: Sequence[Address], why: str, what: str = "the validators change"
) -> ChangeNotFollowed:
    listed = ",".join(map(checksum_address, accounts))
    return ChangeNotFollowed(
        f"block {first}: {what}, and nothing shows who they are from there on: {why}",
        hint="ask the partners who the new validators are; if they say what this node says, enter them with: "
        f"--from {first} --set-validators {listed}",
    )


def _too_few_seals(
    source: HeaderSource, before: Epoch, first: int
) -> ChangeNotFollowed | ChangeNotYetVouched:
    after, head = source.listed(first), source.head_number()
    end = min(head, first + MAX_RUN - 1)
    count = len(list(takewhile(lambda number: source.listed(number) == after, range(first, end + 1))))
    why = (
        f"fewer than {before.wanted_seals} of the {len(before.validators)} validators before sealed the {count} blocks from "
        f"{first} on, as far as these nodes show"
    )
    if first + count - 1 == head and count < MAX_RUN:
        return ChangeNotYetVouched(
            f"block {first}: the validators change, and too few vouch for that so far: {why}",
            hint=f"wait for more blocks, name more nodes with --rpc, or stop before it with --to {first - 1}",
        )
    return _not_followed(first, after, why)
