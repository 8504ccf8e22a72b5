"""Proofs by leaf hash: what evidence of a record needs besides its slots.

It is what is asked most, so little is done for each: the path and the database take some hundred microseconds, and the handler runs
where requests are read, since handing it to another thread would cost as much again. A search beyond the table of leaves may take
longer, and has a thread.
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from types import SimpleNamespace
from typing import Final

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response
from perdure_anchor.hashes import Hash32
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from perdure_node.api.answers import CACHE_CONTROL, JSON, NOT_MODIFIED, Prepared, answered, has_it
from perdure_node.api.context import NodeContext
from perdure_node.api.documented import HashPath, not_found, reads
from perdure_node.api.evidence_shapes import ProofBody
from perdure_node.api.parts import AnchorParts, encode_leaf_proof, registry_member
from perdure_node.api.problems import NotHere
from perdure_node.gateway.leaf_proofs import LeafProofs

_PATH: Final = "/proofs/{leaf_hash}"
_ASKED: Final = re.compile("/v1/proofs/((?:0x)?[0-9a-f]{64})")
_KEPT: Final = (b"cache-control", CACHE_CONTROL.encode())
_IS_JSON: Final = (b"content-type", JSON.encode())


def proofs(context: NodeContext) -> APIRouter:
    """The route as it is documented; `QuickProofs` is asked before it, and does the same."""
    router = APIRouter(tags=["evidence"])
    answer = _answerer(context)

    @router.get(
        _PATH,
        summary="What evidence of a record needs besides its slots",
        description="With the record's slots as `slots`, and `format`, the members make evidence that `perdure verify` takes.",
        **reads(ProofBody, not_found("No anchored proof of the leaf is here")),
    )
    async def proof(request: Request, leaf_hash: HashPath) -> Response:
        return answered(request, await answer(leaf_hash))

    return router


class QuickProofs:
    """ASGI middleware that answers for well-formed hashes what `proofs` does, and hands on all else.

    What the framework does for routes, parameters, requests and responses is more than the look-up.
    """

    def __init__(self, app: ASGIApp, context: NodeContext) -> None:
        self._app, self._answer = app, _answerer(context)
        # by the name that it has in the documentation
        self._route = SimpleNamespace(path=f"/v1{_PATH}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = _ASKED.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if found is None or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        scope["route"] = self._route
        content = await self._answer(found[1])
        headers = [(b"etag", content.etag.encode()), _KEPT]
        body = b""
        status = NOT_MODIFIED
        if not has_it(_if_none_match(scope["headers"]), content.etag):
            body, status = content.body, 200
            headers += [_IS_JSON, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _if_none_match(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    return next((value.decode("latin-1") for name, value in headers if name == b"if-none-match"), None)


def _answerer(context: NodeContext) -> Callable[[str], Awaitable[Prepared]]:
    found = LeafProofs(lambda: context.gateway().database)
    parts = AnchorParts(context.gateway)
    registry = orjson.dumps(registry_member(context.gateway().trust))

    async def answer(leaf_hash: str) -> Prepared:
        wanted = Hash32(bytes.fromhex(leaf_hash[-64:]))
        proof = found.quick(wanted) or await run_in_threadpool(found.thorough, wanted)
        if proof is None:
            raise NotHere(
                f"no proof of the leaf {leaf_hash} is here",
                hint="its checkpoint may not be anchored yet, or was relayed by another node",
            )
        return encode_leaf_proof(wanted, proof, registry, parts.members(proof.digest, proof.anchor_state))

    return answer
