"""Copying a site's log from another node, and comparing: the mirror grows by what is proved, and by nothing else.

A peer shows evidence of its newest mirrored checkpoint. Where `verify` finds it final, and the log is longer than the mirror, its leaf
hashes are fetched, tile by tile; each tile is stored when it comes, so that a copy goes on where it was after a restart. When all are there they
are hashed, and must give the anchored root. Then they are the site's, whoever gave them. Nothing above the leaves is fetched: it is
hashed here.
"""

import enum
from dataclasses import dataclass
from typing import Final

from perdure_anchor.checkpoint import Checkpoint, Origin, checkpoint_digest
from perdure_anchor.evidence import MAX_EVIDENCE_SIZE, Evidence, parse_evidence
from perdure_anchor.finality import parse_headers
from perdure_anchor.hashes import Hash32
from perdure_anchor.header import parse_header
from perdure_anchor.log import CompactRange, decomposition, root_at
from perdure_anchor.log.hashing import HASH_SIZE
from perdure_anchor.trust import TrustFile
from perdure_anchor.validator_changes import follow_hops
from perdure_anchor.verdict import Grade, Verdict
from perdure_anchor.verify import verify

from perdure_node.clock import Clock
from perdure_node.database import Database
from perdure_node.evidence.anchors import StoredAnchor
from perdure_node.evidence.capture import may_improve
from perdure_node.evidence.hops import Hop, store_hop
from perdure_node.gateway.checkpoints import (
    GatewayCheckpoint,
    State,
    insert_anchor,
    set_state,
    store_checkpoint,
    stored_anchor,
)
from perdure_node.gateway.folder import Gateway
from perdure_node.gateway.learning import judge_mirrored
from perdure_node.gateway.signatures import keep_signature
from perdure_node.gateway.sites import (
    KnownSite,
    add_site,
    extended_mirror,
    mirror_nodes,
    site_by_number,
    site_of,
    store_mirror,
)
from perdure_node.log.site_log import StoredCheckpoint
from perdure_node.witness.copied_tiles import (
    Copy,
    PeerDisagrees,
    copied_pages,
    drop_tiles,
    fetch_tiles,
    grown_by,
    nodes_parted_at,
    starts_alike,
)
from perdure_node.witness.peers import Peer
from perdure_node.witness.proofs import prove, prove_what_waits
from perdure_node.witness.signed import (
    MAX_LIST_SIZE,
    SignedBySomebody,
    keep_shown,
    parse_signed,
)

# they are hashed in one transaction, for which other writers wait; sites that are further ahead come by bundles
MAX_LEAVES: Final = 1 << 22


class Outcome(enum.Enum):
    """What became of a look at a peer's copy of a log."""

    ABSENT = "the peer does not have the log"
    SAME = "nothing more than what is here"
    UNDER_WAY = "there is more to be fetched"
    EXTENDED = "the mirror has grown"
    TWO_HISTORIES = "the site has signed two histories"


@dataclass(frozen=True, slots=True)
class Copied:
    """``mirrored`` is the size of the mirror afterwards; ``proof`` a file that shows two histories, if this look gave one."""

    outcome: Outcome
    mirrored: int
    proof: bytes | None = None


def copy_log(gateway: Gateway, peer: Peer, origin: Origin, clock: Clock) -> Copied:
    """Look at a peer's copy of a site's log, once; call it again while it is `Outcome.UNDER_WAY`.

    Raises `PeerUnreachable`; `PeerDisagrees`, `PeerTalksTooLong` or another `EncodingError` where what it shows cannot be used: then
    nothing of it is kept.
    """
    raw = peer.get(f"{origin.text}/checkpoint", MAX_EVIDENCE_SIZE)
    if raw is None:
        return Copied(Outcome.ABSENT, _mirrored(gateway, origin))
    evidence = _of_last_record(gateway.trust, peer, origin, raw)
    verdict = verify(evidence, gateway.trust, require=_wanted(gateway.trust, evidence))
    shown = _shown(origin, evidence)
    site = site_of(gateway.database, origin)
    now = int(clock.now())
    if site is not None and shown.size <= site.mirrored:
        return _compared(gateway, peer, site, shown, now)
    if not verdict.ok:
        # only signed: a longer log is looked at again when it is anchored
        if site is not None and evidence.anchor is None:
            _keep_for_later(gateway, site, [shown], peer, now)
            return Copied(Outcome.SAME, site.mirrored)
        raise PeerDisagrees(
            f"{peer.name}: its checkpoint of {origin.text} does not hold: {verdict.errors[0]}"
        )
    if site is None:
        with gateway.database.transaction():
            site = add_site(gateway.database, origin, now)
    return _copy(gateway, peer, site, evidence, verdict, clock)


