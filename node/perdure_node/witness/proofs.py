"""Proofs that a site signed two histories: made from what a node holds, judged by the one verification, and kept.

A checkpoint that contradicts the mirror is held against checkpoints of the mirrored log. What verification does not accept under the
pinned trust file is no proof and is not kept: so a key that nobody vouches for accuses nobody, and a peer's invention does no harm.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from perdure_anchor.checkpoint import Origin, parse_origin, recover_checkpoint_signer
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import Hops
from perdure_anchor.hashes import Address, Hash32, sha256
from perdure_anchor.key_rotation import KeyRotation, SignedRotation, recover_key_rotation_signer
from perdure_anchor.log import NodeAt, root_at
from perdure_anchor.rivals import MAX_ROTATIONS, RivalCheckpoint, Rivals, encode_rivals, make_rivals
from perdure_anchor.trust import TrustFile
from perdure_anchor.verdict import Grade
from perdure_anchor.verify_rivals import verify_rivals

from perdure_node.database import Database
from perdure_node.evidence.anchors import StoredAnchor
from perdure_node.evidence.hops import hop_table
from perdure_node.gateway.checkpoints import GatewayCheckpoint, State, checkpoints_of, stored_anchor
from perdure_node.gateway.folder import Gateway
from perdure_node.gateway.sites import KnownSite, mirror_nodes
from perdure_node.witness.signed import SignedBySomebody, contradictable, forget_shown

# the first one proves it; a thief of a key could sign rivals without end
MAX_PROOFS: Final = 16
# each costs the seals of an anchor
_MAX_ATTEMPTS: Final = 4


@dataclass(frozen=True, slots=True)
class KeptProof:
    """A proof by the SHA-256 of its file; ``rival`` is the EIP-712 digest of the checkpoint that contradicts, ``source`` who showed it."""

    digest: Hash32
    rival: Hash32
    source: str
    found_at: int


def kept_proofs(database: Database, site: KnownSite) -> list[KeptProof]:
    """The proofs against a site, the oldest first."""
    rows = database.rows(
        "SELECT digest, rival, source, found_at FROM two_histories WHERE site = ? ORDER BY found_at, digest",
        site.number,
    )
    return [KeptProof(Hash32(digest), Hash32(rival), source, at) for digest, rival, source, at in rows]


def kept_proof(database: Database, site: KnownSite, digest: bytes) -> bytes | None:
    """The file of a proof against the site."""
    row = database.row("SELECT octets FROM two_histories WHERE site = ? AND digest = ?", site.number, digest)
    return None if row is None else bytes(row[0])


def sites_with_two_histories(database: Database) -> dict[Origin, int]:
    """The sites against which there is a proof, with when the first one was found (seconds since 1970)."""
    rows = database.rows(
        "SELECT origin, min(found_at) FROM two_histories AS t JOIN site ON site.number = t.site GROUP BY origin ORDER BY origin"
    )
    return {parse_origin(origin): found_at for origin, found_at in rows}


def has_enough(database: Database, site: KnownSite) -> bool:
    """Whether so many proofs against the site are kept that no more are."""
    return database.number("SELECT count(*) FROM two_histories WHERE site = ?", site.number) >= MAX_PROOFS


def _known(database: Database, site: KnownSite, rival: Hash32) -> bytes | None:
    row = database.row("SELECT octets FROM two_histories WHERE site = ? AND rival = ?", site.number, rival)
    return None if row is None else bytes(row[0])


NodesFor = Callable[[int], NodeAt | None]
"""From the size at which a longer rival is to be parted, to its log's hashes over [0, size) and behind; None if they are not at hand."""


def prove(
    gateway: Gateway,
    site: KnownSite,
    rival: SignedBySomebody,
    source: str,
    now: int,
    *,
    nodes_for: NodesFor = lambda _size: None,
) -> bytes | None:
    """The file that proves a checkpoint to be of another history than the mirror, kept; None if that cannot be shown to others (yet)."""
    database, trust = gateway.database, gateway.trust
    digest = rival.digest(trust.domain)
    if (known := _known(database, site, digest)) is not None:
        return known
    for ours in islice(_comparable(database, site, rival.size), _MAX_ATTEMPTS):
        node_at = mirror_nodes(database, site) if rival.size <= ours.size else nodes_for(ours.size)
        if node_at is None:
            continue
        rivals, require = _assembled(gateway, site, ours, rival, node_at)
        if verify_rivals(rivals, trust, require=require).ok:
            raw = encode_rivals(rivals)
            _keep(database, site, digest, raw, source, now)
            return raw
    return None


