"""The parts of evidence of anybody's anchor: its receipt proof and the headers from its block on, as they were kept or are fetched late.

A site's own gateway has captured them already, judged by `verify`; for all others receipts are kept while the chain is followed, and
looked for afterwards as long as nodes have them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from perdure_anchor.evidence import MAX_RUN, AnchorProof, Headers, Hops
from perdure_anchor.finality import Run, link_run, parse_headers
from perdure_anchor.hashes import Hash32
from perdure_anchor.validator_changes import follow_hops
from perdure_contracts.anchored_logs import place_of

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.errors import BlocksReplaced
from perdure_node.database import Database
from perdure_node.evidence.hops import hop_table
from perdure_node.follower.errors import EventsNotVerified, NotFollowed, PartsNotKept
from perdure_node.follower.reading import FollowedAnchor, anchor_by_digest, anchors_of_block
from perdure_node.follower.receipts import ProvedEvents, fetch_proved_events
from perdure_node.follower.sealed_blocks import Home, SealedBlocks
from perdure_node.follower.storing import RECEIPTS_GONE, RECEIPTS_KEPT, Part, store_headers, store_parts
from perdure_node.follower.time_runs import is_complete
from perdure_node.gateway.checkpoints import stored_anchor
from perdure_node.stored_lists import decode_list

_HEADERS_AT_ONCE = 8
# a site whose log was only copied from another node has no checkpoint here
_RELAYED = (
    "SELECT 1 FROM followed_anchor a JOIN followed_site f ON f.number = a.site JOIN site s ON s.origin = f.origin "
    "WHERE EXISTS (SELECT 1 FROM checkpoint c WHERE c.site = s.number)"
)


@dataclass(frozen=True, slots=True)
class AnchorParts:
    """What evidence of the anchor is made of, beside the record's own parts; ``hops`` lead to the validators of its block."""

    anchor: FollowedAnchor
    proof: AnchorProof
    hops: Hops


def parts_of(home: Home, digest: Hash32) -> AnchorParts:
    """The parts that are kept of an anchor; raises `NotFollowed` or `PartsNotKept`."""
    database = home.database
    anchor = anchor_by_digest(database, home.trust.domain, digest)
    if anchor is None:
        raise NotFollowed(
            "no anchor of this digest has been followed",
            hint="it may be too new: see how many blocks the node is behind",
        )
    hops = hop_table(database, home.trust).leading_through(anchor.block_number)
    captured = stored_anchor(database, digest)
    if captured is not None and captured.block_number == anchor.block_number:
        return AnchorParts(anchor, captured.proof, hops)
    row = database.row(
        "SELECT receipt_index, log_position, nodes FROM followed_part WHERE place = ?", anchor.place
    )
    headers = _kept_run(database, anchor.block_number)
    if row is None or not headers:
        raise PartsNotKept(
            f"the parts of the anchor in block {anchor.block_number} are not kept here: its receipts were gone, or too large, "
            "have not been fetched yet, or only those of relayed sites are kept",
            hint="ask the site's own gateway, or another node",
        )
    run = _run_of(home, headers)
    return AnchorParts(
        anchor, AnchorProof(row[0], decode_list(row[2]), row[1], headers[: len(run.blocks)]), hops
    )


def fetch_parts(home: Home, chain: AnchorChain, digest: Hash32) -> AnchorParts:
    """As `parts_of`; what is not kept yet is looked for on the chain, and kept. Raises what the chain client does, too."""
    try:
        return parts_of(home, digest)
    except PartsNotKept:
        anchor = anchor_by_digest(home.database, home.trust.domain, digest)
        assert anchor is not None, "its parts were looked for"
        if anchor.block_hash is not None:
            complete_parts(home, chain, SealedBlocks(home, chain), anchor.block_number)
        return parts_of(home, digest)


def newest_unproved(database: Database, first: int) -> int | None:
    """The newest block from ``first`` on whose anchors have no parts yet, and have not been looked for."""
    row = database.row(
        "SELECT number FROM followed_header WHERE receipts = 0 AND number >= ? ORDER BY number DESC LIMIT 1",
        first,
    )
    return None if row is None else int(row[0])


