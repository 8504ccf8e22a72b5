"""The follower: from the contracts' deployment to the newest final block, and on with the chain, a step at a time.

Far from the head, events come by ranges of blocks, and the headers of the blocks that carry them are fetched and judged. Near it each
header is fetched, linked to its parent, judged, and its events are taken from its receipts, with the proofs that evidence needs. What
is stored moves in one transaction with how far it has come, so a step that is killed never was.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import MAX_RUN
from perdure_anchor.finality import Block
from perdure_anchor.header import parse_header
from perdure_anchor.receipt import bloom_bits
from perdure_anchor.registry_event import ANCHORED_TOPIC
from perdure_contracts.anchored_logs import AnchoredLogs, Columns, block_of
from perdure_contracts.closing import Closing

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.errors import BlocksNotVerified, BlocksReplaced
from perdure_node.clock import Clock
from perdure_node.follower.errors import EventsNotVerified
from perdure_node.follower.notices import Notice, SeenNotice
from perdure_node.follower.parts import complete_parts, has_relayed_sites, newest_unproved, of_relayed_sites
from perdure_node.follower.ranges import WIDEST, EventRange, EventRanges
from perdure_node.follower.receipts import ProvedEvents, fetch_proved_events
from perdure_node.follower.sealed_blocks import Home, SealedBlocks, bloom_of, check_in_bloom, newest_final
from perdure_node.follower.storing import (
    RECEIPTS_KEPT,
    RECEIPTS_UNASKED,
    Part,
    SiteHeads,
    drop_passing_headers,
    next_block,
    store_anchors,
    store_headers,
    store_notices,
    store_parts,
    store_progress,
    store_unwanted,
    withdraw_from,
)
from perdure_node.follower.time_runs import OpenRun

# of about 2,500 anchors each, at most: a second's work or two, after which the worker may be asked to stop
RANGES_A_STEP: Final = 16
# blocks behind the head from which on ranges are asked for, and not one header after the other
NEAR_HEAD: Final = 64
# the newest headers, which stay whether anything needs them or not: so deep a block can be taken back on a chain without finality
NEWEST_HEADERS: Final = 256
# how far behind the head parts of anchors are still looked for after catching up: a day of a block each second
FRESH_BLOCKS: Final = 86_400
# seconds between two looks at whether it still is the pinned chain
CHECK_EVERY: Final = 60.0


class Doing(Enum):
    """What a step did."""

    CATCHING_UP = "catching up"
    FOLLOWING = "following"
    PROVING = "proving"
    WAITING = "waiting"
    TAKING_BACK = "taking back"


@dataclass(frozen=True, slots=True)
class FollowStep:
    """What a step did: blocks before ``next_block`` are stored, the node's head is ``head``; ``anchors`` were added, or withdrawn."""

    doing: Doing
    next_block: int
    head: int
    anchors: int = 0

    @property
    def lag(self) -> int:
        """How many blocks of the node are not stored yet."""
        return max(0, self.head - self.next_block + 1)


