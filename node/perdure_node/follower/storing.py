"""What the follower writes: blocks, anchors and notices, and how far it has come. Everything inside a transaction of the caller's."""

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from struct import iter_unpack
from typing import Final

from perdure_anchor.checkpoint import MAX_TREE_SIZE
from perdure_anchor.finality import Block
from perdure_anchor.hashes import Hash32, keccak256, to_hex
from perdure_anchor.header import encode_header
from perdure_anchor.trust import TrustFile
from perdure_anchor.typed_data import address_word, uint_word
from perdure_contracts.anchored_logs import Columns, block_of, place_of
from perdure_contracts.transactions import WrongChain

from perdure_node.database import Database
from perdure_node.follower.errors import EventsNotVerified
from perdure_node.follower.notices import Notice
from perdure_node.stored_lists import encode_list

# of the anchors in a block whose receipts are kept, those that evidence can hold, and that are wanted here, are in followed_part
RECEIPTS_UNASKED, RECEIPTS_KEPT, RECEIPTS_GONE = 0, 1, 2
_INT64: Final = 2**63


@dataclass(frozen=True, slots=True)
class Part:
    """The receipt proof of the anchor at ``place``."""

    place: int
    receipt_index: int
    log_position: int
    nodes: tuple[bytes, ...]


@dataclass(slots=True)
class SiteHeads:
    """Of each site its number here, and the size and place of its newest anchor: what the next one has to go on from."""

    numbers: dict[Hash32, int] = field(default_factory=dict)
    heads: dict[Hash32, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def load(cls, database: Database) -> "SiteHeads":
        rows = database.rows("SELECT site, number, size, newest FROM followed_site")
        return cls(
            {Hash32(site): number for site, number, _, _ in rows},
            {Hash32(site): (size, newest) for site, _, size, newest in rows},
        )


def pinned_chain(trust: TrustFile) -> Hash32:
    """What all that is stored belongs to: a chain by its genesis block, and the contracts on it."""
    words = (uint_word(trust.chain_id), trust.genesis_hash)
    return keccak256(
        b"".join((*words, address_word(trust.registry.address), address_word(trust.consortium.address)))
    )


def next_block(database: Database, trust: TrustFile) -> int:
    """The first block of which nothing is stored; raises `WrongChain` for what was followed under another trust file's chain."""
    row = database.row("SELECT pinned, next_block FROM followed")
    if row is None:
        return min(trust.registry.deployment_block, trust.consortium.deployment_block)
    if row[0] != pinned_chain(trust):
        raise WrongChain(
            "what was followed here belongs to another chain, or to other contracts, than the trust file pins",
            hint="put the right trust file back, or follow anew: start with an empty node",
        )
    return int(row[1])


def store_progress(database: Database, trust: TrustFile, number: int) -> None:
    """Note that all blocks before this one are stored."""
    database.execute(
        "INSERT INTO followed (only, pinned, next_block) VALUES (1, ?, ?) "
        "ON CONFLICT (only) DO UPDATE SET next_block = excluded.next_block",
        pinned_chain(trust),
        number,
    )


def store_headers(database: Database, blocks: Iterable[tuple[Block, bool, int | None]]) -> None:
    """Keep headers: each with whether it is needed, and what is known of its receipts (see the table)."""
    database.execute_each(
        "INSERT INTO followed_header (number, hash, time, raw, needed, receipts) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (number) DO UPDATE SET needed = max(needed, excluded.needed), "
        "receipts = coalesce(excluded.receipts, receipts)",
        (
            (block.number, block.hash, block.header.timestamp, encode_header(block.header), needed, receipts)
            for block, needed, receipts in blocks
        ),
    )


def drop_passing_headers(database: Database, before: int) -> None:
    """Forget headers of blocks before this one that nothing needs."""
    database.execute("DELETE FROM followed_header WHERE needed = 0 AND number < ?", before)


def store_notices(database: Database, notices: Sequence[Notice], heads: SiteHeads) -> None:
    """Keep what happened to sites and partners; raises `EventsNotVerified` if a site is said to be registered a second time."""
    for notice in notices:
        if notice.name == "SiteRegistered":
            _store_site(database, notice, heads)
        database.execute(
            "INSERT INTO followed_notice (place, name, subject, details) VALUES (?, ?, ?, ?)",
            notice.place,
            notice.name,
            notice.subject,
            notice.details,
        )


def _store_site(database: Database, notice: Notice, heads: SiteHeads) -> None:
    site, origin = notice.subject, json.loads(notice.details)["origin"]
    if site in heads.numbers:
        raise EventsNotVerified(f"the node shows {origin} registered twice")
    heads.numbers[site] = database.insert(
        "INSERT INTO followed_site (site, origin) VALUES (?, ?)", site, origin
    )
    heads.heads[site] = (0, 0)


def store_anchors(database: Database, columns: Columns, heads: SiteHeads) -> None:
    """Keep anchors, each of which goes on where the site's one before ended; raises `EventsNotVerified` if one does not.

    Whoever leaves out an anchor is found out with the site's next one.
    """
    if not columns.places:
        return
    before = _linked(columns, heads.heads)
    numbers = heads.numbers
    starts = [start >> 1 for (start,) in iter_unpack(">Q24x", b"".join(columns.digests))]
    database.execute_each(
        "INSERT INTO followed_anchor (place, site, size, root, sealed_at, signer, transaction_index, before, digest_start) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        zip(
            columns.places,
            [numbers[site] for site in columns.sites],
            columns.sizes,
            columns.roots,
            _signed(columns.sealed_ats),
            columns.signers,
            columns.transaction_indexes,
            before,
            starts,
            strict=True,
        ),
    )
    counts: dict[Hash32, int] = {}
    for site in columns.sites:
        counts[site] = counts.get(site, 0) + 1
    database.execute_each(
        "UPDATE followed_site SET size = ?, newest = ?, anchors = anchors + ? WHERE number = ?",
        [(*heads.heads[site], count, numbers[site]) for site, count in counts.items()],
    )
    database.execute("UPDATE followed SET anchors = anchors + ?", len(columns.places))


