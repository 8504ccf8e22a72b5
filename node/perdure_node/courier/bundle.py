"""Bundles: what one file carries out of a site, or back in (SPEC.md, section 12).

The head of the file, its members and bounds are here; the leaf hashes behind it, and whether the file is whole, in
`perdure_node.courier.bundle_file`. Nothing is believed here: signatures, proofs and roots are checked by `checking`, anchors by
`perdure_anchor.verify`. What only the gateway says stands in `Answer`, and is not more than its word.
"""

import enum
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from perdure_anchor.base64_text import encode_base64, parse_base64, parse_hash32
from perdure_anchor.checkpoint import MAX_TREE_SIZE, Checkpoint, Origin, RegistryDomain, parse_origin
from perdure_anchor.evidence import (
    MAX_HOPS,
    MAX_PATH,
    AnchorProof,
    Headers,
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

from perdure_node.courier.errors import BundleError

FORMAT: Final = "perdure-bundle/1"
ID_SIZE: Final = 16
# a year of daily checkpoints with their anchors stays far below: an anchor is about 10 kB, a checkpoint 1 kB
MAX_HEAD_SIZE: Final = 64 * 1024 * 1024
MAX_CHECKPOINTS: Final = 4096
MAX_PROOFS: Final = 256
MAX_ROTATIONS: Final = 64
MAX_IDS: Final = 1024
# two compact ranges of a log below 2^48 leaves
_MAX_PROOF_HASHES: Final = 95
_MAX_PEAKS: Final = 48
_MAX_REASON: Final = 1000

_KEYS = (
    "format",
    "kind",
    "id",
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


class Kind(enum.Enum):
    """Which way a bundle goes."""

    OUTGOING = "outgoing"
    RETURN = "return"


@dataclass(frozen=True, slots=True)
class LeafRange:
    """The leaf hashes [begin, begin + count) of the log stand behind the head; ``peaks`` are those of the log [0, begin)."""

    begin: int
    count: int
    peaks: tuple[Hash32, ...] = ()

    @property
    def end(self) -> int:
        return self.begin + self.count


@dataclass(frozen=True, slots=True)
class CarriedCheckpoint:
    """A signed checkpoint, with the slot digests of its last record and that record's inclusion path.

    They make evidence of the checkpoint's anchor, which shows nothing of the record, and so let anybody call `verify`.
    """

    checkpoint: Checkpoint
    signature: bytes
    last_slot_digests: tuple[Hash32, ...]
    last_path: tuple[Hash32, ...]

    @property
    def size(self) -> int:
        return self.checkpoint.size


@dataclass(frozen=True, slots=True)
class CarriedProof:
    """The append proof from the log of ``old_size`` leaves to the newest checkpoint."""

    old_size: int
    hashes: tuple[Hash32, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What a site asks for: the anchors of checkpoints above a size, and leaf hashes from an index on, None for none.

    Whoever answers repeats the ``challenge`` (16 bytes, or none), so that the site knows that the answer is not an older one.
    """

    anchors_above: int = 0
    leaves_from: int | None = None
    challenge: bytes | None = None


@dataclass(frozen=True, slots=True)
class CarriedAnchor:
    """The proof that the checkpoint with this root at this size was anchored."""

    size: int
    root: Hash32
    proof: AnchorProof


@dataclass(frozen=True, slots=True)
class CarriedHop:
    """A change of the validators: see `perdure_node.hops.Hop`."""

    before: tuple[Address, ...]
    headers: Headers


@dataclass(frozen=True, slots=True)
class SiteKeys:
    """What the registry says of the site's keys; ``key`` None: revoked. Times are seconds since 1970."""

    key: Address | None
    previous_key: Address | None
    previous_key_until: int
    key_nonce: int
    compromised_since: int | None
    successor: Hash32 | None


@dataclass(frozen=True, slots=True)
class SetAside:
    """A checkpoint that the gateway did not, or will not, bring to the registry, and why in its words."""

    size: int
    root: Hash32
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway says; of it, only ``anchors``, ``known_block`` and ``hops`` are proved.

    ``taken_in`` are the bundles of this site that it has, ``mirrored`` up to which size it has leaf hashes, ``head_size`` and
    ``head_root`` the registry's newest checkpoint at block ``block_number``; ``keys`` None: the site is not registered.
    """

    taken_in: tuple[bytes, ...]
    challenge: bytes | None
    mirrored: int
    head_size: int
    head_root: Hash32
    block_number: int
    keys: SiteKeys | None
    anchors: tuple[CarriedAnchor, ...] = ()
    known_block: Headers | None = None
    hops: tuple[CarriedHop, ...] = ()
    set_aside: tuple[SetAside, ...] = ()


@dataclass(frozen=True, slots=True)
class BundleHead:
    """All of a bundle but the leaf hashes; ``made_at`` in seconds is the maker's clock. It has a request or an answer."""

    kind: Kind
    id: bytes
    domain: RegistryDomain
    origin: Origin
    made_at: int
    leaves: LeafRange
    checkpoints: tuple[CarriedCheckpoint, ...]
    append_proofs: tuple[CarriedProof, ...]
    rotations: tuple[SignedRotation, ...]
    request: Request | None
    answer: Answer | None

    @property
    def newest(self) -> CarriedCheckpoint | None:
        """The checkpoint over the longest log."""
        return self.checkpoints[-1] if self.checkpoints else None


def encode_head(head: BundleHead) -> bytes:
    """One line of JSON; raises `BundleError` if it is over the bounds that a reader sets."""
    members: dict[str, JsonValue] = {
        "format": FORMAT,
        "kind": head.kind.value,
        "id": head.id.hex(),
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
    encoded = encode_compact(members).encode() + b"\n"
    if len(encoded) > MAX_HEAD_SIZE:
        raise BundleError(f"bundle: its head would have {len(encoded)} bytes, want at most {MAX_HEAD_SIZE}")
    return encoded


def parse_head(raw: bytes) -> BundleHead:
    """The head from its bytes; raises `BundleError`, `JsonError` or another `EncodingError`."""
    if len(raw) > MAX_HEAD_SIZE:
        raise BundleError(f"bundle: its head has {len(raw)} bytes, want at most {MAX_HEAD_SIZE}")
    value = parse_json(raw, "bundle")
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise BundleError(f"bundle: does not say that its format is {FORMAT}")
    top = take_object(value, "bundle", _KEYS)
    origin = parse_origin(top["origin"])
    head = BundleHead(
        kind=_parse_kind(top["kind"]),
        id=parse_hex_octets(top["id"], ID_SIZE, "bundle id"),
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
    has = (head.request is not None, head.answer is not None)
    if has != ((True, False) if head.kind is Kind.OUTGOING else (False, True)):
        raise BundleError(
            "bundle: one that goes out has a request, one that returns has an answer, and neither has both"
        )
    _check_ascending([each.size for each in head.checkpoints])
    return head


def _encode_request(request: Request) -> JsonValue:
    return {
        "anchors_above": request.anchors_above,
        "leaves_from": request.leaves_from,
        "challenge": None if request.challenge is None else request.challenge.hex(),
    }


def _parse_request(value: JsonValue) -> Request:
    members = take_object(value, "request", ("anchors_above", "leaves_from", "challenge"))
    leaves_from = members["leaves_from"]
    return Request(
        _parse_size(members["anchors_above"], "anchors_above"),
        None if leaves_from is None else _parse_size(leaves_from, "leaves_from"),
        _parse_challenge(members["challenge"]),
    )


def _parse_challenge(value: JsonValue) -> bytes | None:
    return None if value is None else parse_hex_octets(value, ID_SIZE, "challenge")


def parse_hex_octets(value: JsonValue, size: int, what: str) -> bytes:
    """As many bytes, in lower-case hexadecimal digits without a prefix."""
    text = take_text(value, what, 2 * size)
    try:
        octets = bytes.fromhex(text)
    except ValueError:
        octets = b""
    if len(octets) != size or octets.hex() != text:
        raise BundleError(f"{what}: want {2 * size} lower-case hexadecimal digits")
    return octets


def _check_ascending(sizes: list[int]) -> None:
    if any(before >= after for before, after in pairwise(sizes)):
        raise BundleError("checkpoints: their sizes do not ascend")


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


def _parse_leaves(value: JsonValue) -> LeafRange:
    members = take_object(value, "leaves", ("begin", "count", "peaks"))
    begin, count = (
        _parse_size(members["begin"], "leaves begin"),
        _parse_size(members["count"], "leaves count"),
    )
    peaks = _parse_hashes(members["peaks"], "leaves peaks", _MAX_PEAKS)
    if len(peaks) != begin.bit_count() or begin + count > MAX_TREE_SIZE:
        raise BundleError(f"leaves: got {len(peaks)} peaks of a log of {begin}, want {begin.bit_count()}")
    return LeafRange(begin, count, peaks)


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
            _parse_size(members["size"], "checkpoint size"),
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
            {"size": each.size, "root": encode_base64(each.root), "reason": each.reason[:_MAX_REASON]}
            for each in answer.set_aside
        ],
    }


def _parse_answer(value: JsonValue) -> Answer:
    keys = (
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
    members = take_object(value, "answer", keys)
    return Answer(
        taken_in=tuple(
            parse_hex_octets(each, ID_SIZE, "taken_in")
            for each in take_list(members["taken_in"], "taken_in", MAX_IDS)
        ),
        challenge=_parse_challenge(members["challenge"]),
        mirrored=_parse_size(members["mirrored"], "mirrored"),
        head_size=_parse_size(members["head_size"], "head_size"),
        head_root=parse_hash32(members["head_root"], "head_root"),
        block_number=take_integer(members["block_number"], "block_number"),
        keys=None if members["keys"] is None else _parse_keys(members["keys"]),
        anchors=tuple(map(_parse_anchor, take_list(members["anchors"], "anchors", MAX_CHECKPOINTS))),
        known_block=None
        if members["known_block"] is None
        else parse_run(members["known_block"], "known_block"),
        hops=tuple(map(_parse_hop, take_list(members["hops"], "hops", MAX_HOPS**2))),
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
    before = take_list(members["before"], "hop before", 1024)
    return CarriedHop(
        tuple(_parse_address(each, "hop before") for each in before), parse_run(members["headers"], "hop")
    )


def _parse_set_aside(value: JsonValue) -> SetAside:
    members = take_object(value, "set_aside", ("size", "root", "reason"))
    return SetAside(
        _parse_size(members["size"], "set_aside size"),
        parse_hash32(members["root"], "set_aside root"),
        take_text(members["reason"], "reason", _MAX_REASON),
    )
