"""A bundle's head: one line of JSON, in one spelling (SPEC.md, section 12.2).

A head that is read is written anew and compared: so two heads that say the same are the same bytes, and a bundle's id, which is taken
from them, names what it says and nothing else.
"""

import hashlib
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from perdure_anchor.base64_text import encode_base64, parse_base64, parse_hash32
from perdure_anchor.checkpoint import MAX_TREE_SIZE, Checkpoint, Origin, RegistryDomain, parse_origin
from perdure_anchor.errors import ConfigError
from perdure_anchor.evidence import (
    MAX_PATH,
    MAX_RUN_SIZE,
    encode_anchor_proof,
    encode_octets,
    parse_anchor_proof,
    parse_run,
)
from perdure_anchor.hashes import Address, Hash32, checksum_address, parse_hex, to_hex
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
    MAX_CARRIED_HOPS,
    MAX_CHECKPOINTS,
    MAX_HEAD_SIZE,
    MAX_HOPS_SIZE,
    MAX_IDS,
    MAX_LEAVES,
    MAX_PROOFS,
    MAX_REASON,
    MAX_ROTATIONS,
    MAX_SIGNS,
    Answer,
    BundleHead,
    CarriedAnchor,
    CarriedCheckpoint,
    CarriedHop,
    CarriedProof,
    Kind,
    LeafRange,
    Request,
    SetAside,
    SiteKeys,
)
from perdure_node.courier.errors import BundleError, BundleNotCanonical, BundleTooLarge, NotABundle
from perdure_node.encryption.age import parse_recipient, recipient_text
from perdure_node.encryption.hybrid import PublicKey

# two compact ranges of a log below 2^48 leaves
_MAX_PROOF_HASHES: Final = 95
_MAX_PEAKS: Final = 48
# more than a header has room for
_MAX_SET: Final = 1024
_CONTROL: Final = re.compile(r"[\x00-\x1f\ud800-\udfff]")

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
_ANSWER_KEYS: Final = (
    "taken_in",
    "challenge",
    "mirrored",
    "head_size",
    "head_root",
    "block_number",
    "keys",
    "anchors",
    "known_block",
    "hops",
    "set_aside",
)


def encode_head(head: BundleHead) -> bytes:
    """One line of JSON; raises `BundleError` if a reader would refuse it."""
    _check_form(head)
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
        nonce=_parse_hex_octets(top["nonce"], ID_SIZE, "nonce"),
        domain=_parse_domain(top["registry"]),
        origin=origin,
        made_at=take_integer(top["made_at"], "made_at"),
        leaves=_parse_leaves(top["leaves"]),
        checkpoints=tuple(
            _parse_checkpoint(each, origin)
            for each in take_list(top["checkpoints"], "checkpoints", MAX_CHECKPOINTS)
        ),
        append_proofs=tuple(map(_parse_proof, take_list(top["append_proofs"], "append_proofs", MAX_PROOFS))),
        rotations=tuple(
            _parse_rotation(each, origin) for each in take_list(top["rotations"], "rotations", MAX_ROTATIONS)
        ),
        request=None if top["request"] is None else _parse_request(top["request"]),
        answer=None if top["answer"] is None else _parse_answer(top["answer"]),
    )
    _check_form(head)
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


def _check_form(head: BundleHead) -> None:
    """What the members have to do with each other, and the bounds that hold for several together; for writers and readers."""
    has = (head.request is not None, head.answer is not None)
    if has != ((True, False) if head.kind is Kind.OUTGOING else (False, True)):
        raise BundleError(
            "bundle: one that goes out has a request, one that returns has an answer, and neither has both"
        )
    _check_lists(head)
    _check_leaf_range(head)
    if head.answer is not None:
        _check_answer(head.answer, {(each.size, each.checkpoint.root) for each in head.checkpoints})


def _check_lists(head: BundleHead) -> None:
    sizes = [each.size for each in head.checkpoints]
    starts = [each.old_size for each in head.append_proofs]
    _check_ascending("checkpoints: their sizes", sizes, MAX_CHECKPOINTS)
    _check_ascending("append_proofs: their old sizes", starts, MAX_PROOFS)
    _check_ascending(
        "rotations: their nonces", [each.rotation.nonce for each in head.rotations], MAX_ROTATIONS
    )
    if starts and (not sizes or starts[-1] >= sizes[-1]):
        raise BundleError(f"append_proofs: one from {starts[-1]} leads to no checkpoint")