def compare_signed(gateway: Gateway, peer: Peer, origin: Origin, clock: Clock) -> list[bytes]:
    """Hold the signed checkpoints that a peer knows of a site against the mirror; proofs of two histories, if there are any.

    Raises as `copy_log`. Of longer logs some are kept, to be compared when the mirror is as long.
    """
    site = site_of(gateway.database, origin)
    raw = None if site is None else peer.get(f"{origin.text}/checkpoints", MAX_LIST_SIZE)
    if site is None or raw is None:
        return []
    shown, now = parse_signed(raw, gateway.trust.domain, origin), int(clock.now())
    nodes = mirror_nodes(gateway.database, site)
    proofs = []
    for each in shown:
        if each.size <= site.mirrored and root_at(nodes, each.size) != each.checkpoint.root:
            proof = prove(gateway, site, each, peer.name, now)
            proofs += [] if proof is None else [proof]
    _keep_for_later(gateway, site, [each for each in shown if each.size > site.mirrored], peer, now)
    return proofs


def _mirrored(gateway: Gateway, origin: Origin) -> int:
    site = site_of(gateway.database, origin)
    return 0 if site is None else site.mirrored


def _of_last_record(trust: TrustFile, peer: Peer, origin: Origin, raw: bytes) -> Evidence:
    evidence = parse_evidence(raw)
    signed = evidence.checkpoint
    if evidence.domain != trust.domain or evidence.origin != origin or signed is None:
        raise PeerDisagrees(f"{peer.name}: shows no checkpoint of {origin.text} for this registry")
    if signed.size == 0 or signed.index != signed.size - 1:
        raise PeerDisagrees(f"{peer.name}: shows another record than the last one of {origin.text}")
    return evidence


def _wanted(trust: TrustFile, evidence: Evidence) -> Grade:
    """As when an anchor is taken home: under a rule that makes nothing final, an anchor that meets the rule is all there can be."""
    if evidence.anchor is None:
        return Grade.FINAL
    epoch = trust.epoch_of(parse_header(evidence.anchor.headers[0]).number)
    return Grade.FINAL if epoch is None or epoch.is_final else Grade.ANCHORED


def _shown(origin: Origin, evidence: Evidence) -> SignedBySomebody:
    signed = evidence.checkpoint
    assert signed is not None
    checkpoint = Checkpoint(origin.site, signed.size, signed.root, signed.sealed_at)
    return SignedBySomebody(checkpoint, signed.signature)


def _compared(gateway: Gateway, peer: Peer, site: KnownSite, shown: SignedBySomebody, now: int) -> Copied:
    """A log that is no longer than the mirror: the same, or a proof of two histories, or a peer's invention."""
    if root_at(mirror_nodes(gateway.database, site), shown.size) == shown.checkpoint.root:
        return Copied(Outcome.SAME, site.mirrored)
    proof = prove(gateway, site, shown, peer.name, now)
    if proof is None:
        raise PeerDisagrees(
            f"{peer.name}: shows another log of {site.origin.text}, of {shown.size} records, and nothing shows that the site signed it"
        )
    return Copied(Outcome.TWO_HISTORIES, site.mirrored, proof)


def _keep_for_later(
    gateway: Gateway, site: KnownSite, shown: list[SignedBySomebody], peer: Peer, now: int
) -> None:
    with gateway.database.transaction():
        for each in shown:
            keep_shown(gateway.database, site, each.digest(gateway.trust.domain), each, peer.name, now)


def _copy(
    gateway: Gateway, peer: Peer, site: KnownSite, evidence: Evidence, verdict: Verdict, clock: Clock
) -> Copied:
    shown = _shown(site.origin, evidence)
    if shown.size - site.mirrored > MAX_LEAVES:
        raise PeerDisagrees(
            f"{peer.name}: its log of {site.origin.text} is {shown.size - site.mirrored} records ahead, "
            f"and at most {MAX_LEAVES} are copied: bring them by a bundle"
        )
    copy = Copy(
        site, peer.name, checkpoint_digest(gateway.trust.domain, shown.checkpoint), site.mirrored, shown.size
    )
    drop_tiles(gateway.database, copy, all_others=True)
    if not fetch_tiles(gateway.database, peer, copy, clock):
        return Copied(Outcome.UNDER_WAY, site.mirrored)
    database = gateway.database
    before = CompactRange(0, site.mirrored, _peaks(database, site, site.mirrored))
    if starts_alike(database, copy) and grown_by(database, copy, before).root == shown.checkpoint.root:
        _store(gateway, copy, evidence, verdict, int(clock.now()))
        mirrored = _mirrored(gateway, site.origin)
        return Copied(Outcome.EXTENDED, mirrored)
    return _rival_or_lie(gateway, peer, copy, shown, clock)


