"""What sites and auditors ask: how a checkpoint stands, and what goes back to a site."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse
from perdure_anchor.checkpoint import Origin, parse_origin
from pydantic import BaseModel

from perdure_node.api.context import NodeContext
from perdure_node.courier.bundle import ID_SIZE, Request
from perdure_node.gateway.answering import answer, known_site
from perdure_node.gateway.standing import SiteStanding, site_standing

_LABEL = r"^[a-z0-9][a-z0-9-]{0,31}$"
PartnerName = Annotated[str, Path(pattern=_LABEL, description="The partner's name", examples=["acme"])]
SiteName = Annotated[str, Path(pattern=_LABEL, description="The site's local name", examples=["rotterdam"])]


class AsideBody(BaseModel):
    """A checkpoint that was set aside, and why."""

    size: int
    reason: str


class StandingBody(BaseModel):
    """Sizes of a site's log, as far as it is anchored with evidence here, mirrored, and waiting (0: nothing waits)."""

    site: str
    anchored: int
    mirrored: int
    waiting: int
    on_its_way: int
    set_aside: list[AsideBody]
    last_bundle_at: int | None


def standing_body(standing: SiteStanding) -> StandingBody:
    """As JSON has it."""
    return StandingBody(
        site=standing.origin.text,
        anchored=standing.anchored,
        mirrored=standing.mirrored,
        waiting=standing.waiting,
        on_its_way=standing.on_its_way,
        set_aside=[AsideBody(size=each.size, reason=each.reason) for each in standing.set_aside],
        last_bundle_at=standing.last_bundle_at,
    )


def reading(context: NodeContext) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["read"])

    @router.get("/sites/{partner}/{name}/standing", summary="How far a site's checkpoints have come")
    def standing(partner: PartnerName, name: SiteName) -> StandingBody:
        gateway = context.gateway()
        return standing_body(site_standing(gateway, known_site(gateway, _origin(partner, name))))

    @router.get(
        "/sites/{partner}/{name}/return",
        summary="The bundle that goes back to a site",
        response_class=StreamingResponse,
        responses={
            200: {
                "content": {"application/octet-stream": {}},
                "description": "A return bundle (SPEC.md, section 12)",
            }
        },
    )
    def returned(
        partner: PartnerName,
        name: SiteName,
        anchors_above: Annotated[int, Query(ge=0, lt=1 << 48)] = 0,
        leaves_from: Annotated[int | None, Query(ge=0, lt=1 << 48)] = None,
        challenge: Annotated[str | None, Query(pattern=f"^[0-9a-f]{{{2 * ID_SIZE}}}$")] = None,
    ) -> StreamingResponse:
        gateway = context.gateway()
        site = known_site(gateway, _origin(partner, name))
        request = Request(anchors_above, leaves_from, None if challenge is None else bytes.fromhex(challenge))
        with context.chain() as chain:
            _, pieces = answer(
                gateway, chain, site, request, clock=context.clock, randomness=context.randomness
            )
            whole = b"".join(pieces)

        def content() -> Iterator[bytes]:
            yield whole

        return StreamingResponse(content(), media_type="application/octet-stream")

    return router


def _origin(partner: str, name: str) -> Origin:
    return parse_origin(f"{partner}/{name}")