def _check_leaf_range(head: BundleHead) -> None:
    leaves = head.leaves
    if leaves.count > MAX_LEAVES or leaves.end > MAX_TREE_SIZE:
        raise BundleTooLarge(
            f"leaves: got {leaves.count} from {leaves.begin} on, want at most {MAX_LEAVES} in a log below 2^48"
        )
    if len(leaves.peaks) != leaves.begin.bit_count():
        raise BundleError(
            f"leaves: got {len(leaves.peaks)} peaks of a log of {leaves.begin}, want {leaves.begin.bit_count()}"
        )
    if not leaves.count and leaves.begin:
        raise BundleError("leaves: where there are none they begin at 0, and have no peaks")
    if leaves.count and leaves.end not in {each.size for each in head.checkpoints}:
        raise BundleError(f"leaves: they end at {leaves.end}, and no checkpoint in the bundle does")


def _check_answer(answer: Answer, carried: set[tuple[int, Hash32]]) -> None:
    anchors = [(each.size, each.root) for each in answer.anchors]
    _check_ascending("anchors: their sizes", [size for size, _ in anchors], MAX_CHECKPOINTS)
    if not carried.issuperset(anchors):
        raise BundleError("anchors: one of a checkpoint that is not in the bundle")
    runs = [("anchor headers", each.proof.headers) for each in answer.anchors]
    runs += [("hop", each.headers) for each in answer.hops]
    runs += [] if answer.known_block is None else [("known_block", answer.known_block)]
    for what, headers in runs:
        _check_together(what, headers, MAX_RUN_SIZE)
    _check_together("hops", [header for hop in answer.hops for header in hop.headers], MAX_HOPS_SIZE)
    _check_distinct("taken_in", answer.taken_in, MAX_IDS)
    _check_distinct("hops", answer.hops, MAX_CARRIED_HOPS)
    _check_distinct("set_aside", [(each.size, each.root) for each in answer.set_aside], MAX_CHECKPOINTS)


def _check_ascending(what: str, numbers: list[int], at_most: int) -> None:
    if any(before >= after for before, after in pairwise(numbers)):
        raise BundleError(f"{what} do not ascend")
    _check_count(what, len(numbers), at_most)


def _check_distinct(what: str, items: Sequence[object], at_most: int) -> None:
    _check_count(what, len(items), at_most)
    if len(set(items)) != len(items):
        raise BundleError(f"{what}: one of them stands twice")


def _check_count(what: str, count: int, at_most: int) -> None:
    if count > at_most:
        raise BundleTooLarge(f"{what}: got {count}, want at most {at_most}")


def _check_together(what: str, parts: Sequence[bytes], at_most: int) -> None:
    size = sum(map(len, parts))
    if size > at_most:
        raise BundleTooLarge(f"{what}: got {size} bytes together, want at most {at_most}")


def _encode(head: BundleHead) -> bytes:
    members: dict[str, JsonValue] = {
        "format": FORMAT,
        "kind": head.kind.value,
        "nonce": head.nonce.hex(),
        "registry": {"chain_id": head.domain.chain_id, "address": checksum_address(head.domain.registry)},
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
        "answer": None if head.answer is None else _encode_answer(head.answer),
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
        _parse_size(members["anchors_above"], "anchors_above"),
        None if leaves_from is None else _parse_size(leaves_from, "leaves_from"),
        _parse_challenge(members["challenge"]),
        None if answer_to is None else _parse_recipient(answer_to),
    )


def _parse_recipient(value: JsonValue) -> PublicKey:
    try:
        return parse_recipient(take_text(value, "answer_to", 62))
    except ConfigError as error:
        raise BundleError(f"answer_to: {error}") from None


def _parse_challenge(value: JsonValue) -> bytes | None:
    return None if value is None else _parse_hex_octets(value, ID_SIZE, "challenge")


