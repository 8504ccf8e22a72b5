"""A bundle's head: one line of JSON, in one spelling (SPEC.md, section 12.2).

A head that is read is written anew and compared: so two heads that say the same are the same bytes, and a bundle's id, which is taken
from them, names what it says and nothing else.
"""

import hashlib
from typing import Final

from perdure_anchor.base64_text import encode_base64, parse_base64, parse_hash32
from perdure_anchor.checkpoint import Checkpoint, Origin, RegistryDomain, parse_origin
from perdure_anchor.errors import ConfigError
from perdure_anchor.evidence import (
    MAX_PATH,
    encode_domain,
    encode_octets,
)
from perdure_anchor.hashes import checksum_address
from perdure_anchor.key_rotation import MAX_GRACE_PERIOD, KeyRotation, SignedRotation
from perdure_anchor.record import SLOTS
from perdure_anchor.secp256k1 import SIGNATURE_SIZE
from perdure_anchor.strict_json import (
    JsonValue,
    encode_compact,
    parse_json,
    take_integer,
    take_list,
    take_object,
    take_text,
)

from perdure_node.courier.bundle import (
    FORMAT,
    ID_SIZE,
    MAX_CHECKPOINTS,
    MAX_HEAD_SIZE,
    MAX_PROOFS,
    MAX_ROTATIONS,
    MAX_SIGNS,
    BundleHead,
    CarriedCheckpoint,
    CarriedProof,
    Kind,
    LeafRange,
    Request,
)
from perdure_node.courier.bundle_answer import encode_answer, parse_answer
from perdure_node.courier.bundle_form import check_form
from perdure_node.courier.bundle_values import (
    parse_address,
    parse_challenge,
    parse_hashes,
    parse_hex_octets,
    parse_log_size,
    parse_size,
)
from perdure_node.courier.errors import BundleError, BundleNotCanonical, BundleTooLarge, NotABundle
from perdure_node.encryption.age import parse_recipient, recipient_text
from perdure_node.encryption.hybrid import PublicKey

# two compact ranges of a log below 2^48 leaves
_MAX_PROOF_HASHES: Final = 95
_MAX_PEAKS: Final = 48

_KEYS: Final = (
    "format",
    "kind",
    "nonce",
    "registry",
    "origin",
    "made_at",
    "leaves",
    "checkpoints",
    "append_proofs",
    "rotations",
    "request",
    "answer",
)


def encode_head(head: BundleHead) -> bytes:
    """One line of JSON; raises `BundleError` if a reader would refuse it."""
    check_form(head)
    encoded = _encode(head)
    _check_size(encoded)
    return encoded


def bundle_id(head: BundleHead) -> bytes:
    """By which a gateway says that it has this bundle: 16 bytes of the head's digest, so that none with other contents has it."""
    return id_of_head(encode_head(head))


def id_of_head(encoded: bytes) -> bytes:
    """As `bundle_id`, from the head's bytes."""
    return hashlib.sha256(encoded).digest()[:ID_SIZE]


def parse_head(raw: bytes) -> BundleHead:
    """The head from its bytes; raises `BundleError`, `JsonError` or another `EncodingError`."""
    _check_size(raw)
    value = parse_json(raw, "bundle")
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise NotABundle(f"bundle: does not say that its format is {FORMAT}")
    top = take_object(value, "bundle", _KEYS)
    origin = parse_origin(top["origin"])
    head = BundleHead(
        kind=_parse_kind(top["kind"]),
        nonce=parse_hex_octets(top["nonce"], ID_SIZE, "nonce"),
        domain=_parse_domain(top["registry"]),
        origin=origin,
        made_at=take_integer(top["made_at"], "made_at"),
        leaves=_parse_leaves(top["leaves"]),
        checkpoints=tuple(
            parse_carried_checkpoint(each, origin)
            for each in take_list(top["checkpoints"], "checkpoints", MAX_CHECKPOINTS)
        ),
        append_proofs=tuple(
            map(parse_carried_proof, take_list(top["append_proofs"], "append_proofs", MAX_PROOFS))
        ),
        rotations=tuple(
            _parse_rotation(each, origin) for each in take_list(top["rotations"], "rotations", MAX_ROTATIONS)
        ),
        request=None if top["request"] is None else _parse_request(top["request"]),
        answer=None if top["answer"] is None else parse_answer(top["answer"]),
    )
    check_form(head)
    if _encode(head) != raw:
        raise BundleNotCanonical("bundle: its head is not in the one spelling that it has")
    return head


def _check_size(encoded: bytes) -> None:
    """Before anything is parsed."""
    if len(encoded) > MAX_HEAD_SIZE:
        raise BundleTooLarge(f"bundle: its head has {len(encoded)} bytes, want at most {MAX_HEAD_SIZE}")
    signs = sum(map(encoded.count, (b",", b"[", b"{")))
    if signs > MAX_SIGNS:
        raise BundleTooLarge(
            f"bundle: its head has {signs} commas and opening brackets, want at most {MAX_SIGNS}"
        )