def _linked(columns: Columns, heads: dict[Hash32, tuple[int, int]]) -> list[int]:
    """The place of each anchor's predecessor; ``heads`` go on to the newest."""
    before: list[int] = []
    rows = zip(columns.places, columns.sites, columns.sizes, columns.previous_sizes, strict=True)
    for place, site, size, previous in rows:
        head = heads.get(site)
        if head is None or head[0] != previous or not previous < size <= MAX_TREE_SIZE:
            raise _gap(place, site, size, previous, head)
        before.append(head[1])
        heads[site] = (size, place)
    return before


def _gap(
    place: int, site: Hash32, size: int, previous: int, head: tuple[int, int] | None
) -> EventsNotVerified:
    where = f"the anchor of size {size} in block {block_of(place)}, of the site {to_hex(site)[:18]}..."
    known = "is of a site that is not registered" if head is None else f"the one before it has {head[0]}"
    told = "" if head is None else f", is said to follow one of size {previous};"
    return EventsNotVerified(
        f"{where}{told} {known}",
        hint="the node leaves out events, or invents some: use another node; if it persists, follow anew",
    )


def _signed(numbers: Sequence[int]) -> Sequence[int]:
    """As SQLite's integers; a site may claim any time of 64 bits."""
    if max(numbers) < _INT64:
        return numbers
    return [number if number < _INT64 else number - 2 * _INT64 for number in numbers]


def unsigned(number: int) -> int:
    """The inverse of `_signed`."""
    return number if number >= 0 else number + 2 * _INT64


def store_parts(database: Database, parts: Iterable[Part]) -> None:
    """Keep receipt proofs."""
    database.execute_each(
        "INSERT OR REPLACE INTO followed_part (place, receipt_index, log_position, nodes) VALUES (?, ?, ?, ?)",
        ((part.place, part.receipt_index, part.log_position, encode_list(part.nodes)) for part in parts),
    )


def store_unwanted(database: Database, number: int) -> None:
    """Note of a block that its receipts are not to be looked for."""
    with database.transaction():
        database.execute("UPDATE followed_header SET receipts = ? WHERE number = ?", RECEIPTS_GONE, number)


def withdraw_from(database: Database, trust: TrustFile, number: int) -> int:
    """Take back all that is stored of blocks from this one on; returns how many anchors that were."""
    place = place_of(number, 0)
    gone = database.rows(
        "SELECT site, place, before FROM followed_anchor WHERE place >= ? ORDER BY place", place
    )
    for site, group in itertools.groupby(sorted(gone), key=lambda row: row[0]):
        rows = list(group)
        newest = rows[0][2]
        size = database.number("SELECT size FROM followed_anchor WHERE place = ?", newest)
        database.execute(
            "UPDATE followed_site SET size = ?, newest = ?, anchors = anchors - ? WHERE number = ?",
            size,
            newest,
            len(rows),
            site,
        )
    for table in ("followed_anchor", "followed_part"):
        database.execute(f"DELETE FROM {table} WHERE place >= ?", place)  # noqa: S608 - names from above
    database.execute(
        "DELETE FROM followed_site WHERE site IN "
        "(SELECT subject FROM followed_notice WHERE place >= ? AND name = 'SiteRegistered')",
        place,
    )
    database.execute("DELETE FROM followed_notice WHERE place >= ?", place)
    database.execute("DELETE FROM followed_header WHERE number >= ?", number)
    database.execute("UPDATE followed SET anchors = anchors - ?", len(gone))
    store_progress(database, trust, number)
    return len(gone)


def follow_anew(database: Database) -> None:
    """Forget all that was followed; the next step begins at the contracts' deployment. In a transaction of the caller's."""
    for table in ("part", "anchor", "notice", "site", "header"):
        database.execute(f"DELETE FROM followed_{table}")  # noqa: S608 - names from above
    database.execute("DELETE FROM followed")
