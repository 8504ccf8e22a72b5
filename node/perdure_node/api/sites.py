"""The sites of this node: how they stand, what they have anchored, and the bundle that returns to one."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from perdure_anchor.checkpoint import Origin, parse_origin
from perdure_anchor.hashes import to_hex

from perdure_node.api.answers import answered, prepared
from perdure_node.api.context import NodeContext
from perdure_node.api.documented import (
    DEFAULT_PAGE,
    Limit,
    PartnerName,
    SiteName,
    not_found,
    problem_response,
    reads,
)
from perdure_node.api.evidence_shapes import AnchorsBody
from perdure_node.api.paging import page
from perdure_node.api.shapes import SiteBody, SitesBody, StandingBody
from perdure_node.courier.bundle import ID_SIZE
from perdure_node.courier.bundle import Request as SiteRequest
from perdure_node.courier.errors import SiteUnknown
from perdure_node.gateway.answering import answer, known_site
from perdure_node.gateway.overviews import (
    AnchorOverview,
    SiteOverview,
    anchors_of_site,
    how_it_stands,
    set_aside,
    site_overview,
    site_page,
)

_PIECE: Final = 1 << 18
_MOST_ASIDE: Final = 1000
_LOG_SIZE: Final = 1 << 48
_ORIGIN_OR_NOTHING: Final = r"^([a-z0-9][a-z0-9-]{0,31}/[a-z0-9][a-z0-9-]{0,31})?$"
_UNKNOWN: Final = not_found("No bundle of the site was ever handed in here")

SizeAsked = Annotated[
    int | None,
    Query(ge=1, lt=_LOG_SIZE, description="Of which size's checkpoint `asked` speaks", examples=[3]),
]
AfterSite = Annotated[
    str, Query(pattern=_ORIGIN_OR_NOTHING, description="Begin behind this site", examples=["acme/rotterdam"])
]
AfterSize = Annotated[
    int, Query(ge=0, lt=_LOG_SIZE, description="Begin behind the log of this size", examples=[0])
]
AnchorsAbove = Annotated[
    int, Query(ge=0, lt=_LOG_SIZE, description="Anchors of longer logs than this", examples=[0])
]
LeavesFrom = Annotated[
    int | None,
    Query(ge=0, lt=_LOG_SIZE, description="The mirror's leaf hashes from this index on", examples=[0]),
]
Challenge = Annotated[
    str | None,
    Query(
        pattern=f"^[0-9a-f]{{{2 * ID_SIZE}}}$",
        description="Repeated in the answer, which shows that it is no older one",
        examples=["1b" * ID_SIZE],
    ),
]


def sites(context: NodeContext) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["sites"])

    @router.get("/sites", summary="The sites by name", **reads(SitesBody))
    def list_sites(request: Request, after: AfterSite = "", limit: Limit = DEFAULT_PAGE) -> Response:
        found = site_page(context.gateway().database, after, limit + 1)
        last = found[limit - 1].origin.text if len(found) > limit else None
        return page(request, "sites", [_site_members(each) for each in found[:limit]], limit, last)

    @router.get("/sites/{partner}/{name}", summary="One site", **reads(SiteBody, _UNKNOWN))
    def show_site(request: Request, partner: PartnerName, name: SiteName) -> Response:
        return answered(request, prepared(_site_members(_known(context, partner, name))))

    @router.get(
        "/sites/{partner}/{name}/standing",
        summary="How far a site's checkpoints have come",
        **reads(StandingBody, _UNKNOWN),
    )
    def standing(request: Request, partner: PartnerName, name: SiteName, size: SizeAsked = None) -> Response:
        site = _known(context, partner, name)
        database = context.gateway().database
        aside = set_aside(database, site.number, _MOST_ASIDE) if site.set_aside else ()
        members = {
            "site": site.origin.text,
            "anchored": site.anchored,
            "mirrored": site.mirrored,
            "waiting": site.waiting,
            "on_its_way": site.on_its_way,
            "set_aside": [{"size": number, "reason": reason} for number, reason in aside],
            "last_bundle_at": site.last_bundle_at,
            "asked": None if size is None else how_it_stands(database, site, size),
        }
        return answered(request, prepared(members))

    @router.get(
        "/sites/{partner}/{name}/anchors",
        summary="A site's anchors, the shortest log first",
        **reads(AnchorsBody, _UNKNOWN),
    )
    def list_anchors(
        request: Request,
        partner: PartnerName,
        name: SiteName,
        after: AfterSize = 0,
        limit: Limit = DEFAULT_PAGE,
    ) -> Response:
        site = _known(context, partner, name)
        found = anchors_of_site(context.gateway().database, site.number, after, limit + 1)
        last = str(found[limit - 1].size) if len(found) > limit else None
        return page(request, "anchors", [anchor_members(each) for each in found[:limit]], limit, last)

    _add_return(router, context)
    return router


def _add_return(router: APIRouter, context: NodeContext) -> None:
    binary = {
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        "description": "A return bundle (SPEC.md, section 12); the site verifies all of it",
    }

    @router.get(
        "/sites/{partner}/{name}/return",
        summary="The bundle that goes back to a site",
        response_class=StreamingResponse,
        responses={200: binary, 404: problem_response("No bundle of the site was ever handed in here")},
    )
    def returned(
        partner: PartnerName,
        name: SiteName,
        anchors_above: AnchorsAbove = 0,
        leaves_from: LeavesFrom = None,
        challenge: Challenge = None,
    ) -> StreamingResponse:
        gateway = context.gateway()
        site = known_site(gateway, _origin(partner, name))
        asked = SiteRequest(
            anchors_above, leaves_from, None if challenge is None else bytes.fromhex(challenge)
        )
        with context.chain() as chain:
            _, pieces = answer(
                gateway, chain, site, asked, clock=context.clock, randomness=context.randomness
            )
            whole = b"".join(pieces)

        async def content() -> AsyncIterator[bytes]:
            for start in range(0, len(whole), _PIECE):
                yield whole[start : start + _PIECE]

        return StreamingResponse(
            content(),
            media_type="application/octet-stream",
            headers={"Content-Length": str(len(whole)), "Cache-Control": "no-store"},
        )


def _known(context: NodeContext, partner: str, name: str) -> SiteOverview:
    origin = _origin(partner, name)
    site = site_overview(context.gateway().database, origin)
    if site is None:
        raise SiteUnknown(
            f"no bundle of {origin.text} was ever delivered here", hint="see which were: /v1/sites"
        )
    return site


def _origin(partner: str, name: str) -> Origin:
    return parse_origin(f"{partner}/{name}")


def _site_members(site: SiteOverview) -> dict[str, Any]:
    return {
        "site": site.origin.text,
        "site_id": to_hex(site.origin.site),
        "known_since": site.known_since,
        "anchored": site.anchored,
        "mirrored": site.mirrored,
        "waiting": site.waiting,
        "on_its_way": site.on_its_way,
        "set_aside": site.set_aside,
        "last_bundle_at": site.last_bundle_at,
    }


def anchor_members(anchor: AnchorOverview) -> dict[str, Any]:
    """As `AnchorBody` has it."""
    return {
        "site": anchor.origin.text,
        "size": anchor.size,
        "root": to_hex(anchor.root),
        "sealed_at": anchor.sealed_at,
        "digest": to_hex(anchor.digest),
        "block_number": anchor.block_number,
        "block_time": anchor.block_time,
        "evidence": True,
    }
