"""Errors as RFC 9457 problem details (application/problem+json): which kind, what is wrong, what to do; never a traceback."""

import logging
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from perdure_anchor.errors import ChainError, ConfigError, EncodingError, PerdureError, VerificationError
from starlette.exceptions import HTTPException

from perdure_node.courier.errors import NotSignedBySite, SiteNotRegistered, SiteUnknown
from perdure_node.errors import VaultBusy, VaultStorageFailed

MEDIA_TYPE: Final = "application/problem+json"
_log = logging.getLogger("perdure.api")

_STATUS: Final[tuple[tuple[type[PerdureError], HTTPStatus], ...]] = (
    (SiteUnknown, HTTPStatus.NOT_FOUND),
    (SiteNotRegistered, HTTPStatus.FORBIDDEN),
    (NotSignedBySite, HTTPStatus.FORBIDDEN),
    (VaultBusy, HTTPStatus.SERVICE_UNAVAILABLE),
    (VaultStorageFailed, HTTPStatus.INSUFFICIENT_STORAGE),
    (EncodingError, HTTPStatus.BAD_REQUEST),
    (VerificationError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (ChainError, HTTPStatus.SERVICE_UNAVAILABLE),
    (ConfigError, HTTPStatus.UNPROCESSABLE_ENTITY),
)


def problem(
    status: int,
    kind: str,
    detail: str,
    hint: str | None = None,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> JSONResponse:
    """A problem; ``kind`` is the name of the error's class, and stays the same where messages change."""
    members = {
        "type": f"urn:perdure:problem:{kind}",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        **({} if hint is None else {"hint": hint}),
        **more,
    }
    return JSONResponse(members, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def status_of(error: PerdureError) -> HTTPStatus:
    """The HTTP status that says of which sort an error is."""
    return next(
        (status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR
    )


def install_problems(app: FastAPI) -> None:
    """Let every error of the application be a problem."""

    @app.exception_handler(PerdureError)
    def perdure_error(_: Request, error: PerdureError) -> JSONResponse:
        status = status_of(error)
        headers = {"Retry-After": "5"} if status is HTTPStatus.SERVICE_UNAVAILABLE else None
        return problem(status, type(error).__name__, str(error), error.hint, headers)

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        faults = [{"where": list(map(str, each["loc"])), "what": each["msg"]} for each in error.errors()]
        return problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "InvalidRequest",
            "the request is not of the documented form",
            "see /docs",
            faults=jsonable_encoder(faults),
        )

    @app.exception_handler(HTTPException)
    def http_error(_: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers) if error.headers else None
        return problem(error.status_code, "Http", str(error.detail), None, headers)

    @app.exception_handler(Exception)
    def fault(request: Request, error: Exception) -> JSONResponse:
        _log.error("fault in %s %s", request.method, request.scope["path"], exc_info=error)
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Fault", "this is a fault of the node itself")
