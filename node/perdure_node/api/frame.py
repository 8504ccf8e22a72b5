"""What every answer has, whichever route made it: a request id, headers for browsers, and no traceback.

Only `perdure_node.metrics.requests` is around it, which observes, and logs a fault that it is handed with the request. HEAD is answered as GET; whoever serves leaves the content out.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from perdure_anchor.errors import PerdureError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perdure_node.api.problems import fault, problem_of
from perdure_node.api.request_ids import HEADER, current_request_id, request_id_for
from perdure_node.metrics.requests import FAULT

_Header = tuple[bytes, bytes]
# answers are data: nothing may be guessed from them, shown in a frame, or told on by a link. No other origin's scripts may read them,
# as there is no Access-Control-Allow-Origin
_ALWAYS: Final[tuple[_Header, ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)
_UNLESS_SET: Final[tuple[_Header, ...]] = (
    (
        b"content-security-policy",
        b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (b"cache-control", b"no-store"),
)
_HSTS: Final[_Header] = (b"strict-transport-security", b"max-age=63072000")


class Frame:
    """The application ``app`` in its frame; ``over_tls`` says that clients reach it by https only."""

    def __init__(self, app: ASGIApp, *, over_tls: bool, randomness: Callable[[int], bytes]) -> None:
        self._app, self._randomness = app, randomness
        self._always = (*_ALWAYS, _HSTS) if over_tls else _ALWAYS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == HEADER), None)
        request_id = request_id_for(given, self._randomness)
        current_request_id.set(request_id)
        sender = _Framed(send, request_id, self._always)
        inner = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        try:
            await self._app(inner, receive, sender)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is: the client gets a problem, the operator the reason
            await _answer(error, scope, receive, sender)
        if inner is not scope:
            # which route it was, for who observes requests
            scope.update({name: inner[name] for name in ("route", "fastapi") if name in inner})


class _Framed:
    """Adds to an answer's headers as it is sent."""

    def __init__(self, send: Send, request_id: str, always: tuple[_Header, ...]) -> None:
        self._send, self._request_id, self._always = send, request_id, always
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = message.get("headers", ())
            headers = [*own, *self._always, (HEADER, self._request_id.encode())]
            names = {name for name, _ in own}
            headers += [each for each in _UNLESS_SET if each[0] not in names]
            message = {**message, "headers": headers}
        await self._send(message)


async def _answer(error: Exception, scope: Scope, receive: Receive, sender: _Framed) -> None:
    if isinstance(error, PerdureError):
        answer = problem_of(error)
    else:
        scope[FAULT] = error
        answer = fault()
    # of an answer that has begun, nothing can be taken back: the connection is closed under it
    if not sender.status:
        await answer(scope, receive, sender)