def _parse_hex_octets(value: JsonValue, size: int, what: str) -> bytes:
    """As many bytes, in lower-case hexadecimal digits without a prefix."""
    text = take_text(value, what, 2 * size)
    try:
        octets = bytes.fromhex(text)
    except ValueError:
        octets = b""
    if len(octets) != size or octets.hex() != text:
        raise BundleError(f"{what}: want {2 * size} lower-case hexadecimal digits")
    return octets


def _parse_kind(value: JsonValue) -> Kind:
    try:
        return Kind(value)
    except ValueError:
        raise BundleError("kind: want outgoing or return") from None


def _parse_domain(value: JsonValue) -> RegistryDomain:
    members = take_object(value, "registry", ("chain_id", "address"))
    chain_id = take_integer(members["chain_id"], "registry chain_id")
    return RegistryDomain(chain_id, _parse_address(members["address"], "registry address"))


def _parse_address(value: JsonValue, what: str) -> Address:
    return Address(parse_hex(value, 20, what))


def _parse_hashes(value: JsonValue, what: str, at_most: int) -> tuple[Hash32, ...]:
    return tuple([parse_hash32(each, what) for each in take_list(value, what, at_most)])


def _parse_size(value: JsonValue, what: str) -> int:
    return take_integer(value, what, MAX_TREE_SIZE)


def _parse_log_size(value: JsonValue, what: str) -> int:
    """Of a log that is signed: it has a last record."""
    size = _parse_size(value, what)
    if not size:
        raise BundleError(f"{what}: got 0, and nobody signs a log without records")
    return size


def _parse_leaves(value: JsonValue) -> LeafRange:
    members = take_object(value, "leaves", ("begin", "count", "peaks"))
    return LeafRange(
        _parse_size(members["begin"], "leaves begin"),
        _parse_size(members["count"], "leaves count"),
        _parse_hashes(members["peaks"], "leaves peaks", _MAX_PEAKS),
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


def _parse_checkpoint(value: JsonValue, origin: Origin) -> CarriedCheckpoint:
    keys = ("size", "root", "sealed_at", "signature", "last_slot_digests", "last_path")
    members = take_object(value, "checkpoint", keys)
    digests = _parse_hashes(members["last_slot_digests"], "last_slot_digests", len(SLOTS))
    if len(digests) != len(SLOTS):
        raise BundleError(f"last_slot_digests: got {len(digests)}, want {len(SLOTS)}")
    return CarriedCheckpoint(
        Checkpoint(
            origin.site,
            _parse_log_size(members["size"], "checkpoint size"),
            parse_hash32(members["root"], "checkpoint root"),
            take_integer(members["sealed_at"], "checkpoint sealed_at"),
        ),
        parse_base64(members["signature"], "checkpoint signature", exactly=SIGNATURE_SIZE),
        digests,
        _parse_hashes(members["last_path"], "last_path", MAX_PATH),
    )


def _parse_proof(value: JsonValue) -> CarriedProof:
    members = take_object(value, "append proof", ("old_size", "hashes"))
    return CarriedProof(
        _parse_size(members["old_size"], "old_size"),
        _parse_hashes(members["hashes"], "append proof", _MAX_PROOF_HASHES),
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
            _parse_address(members["new_key"], "new_key"),
            take_integer(members["grace_period"], "grace_period", MAX_GRACE_PERIOD),
            take_integer(members["nonce"], "nonce"),
        ),
        parse_base64(members["signature"], "rotation signature", exactly=SIGNATURE_SIZE),
    )


def _encode_answer(answer: Answer) -> JsonValue:
    return {
        "taken_in": [each.hex() for each in answer.taken_in],
        "challenge": None if answer.challenge is None else answer.challenge.hex(),
        "mirrored": answer.mirrored,
        "head_size": answer.head_size,
        "head_root": encode_base64(answer.head_root),
        "block_number": answer.block_number,
        "keys": None if answer.keys is None else _encode_keys(answer.keys),
        "anchors": [
            {"size": each.size, "root": encode_base64(each.root), "anchor": encode_anchor_proof(each.proof)}
            for each in answer.anchors
        ],
        "known_block": None if answer.known_block is None else encode_octets(answer.known_block),
        "hops": [
            {"before": [checksum_address(each) for each in hop.before], "headers": encode_octets(hop.headers)}
            for hop in answer.hops
        ],
        "set_aside": [
            {"size": each.size, "root": encode_base64(each.root), "reason": each.reason}
            for each in answer.set_aside
        ],
    }


