"""Parts of evidence as the API gives them: in the spelling of evidence files (SPEC.md, section 5), so that they can be put together."""

import hashlib
from binascii import b2a_base64
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson
from perdure_anchor.base64_text import encode_base64
from perdure_anchor.evidence import encode_anchor_proof, encode_hops
from perdure_anchor.hashes import Hash32, checksum_address, to_hex
from perdure_anchor.trust import TrustFile

from perdure_node.api.answers import Prepared, tag_of
from perdure_node.api.problems import NotHere
from perdure_node.database import Database
from perdure_node.evidence.hops import hop_table
from perdure_node.gateway.checkpoints import stored_anchor
from perdure_node.gateway.folder import Gateway
from perdure_node.gateway.leaf_proofs import LeafProof

# about 20 kB each
_ANCHORS: Final = 512


def registry_member(trust: TrustFile) -> dict[str, Any]:
    """The member ``registry``."""
    return {"chain_id": trust.chain_id, "address": checksum_address(trust.registry.address)}


@dataclass(frozen=True, slots=True)
class Members:
    """Members of a JSON object, without braces around them, and the SHA-256 hash of them."""

    octets: bytes
    digest: bytes


class AnchorParts:
    """The members ``anchor``, ``not_before`` and ``hops`` under one anchor, as JSON, kept as long as they stay as they are."""

    def __init__(self, gateway: Callable[[], Gateway]) -> None:
        self._gateway = gateway

        @lru_cache(_ANCHORS)
        def encoded(digest: Hash32, _state: tuple[Any, ...]) -> "Members":
            opened = gateway()
            anchor = stored_anchor(opened.database, digest)
            if anchor is None:
                raise NotHere(f"the anchor of {to_hex(digest)} is not here")
            hops = hop_table(opened.database, opened.trust).leading_through(anchor.block_number)
            members = {
                "block_number": anchor.block_number,
                "block_time": anchor.block_time,
                "anchor": encode_anchor_proof(anchor.proof),
                "not_before": None,
                "hops": encode_hops(hops),
            }
            octets = orjson.dumps(members)[1:-1]
            return Members(octets, hashlib.sha256(octets).digest())

        self._encoded = encoded

    def members(self, digest: Hash32, state: tuple[Any, ...] | None = None) -> "Members":
        """The members under an anchor; ``state`` as `LeafProof` has it, if it is known. Raises `NotHere`."""
        return self._encoded(digest, state or _state(self._gateway().database, digest))


def _state(database: Database, digest: Hash32) -> tuple[Any, ...]:
    """What tells an anchor's part from an earlier one: its run of headers grows, and hops are found."""
    row = database.row(
        "SELECT block_number, length(headers), time_run_open, (SELECT count(*) FROM hop), (SELECT max(first_block) FROM hop) "
        "FROM anchor WHERE digest = ?",
        digest,
    )
    if row is None:
        raise NotHere(
            f"the anchor of {to_hex(digest)} is not here",
            hint="ask later, or a node that relays for the site",
        )
    return row


def encode_leaf_proof(leaf_hash: Hash32, proof: LeafProof, registry: bytes, anchor: Members) -> Prepared:
    """All that evidence of a leaf needs but its slots, as JSON."""
    head = (
        f'{{"leaf_hash":"{to_hex(leaf_hash)}","registry":{registry.decode()},"origin":"{proof.origin.text}",'
        f'"checkpoint":{{"size":{proof.size},"root":"{encode_base64(proof.root)}","sealed_at":{proof.sealed_at},'
        f'"signature":"{encode_base64(proof.signature)}","index":{proof.index},"path":['
    )
    path = b'","'.join([b2a_base64(node, newline=False) for node in proof.path])
    own = b"%b%b]}," % (head.encode(), b'"%b"' % path if path else b"")
    # the anchor's members are most of it, and in many answers: of them the hash is known
    return Prepared(own + anchor.octets + b"}", tag_of(own + anchor.digest))
