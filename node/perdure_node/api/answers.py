"""Answers that are the same until something changes: JSON with an ETag, so that who asks again is told that nothing did."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

# to be kept by whoever asked, for himself, and asked about each time
CACHE_CONTROL: Final = "private, no-cache"
JSON: Final = "application/json"
_TAG_DIGITS = 32
NOT_MODIFIED: Final = 304


@dataclass(frozen=True, slots=True)
class Prepared:
    """An answer's content, and its ETag."""

    body: bytes
    etag: str


def prepared(value: Any) -> Prepared:
    """A value as JSON; bytes are JSON already."""
    body = value if isinstance(value, bytes) else orjson.dumps(value)
    return Prepared(body, tag_of(body))


def tag_of(octets: bytes) -> str:
    """The ETag of all answers that follow from these octets, and of no others of the same path."""
    return f'"{hashlib.sha256(octets).hexdigest()[:_TAG_DIGITS]}"'


def answered(
    request: Request, content: Prepared, headers: Mapping[str, str] | None = None, media_type: str = JSON
) -> Response:
    """The answer: 200, or 304 where the client has it."""
    shared = {"ETag": content.etag, "Cache-Control": CACHE_CONTROL, **(headers or {})}
    if has_it(request.headers.get("if-none-match"), content.etag):
        return Response(status_code=NOT_MODIFIED, headers=shared)
    return Response(content.body, media_type=media_type, headers=shared)


def has_it(if_none_match: str | None, etag: str) -> bool:
    """RFC 9110, section 13.1.2: by weak comparison, as proxies that compress make tags weak."""
    if if_none_match is None:
        return False
    tags = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return etag in tags or tags == ["*"]
