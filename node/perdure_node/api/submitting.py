"""What sites hand in: bundles, and single checkpoints. Whoever holds a site's signed checkpoint may bring it; the signature says whose it is."""

import os
from collections.abc import Callable
from typing import IO, Any, Final

import anyio.to_thread
import orjson
from fastapi import APIRouter, Request, status
from fastapi.responses import Response
from perdure_anchor.hashes import to_hex

from perdure_node.api.context import NodeContext
from perdure_node.api.shapes import NewCheckpointBody, TakenInBody
from perdure_node.api.spooling import Spool
from perdure_node.courier.bundle_file import Bundle, load_stream
from perdure_node.courier.single_checkpoint import bundle_of_checkpoint
from perdure_node.gateway.intake import TakenIn, take_in
from perdure_node.service.passing import WORKER_NAME as PASSING
from perdure_node.service.relaying import WORKER_NAME

# a bundle is in memory while it is taken in, maybe twice: one of the large ones at a time
LARGE: Final = 8 << 20
# threads of their own: what submissions wait for keeps no reader waiting
_THREADS: Final = 4
_ACCEPTED: Final[dict[int | str, dict[str, Any]]] = {
    202: {
        "model": TakenInBody,
        "description": "It is kept, and will be relayed; the same again is accepted again, and changes nothing",
        "headers": {
            "Location": {"description": "Where it is told how far it has come", "schema": {"type": "string"}}
        },
    }
}


class _Keeper:
    """Takes in what is handed in, and says where to ask on."""

    def __init__(self, context: NodeContext) -> None:
        self._context = context

    def keep(self, bundle: Bundle) -> Response:
        """Raises what `take_in` does."""
        context = self._context
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
        return _accepted(taken)

    def keep_spooled(self, stream: IO[bytes]) -> Response:
        """As `keep`, of a bundle's bytes; raises what `load_stream` does, too."""
        return self.keep(load_stream(stream, self._context.identities))


def _accepted(taken: TakenIn) -> Response:
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


def _takes(media_type: str, schema: dict[str, Any], summary: str, description: str) -> dict[str, Any]:
    """What the description of a route says that takes this content, and reads it by itself."""
    content = {"requestBody": {"required": True, "content": {media_type: {"schema": schema}}}}
    return {
        "status_code": status.HTTP_202_ACCEPTED,
        "summary": summary,
        "description": description,
        "response_model": None,
        "responses": _ACCEPTED,
        "openapi_extra": content,
    }


_BUNDLE: Final = _takes(
    "application/octet-stream",
    {"type": "string", "format": "binary"},
    "Hand in a courier bundle",
    "As `perdure courier pack` writes it, plain, or encrypted for this node.",
)
_CHECKPOINT: Final = _takes(
    "application/json",
    NewCheckpointBody.model_json_schema(),
    "Hand in one signed checkpoint",
    "Without leaf hashes: those can follow in a bundle.",
)


def submitting(context: NodeContext) -> APIRouter:
    """The routes."""
    router, keeper = APIRouter(tags=["submit"]), _Keeper(context)
    threads, one_large = anyio.CapacityLimiter(_THREADS), anyio.CapacityLimiter(1)
    spool = Spool(
        context.folder, 2 * context.settings.limits.bundle_bytes, context.settings.alarms.disk_bytes
    )

    async def kept(keep: Callable[[], Response], limiter: anyio.CapacityLimiter = threads) -> Response:
        return await anyio.to_thread.run_sync(keep, limiter=limiter)

    @router.post("/bundles", **_BUNDLE)
    async def submit_bundle(request: Request) -> Response:
        async with spool.holding(request.stream()) as stream:
            limiter = one_large if stream.seek(0, os.SEEK_END) > LARGE else threads
            return await kept(lambda: keeper.keep_spooled(stream), limiter)

    @router.post("/checkpoints", **_CHECKPOINT)
    async def submit_checkpoint(request: Request) -> Response:
        raw = await request.body()
        domain = context.gateway().trust.domain
        return await kept(lambda: keeper.keep(bundle_of_checkpoint(raw, domain)))

    return router
