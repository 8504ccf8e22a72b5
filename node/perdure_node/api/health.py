"""Whether the process lives, and whether it works: for supervisors and load balancers, without a log-in."""

from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi import APIRouter
from fastapi.responses import Response

from perdure_node.api.context import NodeContext
from perdure_node.api.shapes import HealthBody, ReadyBody

_NOT_READY: Final[dict[str, Any]] = {"model": ReadyBody, "description": "It cannot, for now"}


def health(context: NodeContext) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["health"])

    @router.get(
        "/health",
        summary="Whether the process answers",
        response_model=None,
        responses={200: {"model": HealthBody, "description": "It does"}},
    )
    async def lives() -> Response:
        return Response(b'{"ok":true}', media_type="application/json")

    @router.get(
        "/ready",
        summary="Whether it can do its work now",
        response_model=None,
        responses={200: {"model": ReadyBody, "description": "It can"}, 503: _NOT_READY},
    )
    def ready() -> Response:
        context.gateway().database.number("SELECT count(*) FROM site")
        failing = [view.name for view in context.state.workers if view.failures]
        head = context.state.chain.head
        is_ready = head is not None and not failing
        return Response(
            orjson.dumps({"ok": is_ready, "head": head, "failing": failing}),
            status_code=HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE,
            media_type="application/json",
        )

    return router
