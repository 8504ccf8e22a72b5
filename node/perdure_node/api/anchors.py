"""Anchors: a list of all, and the parts of evidence under one."""

from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from perdure_anchor.base64_text import encode_base64
from perdure_anchor.hashes import Hash32, to_hex

from perdure_node.api.all_anchors import followed_after, followed_members, followed_parts
from perdure_node.api.answers import answered, prepared
from perdure_node.api.context import NodeContext
from perdure_node.api.documented import DEFAULT_PAGE, HashPath, Limit, not_found, reads
from perdure_node.api.evidence_shapes import AnchorsBody, EvidencePartsBody
from perdure_node.api.paging import page
from perdure_node.api.parts import AnchorParts, registry_member

_LAST_PLACE: Final = 2**63 - 1
AfterAnchor = Annotated[
    int,
    Query(
        ge=0, le=_LAST_PLACE, description="Begin behind this place: a page says it in `next`", examples=[0]
    ),
]


def anchors(context: NodeContext) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["evidence"])
    parts = AnchorParts(context.gateway)

    @router.get(
        "/anchors",
        summary="Everybody's anchors, in the chain's order",
        description="As far as blocks are final and were followed. To follow along, keep the last `next`, or ask behind the last one.",
        **reads(AnchorsBody),
    )
    def list_anchors(request: Request, after: AfterAnchor = 0, limit: Limit = DEFAULT_PAGE) -> Response:
        found = followed_after(context.gateway(), after, limit + 1)
        last = str(found[limit - 1].place) if len(found) > limit else None
        return page(request, "anchors", [followed_members(each) for each in found[:limit]], limit, last)

    @router.get(
        "/anchors/{digest}",
        summary="The parts of evidence under one anchor",
        description="By the checkpoint's EIP-712 digest.",
        **reads(EvidencePartsBody, not_found("No such anchor is here")),
    )
    def show_anchor(request: Request, digest: HashPath) -> Response:
        wanted = Hash32(bytes.fromhex(digest[-64:]))
        own = _evidence_parts(context, parts, wanted)
        return answered(request, prepared(own or followed_parts(context.gateway(), wanted)))

    return router


def _evidence_parts(context: NodeContext, parts: AnchorParts, digest: Hash32) -> bytes | None:
    """The parts under an anchor that this node relayed, None for others'."""
    gateway = context.gateway()
    row = gateway.database.row(
        "SELECT origin, c.size, root, sealed_at, signature FROM checkpoint AS c JOIN site ON number = site "
        "JOIN anchor USING (digest) WHERE digest = ?",
        digest,
    )
    if row is None:
        return None
    members = parts.members(digest)
    origin, size, root, sealed_at, signature = row
    own = {
        "digest": to_hex(digest),
        "registry": registry_member(gateway.trust),
        "origin": origin,
        "checkpoint": {
            "size": size,
            "root": encode_base64(root),
            "sealed_at": sealed_at,
            "signature": encode_base64(signature),
        },
    }
    return orjson.dumps(own)[:-1] + b"," + members.octets + b"}"