def _peaks(database: Database, site: KnownSite, size: int) -> tuple[Hash32, ...]:
    nodes = mirror_nodes(database, site)
    return tuple(nodes(level, index) for level, index in decomposition(0, size))


def _store(gateway: Gateway, copy: Copy, evidence: Evidence, verdict: Verdict, now: int) -> None:
    """Let the mirror grow to the copied log, and keep its checkpoint with its anchor: all of it, or nothing."""
    database, site = gateway.database, copy.site
    checkpoint = _checkpoint_of(copy, evidence)
    with database.transaction():
        if site_by_number(database, site.number).mirrored != site.mirrored:
            # a bundle came in between: what is copied is here still, and the next look compares it anew
            return
        _store_hops(database, gateway.trust, evidence)
        store_checkpoint(database, checkpoint, now)
        set_state(database, copy.digest, State.ANCHORED)
        keep_signature(database, copy.digest, checkpoint.stored.signature)
        if stored_anchor(database, copy.digest) is None:
            insert_anchor(database, copy.digest, _anchor_of(gateway.trust, copy.size, evidence, verdict))
        for page in copied_pages(database, copy, site.mirrored, copy.size):
            tiles = extended_mirror(database, site, page)
            store_mirror(database, site, tiles, site.mirrored + len(page) // HASH_SIZE)
            site = site_by_number(database, site.number)
        judge_mirrored(database, site, site.mirrored)
        database.execute(
            "DELETE FROM waiting_leaves WHERE digest IN (SELECT digest FROM checkpoint WHERE site = ? AND size <= ?)",
            site.number,
            site.mirrored,
        )
        database.execute("DELETE FROM copied_tile WHERE site = ?", site.number)
    prove_what_waits(gateway, site, now)


def _checkpoint_of(copy: Copy, evidence: Evidence) -> GatewayCheckpoint:
    signed = evidence.checkpoint
    assert signed is not None
    shown = _shown(copy.site.origin, evidence)
    digests = tuple(slot.digest for slot in evidence.slots)
    stored = StoredCheckpoint(shown.checkpoint, signed.signature, copy.digest, digests)
    return GatewayCheckpoint(copy.site.number, stored, signed.path, State.ANCHORED)


def _anchor_of(trust: TrustFile, size: int, evidence: Evidence, verdict: Verdict) -> StoredAnchor:
    proof, facts, bound = evidence.anchor, verdict.anchor, verdict.not_after
    assert proof is not None
    assert facts is not None
    followed = follow_hops(trust, [parse_headers(hop) for hop in evidence.hops]).trust
    is_open = bound is not None and may_improve(bound, followed, proof)
    return StoredAnchor(size, facts.block_number, facts.block_time, proof, is_open)


def _store_hops(database: Database, trust: TrustFile, evidence: Evidence) -> None:
    """Keep the hops that led to the anchor's validators: they were followed just now."""
    hops = [parse_headers(hop) for hop in evidence.hops]
    by_block = {raws[0].number: headers for raws, headers in zip(hops, evidence.hops, strict=True)}
    for change in follow_hops(trust, hops).changes:
        first = change.after.from_block
        store_hop(database, Hop(change.before.validators, change.after.validators, first, by_block[first]))


def _rival_or_lie(gateway: Gateway, peer: Peer, copy: Copy, shown: SignedBySomebody, clock: Clock) -> Copied:
    """Leaf hashes that do not continue the mirror to the anchored root.

    Either the peer gives wrong ones, or the registry has taken another history than the mirror's: which, the peer's whole log tells.
    """
    database, site = gateway.database, copy.site
    whole = Copy(site, copy.peer, copy.digest, 0, copy.size)
    if site.mirrored and copy.size <= MAX_LEAVES:
        if not fetch_tiles(database, peer, whole, clock):
            return Copied(Outcome.UNDER_WAY, site.mirrored)
        before = grown_by(database, whole, CompactRange.empty(), site.mirrored)
        behind = grown_by(database, whole, CompactRange.empty(site.mirrored))
        if before.merged(behind).root == shown.checkpoint.root:
            proof = prove(
                gateway,
                site,
                shown,
                peer.name,
                int(clock.now()),
                nodes_for=lambda size: nodes_parted_at(database, whole, size),
            )
            drop_tiles(database, copy)
            if proof is not None:
                return Copied(Outcome.TWO_HISTORIES, site.mirrored, proof)
    drop_tiles(database, copy)
    raise PeerDisagrees(
        f"{peer.name}: the leaf hashes that it gives of {site.origin.text} are not those of the anchored log of {copy.size} records"
    )
