"""Rivals: one JSON file that shows two checkpoints of one site which cannot both be true of one log (SPEC.md, section 14).

A site's log only grows, so whatever it signs is the beginning of whatever it signs later. The file holds two signed checkpoints,
and, where they differ in size, hashes of the longer log: those over as many leaves as the shorter one has, and those over the
rest. All of them fold to the longer log's root; the first ones fold to another root than the shorter log's. Parsing is strict
and bounded, and judges nothing; `perdure_anchor.verify_rivals` does.
"""

from dataclasses import dataclass
from typing import Final

from perdure_anchor.base64_text import encode_base64, parse_base64, parse_hash32
from perdure_anchor.checkpoint import MAX_TREE_SIZE, Origin, RegistryDomain, parse_origin
from perdure_anchor.errors import EncodingError
from perdure_anchor.evidence import (
    MAX_EVIDENCE_SIZE,
    MAX_SIGNS,
    AnchorProof,
    Hops,
    encode_anchor_proof,
    encode_domain,
    encode_hops,
    encode_octets,
    parse_anchor_proof,
    parse_domain,
    parse_hops,
)
from perdure_anchor.hashes import Address, Hash32, checksum_address, parse_hex
from perdure_anchor.json_file import check_bounds, parse_members
from perdure_anchor.key_rotation import MAX_GRACE_PERIOD, KeyRotation, SignedRotation
from perdure_anchor.log import NodeAt, append_proof
from perdure_anchor.secp256k1 import SIGNATURE_SIZE
from perdure_anchor.strict_json import (
    JsonValue,
    encode_pretty,
    take_integer,
    take_list,
    take_object,
)

FORMAT: Final = "perdure-rivals/1"
FILE_SUFFIX: Final = ".rivals.json"

MAX_RIVALS_SIZE = MAX_EVIDENCE_SIZE
# as an append proof: sizes below 2^48
MAX_NODES = 95
MAX_ROTATIONS = 16

KEYS: Final = ("format", "registry", "origin", "checkpoints", "nodes", "rotations", "hops")


class RivalsError(EncodingError):
    """The file is not a proof of two histories in our format."""


class RivalsTooLarge(RivalsError):
    """The file is over a bound that is checked before any work is done."""


class NotRivals(RivalsError):
    """The file does not say that it is a proof of two histories of a version that we read."""


@dataclass(frozen=True, slots=True)
class RivalCheckpoint:
    """A signed checkpoint of the origin's log, and the proof that the registry took it, if it did and the file has it."""

    size: int
    root: Hash32
    sealed_at: int
    signature: bytes
    anchor: AnchorProof | None = None


@dataclass(frozen=True, slots=True)
class Rivals:
    """See SPEC.md, section 14. ``shorter`` and ``longer`` ascend by size, then by root.

    ``nodes`` are those of the longer log over [0, shorter size), then over [shorter size, longer size); none for equal sizes.
    ``rotations`` lead from a key that is vouched for to another one; ``hops`` are as in evidence.
    """

    domain: RegistryDomain
    origin: Origin
    shorter: RivalCheckpoint
    longer: RivalCheckpoint
    nodes: tuple[Hash32, ...]
    rotations: tuple[SignedRotation, ...] = ()
    hops: Hops = ()

    @property
    def checkpoints(self) -> tuple[RivalCheckpoint, RivalCheckpoint]:
        return self.shorter, self.longer


def make_rivals(
    domain: RegistryDomain,
    origin: Origin,
    checkpoints: tuple[RivalCheckpoint, RivalCheckpoint],
    node_at: NodeAt,
    *,
    rotations: tuple[SignedRotation, ...] = (),
    hops: Hops = (),
) -> Rivals:
    """The proof for two checkpoints in any order; ``node_at`` gives the hashes of the longer one's log.

    Nothing is judged here: whether it holds says `perdure_anchor.verify_rivals.verify_rivals`. Raises what ``node_at`` does.
    """
    shorter, longer = sorted(checkpoints, key=_place)
    nodes = () if shorter.size == longer.size else append_proof(node_at, shorter.size, longer.size)
    return Rivals(domain, origin, shorter, longer, nodes, rotations, hops)


def _place(checkpoint: RivalCheckpoint) -> tuple[int, bytes]:
    return checkpoint.size, checkpoint.root


