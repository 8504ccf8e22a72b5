"""A checkpoint that comes alone, as JSON, without a bundle around it: made into the bundle that it would have been.

It carries no leaf hashes: those follow in a bundle, whenever the site can send one. So it is for lines on which every kilobyte counts.
"""

import hashlib
from typing import Final

from perdure_anchor.checkpoint import RegistryDomain, checkpoint_digest, parse_origin
from perdure_anchor.strict_json import JsonValue, parse_json, take_list, take_object

from perdure_node.courier.bundle import ID_SIZE, MAX_PROOFS, BundleHead, Kind, LeafRange, Request
from perdure_node.courier.bundle_file import Bundle
from perdure_node.courier.bundle_form import check_form
from perdure_node.courier.bundle_head import (
    encode_head,
    id_of_head,
    parse_carried_checkpoint,
    parse_carried_proof,
)

_CHECKPOINT_KEYS: Final = ("size", "root", "sealed_at", "signature", "last_slot_digests", "last_path")


def bundle_of_checkpoint(raw: bytes, domain: RegistryDomain) -> Bundle:
    """The bundle that carries the checkpoint in this JSON to the registry; the same checkpoint gives the same bundle. Raises `EncodingError`."""
    members = take_object(
        parse_json(raw, "checkpoint"), "checkpoint", ("origin", *_CHECKPOINT_KEYS, "append_proofs")
    )
    origin = parse_origin(members["origin"])
    own: JsonValue = {key: members[key] for key in _CHECKPOINT_KEYS}
    carried = parse_carried_checkpoint(own, origin)
    proofs = take_list(members["append_proofs"], "append_proofs", MAX_PROOFS)
    named = checkpoint_digest(domain, carried.checkpoint) + carried.signature
    head = BundleHead(
        kind=Kind.OUTGOING,
        nonce=hashlib.sha256(named).digest()[:ID_SIZE],
        domain=domain,
        origin=origin,
        made_at=carried.checkpoint.sealed_at,
        leaves=LeafRange(0, 0),
        checkpoints=(carried,),
        append_proofs=tuple(map(parse_carried_proof, proofs)),
        rotations=(),
        request=Request(),
        answer=None,
    )
    check_form(head)
    return Bundle(head, memoryview(b""), id_of_head(encode_head(head)))
