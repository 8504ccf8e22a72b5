"""Errors as RFC 9457 problem details (application/problem+json): which kind, what is wrong, what to do; never a traceback."""

import json
import math
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from perdure_anchor.errors import (
    ChainError,
    ConfigError,
    EncodingError,
    PerdureError,
    Refused,
    VaultError,
    VerificationError,
)
from perdure_contracts.transactions import WrongChain
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from perdure_node.api.request_ids import current_request_id
from perdure_node.chain.errors import WithoutContracts
from perdure_node.courier.errors import BundleTooLarge, NotSignedBySite, SiteNotRegistered, SiteUnknown
from perdure_node.errors import VaultBusy, VaultStorageFailed
from perdure_node.follower.errors import NotFollowed, PartsNotKept
from perdure_node.gateway.allowance import TooManyCheckpoints

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:perdure:problem:"
_MAX_DETAIL = 2000
_MAX_FAULTS = 16
RETRY_AFTER: Final = 5


class NotHere(VerificationError):
    """What was asked for is not at this node; it may be at another one, or come later."""


_STATUS: Final[tuple[tuple[type[PerdureError], HTTPStatus], ...]] = (
    (NotHere, HTTPStatus.NOT_FOUND),
    (TooManyCheckpoints, HTTPStatus.TOO_MANY_REQUESTS),
    (Refused, HTTPStatus.UNPROCESSABLE_ENTITY),
    (SiteUnknown, HTTPStatus.NOT_FOUND),
    (NotFollowed, HTTPStatus.NOT_FOUND),
    (PartsNotKept, HTTPStatus.NOT_FOUND),
    (SiteNotRegistered, HTTPStatus.FORBIDDEN),
    (NotSignedBySite, HTTPStatus.FORBIDDEN),
    (BundleTooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (VaultBusy, HTTPStatus.SERVICE_UNAVAILABLE),
    (VaultStorageFailed, HTTPStatus.INSUFFICIENT_STORAGE),
    (VaultError, HTTPStatus.SERVICE_UNAVAILABLE),
    (EncodingError, HTTPStatus.BAD_REQUEST),
    (VerificationError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (ChainError, HTTPStatus.SERVICE_UNAVAILABLE),
    # of a chain client of ours: who asks can do nothing about it
    (WrongChain, HTTPStatus.SERVICE_UNAVAILABLE),
    (WithoutContracts, HTTPStatus.SERVICE_UNAVAILABLE),
    (ConfigError, HTTPStatus.UNPROCESSABLE_ENTITY),
)
_LATER: Final = frozenset(
    {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.INSUFFICIENT_STORAGE}
)


def problem(
    status: int,
    kind: str,
    detail: str,
    hint: str | None = None,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Response:
    """A problem; ``kind`` is the name of the error's class, and stays the same where messages change."""
    members = {
        "type": TYPE_PREFIX + kind,
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail[:_MAX_DETAIL],
        **({} if hint is None else {"hint": hint[:_MAX_DETAIL]}),
        "request_id": current_request_id.get(),
        **more,
    }
    # in ASCII: a detail can hold what came in a request, half of a surrogate pair too
    body = json.dumps(members).encode("ascii")
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def too_early(kind: str, detail: str, hint: str, seconds: float, status: int) -> Response:
    """A problem that is over after ``seconds``."""
    return problem(status, kind, detail, hint, {"Retry-After": str(max(1, math.ceil(seconds)))})


def status_of(error: PerdureError) -> HTTPStatus:
    """The HTTP status that says of which sort an error is."""
    return next(
        (status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR
    )


def problem_of(error: PerdureError) -> Response:
    """An error of ours as a problem."""
    status = status_of(error)
    later = error.retry_after if isinstance(error, TooManyCheckpoints) else RETRY_AFTER
    headers = {"Retry-After": str(later)} if status in _LATER else None
    return problem(status, type(error).__name__, str(error), error.hint, headers)


def fault() -> Response:
    """The problem for what should never happen; what it was stands in the log, under the request's id."""
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Fault",
        "this is a fault of the node itself",
        "tell the node's operator the request_id: the log has the reason under it",
    )


def install_problems(app: FastAPI) -> None:
    """Let every error of a route be a problem; what is no error of ours goes on, to `perdure_node.api.frame`."""

    @app.exception_handler(PerdureError)
    async def perdure_error(_: Request, error: PerdureError) -> Response:
        return problem_of(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        faults = [
            {"where": [str(part)[:100] for part in each["loc"]], "what": str(each["msg"])[:200]}
            for each in error.errors()[:_MAX_FAULTS]
        ]
        return problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "InvalidRequest",
            "the request is not of the documented form",
            "see /openapi.json",
            faults=faults,
        )

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, __: ClientDisconnect) -> Response:
        # nobody reads it; it is counted as the client's doing, and is no fault
        return problem(HTTPStatus.BAD_REQUEST, "CutShort", "the client has gone before its content was whole")

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> Response:
        headers = dict(error.headers) if error.headers else None
        if error.status_code == HTTPStatus.NOT_FOUND:
            return problem(
                error.status_code, "NoSuchRoute", "there is nothing at this path", "see /openapi.json"
            )
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            detail = "this path is not for this method"
            return problem(error.status_code, "MethodNotAllowed", detail, "see /openapi.json", headers)
        return problem(error.status_code, _kind(error), str(error.detail), None, headers)


def _kind(error: HTTPException) -> str:
    return HTTPStatus(error.status_code).name.title().replace("_", "")
