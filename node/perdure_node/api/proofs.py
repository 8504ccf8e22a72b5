"""Proofs by leaf hash: what evidence of a record needs besides its slots.

It is what is asked most, so little is done for each: the path and the database take some hundred microseconds, and the handler runs
where requests are read, since handing it to another thread would cost as much again. A search beyond the table of leaves may take
longer, and has a thread.
"""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Final

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response
from perdure_anchor.hashes import Hash32
from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.routing import Route

from perdure_node.api.answers import answered, prepared
from perdure_node.api.context import NodeContext
from perdure_node.api.documented import HashPath, not_found, reads
from perdure_node.api.evidence_shapes import ProofBody
from perdure_node.api.parts import AnchorParts, encode_leaf_proof, registry_member
from perdure_node.api.problems import NotHere
from perdure_node.gateway.leaf_proofs import LeafProofs

_PATH: Final = "/proofs/{leaf_hash}"


def proofs(context: NodeContext) -> APIRouter:
    """The route as it is documented; `proof_route` is asked before it, and does the same."""
    router = APIRouter(tags=["evidence"])
    answer = _answerer(context)

    @router.get(
        _PATH,
        summary="What evidence of a record needs besides its slots",
        description="With the record's slots as `slots`, and `format`, the members make evidence that `perdure verify` takes.",
        **reads(ProofBody, not_found("No anchored proof of the leaf is here")),
    )
    async def proof(request: Request, leaf_hash: HashPath) -> Response:
        return await answer(request, leaf_hash)

    return router


def proof_route(context: NodeContext) -> Route:
    """The same without what FastAPI does for parameters and dependencies, which is more than the look-up; for well-formed hashes."""
    answer = _answerer(context)

    async def proof(request: Request) -> Response:
        # by the name that it has in the documentation
        request.scope["route"] = shown
        return await answer(request, request.path_params["leaf_hash"])

    shown = SimpleNamespace(path=f"/v1{_PATH}")
    return Route(f"/v1{_PATH.replace('}', ':leaf_hash}')}", proof, methods=["GET"], include_in_schema=False)


class _LeafHash(Convertor[str]):
    regex = "(?:0x)?[0-9a-f]{64}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("leaf_hash", _LeafHash())


def _answerer(context: NodeContext) -> Callable[[Request, str], Awaitable[Response]]:
    found = LeafProofs(lambda: context.gateway().database)
    parts = AnchorParts(context.gateway)
    registry = orjson.dumps(registry_member(context.gateway().trust))

    async def answer(request: Request, leaf_hash: str) -> Response:
        wanted = Hash32(bytes.fromhex(leaf_hash[-64:]))
        proof = found.quick(wanted) or await run_in_threadpool(found.thorough, wanted)
        if proof is None:
            raise NotHere(
                f"no proof of the leaf {leaf_hash} is here",
                hint="its checkpoint may not be anchored yet, or was relayed by another node",
            )
        body = encode_leaf_proof(wanted, proof, registry, parts.members(proof.digest, proof.anchor_state))
        return answered(request, prepared(body))

    return answer
