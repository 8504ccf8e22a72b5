"""Anchors: a list of all, and the parts of evidence under one."""

import re
from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from perdure_anchor.base64_text import encode_base64
from perdure_anchor.hashes import Hash32, to_hex

from perdure_node.api.all_anchors import anchors_after
from perdure_node.api.answers import answered, prepared
from perdure_node.api.context import NodeContext
from perdure_node.api.documented import DEFAULT_PAGE, HashPath, Limit, not_found, reads
from perdure_node.api.paging import page
from perdure_node.api.parts import AnchorParts, registry_member
from perdure_node.api.problems import NotHere
from perdure_node.api.shapes import AnchorsBody, EvidencePartsBody
from perdure_node.api.sites import anchor_members

_CURSOR: Final = re.compile(r"([0-9]{1,15})-([0-9a-f]{64})", re.ASCII)
AfterAnchor = Annotated[
    str,
    Query(
        pattern=r"^([0-9]{1,15}-[0-9a-f]{64})?$",
        description="Begin behind this one: the block's number and the digest; a page says it in `next`",
        examples=["1200-" + "3f" * 32],
    ),
]


def anchors(context: NodeContext) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["evidence"])
    parts = AnchorParts(context.gateway)

    @router.get("/anchors", summary="All anchors whose evidence is here, by block", **reads(AnchorsBody))
    def list_anchors(request: Request, after: AfterAnchor = "", limit: Limit = DEFAULT_PAGE) -> Response:
        form = _CURSOR.fullmatch(after)
        behind = (-1, b"") if form is None else (int(form[1]), bytes.fromhex(form[2]))
        found = anchors_after(context.gateway(), behind, limit + 1)
        last = found[limit - 1] if len(found) > limit else None
        cursor = None if last is None else f"{last.block_number}-{last.digest.hex()}"
        return page(request, "anchors", [anchor_members(each) for each in found[:limit]], limit, cursor)

    @router.get(
        "/anchors/{digest}",
        summary="The parts of evidence under one anchor",
        description="By the checkpoint's EIP-712 digest.",
        **reads(EvidencePartsBody, not_found("No such anchor is here")),
    )
    def show_anchor(request: Request, digest: HashPath) -> Response:
        return answered(
            request, prepared(_evidence_parts(context, parts, Hash32(bytes.fromhex(digest[-64:]))))
        )

    return router


def _evidence_parts(context: NodeContext, parts: AnchorParts, digest: Hash32) -> bytes:
    gateway = context.gateway()
    members = parts.members(digest)
    row = gateway.database.row(
        "SELECT origin, size, root, sealed_at, signature FROM checkpoint JOIN site ON number = site WHERE digest = ?",
        digest,
    )
    if row is None:
        raise NotHere(f"no checkpoint {to_hex(digest)} is here")
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
    return orjson.dumps(own)[:-1] + b"," + members + b"}"
