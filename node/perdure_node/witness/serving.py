"""A mirrored log over HTTP: its tiles by C2SP tlog-tiles' paths, and the signed checkpoints over it. Reads, and judges nothing.

A checkpoint of tlog-checkpoint is a note with Ed25519 signatures; ours are EIP-712 typed data, as the registry wants them. So what is
served as ``checkpoint`` is evidence (SPEC.md, section 5) of the log's last record with no slot shown: whoever fetches it calls the one
`verify`. A client of tlog-tiles can use the tiles as they are.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from perdure_anchor.base64_text import encode_base64
from perdure_anchor.checkpoint import Origin
from perdure_anchor.evidence import encode_evidence
from perdure_anchor.hashes import checksum_address
from perdure_anchor.log.hashing import HASH_SIZE
from perdure_anchor.strict_json import JsonValue, encode_pretty
from perdure_anchor.trust import TrustFile

from perdure_node.database import Database
from perdure_node.gateway.checkpoints import (
    SiteAnchors,
    State,
    checkpoints_of,
    last_record_evidence,
    stored_anchor,
)
from perdure_node.gateway.sites import KnownSite, read_mirror, site_of
from perdure_node.witness.proofs import kept_proof, kept_proofs
from perdure_node.witness.signed import FORMAT, MAX_SIGNED, signed_checkpoints
from perdure_node.witness.tile_paths import TilePathError, parse_tile_path, width_at

# what a path stands for never changes: a tile is named with its width
FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
FOR_A_MOMENT: Final = {"Cache-Control": "no-cache"}
_PROOF: Final = re.compile(r"rivals/([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Served:
    """An answer's body, its media type, and the headers that say how long it may be kept."""

    octets: bytes
    media_type: str
    headers: Mapping[str, str]


def serve(database: Database, trust: TrustFile, origin: Origin, path: str) -> Served | None:
    """What stands at ``path`` in the folder of a site's log; None if there is nothing. For any thread's own database.

    ``tile/L/N[.p/W]``, ``checkpoint`` (evidence of the last mirrored record), ``checkpoints`` (the signed ones that are known, newest
    first), ``rivals`` (the digests of proofs of two histories, one a line) and ``rivals/DIGEST`` (such a proof).
    """
    site = site_of(database, origin)
    if site is None:
        return None
    if path == "checkpoint":
        return _checkpoint(database, trust, site)
    if path == "checkpoints":
        return _signed(database, trust, site)
    if path == "rivals":
        lines = "".join(f"{proof.digest.hex()}\n" for proof in kept_proofs(database, site))
        return Served(lines.encode(), "text/plain; charset=utf-8", FOR_A_MOMENT)
    if match := _PROOF.fullmatch(path):
        raw = kept_proof(database, site, bytes.fromhex(match[1]))
        return None if raw is None else Served(raw, "application/vnd.perdure.rivals+json", FOR_EVER)
    return _tile(database, site, path)


def _tile(database: Database, site: KnownSite, path: str) -> Served | None:
    try:
        place = parse_tile_path(path)
    except TilePathError:
        return None
    if place.width > width_at(site.mirrored, place.level, place.index):
        return None
    octets = read_mirror(database, site, place.level, place.index)[: place.width * HASH_SIZE]
    return Served(octets, "application/octet-stream", FOR_EVER)


def _checkpoint(database: Database, trust: TrustFile, site: KnownSite) -> Served | None:
    """Of the largest log that is mirrored and of which there is a signed checkpoint, with its anchor where that is at home."""
    known = checkpoints_of(database, site, State.ANCHORED, State.COVERED)
    mirrored = [each for each in known if each.size == site.mirrored]
    if not mirrored:
        return None
    anchors = {each.digest: stored_anchor(database, each.digest) for each in mirrored}
    best = next((each for each in mirrored if anchors[each.digest] is not None), mirrored[0])
    anchor = anchors[best.digest]
    if anchor is None:
        evidence = last_record_evidence(trust, site, best, None, ())
    else:
        evidence = SiteAnchors(database, trust, site).evidence_of_last(best.stored, anchor)
    return Served(encode_evidence(evidence), "application/vnd.perdure.evidence+json", FOR_A_MOMENT)


def _signed(database: Database, trust: TrustFile, site: KnownSite) -> Served:
    told: list[JsonValue] = [
        {
            "size": each.checkpoint.size,
            "root": encode_base64(each.checkpoint.root),
            "sealed_at": each.checkpoint.sealed_at,
            "signature": encode_base64(each.signature),
        }
        for each in signed_checkpoints(database, site)[:MAX_SIGNED]
    ]
    octets = encode_pretty(
        {
            "format": FORMAT,
            "registry": {
                "chain_id": trust.chain_id,
                "address": checksum_address(trust.registry.address),
            },
            "origin": site.origin.text,
            "checkpoints": told,
        }
    )
    return Served(octets, "application/json", FOR_A_MOMENT)