def _parse_answer(value: JsonValue) -> Answer:
    members = take_object(value, "answer", _ANSWER_KEYS)
    known_block = members["known_block"]
    return Answer(
        taken_in=tuple(
            _parse_hex_octets(each, ID_SIZE, "taken_in")
            for each in take_list(members["taken_in"], "taken_in", MAX_IDS)
        ),
        challenge=_parse_challenge(members["challenge"]),
        mirrored=_parse_size(members["mirrored"], "mirrored"),
        head_size=_parse_size(members["head_size"], "head_size"),
        head_root=parse_hash32(members["head_root"], "head_root"),
        block_number=take_integer(members["block_number"], "block_number"),
        keys=None if members["keys"] is None else _parse_keys(members["keys"]),
        anchors=tuple(map(_parse_anchor, take_list(members["anchors"], "anchors", MAX_CHECKPOINTS))),
        known_block=None if known_block is None else parse_run(known_block, "known_block"),
        hops=tuple(map(_parse_hop, take_list(members["hops"], "hops", MAX_CARRIED_HOPS))),
        set_aside=tuple(map(_parse_set_aside, take_list(members["set_aside"], "set_aside", MAX_CHECKPOINTS))),
    )


def _encode_keys(keys: SiteKeys) -> JsonValue:
    return {
        "key": None if keys.key is None else checksum_address(keys.key),
        "previous_key": None if keys.previous_key is None else checksum_address(keys.previous_key),
        "previous_key_until": keys.previous_key_until,
        "key_nonce": keys.key_nonce,
        "compromised_since": keys.compromised_since,
        "successor": None if keys.successor is None else to_hex(keys.successor),
    }


def _parse_keys(value: JsonValue) -> SiteKeys:
    names = ("key", "previous_key", "previous_key_until", "key_nonce", "compromised_since", "successor")
    members = take_object(value, "keys", names)
    key, previous, successor = members["key"], members["previous_key"], members["successor"]
    since = members["compromised_since"]
    return SiteKeys(
        key=None if key is None else _parse_address(key, "key"),
        previous_key=None if previous is None else _parse_address(previous, "previous_key"),
        previous_key_until=take_integer(members["previous_key_until"], "previous_key_until"),
        key_nonce=take_integer(members["key_nonce"], "key_nonce"),
        compromised_since=None if since is None else take_integer(since, "compromised_since"),
        successor=None if successor is None else Hash32(parse_hex(successor, 32, "successor")),
    )


def _parse_anchor(value: JsonValue) -> CarriedAnchor:
    members = take_object(value, "anchor", ("size", "root", "anchor"))
    return CarriedAnchor(
        _parse_size(members["size"], "anchor size"),
        parse_hash32(members["root"], "anchor root"),
        parse_anchor_proof(members["anchor"]),
    )


def _parse_hop(value: JsonValue) -> CarriedHop:
    members = take_object(value, "hop", ("before", "headers"))
    before = take_list(members["before"], "hop before", _MAX_SET)
    return CarriedHop(
        tuple(_parse_address(each, "hop before") for each in before), parse_run(members["headers"], "hop")
    )


def _parse_set_aside(value: JsonValue) -> SetAside:
    members = take_object(value, "set_aside", ("size", "root", "reason"))
    return SetAside(
        _parse_size(members["size"], "set_aside size"),
        parse_hash32(members["root"], "set_aside root"),
        _parse_reason(members["reason"]),
    )


def _parse_reason(value: JsonValue) -> str:
    reason = take_text(value, "reason", MAX_REASON)
    if reason != clean_reason(reason):
        raise BundleError("reason: has control characters")
    return reason


def clean_reason(text: str) -> str:
    """A text as `SetAside` takes it: not too long, and with signs in place of what ends a line or stands for no character."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text[:MAX_REASON])
