"""What sites hand in: bundles, and single checkpoints. Whoever holds a site's signed checkpoint may bring it; the signature says whose it is."""

import threading
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request, status
from fastapi.responses import Response
from perdure_anchor.hashes import to_hex
from starlette.concurrency import run_in_threadpool

from perdure_node.api.context import NodeContext
from perdure_node.api.shapes import NewCheckpointBody, TakenInBody
from perdure_node.api.spooling import spooled
from perdure_node.courier.bundle_file import Bundle, load_stream
from perdure_node.courier.single_checkpoint import bundle_of_checkpoint
from perdure_node.gateway.intake import take_in
from perdure_node.service.passing import WORKER_NAME as PASSING
from perdure_node.service.relaying import WORKER_NAME

# a bundle is in memory while it is taken in, maybe twice: one of the large ones at a time
LARGE: Final = 8 << 20
_BINARY: Final = {"type": "string", "format": "binary"}
_ACCEPTED: Final[dict[int | str, dict[str, Any]]] = {
    202: {
        "model": TakenInBody,
        "description": "It is kept, and will be relayed; the same again is accepted again, and changes nothing",
        "headers": {
            "Location": {"description": "Where it is told how far it has come", "schema": {"type": "string"}}
        },
    }
}


def submitting(context: NodeContext) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["submit"])
    one_large = threading.Lock()

    def keep(bundle: Bundle) -> Response:
        with context.chain() as chain:
            taken = take_in(
                context.gateway(),
                chain,
                bundle,
                context.clock,
                per_hour=context.settings.relay.checkpoints_an_hour,
                to_pass=bool(context.settings.pair.url),
            )
        context.wake(WORKER_NAME)
        context.wake(PASSING)
        where = f"/v1/sites/{taken.origin.text}/standing" + (f"?size={taken.size}" if taken.size else "")
        members = {
            "id": to_hex(taken.id),
            "site": taken.origin.text,
            "size": taken.size,
            "was_there": taken.was_there,
        }
        return Response(
            orjson.dumps(members),
            status_code=status.HTTP_202_ACCEPTED,
            media_type="application/json",
            headers={"Location": where},
        )

    def keep_spooled(stream: Any) -> Response:
        is_large = stream.seek(0, 2) > LARGE
        if is_large:
            with one_large:
                return keep(load_stream(stream, context.identities))
        return keep(load_stream(stream, context.identities))

    @router.post(
        "/bundles",
        status_code=status.HTTP_202_ACCEPTED,
        summary="Hand in a courier bundle",
        description="As `perdure courier pack` writes it, plain, or encrypted for this node.",
        response_model=None,
        responses=_ACCEPTED,
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/octet-stream": {"schema": _BINARY}}}
        },
    )
    async def submit_bundle(request: Request) -> Response:
        stream = await spooled(request.stream(), context.folder)
        with stream:
            return await run_in_threadpool(keep_spooled, stream)

    @router.post(
        "/checkpoints",
        status_code=status.HTTP_202_ACCEPTED,
        summary="Hand in one signed checkpoint",
        description="Without leaf hashes: those can follow in a bundle.",
        response_model=None,
        responses=_ACCEPTED,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": NewCheckpointBody.model_json_schema()}},
            }
        },
    )
    async def submit_checkpoint(request: Request) -> Response:
        raw = await request.body()
        domain = context.gateway().trust.domain
        return await run_in_threadpool(lambda: keep(bundle_of_checkpoint(raw, domain)))

    return router
