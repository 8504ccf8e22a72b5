"""Whether the process lives, and whether it works: for supervisors and load balancers, without a log-in."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from perdure_node.api.context import NodeContext


def health(context: NodeContext) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["health"])

    @router.get("/health", summary="Whether the process answers")
    def lives() -> dict[str, Any]:
        return {"ok": True}

    @router.get(
        "/ready", summary="Whether it can do its work now", responses={503: {"description": "It cannot"}}
    )
    def ready() -> JSONResponse:
        context.gateway().database.number("SELECT count(*) FROM site")
        failing = [view.name for view in context.state.workers if view.failures]
        is_ready = context.state.chain.head is not None and not failing
        status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
        return JSONResponse(
            {"ok": is_ready, "head": context.state.chain.head, "failing": failing}, status_code=status
        )

    return router
