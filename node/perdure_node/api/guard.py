"""Who gets in, and how often: tokens and proxies, rates, sizes, and how many requests are worked on at once.

It stands before every route, those of others too: what a route forgets to ask is asked here.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from perdure_anchor.errors import PerdureError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perdure_node.api.bodies import BoundedBody, too_large
from perdure_node.api.clients import Client, Proxies
from perdure_node.api.context import NodeContext
from perdure_node.api.problems import problem, too_early
from perdure_node.api.rates import Rates
from perdure_node.api.scopes import OPEN_PATHS, SUBMITTING, wanted_scopes
from perdure_node.api.slots import Slots
from perdure_node.api.tokens import USE_NOTED_EVERY, Token, note_use, token_of
from perdure_node.pages.multipart import VERIFY_PATH, largest_form

_UPLOADS_FOR_EACH: Final = 4
# of the places for uploads, one client may have this part; and of large submissions so many at a time
_SHARE: Final = 8
_LARGE_SUBMISSIONS: Final = 2
_LARGE_SUBMISSION: Final = 100_000
# seconds for a piece of an answer to be taken
_PATIENCE_TO_SEND: Final = 60.0
_LARGE: Final = 64 * 1024
_BEARER: Final = "bearer "
_READ_HEADERS: Final = frozenset(
    {b"x-forwarded-for", b"authorization", b"content-length", b"transfer-encoding"}
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request as the guard sees it; ``subject`` is whom a trusted proxy names."""

    client: Client
    token: Token | None
    showed_token: bool
    subject: str | None
    content_length: int
    has_body: bool
    is_ambiguous: bool

    @property
    def counted_as(self) -> str:
        return self.client.address if self.token is None else f"token {self.token.id}"