class Follower(Closing):
    """Follows one chain into one gateway's database; from one thread, to be closed, or used as a context manager.

    ``ahead`` and ``widest`` as in `EventRanges`. ``relayed_only`` keeps the parts of evidence of sites only whose checkpoints came to this
    gateway. ``check_seals`` False believes the node about blocks: for measuring only.
    """

    def __init__(
        self,
        home: Home,
        chain: AnchorChain,
        clock: Clock,
        *,
        ahead: bool = True,
        check_seals: bool = True,
        fresh_blocks: int = FRESH_BLOCKS,
        widest: int = WIDEST,
        relayed_only: bool = False,
    ) -> None:
        self._home, self._chain, self._clock = home, chain, clock
        self._check_seals, self._fresh_blocks = check_seals, fresh_blocks
        self._relayed_only = relayed_only
        self._ranges = EventRanges(chain.client, home.trust, ahead=ahead, widest=widest)
        self._blocks = SealedBlocks(home, chain)
        self._open_run, self._has_run = OpenRun(), False
        self._heads: SiteHeads | None = None
        self._checked_at = -math.inf

    def close(self) -> None:
        """End what is under way; the chain is the caller's to close."""
        self._ranges.close()

    def step(self) -> FollowStep:
        """One bounded piece of work, stored with how far it came when this returns.

        Raises `WrongChain`, `WithoutContracts`, `BlocksNotVerified`, `BlocksReplaced` or `EventsNotVerified` for a node that is not to be
        believed, and what the chain client and the database raise; nothing of the step is stored then, and the next one checks the chain
        anew.
        """
        try:
            return self._step()
        except PerdureError:
            self._checked_at, self._heads = -math.inf, None
            self._forget_run()
            raise

    def _step(self) -> FollowStep:
        database, client = self._home.database, self._chain.client
        begin = next_block(database, self._home.trust)
        is_due = self._clock.monotonic() >= self._checked_at + CHECK_EVERY
        if is_due:
            self._chain.check()
        head = client.head_number()
        tip = self._tip(begin)
        if is_due and self._check_seals and tip is not None and head >= tip.number:
            taken_back = self._check_tip(tip, head)
            if taken_back is not None:
                return taken_back
        self._checked_at = self._clock.monotonic() if is_due else self._checked_at
        if head < begin:
            return self._prove(begin, head)
        if begin + NEAR_HEAD <= head:
            return self._catch_up(begin, head)
        return self._follow(begin, head, tip)

    # far from the head

    def _catch_up(self, begin: int, head: int) -> FollowStep:
        """Some ranges: what a power cut takes of them is followed again, since how far it came goes with it."""
        anchors = 0
        with self._home.database.in_bulk():
            for _ in range(RANGES_A_STEP):
                if begin + NEAR_HEAD > head:
                    break
                found = self._caught_up(begin, head)
                begin, anchors = found.end + 1, anchors + len(found.anchored)
        self._forget_run()
        return FollowStep(Doing.CATCHING_UP, begin, head, anchors)

    def _caught_up(self, begin: int, head: int) -> EventRange:
        found = self._ranges.fetch(begin, head - NEAR_HEAD // 2)
        blocks = self._judged_blocks(found, head) if self._check_seals else []
        carrying = found.anchored.block_hashes
        with self._home.database.transaction():
            self._store(
                found.end + 1,
                found.anchored.columns,
                [seen.notice for seen in found.notices],
                [(block, True, RECEIPTS_UNASKED if block.number in carrying else None) for block in blocks],
            )
        return found

    def _judged_blocks(self, found: EventRange, head: int) -> list[Block]:
        """The blocks of the range that carry events, and its last one; raises unless they are final and can have the events."""
        named = dict(found.anchored.block_hashes)
        for seen in found.notices:
            if named.setdefault(seen.block_number, seen.block_hash) != seen.block_hash:
                raise BlocksReplaced(f"the node's events name two blocks of the number {seen.block_number}")
        blocks = self._blocks.final(sorted({*named, found.end}), head)
        for block in blocks:
            if named.get(block.number, block.hash) != block.hash:
                raise BlocksReplaced(
                    f"the node's events of block {block.number} are of another block than its header",
                    hint="it may have switched to another block meanwhile: try again, or use another node",
                )
        by_number = {block.number: block for block in blocks}
        _check_blooms(found.anchored.columns, by_number, self._home.trust.registry.address)
        _check_notice_blooms(found.notices, by_number)
        return blocks

    # near the head

    def _follow(self, begin: int, head: int, tip: Block | None) -> FollowStep:
        headers = self._chain.client.fetch_headers(range(begin, min(head, begin + MAX_RUN - 1) + 1))
        run = self._blocks.run(headers)
        if tip is not None and self._check_seals and headers[0].parent_hash != tip.hash:
            return self._take_back(tip, head)
        if not self._has_run:
            self._restore_run(begin)
        last = newest_final(run)
        if last is None:
            if len(run.blocks) >= MAX_RUN:
                raise BlocksNotVerified(
                    f"the node's blocks from {begin} on: none of {MAX_RUN} is sealed by enough validators",
                    hint="use another node: this one may not keep all seals",
                )
            return FollowStep(Doing.WAITING, begin, head)
        blocks = run.blocks[: last + 1]
        events = [self._events(block) for block in blocks]
        rows: list[tuple[Any, ...]] = []
        headers_kept = []
        for block, found in zip(blocks, events, strict=True):
            rows += zip(*found.anchored.columns, strict=True)
            kept = RECEIPTS_KEPT if found.parts else RECEIPTS_UNASKED
            has_anchors = bool(len(found.anchored))
            needed = self._open_run.takes(block, run.epoch, has_anchors=has_anchors) or bool(found.notices)
            headers_kept.append((block, needed, kept if has_anchors else None))
        columns = Columns(*zip(*rows, strict=True)) if rows else Columns(*([()] * len(Columns._fields)))
        with self._home.database.transaction():
            notices = [notice for found in events for notice in found.notices]
            self._store(blocks[-1].number + 1, columns, notices, headers_kept)
            parts: Iterable[Part] = [part for found in events for part in found.parts]
            if self._relayed_only:
                parts = of_relayed_sites(self._home.database, parts)
            store_parts(self._home.database, parts)
        return FollowStep(Doing.FOLLOWING, blocks[-1].number + 1, head, len(rows))

    def _events(self, block: Block) -> ProvedEvents:
        """The block's events by its receipts, or, where they are gone, by the node's word, as far as the header does not exclude it."""
        bloom = bloom_of(block.header)
        trust = self._home.trust
        if not any(_may_have(bloom, pin.address) for pin in (trust.registry, trust.consortium)):
            return ProvedEvents(AnchoredLogs(Columns(*([()] * len(Columns._fields))), {}), (), ())
        proved = fetch_proved_events(self._chain.client, block, trust)
        if proved is not None:
            return proved
        found = self._ranges.fetch_block(block.number)
        for number, name in found.anchored.block_hashes.items():
            if name != block.hash:
                raise BlocksReplaced(
                    f"the node's events of block {number} are of another block than its header"
                )
        _check_blooms(found.anchored.columns, {block.number: block}, trust.registry.address)
        _check_notice_blooms(found.notices, {block.number: block})
        return ProvedEvents(found.anchored, tuple(seen.notice for seen in found.notices), ())

    def _forget_run(self) -> None:
        self._open_run, self._has_run = OpenRun(), False

    def _restore_run(self, begin: int) -> None:
        """The run that was open when the block before ``begin`` was stored."""
        database = self._home.database
        first = database.number(
            "SELECT max(number) FROM followed_header WHERE receipts IS NOT NULL AND number > ?",
            begin - MAX_RUN,
        )
        rows = database.rows(
            "SELECT raw FROM followed_header WHERE number BETWEEN ? AND ? ORDER BY number", first, begin - 1
        )
        if first and len(rows) == begin - first:
            run = self._blocks.run([parse_header(raw) for (raw,) in rows])
            for block in run.blocks:
                self._open_run.takes(block, run.epoch, has_anchors=block.number == first)
        self._has_run = True

    def _prove(self, begin: int, head: int) -> FollowStep:
        """With nothing new: look for the parts of an anchor that was caught up with."""
        number = (
            newest_unproved(self._home.database, begin - self._fresh_blocks) if self._check_seals else None
        )
        if number is None:
            return FollowStep(Doing.WAITING, begin, head)
        if self._relayed_only and not has_relayed_sites(self._home.database, number):
            store_unwanted(self._home.database, number)
        else:
            complete_parts(self._home, self._chain, self._blocks, number, relayed_only=self._relayed_only)
        return FollowStep(Doing.PROVING, begin, head)

    # blocks that are taken back

    def _tip(self, begin: int) -> Block | None:
        """The newest block that is stored, if its header is."""
        row = self._home.database.row("SELECT hash, raw FROM followed_header WHERE number = ?", begin - 1)
        return None if row is None else Block(parse_header(row[1]), row[0], ())

    def _check_tip(self, tip: Block, head: int) -> FollowStep | None:
        header = self._chain.client.fetch_header(tip.number)
        name = self._home.trust.engine_at(tip.number)
        try:
            same = name(header).hash == tip.hash
        except PerdureError:
            same = False
        return None if same else self._take_back(tip, head)

    def _take_back(self, tip: Block, head: int) -> FollowStep:
        """The node has another block in the place of the newest one here: without finality it may be right."""
        epoch = self._blocks.trust_at(tip.number).epoch_of(tip.number)
        database = self._home.database
        if epoch is None or epoch.is_final:
            raise BlocksReplaced(
                f"the node's blocks do not go on from block {tip.number} as a quorum of the validators sealed it before",
                hint="use another node; if several say the same, a quorum of validators signed two chains: tell the consortium",
            )
        kept = database.rows(
            "SELECT number, hash FROM followed_header WHERE number BETWEEN ? AND ? ORDER BY number DESC",
            tip.number - NEWEST_HEADERS,
            min(tip.number, head),
        )
        engine = self._home.trust.engine_at(tip.number)
        headers = self._chain.client.fetch_headers([number for number, _ in kept]) if kept else []
        common = next(
            (
                number
                for (number, name), header in zip(kept, headers, strict=True)
                if engine(header).hash == name
            ),
            None,
        )
        if common is None:
            raise BlocksReplaced(
                f"the node's chain has nothing in common with the newest {NEWEST_HEADERS} blocks that were followed",
                hint="use another node, or follow anew",
            )
        with database.transaction():
            gone = withdraw_from(database, self._home.trust, common + 1)
        self._heads = None
        self._forget_run()
        return FollowStep(Doing.TAKING_BACK, common + 1, head, gone)

    def _store(
        self,
        number: int,
        columns: Columns,
        notices: Sequence[Notice],
        headers: Sequence[tuple[Block, bool, int | None]],
    ) -> None:
        database = self._home.database
        if self._heads is None:
            self._heads = SiteHeads.load(database)
        store_progress(database, self._home.trust, number)
        store_notices(database, notices, self._heads)
        store_anchors(database, columns, self._heads)
        store_headers(database, headers)
        drop_passing_headers(database, number - NEWEST_HEADERS)


def _may_have(bloom: int, entry: bytes) -> bool:
    bits = bloom_bits(entry)
    return bloom & bits == bits


def _check_blooms(columns: Columns, blocks: dict[int, Block], registry: bytes) -> None:
    """Each anchor's root is among the topics of its block, as the header says."""
    blooms = {}
    for number, block in blocks.items():
        blooms[number] = bloom_of(block.header)
    common = bloom_bits(registry) | bloom_bits(ANCHORED_TOPIC)
    for place, root, site in zip(columns.places, columns.roots, columns.sites, strict=True):
        number = block_of(place)
        bits = common | bloom_bits(root)
        if blooms[number] & bits != bits:
            check_in_bloom(blocks[number], (registry, ANCHORED_TOPIC, root, site))
            raise EventsNotVerified(
                f"the node shows an event in block {number} that the block's header excludes"
            )


def _check_notice_blooms(notices: Sequence[SeenNotice], blocks: dict[int, Block]) -> None:
    for seen in notices:
        check_in_bloom(blocks[seen.block_number], (seen.log.address, *seen.log.topics))
