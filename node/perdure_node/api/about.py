"""The node itself, what it has pinned, and the chain as it sees it."""

from importlib.metadata import version
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from perdure_anchor.base64_text import encode_base64
from perdure_anchor.hashes import checksum_address, to_hex
from perdure_anchor.header import BlockHeader, encode_header, parse_header
from perdure_anchor.sealed_header import sealed_genesis
from perdure_anchor.strict_json import MAX_INTEGER
from perdure_anchor.trust import TrustFile
from perdure_anchor.trust_file import fingerprint, parse_trust_file
from perdure_contracts.block_reader import BlockNotFound

from perdure_node.api.answers import answered, prepared
from perdure_node.api.context import NodeContext
from perdure_node.api.documented import not_found, reads
from perdure_node.api.parts import registry_member
from perdure_node.api.problems import NotHere
from perdure_node.api.shapes import ConsortiumBody, HeaderBody, StatusBody
from perdure_node.follower.reading import header_of
from perdure_node.gateway.folder import TRUST_FILE
from perdure_node.gateway.overviews import totals

BlockNumber = Annotated[int, Path(ge=0, le=MAX_INTEGER, description="The block's number", examples=[1200])]


def about(context: NodeContext) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["node"])

    @router.get("/status", summary="How the node is", **reads(StatusBody))
    def status(request: Request) -> Response:
        return answered(request, prepared(_status(context)))

    @router.get("/consortium", summary="The consortium that the node has pinned", **reads(ConsortiumBody))
    def consortium(request: Request) -> Response:
        raw = (context.folder / TRUST_FILE).read_bytes()
        return answered(request, prepared(_consortium(raw, parse_trust_file(raw))))

    trust_file = {
        "description": "The trust file, byte for byte. Pin it only after its fingerprint was compared on another way",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }

    @router.get(
        "/consortium/trust-file",
        summary="The trust file that the node has pinned",
        responses={200: trust_file, 304: {"description": "As it was, by If-None-Match"}},
        response_model=None,
    )
    def shown_trust_file(request: Request) -> Response:
        return answered(request, prepared((context.folder / TRUST_FILE).read_bytes()))

    @router.get(
        "/headers/{number}",
        summary="A block's header, as it was followed, else from the chain client",
        **reads(HeaderBody, not_found("The chain has no such block yet")),
    )
    def header(request: Request, number: BlockNumber) -> Response:
        gateway = context.gateway()
        kept = header_of(gateway.database, number)
        found = _fetched(context, number) if kept is None else parse_header(kept)
        read = sealed_genesis if number == 0 else gateway.trust.engine_at(number)
        members = {
            "number": number,
            "hash": to_hex(read(found).hash),
            "time": found.timestamp,
            "rlp": encode_base64(encode_header(found)),
        }
        return answered(request, prepared(members))

    return router


def _fetched(context: NodeContext, number: int) -> BlockHeader:
    with context.chain() as chain:
        try:
            return chain.client.fetch_header(number)
        except BlockNotFound as error:
            raise NotHere(f"the chain has no block {number} yet") from error


def _status(context: NodeContext) -> dict[str, Any]:
    gateway, seen = context.gateway(), context.state.chain
    counted = totals(gateway.database)
    return {
        "version": version("perdure"),
        "started_at": int(context.state.started_at),
        "now": int(context.clock.now()),
        "registry": registry_member(gateway.trust),
        "chain": {
            "head": seen.head,
            "head_time": seen.head_time,
            "seen_at": None if seen.seen_at is None else int(seen.seen_at),
            "validators": [checksum_address(each) for each in seen.validators],
        },
        "sites": counted.sites,
        "records": counted.records,
        "waiting": counted.waiting,
        "on_its_way": counted.on_its_way,
        "set_aside": counted.set_aside,
        "anchors": counted.anchors,
        "alarms": [
            {"name": each.name.value, "subject": each.subject, "since": each.since}
            for each in context.state.alarms.raised()
        ],
    }


def _consortium(raw: bytes, trust: TrustFile) -> dict[str, Any]:
    return {
        "name": trust.name,
        "version": trust.version,
        "devnet": trust.devnet,
        "fingerprint": fingerprint(raw),
        "chain_id": trust.chain_id,
        "genesis_hash": to_hex(trust.genesis_hash),
        "registry": checksum_address(trust.registry.address),
        "consortium": checksum_address(trust.consortium.address),
        "partners": [
            {
                "name": each.name,
                "account": checksum_address(each.account),
                "legal_name": each.legal_name,
                "registration_number": each.registration_number,
                "contact": each.contact,
            }
            for each in trust.partners
        ],
        "validators": [checksum_address(each) for each in trust.epochs[-1].validators],
    }