def _encode(head: BundleHead) -> bytes:
    members: dict[str, JsonValue] = {
        "format": FORMAT,
        "kind": head.kind.value,
        "nonce": head.nonce.hex(),
        "registry": encode_domain(head.domain),
        "origin": head.origin.text,
        "made_at": head.made_at,
        "leaves": {
            "begin": head.leaves.begin,
            "count": head.leaves.count,
            "peaks": encode_octets(head.leaves.peaks),
        },
        "checkpoints": [_encode_checkpoint(each) for each in head.checkpoints],
        "append_proofs": [
            {"old_size": each.old_size, "hashes": encode_octets(each.hashes)} for each in head.append_proofs
        ],
        "rotations": [_encode_rotation(each) for each in head.rotations],
        "request": None if head.request is None else _encode_request(head.request),
        "answer": None if head.answer is None else encode_answer(head.answer),
    }
    return encode_compact(members).encode() + b"\n"


def _encode_request(request: Request) -> JsonValue:
    return {
        "anchors_above": request.anchors_above,
        "leaves_from": request.leaves_from,
        "challenge": None if request.challenge is None else request.challenge.hex(),
        "answer_to": None if request.answer_to is None else recipient_text(request.answer_to),
    }


def _parse_request(value: JsonValue) -> Request:
    members = take_object(value, "request", ("anchors_above", "leaves_from", "challenge", "answer_to"))
    leaves_from, answer_to = members["leaves_from"], members["answer_to"]
    return Request(
        parse_size(members["anchors_above"], "anchors_above"),
        None if leaves_from is None else parse_size(leaves_from, "leaves_from"),
        parse_challenge(members["challenge"]),
        None if answer_to is None else _parse_recipient(answer_to),
    )


def _parse_recipient(value: JsonValue) -> PublicKey:
    try:
        return parse_recipient(take_text(value, "answer_to", 62))
    except ConfigError as error:
        raise BundleError(f"answer_to: {error}") from None


def _parse_kind(value: JsonValue) -> Kind:
    try:
        return Kind(value)
    except ValueError:
        raise BundleError("kind: want outgoing or return") from None


def _parse_domain(value: JsonValue) -> RegistryDomain:
    members = take_object(value, "registry", ("chain_id", "address"))
    chain_id = take_integer(members["chain_id"], "registry chain_id")
    return RegistryDomain(chain_id, parse_address(members["address"], "registry address"))


def _parse_leaves(value: JsonValue) -> LeafRange:
    members = take_object(value, "leaves", ("begin", "count", "peaks"))
    return LeafRange(
        parse_size(members["begin"], "leaves begin"),
        parse_size(members["count"], "leaves count"),
        parse_hashes(members["peaks"], "leaves peaks", _MAX_PEAKS),
    )


def _encode_checkpoint(carried: CarriedCheckpoint) -> JsonValue:
    return {
        "size": carried.size,
        "root": encode_base64(carried.checkpoint.root),
        "sealed_at": carried.checkpoint.sealed_at,
        "signature": encode_base64(carried.signature),
        "last_slot_digests": encode_octets(carried.last_slot_digests),
        "last_path": encode_octets(carried.last_path),
    }


def parse_carried_checkpoint(value: JsonValue, origin: Origin) -> CarriedCheckpoint:
    """A member of ``checkpoints``; raises `EncodingError`."""
    keys = ("size", "root", "sealed_at", "signature", "last_slot_digests", "last_path")
    members = take_object(value, "checkpoint", keys)
    digests = parse_hashes(members["last_slot_digests"], "last_slot_digests", len(SLOTS))
    if len(digests) != len(SLOTS):
        raise BundleError(f"last_slot_digests: got {len(digests)}, want {len(SLOTS)}")
    return CarriedCheckpoint(
        Checkpoint(
            origin.site,
            parse_log_size(members["size"], "checkpoint size"),
            parse_hash32(members["root"], "checkpoint root"),
            take_integer(members["sealed_at"], "checkpoint sealed_at"),
        ),
        parse_base64(members["signature"], "checkpoint signature", exactly=SIGNATURE_SIZE),
        digests,
        parse_hashes(members["last_path"], "last_path", MAX_PATH),
    )


def parse_carried_proof(value: JsonValue) -> CarriedProof:
    """A member of ``append_proofs``; raises `EncodingError`."""
    members = take_object(value, "append proof", ("old_size", "hashes"))
    return CarriedProof(
        parse_size(members["old_size"], "old_size"),
        parse_hashes(members["hashes"], "append proof", _MAX_PROOF_HASHES),
    )


def _encode_rotation(signed: SignedRotation) -> JsonValue:
    return {
        "new_key": checksum_address(signed.rotation.new_key),
        "grace_period": signed.rotation.grace_period,
        "nonce": signed.rotation.nonce,
        "signature": encode_base64(signed.signature),
    }


def _parse_rotation(value: JsonValue, origin: Origin) -> SignedRotation:
    members = take_object(value, "rotation", ("new_key", "grace_period", "nonce", "signature"))
    return SignedRotation(
        KeyRotation(
            origin.site,
            parse_address(members["new_key"], "new_key"),
            take_integer(members["grace_period"], "grace_period", MAX_GRACE_PERIOD),
            take_integer(members["nonce"], "nonce"),
        ),
        parse_base64(members["signature"], "rotation signature", exactly=SIGNATURE_SIZE),
    )