def parse_rivals(raw: bytes) -> Rivals:
    """The proof from the bytes of a file; raises `RivalsError`, `JsonError` or another `EncodingError`."""
    check_bounds(raw, "rivals", max_size=MAX_RIVALS_SIZE, max_signs=MAX_SIGNS, too_large=RivalsTooLarge)
    return _parse_members(parse_members(raw, "rivals", FORMAT, KEYS, other=NotRivals))


def _parse_members(top: dict[str, JsonValue]) -> Rivals:
    domain, origin = parse_domain(top["registry"]), parse_origin(top["origin"])
    shorter, longer = _parse_checkpoints(top["checkpoints"])
    nodes = tuple([parse_hash32(node, "node") for node in take_list(top["nodes"], "nodes", MAX_NODES)])
    rotations = tuple(
        [parse_rotation(item, origin) for item in take_list(top["rotations"], "rotations", MAX_ROTATIONS)]
    )
    runs = [each.anchor.headers for each in (shorter, longer) if each.anchor is not None]
    hops = parse_hops(top["hops"], runs)
    return Rivals(domain, origin, shorter, longer, nodes, rotations, hops)


def _parse_checkpoints(value: JsonValue) -> tuple[RivalCheckpoint, RivalCheckpoint]:
    items = take_list(value, "checkpoints", 2)
    if len(items) != 2:
        raise RivalsError(f"checkpoints: got {len(items)}, want 2")
    shorter, longer = map(_parse_checkpoint, items)
    if _place(shorter) > _place(longer):
        raise RivalsError("checkpoints: want them to ascend by size, and by root where the sizes are equal")
    return shorter, longer


def _parse_checkpoint(value: JsonValue) -> RivalCheckpoint:
    members = take_object(value, "checkpoint", ("size", "root", "sealed_at", "signature", "anchor"))
    size = take_integer(members["size"], "checkpoint size", MAX_TREE_SIZE)
    if size == 0:
        raise RivalsError("checkpoint size: got 0, and every log begins with the empty one")
    return RivalCheckpoint(
        size=size,
        root=parse_hash32(members["root"], "checkpoint root"),
        sealed_at=take_integer(members["sealed_at"], "checkpoint sealed_at"),
        signature=parse_base64(members["signature"], "checkpoint signature", exactly=SIGNATURE_SIZE),
        anchor=None if members["anchor"] is None else parse_anchor_proof(members["anchor"]),
    )


def parse_rotation(value: JsonValue, origin: Origin) -> SignedRotation:
    """An element of ``rotations``; raises `EncodingError`."""
    members = take_object(value, "rotation", ("new_key", "grace_period", "nonce", "signature"))
    rotation = KeyRotation(
        site=origin.site,
        new_key=Address(parse_hex(members["new_key"], 20, "rotation new_key")),
        grace_period=take_integer(members["grace_period"], "rotation grace_period", MAX_GRACE_PERIOD),
        nonce=take_integer(members["nonce"], "rotation nonce"),
    )
    signature = parse_base64(members["signature"], "rotation signature", exactly=SIGNATURE_SIZE)
    return SignedRotation(rotation, signature)


def encode_rivals(rivals: Rivals) -> bytes:
    """The file's bytes; `parse_rivals` reads them back."""
    return encode_pretty(
        {
            "format": FORMAT,
            "registry": encode_domain(rivals.domain),
            "origin": rivals.origin.text,
            "checkpoints": [_encode_checkpoint(each) for each in rivals.checkpoints],
            "nodes": encode_octets(rivals.nodes),
            "rotations": [_encode_rotation(each) for each in rivals.rotations],
            "hops": encode_hops(rivals.hops),
        }
    )


def _encode_checkpoint(checkpoint: RivalCheckpoint) -> JsonValue:
    return {
        "size": checkpoint.size,
        "root": encode_base64(checkpoint.root),
        "sealed_at": checkpoint.sealed_at,
        "signature": encode_base64(checkpoint.signature),
        "anchor": None if checkpoint.anchor is None else encode_anchor_proof(checkpoint.anchor),
    }


def _encode_rotation(signed: SignedRotation) -> JsonValue:
    return {
        "new_key": checksum_address(signed.rotation.new_key),
        "grace_period": signed.rotation.grace_period,
        "nonce": signed.rotation.nonce,
        "signature": encode_base64(signed.signature),
    }