def has_relayed_sites(database: Database, number: int) -> bool:
    """Whether a block that was followed has an anchor of a site whose checkpoints came to this gateway."""
    first, end = place_of(number, 0), place_of(number + 1, 0)
    return bool(database.rows(f"{_RELAYED} AND a.place >= ? AND a.place < ? LIMIT 1", first, end))


def of_relayed_sites(database: Database, parts: Iterable[Part]) -> Iterator[Part]:
    """Those parts that are of such sites; their anchors are stored."""
    return (part for part in parts if database.rows(f"{_RELAYED} AND a.place = ?", part.place))


def complete_parts(
    home: Home, chain: AnchorChain, blocks: SealedBlocks, number: int, *, relayed_only: bool = False
) -> None:
    """Look for a block's receipts and the headers after it, and keep them, or what is of relayed sites; that they are gone is noted.

    Raises `EventsNotVerified` if the receipts show other anchors than are stored, and as `SealedBlocks.run` does.
    """
    database = home.database
    last = database.number("SELECT next_block FROM followed") - 1
    run = _fetched_run(chain, blocks, number, last)
    row = database.row("SELECT hash FROM followed_header WHERE number = ?", number)
    if row is None or row[0] != run.blocks[0].hash:
        raise BlocksReplaced(f"the node has another block {number} than the one that was followed")
    proved = fetch_proved_events(chain.client, run.blocks[0], home.trust)
    if proved is not None:
        _check_same(home, number, proved)
    kept = RECEIPTS_KEPT if proved is not None and proved.parts else RECEIPTS_GONE
    parts: Iterable[Part] = proved.parts if proved is not None else ()
    if relayed_only:
        parts = of_relayed_sites(database, parts)
    with database.transaction():
        store_headers(
            database, ((block, True, kept if block.number == number else None) for block in run.blocks)
        )
        store_parts(database, parts)


def _check_same(home: Home, number: int, proved: ProvedEvents) -> None:
    """What was taken by the node's word before is what the receipts show."""
    columns = proved.anchored.columns
    shown = list(zip(columns.places, columns.digests, columns.previous_sizes, columns.signers, strict=True))
    stored = [
        (each.place, each.digest, each.previous_size, each.signer)
        for each in anchors_of_block(home.database, home.trust.domain, number)
    ]
    if shown != stored:
        raise EventsNotVerified(
            f"block {number}: its receipts show {len(shown)} anchors, other ones than the {len(stored)} that a node told of before",
            hint="a node left out events, or invented some: follow anew, with another node",
        )


def _fetched_run(chain: AnchorChain, blocks: SealedBlocks, number: int, last: int) -> Run:
    """The run from a block on, no longer than the time bound needs, and not beyond ``last``."""
    end, run = number, None
    headers = chain.client.fetch_headers([number])
    while True:
        run = _shortened(blocks.run(headers))
        if is_complete(run) or end >= min(last, number + MAX_RUN - 1) or len(run.blocks) < len(headers):
            return run
        begin, end = end + 1, min(last, number + MAX_RUN - 1, end + _HEADERS_AT_ONCE)
        headers += chain.client.fetch_headers(range(begin, end + 1))


def _shortened(run: Run) -> Run:
    """The run up to where it is complete; all of it if it never is."""
    for count in range(1, len(run.blocks)):
        short = replace(run, blocks=run.blocks[:count])
        if is_complete(short):
            return short
    return run


def _kept_run(database: Database, number: int) -> Headers:
    rows = database.rows(
        "SELECT number, raw FROM followed_header WHERE number BETWEEN ? AND ? ORDER BY number",
        number,
        number + MAX_RUN - 1,
    )
    return tuple(bytes(raw) for at, (each, raw) in enumerate(rows) if each == number + at)


def _run_of(home: Home, headers: Headers) -> Run:
    parsed = parse_headers(headers)
    hops = hop_table(home.database, home.trust).leading_through(parsed[0].number)
    trust = follow_hops(home.trust, list(map(parse_headers, hops))).trust
    return _shortened(link_run(parsed, trust)[0])
