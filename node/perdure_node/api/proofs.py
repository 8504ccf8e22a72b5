"""Proofs by leaf hash: what evidence of a record needs besides its slots.

It is what is asked most, so little is done for each: the path and the database take some hundred microseconds, and the handler runs
where requests are read, since handing it to another thread would cost as much again. A search beyond the table of leaves may take
longer, and has a thread.
"""

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response
from perdure_anchor.hashes import Hash32
from starlette.concurrency import run_in_threadpool

from perdure_node.api.answers import answered, prepared
from perdure_node.api.context import NodeContext
from perdure_node.api.documented import HashPath, not_found, reads
from perdure_node.api.parts import AnchorParts, encode_leaf_proof, registry_member
from perdure_node.api.problems import NotHere
from perdure_node.api.shapes import ProofBody
from perdure_node.gateway.leaf_proofs import LeafProofs


def proofs(context: NodeContext) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["evidence"])
    found = LeafProofs(lambda: context.gateway().database)
    parts = AnchorParts(context.gateway)
    registry = orjson.dumps(registry_member(context.gateway().trust))

    @router.get(
        "/proofs/{leaf_hash}",
        summary="What evidence of a record needs besides its slots",
        description="With the record's slots as `slots`, and `format`, the members make evidence that `perdure verify` takes.",
        **reads(ProofBody, not_found("No anchored proof of the leaf is here")),
    )
    async def proof(request: Request, leaf_hash: HashPath) -> Response:
        wanted = Hash32(bytes.fromhex(leaf_hash[-64:]))
        proof = found.quick(wanted) or await run_in_threadpool(found.thorough, wanted)
        if proof is None:
            raise NotHere(
                f"no proof of the leaf {leaf_hash} is here",
                hint="its checkpoint may not be anchored yet, or was relayed by another node",
            )
        body = encode_leaf_proof(wanted, proof, registry, parts.members(proof.digest))
        return answered(request, prepared(body))

    return router
