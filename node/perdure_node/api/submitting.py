"""What sites hand in: bundles. Whoever holds a site's signed checkpoint may bring it; the signature says whose it is."""

from typing import Annotated

from fastapi import APIRouter, Body, status
from perdure_anchor.hashes import to_hex
from pydantic import BaseModel

from perdure_node.api.context import NodeContext
from perdure_node.courier.bundle_file import read_bundle
from perdure_node.gateway.intake import take_in


class TakenInBody(BaseModel):
    """A bundle that is kept; ``size`` is how many records its newest checkpoint covers."""

    id: str
    site: str
    size: int
    was_there: bool


def submitting(context: NodeContext) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["submit"])

    @router.post("/bundles", status_code=status.HTTP_202_ACCEPTED, summary="Hand in a courier bundle")
    def submit_bundle(octets: Annotated[bytes, Body(media_type="application/octet-stream")]) -> TakenInBody:
        bundle = read_bundle(octets)
        with context.chain() as chain:
            taken = take_in(context.gateway(), chain, bundle, context.clock)
        context.wake("relay")
        return TakenInBody(
            id=to_hex(taken.id), site=taken.origin.text, size=taken.size, was_there=taken.was_there
        )

    return router
