"""Mirrored logs as files: tiles by C2SP tlog-tiles' paths, signed checkpoints, and proofs of two histories."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from perdure_anchor.checkpoint import parse_origin

from perdure_node.api.answers import answered, prepared
from perdure_node.api.context import NodeContext
from perdure_node.api.documented import PartnerName, SiteName, problem_response
from perdure_node.api.problems import NotHere
from perdure_node.witness.serving import serve

_DESCRIPTION: Final = (
    "`tile/L/N` and `tile/L/N.p/W`: a tile of hashes (C2SP tlog-tiles), which never changes. `checkpoint`: evidence of the last mirrored "
    "record with no slot shown, in place of a note, since our checkpoints are EIP-712 typed data. `checkpoints`: the signed checkpoints "
    "that are known here. `rivals` and `rivals/DIGEST`: proofs that the site signed two histories (SPEC.md, section 14)."
)
# 200 characters are more than any path of ours has
FilePath = Annotated[
    str, Path(max_length=200, description="The file in the log's folder", examples=["tile/0/x001/x234/067"])
]


def logs(context: NodeContext) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["logs"])
    is_open = context.settings.access.reading == "open"

    @router.get(
        "/logs/{partner}/{name}/{path:path}",
        summary="A file of a site's mirrored log",
        description=_DESCRIPTION,
        response_class=Response,
        responses=_responses(),
    )
    def show_file(request: Request, partner: PartnerName, name: SiteName, path: FilePath) -> Response:
        gateway = context.gateway()
        found = serve(gateway.database, gateway.trust, parse_origin(f"{partner}/{name}"), path)
        if found is None:
            raise NotHere("no such file of a log is here")
        headers = dict(found.headers)
        if not is_open:
            # a cache between us and a client must not hand on what needs a token
            headers = {key: value.replace("public", "private") for key, value in headers.items()}
        return answered(request, prepared(found.octets), headers, found.media_type)

    return router


def _responses() -> dict[int | str, dict[str, Any]]:
    content = {
        name: {"schema": {"type": "string", "format": "binary"}}
        for name in (
            "application/octet-stream",
            "application/vnd.perdure.evidence+json",
            "application/vnd.perdure.rivals+json",
            "application/json",
            "text/plain",
        )
    }
    return {
        200: {"description": "The file", "content": content},
        304: {"description": "As it was, by If-None-Match"},
        404: problem_response("No such file"),
    }
