"""Everybody's anchors, as the follower has them: in the chain's order, and each by its digest."""

from typing import Any

from perdure_anchor.base64_text import encode_base64
from perdure_anchor.evidence import encode_anchor_proof, encode_hops
from perdure_anchor.hashes import Hash32, to_hex

from perdure_node.api.parts import registry_member
from perdure_node.follower.parts import parts_of
from perdure_node.follower.reading import FollowedAnchor, anchors_after
from perdure_node.gateway.folder import Gateway


def followed_after(gateway: Gateway, place: int, at_most: int) -> list[FollowedAnchor]:
    """Anchors behind a place (see the follower's tables)."""
    return anchors_after(gateway.database, gateway.trust.domain, place, at_most)


def followed_members(anchor: FollowedAnchor) -> dict[str, Any]:
    """As `AnchorBody` has it."""
    return {
        "site": anchor.origin,
        "size": anchor.checkpoint.size,
        "root": to_hex(anchor.checkpoint.root),
        "sealed_at": anchor.checkpoint.sealed_at,
        "digest": to_hex(anchor.digest),
        "block_number": anchor.block_number,
        "block_time": anchor.block_time,
        "evidence": anchor.has_parts,
    }


def followed_parts(gateway: Gateway, digest: Hash32) -> dict[str, Any]:
    """As `EvidencePartsBody` has it; raises `NotFollowed` or `PartsNotKept`."""
    parts = parts_of(gateway, digest)
    checkpoint = parts.anchor.checkpoint
    return {
        "digest": to_hex(digest),
        "registry": registry_member(gateway.trust),
        "origin": parts.anchor.origin,
        "checkpoint": {
            "size": checkpoint.size,
            "root": encode_base64(checkpoint.root),
            "sealed_at": checkpoint.sealed_at,
            "signature": None,
        },
        "block_number": parts.anchor.block_number,
        "block_time": parts.anchor.block_time,
        "anchor": encode_anchor_proof(parts.proof),
        "not_before": None,
        "hops": encode_hops(parts.hops),
    }
