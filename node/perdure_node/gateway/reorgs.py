"""Anchors that a chain without finality has taken back after their evidence was at home: they are noticed, and made again.

Evidence under a rule that makes nothing final (Clique, or a quorum below ceil(2n/3)) was believed at the grade `anchored`; the chain may
still go on without that block. What `verify` found final is never asked about again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from perdure_anchor.engines import Engine
from perdure_anchor.hashes import Hash32
from perdure_anchor.header import parse_header
from perdure_anchor.trust import TrustFile

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.database import Database
from perdure_node.gateway.checkpoints import State, set_state
from perdure_node.stored_lists import decode_list

# blocks: of these it is looked too whether a rival of the same number, time and contents has taken the place of the evidence's block
RECENT = 256
# of a site whose newest anchor has vanished, so many before it are looked at too
_BEFORE = 500


@dataclass(frozen=True, slots=True)
class _Kept:
    """An anchor at home: ``name`` is its block's hash."""

    site: int
    digest: Hash32
    block_number: int
    name: Hash32


def forget_vanished(database: Database, trust: TrustFile, chain: AnchorChain) -> int:
    """Let checkpoints wait again whose anchors are gone, and drop evidence from blocks that are; how many anchors these were."""
    if all(epoch.is_final for epoch in trust.epochs):
        return 0
    newest = _kept(
        database,
        trust,
        "SELECT c.site, a.digest, a.block_number, a.headers, max(a.size) FROM anchor AS a "
        "JOIN checkpoint AS c USING (digest) GROUP BY c.site",
    )
    sites = sorted({each.site for each, _ in _vanished(chain, newest)})
    gone = [
        found
        for site in sites
        for found in _vanished(
            chain,
            _kept(
                database,
                trust,
                "SELECT c.site, a.digest, a.block_number, a.headers FROM anchor AS a "
                "JOIN checkpoint AS c USING (digest) WHERE c.site = ? ORDER BY a.size DESC LIMIT ?",
                site,
                _BEFORE,
            ),
        )
    ]
    if gone:
        chain.blocks.forget()
        with database.transaction():
            for each, is_known in gone:
                database.execute("DELETE FROM anchor WHERE digest = ?", each.digest)
                set_state(database, each.digest, State.ANCHORED if is_known else State.WAITING)
    return len(gone)


def _kept(database: Database, trust: TrustFile, sql: str, *parameters: int) -> list[_Kept]:
    found = []
    for site, digest, number, headers, *_ in database.rows(sql, *parameters):
        epoch = trust.epoch_of(number)
        if epoch is not None and not epoch.is_final:
            name = _block_hash(trust.engine_at(number), decode_list(headers)[0])
            found.append(_Kept(site, Hash32(digest), number, name))
    return found


@lru_cache(64)
def _block_hash(engine: Engine, raw: bytes) -> Hash32:
    """Many anchors stand in the same few blocks."""
    return engine(parse_header(raw)).hash


def _vanished(chain: AnchorChain, kept: Iterable[_Kept]) -> list[tuple[_Kept, bool]]:
    """Those whose block is not the chain's any more, and whether the registry knows the checkpoint all the same."""
    asked = list(kept)
    statuses = chain.registry.anchor_statuses([each.digest for each in asked])
    head = chain.client.head_number() if asked else 0
    recent = {each.block_number for each in asked if head - RECENT < each.block_number <= head}
    names = {number: chain.client.fetch_block_hash(number) for number in sorted(recent)}
    gone = []
    for each, status in zip(asked, statuses, strict=True):
        is_there = (
            status is not None
            # an anchor may have been confirmed by a later event, and that block be the evidence's
            and status.block_number <= each.block_number
            and names.get(each.block_number, each.name) == each.name
        )
        if not is_there and each.block_number <= head:
            gone.append((each, status is not None))
    return gone
