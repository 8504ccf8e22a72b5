"""Errors for people: whoever asks for a page gets a problem as one.

Problems are made where they are always made (`perdure_node.api.problems`); here their bytes are exchanged on the way out, so that each
cause is known in one place, and whatever stands before the pages (limits, access) needs to know nothing of them.
"""

import json
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perdure_node.api.problems import MEDIA_TYPE
from perdure_node.pages.rendering import HEADERS, render, sentence

# for programs, whatever they accept
_FOR_PROGRAMS: Final = ("/v1/", "/health", "/ready", "/metrics", "/openapi.json")
_KEPT: Final = (b"retry-after", b"www-authenticate", b"allow", b"x-request-id")


class ErrorPages:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _wants_page(scope):
            await self._app(scope, receive, _Exchange(send))
        else:
            await self._app(scope, receive, send)


class _Exchange:
    """Sends on what comes, and a page in the place of a problem."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_problem(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._send_page(self._start)

    async def _send_page(self, start: Message) -> None:
        body = problem_page(json.loads(self._body)).encode()
        kept = [(name, value) for name, value in start["headers"] if name.lower() in _KEPT]
        own = {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(body)), **HEADERS}
        headers = [(name.lower().encode(), value.encode()) for name, value in own.items()]
        await self._send({**start, "headers": [*kept, *headers]})
        await self._send({"type": "http.response.body", "body": body})


def problem_page(problem: dict[str, Any]) -> str:
    """A problem's members as a page."""
    return render(
        "problem.html",
        title=problem["title"],
        detail=sentence(problem["detail"]),
        hint=sentence(problem.get("hint") or ""),
        status=problem["status"],
    )


def _is_problem(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith(MEDIA_TYPE)


def _wants_page(scope: Scope) -> bool:
    """A browser names text/html; programs that take anything get what programs get."""
    if scope["path"].startswith(_FOR_PROGRAMS):
        return False
    weights = dict(map(_weighed, Headers(scope=scope).get("accept", "").split(",")))
    page = weights.get("text/html", 0.0)
    return page > 0 and page >= max(weights.get(MEDIA_TYPE, 0.0), weights.get("application/json", 0.0))


def _weighed(part: str) -> tuple[str, float]:
    kind, *parameters = (each.strip().lower() for each in part.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return kind, float(value)
            except ValueError:
                return kind, 0.0
    return kind, 1.0
