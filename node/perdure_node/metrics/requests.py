"""Each request observed once, around all else: counted, timed and logged, with the id that its answer carries.

Labels are the routes' templates and known methods, never what a client wrote: nobody can make Prometheus, or us, keep more series. The
log has the template too, so that no query, and no secret in one, gets into it. What was answered with 5xx is a warning there, and a fault
of ours an error with its traceback.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from functools import cache
from typing import Any, Final, TypeAlias

from prometheus_client import CollectorRegistry, Counter, Histogram

from perdure_node.api.request_ids import HEADER

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NO_ROUTE: Final = "none"
# what only reads, and is answered, changes nothing: a line for each would tell what the counters do, and cost a fifth of the answer
_READING: Final = frozenset({"GET", "HEAD"})
# of these, supervisors and Prometheus ask every few seconds
_QUIET_ROUTES: Final = frozenset({"/health", "/ready", "/metrics"})
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_REFUSED: Final = 400
_OUR_ERROR: Final = 500
FAULT: Final = "perdure.fault"
"""Where a request's scope has the exception that should never have been, for the log."""
_log = logging.getLogger("perdure.requests")


class RequestMetrics:
    """How many requests were answered how, and how long it took."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._answered = Counter(
            "perdure_http_requests",
            "Requests by method, route and status of the answer.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "perdure_http_request_seconds",
            "How long a request took until its answer was sent.",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=registry,
        )

        # as few as there are routes and statuses
        @cache
        def series(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
            return self._answered.labels(method, route, str(status)), self._seconds.labels(method, route)

        self._series = series

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        answered, lasted = self._series(method, route, status)
        answered.inc()
        lasted.observe(seconds)


class ObserveRequests:
    """An ASGI middleware; what it is around gives requests their ids (`perdure_node.api.frame`)."""

    def __init__(self, app: Application, metrics: RequestMetrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and note it once it is over, in whatever way."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        begun = time.perf_counter()
        try:
            await self._app(scope, receive, answer.send)
        finally:
            self._note(scope, answer, time.perf_counter() - begun)

    def _note(self, scope: Scope, answer: "_Answer", seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = _template(scope)
        self._metrics.note(method, route, answer.status, seconds)
        fault = scope.get(FAULT)
        level = logging.ERROR if fault is not None else _level(method, route, answer.status)
        if not _log.isEnabledFor(level):
            return
        told = {
            "request_id": answer.request_id(),
            "method": method,
            "route": route,
            "status": answer.status,
            "ms": round(seconds * 1000, 1),
        }
        _log.log(level, "%s %s %d", method, route, answer.status, exc_info=fault, extra=told)


def _level(method: str, route: str, status: int) -> int:
    if status >= _OUR_ERROR:
        return logging.WARNING
    is_read = method in _READING and status < _REFUSED
    return logging.DEBUG if is_read or route in _QUIET_ROUTES else logging.INFO


def _template(scope: Scope) -> str:
    """The route's path with its parameters' names; of a router that is included with a prefix, FastAPI knows the whole of it apart."""
    included = scope.get("fastapi", {}).get("effective_route_context")
    found = getattr(included, "path", None) or getattr(scope.get("route"), "path", None)
    return found if isinstance(found, str) else _NO_ROUTE


class _Answer:
    """What is known of an answer while it is sent; 500 until it begins."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._headers: Iterable[tuple[bytes, bytes]] = ()
        self.status = _OUR_ERROR

    def request_id(self) -> str | None:
        given = [value for name, value in self._headers if name.lower() == HEADER]
        return given[0].decode("ascii", "replace") if given else None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._headers = message.get("headers", ())
        await self._send(message)