class Guard:
    """Lets requests through to ``app``, or answers them itself."""

    def __init__(self, app: ASGIApp, context: NodeContext) -> None:
        settings = context.settings
        self._app, self._context, self._access = app, context, settings.access
        self._limits = settings.limits
        self._proxies = Proxies(settings.access.proxy_addresses)
        self._subject_header = settings.access.proxy_subject_header.lower().encode("latin-1", "replace")
        self._read_headers = _READ_HEADERS | {self._subject_header}
        self._rates = Rates(settings.limits.requests_a_minute)
        self._submissions = Rates(settings.limits.submissions_a_minute)
        self._verifications = Rates(settings.limits.submissions_a_minute)
        self._slots = Slots(settings.limits.at_once)
        uploads = settings.limits.at_once * _UPLOADS_FOR_EACH
        share = max(_LARGE_SUBMISSIONS, uploads // _SHARE)
        self._uploads = Slots(uploads, for_client=share)
        self._documents = Slots(uploads, for_client=share)
        self._large = Slots(uploads, for_client=_LARGE_SUBMISSIONS)
        self._noted: dict[str, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = self._asked(scope)
        refusal = self._refusal(scope, asked)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        # health is asked for by those who restart a node that does not answer
        if scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        if asked.content_length > limit:
            await _refused(too_large(limit))(scope, receive, send)
        elif asked.has_body:
            await self._work(scope, BoundedBody(receive, limit), send, self._slots_for(scope, asked), asked)
        else:
            await self._work(scope, receive, send, self._slots, asked)

    def _slots_for(self, scope: Scope, asked: _Asked) -> Slots:
        """Who verifies keeps no site out, and who submits nobody who verifies."""
        if scope["path"] == VERIFY_PATH:
            return self._documents
        # of what comes in chunks, nobody knows how much it will be
        is_large = not 0 < asked.content_length <= _LARGE_SUBMISSION
        return self._large if scope["path"] in SUBMITTING and is_large else self._uploads

    def _asked(self, scope: Scope) -> _Asked:
        found: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            if name in self._read_headers:
                found.setdefault(name, []).append(value)
        peer = scope.get("client")
        forwarded = b",".join(found.get(b"x-forwarded-for", ())).decode("latin-1")
        client = self._proxies.client(None if peer is None else peer[0], forwarded)
        shown = _only(found, b"authorization")
        bearer = shown[len(_BEARER) :].strip() if shown[: len(_BEARER)].lower() == _BEARER else None
        length = _only(found, b"content-length")
        content_length = int(length) if length.isdecimal() else 0
        return _Asked(
            client=client,
            token=None if bearer is None else self._token(bearer),
            showed_token=bearer is not None,
            subject=_only(found, self._subject_header) if client.by_proxy else None,
            content_length=content_length,
            has_body=content_length > 0 or b"transfer-encoding" in found,
            is_ambiguous=b"content-length" in found and b"transfer-encoding" in found,
        )

    def _token(self, text: str) -> Token | None:
        now = self._context.clock.now()
        token = token_of(self._context.gateway().database, text, now)
        if token is None:
            return None
        last = max(self._noted.get(token.id, 0.0), token.used_at or 0.0)
        if not last <= now < last + USE_NOTED_EVERY:
            self._noted[token.id] = now
            asyncio.get_running_loop().run_in_executor(None, self._note_use, token, int(now))
        return token

    def _note_use(self, token: Token, now: int) -> None:
        # nobody is refused since the disk is full
        with contextlib.suppress(PerdureError):
            note_use(self._context.gateway().database, token, now)

    def _refusal(self, scope: Scope, asked: _Asked) -> Response | None:
        """The answer to who is not let in, or comes too often."""
        path = scope["path"]
        if asked.is_ambiguous:
            # RFC 9112, section 6.1: a proxy before us may have seen another end of it
            return problem(
                HTTPStatus.BAD_REQUEST,
                "MalformedRequest",
                "the request has both Content-Length and Transfer-Encoding",
                "send one of them",
                {"Connection": "close"},
            )
        if path in OPEN_PATHS:
            return None
        now = asyncio.get_running_loop().time()
        wait = self._rates.wait(asked.counted_as, now)
        if scope["method"] == "POST" and path in SUBMITTING:
            wait = max(wait, self._submissions.wait(asked.counted_as, now))
        elif scope["method"] == "POST" and path == VERIFY_PATH:
            wait = max(wait, self._verifications.wait(asked.counted_as, now))
        if wait:
            return too_early(
                "TooManyRequests",
                "too many requests in a minute from one client",
                "wait as long as Retry-After says",
                wait,
                HTTPStatus.TOO_MANY_REQUESTS,
            )
        return self._not_let_in(scope, asked)

    def _not_let_in(self, scope: Scope, asked: _Asked) -> Response | None:
        wanted = wanted_scopes(scope["method"], scope["path"], self._access)
        if not wanted or (asked.token is not None and asked.token.scopes & wanted):
            return None
        if self._access.reading == "proxy" and asked.subject:
            return None
        names = " or ".join(sorted(each.value for each in wanted))
        if asked.token is not None:
            challenge = f'Bearer realm="perdure", error="insufficient_scope", scope="{names}"'
            return problem(
                HTTPStatus.FORBIDDEN,
                "TokenOutOfScope",
                f"the token is not for this: it needs the scope {names}",
                "ask the node's operator for another token",
                {"WWW-Authenticate": challenge},
            )
        error = ', error="invalid_token"' if asked.showed_token else ""
        return problem(
            HTTPStatus.UNAUTHORIZED,
            "TokenWanted",
            "the token is unknown, expired or revoked" if asked.showed_token else "this needs a token",
            "ask the node's operator for one: `perdure node token new`; send it as Authorization: Bearer TOKEN",
            {"WWW-Authenticate": f'Bearer realm="perdure"{error}'},
        )

    def _limit(self, path: str) -> int:
        if path == "/v1/bundles":
            return self._limits.bundle_bytes
        # documents are hashed there, and not kept
        if path == VERIFY_PATH:
            return largest_form(self._limits.document_bytes)
        return self._limits.request_bytes

    async def _work(self, scope: Scope, receive: Receive, send: Send, slots: Slots, asked: _Asked) -> None:
        client = asked.counted_as
        if not await slots.take(client):
            answer = too_early(
                "TooBusy",
                "the node works on as many requests as it may, or on as many from one client",
                "try again",
                1,
                HTTPStatus.SERVICE_UNAVAILABLE,
            )
            await answer(scope, receive, send)
            return
        place = _Place(send, slots, client)
        try:
            await self._app(scope, receive, place)
        finally:
            place.leave()


class _Place:
    """A place that is given back as the answer begins: how fast a client reads is no reason to keep others out."""

    def __init__(self, send: Send, slots: Slots, client: str) -> None:
        self._send, self._slots, self._client, self._is_left = send, slots, client, False

    def leave(self) -> None:
        if not self._is_left:
            self._is_left = True
            self._slots.give_back(self._client)

    async def __call__(self, message: Message) -> None:
        self.leave()
        if len(message.get("body", b"")) < _LARGE:
            await self._send(message)
            return
        # whoever takes no piece of it in a minute has gone
        async with asyncio.timeout(_PATIENCE_TO_SEND):
            await self._send(message)


def _only(found: dict[bytes, list[bytes]], name: bytes) -> str:
    """A header's value, nothing where there are two: of two, somebody on the way may have read the other."""
    values = found.get(name, ())
    return values[0].decode("latin-1") if len(values) == 1 else ""


def _refused(error: HTTPException) -> Response:
    return problem(error.status_code, "RequestEntityTooLarge", error.detail, None, dict(error.headers or {}))
