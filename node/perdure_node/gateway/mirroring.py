"""Extending a mirror: by the leaf hashes that came with a checkpoint, once that checkpoint's evidence is at home."""

from perdure_anchor.log import (
    AppendProofError,
    NodeAt,
    peaks_from_append_proof,
    root_at,
    root_from_peaks,
)

from perdure_node.database import Database
from perdure_node.gateway.checkpoints import (
    GatewayCheckpoint,
    mirrorable,
    proved_above_mirror,
    stored_proof,
)
from perdure_node.gateway.learning import judge_mirrored
from perdure_node.gateway.sites import (
    KnownSite,
    Tiles,
    extended_mirror,
    mirror_nodes,
    nodes_with,
    site_by_number,
    store_mirror,
)
from perdure_node.gateway.waiting_leaves import waiting_leaves

_HASH_SIZE = 32


def extend_mirror(database: Database, site: KnownSite) -> KnownSite:
    """Let the mirror reach as far as evidence is at home and leaf hashes are here; the site as it is then."""
    while extended := _extended(database, site):
        site = extended
    return site


def _extended(database: Database, site: KnownSite) -> KnownSite | None:
    proved = proved_above_mirror(database, site)
    for checkpoint in mirrorable(database, site) if proved else ():
        if not any(_starts_with(database, each, checkpoint) for each in proved):
            continue
        tiles = _tiles_up_to(database, site, checkpoint)
        if tiles is None:
            continue
        with database.transaction():
            now = site_by_number(database, site.number)
            if now.mirrored != site.mirrored:
                # a copy from another node came in between (`perdure_node.witness`): these tiles are not those that follow on it
                return now
            database.execute(
                "DELETE FROM waiting_leaves WHERE digest IN (SELECT digest FROM checkpoint WHERE site = ? AND size <= ?)",
                site.number,
                checkpoint.size,
            )
            # into the pages that have just become free: each is written once
            store_mirror(database, site, tiles, checkpoint.size)
            extended = site_by_number(database, site.number)
            judge_mirrored(database, extended, extended.mirrored)
        return extended
    return None


def _starts_with(database: Database, proved: GatewayCheckpoint, checkpoint: GatewayCheckpoint) -> bool:
    """Whether a proved log is, or starts with, a checkpoint's: by the append proof that came with it."""
    if proved.digest == checkpoint.digest:
        return True
    proof = stored_proof(database, proved.digest, checkpoint.size)
    if proof is None or checkpoint.size > proved.size:
        return False
    try:
        peaks = peaks_from_append_proof(
            checkpoint.size, checkpoint.stored.checkpoint.root, proved.size, proof
        )
    except AppendProofError:
        return False
    return root_from_peaks(peaks) == proved.stored.checkpoint.root


def nodes_of_log(database: Database, site: KnownSite, checkpoint: GatewayCheckpoint) -> NodeAt | None:
    """The hashes of a checkpoint's log, by the mirror and the leaf hashes that wait; None where these do not reach back so far.

    One whose anchor a reorganisation has taken back may be in the mirror.
    """
    if checkpoint.size <= site.mirrored:
        nodes = mirror_nodes(database, site)
        return nodes if root_at(nodes, checkpoint.size) == checkpoint.stored.checkpoint.root else None
    tiles = _tiles_up_to(database, site, checkpoint)
    return None if tiles is None else nodes_with(database, site, tiles).at(checkpoint.size)


def _tiles_up_to(database: Database, site: KnownSite, checkpoint: GatewayCheckpoint) -> Tiles | None:
    found = waiting_leaves(database, checkpoint.digest)
    if found is None or not found.begin <= site.mirrored < checkpoint.size:
        return None
    tiles = found.tiles_on(database, site)
    if tiles is None:
        tiles = extended_mirror(database, site, found.octets[(site.mirrored - found.begin) * _HASH_SIZE :])
    root = root_at(nodes_with(database, site, tiles).at(checkpoint.size), checkpoint.size)
    return tiles if root == checkpoint.stored.checkpoint.root else None
