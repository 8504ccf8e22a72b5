"""Following the validators: where the chain's headers list another set, and the hops that show it (SPEC.md, section 7.9).

A change is found by bisection between a block whose set is known and the head, so a site that was offline for a year asks for a
few dozen headers. Whether a hop shows what it should is judged by `perdure_anchor.validator_changes` alone. A change that comes
and goes is found where a block between is asked for, and need not be otherwise: evidence names the sets of its own blocks only.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Protocol

from perdure_anchor.engines import ENGINES
from perdure_anchor.errors import EncodingError, VerificationError
from perdure_anchor.evidence import MAX_RUN
from perdure_anchor.hashes import Address
from perdure_anchor.header import BlockHeader, encode_header
from perdure_anchor.trust import TrustFile
from perdure_anchor.validator_changes import HopNotFinal, HopNotVouched, follow_hops

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.errors import BlocksNotVerified
from perdure_node.chain.header_source import HeaderSource
from perdure_node.database import Database
from perdure_node.evidence.hops import Hop, HopTable, KnownSet, hop_table, store_hop

Listed = Callable[[int], tuple[Address, ...]]


class ChainFollower(Protocol):
    """Who keeps what the chain shows: a vault, or a gateway."""

    @property
    def database(self) -> Database:
        """Where hops and known blocks are kept."""
        ...

    @property
    def trust(self) -> TrustFile:
        """The pinned trust file."""
        ...


def find_changes(listed: Listed, low: int, high: int) -> list[int]:
    """Blocks that list other validators than their parents, such that the lists of ``low`` and ``high`` are explained.

    Ascending. Between two blocks that list the same nothing is looked for; so log2 of the distance for each change, about.
    """
    if low >= high or listed(low) == listed(high):
        return []
    if high == low + 1:
        return [high]
    middle = (low + high) // 2
    return find_changes(listed, low, middle) + find_changes(listed, middle, high)


def find_hops(trust: TrustFile, table: HopTable, source: HeaderSource, block: int) -> list[Hop]:
    """The hops to the validators of a block, where the table does not lead there yet; none where they cannot be followed.

    A change whose blocks have too few seals so far is left for another time. Raises what the chain client and the engine raise.
    """
    epoch = trust.epochs[-1]
    sets = [known for known in table.sets if known.block <= block]
    if not epoch.can_be_followed or not sets:
        return []
    newest = max(sets, key=lambda known: known.block)
    found: list[Hop] = []
    # block 0 lists nobody that could be compared
    for first in find_changes(source.listed, max(newest.block, 1), block):
        found += [hop for known in sets if (hop := hop_from(trust, known, source, first))]
        sets = [*sets, KnownSet(source.listed(first), first)]
    return found


def hop_from(trust: TrustFile, known: KnownSet, source: HeaderSource, first: int) -> Hop | None:
    """The shortest hop from a known set to that which block ``first`` lists, if there is one.

    Its blocks may go on to the node's head. Raises what the chain client, the engine and `follow_hops` do, but not `HopNotFinal`
    and `HopNotVouched`: more blocks may heal these.
    """
    after = source.listed(first)
    epoch = replace(trust.epochs[-1], from_block=known.block, to_block=None, validators=known.validators)
    if known.block >= first or len(set(after) & set(known.validators)) < epoch.wanted_seals:
        return None
    known_trust = replace(trust, epochs=(epoch,))
    last = min(source.head_number(), first + MAX_RUN - 1)
    runs = [
        _shortest(
            known_trust,
            # one after the other, as far as they are needed
            (copies(n) for n in takewhile(lambda n: source.listed(n) == after, range(first, last + 1))),
        )
        for copies in (lambda number: [source.header(number)], source.copies)
    ]
    headers = min((run for run in runs if run is not None), key=len, default=None)
    return (
        None if headers is None else Hop(known.validators, after, first, tuple(map(encode_header, headers)))
    )


def _shortest(trust: TrustFile, blocks: Iterable[Sequence[BlockHeader]]) -> Sequence[BlockHeader] | None:
    """The first headers of the blocks, a copy after the other, that lead on; None if a hop would be too long, or none does."""
    headers: list[BlockHeader] = []
    for copies in blocks:
        for header in copies:
            headers.append(header)
            if len(headers) > MAX_RUN:
                return None
            if _leads_on(trust, headers):
                return headers
    return None


def _leads_on(trust: TrustFile, headers: Sequence[BlockHeader]) -> bool:
    try:
        return bool(follow_hops(trust, [headers]).changes)
    except (HopNotFinal, HopNotVouched):
        return False


def follow_validators(home: ChainFollower, chain: AnchorChain, block: int | None = None) -> None:
    """Collect the hops up to a block, or the head, and let the chain be judged by what they show.

    Raises `BlocksNotVerified` where lists and seals contradict each other, and what the chain client raises.
    """
    table, found = _hops_up_to(home, chain, block)
    if found:
        with home.database.transaction():
            for hop in found:
                store_hop(home.database, hop)
        table = hop_table(home.database, home.trust)
    chain.trust = table.followed().trust


def followed_trust(home: ChainFollower, chain: AnchorChain) -> TrustFile:
    """As `follow_validators` up to the head, for whoever only reads: what it shows of the validators, kept nowhere."""
    table, found = _hops_up_to(home, chain, None)
    return HopTable(home.trust, (*table.hops, *found)).followed().trust


def _hops_up_to(home: ChainFollower, chain: AnchorChain, block: int | None) -> tuple[HopTable, list[Hop]]:
    """The hops that are known, and those that the chain shows besides."""
    table = hop_table(home.database, home.trust)
    source = HeaderSource(chain.client, ENGINES[home.trust.epochs[-1].consensus], chain.others)
    try:
        return table, find_hops(home.trust, table, source, source.head_number() if block is None else block)
    except (EncodingError, VerificationError) as error:
        raise BlocksNotVerified(
            f"the node shows a change of validators that does not hold: {error}",
            hint="use another node, or ask the consortium for a newer trust file",
        ) from error
