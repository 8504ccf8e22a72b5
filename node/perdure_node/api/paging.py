"""Long lists in pages: a page says where the next one is, in itself and as RFC 8288 has it, in the header Link."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import Response

from perdure_node.api.answers import answered, prepared


def page(
    request: Request, name: str, found: Sequence[dict[str, Any]], limit: int, after: str | None
) -> Response:
    """A page of ``name``; ``after`` is what the next one begins behind, None where this one is the last."""
    if after is None:
        return answered(request, prepared({name: found, "next": None}))
    link = f"{request.url.path}?{urlencode({'after': after, 'limit': limit})}"
    return answered(request, prepared({name: found, "next": link}), {"Link": f'<{link}>; rel="next"'})
