"""GET /metrics, in Prometheus's text format, for all, or for tokens with the scope `metrics`: `perdure_node.api.guard` asks for them."""

from fastapi import APIRouter, FastAPI
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from perdure_node.api.context import NodeContext
from perdure_node.metrics.collector import NodeCollector, new_registry
from perdure_node.metrics.requests import ObserveRequests, RequestMetrics


def install_metrics(app: FastAPI, context: NodeContext) -> None:
    """Observe all requests, and answer Prometheus. To be installed after all other middlewares, so that it is around them."""
    collector = NodeCollector(
        context.folder, context.state, context.clock, lambda: context.gateway().database
    )
    registry = new_registry(collector)
    app.add_middleware(ObserveRequests, metrics=RequestMetrics(registry))
    router = APIRouter(tags=["health"])

    @router.get("/metrics", summary="What Prometheus asks for", response_class=Response)
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    app.include_router(router)