def prove_what_waits(gateway: Gateway, site: KnownSite, now: int) -> int:
    """Hold what was set aside, or shown by peers when the mirror was shorter, against the mirror; how many proofs that gave."""
    found, nodes = 0, mirror_nodes(gateway.database, site)
    is_enough = has_enough(gateway.database, site)
    for rival in () if is_enough else contradictable(gateway.database, site):
        # most of what is set aside is the site's one history, and came too late or by an old key
        if root_at(nodes, rival.size) == rival.checkpoint.root:
            continue
        found += prove(gateway, site, rival, "held against the mirror", now) is not None
    with gateway.database.transaction():
        forget_shown(gateway.database, site)
    return found


def _comparable(database: Database, site: KnownSite, size: int) -> Iterator[GatewayCheckpoint]:
    """Checkpoints of the mirrored log, those first by which a rival of this size is most easily caught and keys are vouched for.

    A longer one shows each shorter rival; of a longer rival the mirror's end shows most.
    """
    known = [
        each
        for each in checkpoints_of(database, site, State.ANCHORED, State.COVERED)
        if each.size <= site.mirrored
    ]
    longer = [each for each in known if each.size >= size] if size <= site.mirrored else known[::-1]
    anchored = {each.digest for each in longer if stored_anchor(database, each.digest) is not None}
    yield from (each for each in longer if each.digest in anchored)
    yield from (each for each in longer if each.digest not in anchored)


def _assembled(
    gateway: Gateway,
    site: KnownSite,
    ours: GatewayCheckpoint,
    rival: SignedBySomebody,
    node_at: NodeAt,
) -> tuple[Rivals, Grade]:
    """The proof, and the grade that its anchor can have: under a rule that makes nothing final, no more is possible."""
    database, trust = gateway.database, gateway.trust
    anchor = stored_anchor(database, ours.digest)
    hops = () if anchor is None else hop_table(database, trust).leading_through(anchor.block_number)
    pair = (_of_ours(ours, anchor), _of_rival(rival))
    rotations = _rotations_between(database, trust, site, ours, rival)
    rivals = make_rivals(trust.domain, site.origin, pair, node_at, rotations=rotations, hops=hops)
    return rivals, _reachable(trust, anchor, hops)


def _of_ours(checkpoint: GatewayCheckpoint, anchor: StoredAnchor | None) -> RivalCheckpoint:
    signed = checkpoint.stored.checkpoint
    proof = None if anchor is None else anchor.proof
    return RivalCheckpoint(signed.size, signed.root, signed.sealed_at, checkpoint.stored.signature, proof)


def _of_rival(rival: SignedBySomebody) -> RivalCheckpoint:
    signed = rival.checkpoint
    return RivalCheckpoint(signed.size, signed.root, signed.sealed_at, rival.signature)


def _reachable(trust: TrustFile, anchor: StoredAnchor | None, hops: Hops) -> Grade:
    epoch = None if anchor is None or hops else trust.epoch_of(anchor.block_number)
    return Grade.FINAL if epoch is None or epoch.is_final else Grade.ANCHORED


def _rotations_between(
    database: Database,
    trust: TrustFile,
    site: KnownSite,
    ours: GatewayCheckpoint,
    rival: SignedBySomebody,
) -> tuple[SignedRotation, ...]:
    """The rotations by which the rival's key has come from ours, none if it is the same; or none where they are not here."""
    try:
        start = recover_checkpoint_signer(trust.domain, ours.stored.checkpoint, ours.stored.signature)
        wanted = recover_checkpoint_signer(trust.domain, rival.checkpoint, rival.signature)
    except PerdureError:
        return ()
    reached: dict[Address, tuple[SignedRotation, ...]] = {start: ()}
    for signed in _rotations(database, site):
        signer = recover_key_rotation_signer(trust.domain, signed.rotation, signed.signature)
        way = reached.get(signer)
        if way is not None and len(way) < MAX_ROTATIONS:
            reached.setdefault(signed.rotation.new_key, (*way, signed))
    return reached.get(wanted, ())


def _rotations(database: Database, site: KnownSite) -> list[SignedRotation]:
    rows = database.rows(
        "SELECT new_key, grace_period, nonce, signature FROM rotation WHERE site = ? ORDER BY nonce, number",
        site.number,
    )
    return [
        SignedRotation(KeyRotation(site.origin.site, Address(key), grace, nonce), bytes(signature))
        for key, grace, nonce, signature in rows
    ]


def _keep(database: Database, site: KnownSite, rival: Hash32, raw: bytes, source: str, now: int) -> None:
    with database.transaction():
        if has_enough(database, site):
            return
        database.execute(
            "INSERT OR IGNORE INTO two_histories (digest, site, rival, octets, source, found_at) VALUES (?, ?, ?, ?, ?, ?)",
            sha256(raw),
            site.number,
            rival,
            raw,
            source,
            now,
        )
