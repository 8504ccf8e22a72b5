"""The stylesheet and the icon: the same for everybody, asked for anew each time and sent only where they changed."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from perdure_anchor.hashes import sha256

_FOLDER: Final = Path(__file__).parent / "static"
_KINDS: Final = {"style.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}
# an icon that is opened by itself is a document of its own
_ICON_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"


def assets() -> APIRouter:
    """The routes; they say nothing of the node, so pages that refuse somebody can use them too."""
    router = APIRouter(include_in_schema=False)
    for name, kind in _KINDS.items():
        _add(router, f"/assets/{name}", (_FOLDER / name).read_bytes(), kind)
    return router


def _add(router: APIRouter, path: str, octets: bytes, kind: str) -> None:
    tag = f'"{sha256(octets).hex()[:32]}"'
    headers = {
        "ETag": tag,
        "Cache-Control": "no-cache",
        "Content-Security-Policy": _ICON_POLICY,
    }

    def asset(request: Request) -> Response:
        known = [
            each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")
        ]
        if tag in known:
            return Response(status_code=304, headers=headers)
        return Response(octets, media_type=kind, headers=headers)

    router.add_api_route(path, asset, methods=["GET"])
