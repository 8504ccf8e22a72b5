"""Evidence: one JSON file that takes a verifier from a record to the seals of the chain's validators (SPEC.md, section 5).

Parsing is strict and bounded, and judges nothing: lengths and types are checked here, claims in `perdure_anchor.verify`.
Parts that are not there yet are null: evidence of a record can be given out before it is signed or anchored.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

from perdure_anchor.base64_text import (
    encode_base64,
    parse_base64,
    parse_hash32,
)
from perdure_anchor.checkpoint import MAX_TREE_SIZE, Origin, RegistryDomain, parse_origin
from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Address, Hash32, checksum_address, parse_hex
from perdure_anchor.header import MAX_HEADER_SIZE
from perdure_anchor.json_file import check_bounds
from perdure_anchor.record import MAX_DISCLOSURES_SIZE, SLOTS, disclosure_digest
from perdure_anchor.secp256k1 import SIGNATURE_SIZE
from perdure_anchor.strict_json import (
    JsonValue,
    encode_pretty,
    encode_text,
    parse_json,
    take_integer,
    take_list,
    take_object,
    take_text,
)
from perdure_anchor.trie import MAX_PROOF_NODES

FORMAT: Final = "perdure-evidence/1"
# as version 1, with one member more: the run of headers through the block that a confirmation names
FORMAT_2: Final = "perdure-evidence/2"
FILE_SUFFIX: Final = ".evidence.json"

# what a file says of its record, and what all files under one anchor share
RECORD_KEYS: Final = ("format", "registry", "origin", "slots", "checkpoint")
ANCHOR_KEYS: Final = ("anchor", "not_before", "hops")
ANCHOR_KEYS_2: Final = ("anchor", "not_before", "confirmed_not_before", "hops")

# with hops or many records; a file of one record without hops stays under 64 KiB
MAX_EVIDENCE_SIZE = 4 * 1024 * 1024
MAX_PATH = 48
MAX_RUN = 64
MAX_HOPS = 16
# a branch of 16 hashes is 532 bytes; the leaf holds the receipt, whose logs anybody can add to in his own transaction
MAX_NODE_SIZE = 128 * 1024
# all nodes of a proof: the leaf, and 16 KiB for what is above it
MAX_NODES_SIZE = 144 * 1024
# all headers of a file: whoever makes them up decides how many seals there are to recover, which is most of the work. It is
# enough for two bounds of time that 128 validators make complete
MAX_HEADERS_SIZE = 768 * 1024
# what a writer allows for each of the two runs, so that both fit
MAX_RUN_SIZE = MAX_HEADERS_SIZE // 2
# commas and opening brackets, in strings too: a file has no more values than these, plus one. Disclosures can hold half of them
MAX_SIGNS = 64 * 1024
MAX_RECEIPT_INDEX = 2**16 - 1
MAX_LOG_POSITION = 2**12 - 1

Headers: TypeAlias = tuple[bytes, ...]
Hops: TypeAlias = tuple[Headers, ...]


class EvidenceError(EncodingError):
    """The file is not evidence in our format."""


class EvidenceTooLarge(EvidenceError):
    """The file is over a bound that is checked before any work is done."""


class NotEvidence(EvidenceError):
    """The file does not say that it is evidence of a version that we read."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot of the record: its disclosure, or None and only the digest."""

    disclosure: str | None
    digest: Hash32


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint of the origin's log with the record's place in it."""

    size: int
    root: Hash32
    sealed_at: int
    signature: bytes
    index: int
    path: tuple[Hash32, ...]


@dataclass(frozen=True, slots=True)
class AnchorProof:
    """Where the registry's event is, and the headers (RLP) from its block onwards."""

    receipt_index: int
    receipt_nodes: tuple[bytes, ...]
    log_position: int
    headers: Headers


@dataclass(frozen=True, slots=True)
class Evidence:
    """See SPEC.md, section 5.

    ``not_before`` is a run of headers (RLP) through the block that the slot ``after`` names, ``confirmed_not_before`` one through the
    block that the confirmation names; ``hops`` are runs that lead from the trust file's last validators to those of the anchor's
    block, one a change.
    """

    domain: RegistryDomain
    origin: Origin
    slots: tuple[Slot, ...]
    checkpoint: SignedCheckpoint | None
    anchor: AnchorProof | None
    not_before: Headers | None
    hops: Hops = ()
    confirmed_not_before: Headers | None = None


AnchorPart: TypeAlias = tuple[AnchorProof | None, Headers | None, Hops, Headers | None]


def parse_evidence(raw: bytes) -> Evidence:
    """Evidence from the bytes of a file; raises `EvidenceError`, `JsonError` or another `EncodingError`."""
    check_bounds(raw, "evidence", max_size=MAX_EVIDENCE_SIZE, max_signs=MAX_SIGNS, too_large=EvidenceTooLarge)
    value = parse_json(raw, "evidence")
    top = take_object(value, "evidence", RECORD_KEYS + _anchor_keys(value))
    return parse_record_part(top, lambda: parse_anchor_part(top))


def _anchor_keys(value: JsonValue) -> tuple[str, ...]:
    """Which members a file of its format has beside those of its record."""
    if isinstance(value, dict):
        if value.get("format") == FORMAT:
            return ANCHOR_KEYS
        # evidence that needs no member of version 2 is of version 1
        if value.get("format") == FORMAT_2 and "confirmed_not_before" in value:
            return ANCHOR_KEYS_2
    raise NotEvidence(f"evidence: does not say that its format is {FORMAT} or {FORMAT_2}")


def parse_record_part(top: dict[str, JsonValue], anchor_part: Callable[[], AnchorPart]) -> Evidence:
    """Evidence from the members `RECORD_KEYS`, and what `parse_anchor_part` makes of the others after them."""
    domain, origin = parse_domain(top["registry"]), parse_origin(top["origin"])
    slots = parse_slots(top["slots"])
    checkpoint = None if top["checkpoint"] is None else _parse_checkpoint(top["checkpoint"])
    anchor, not_before, hops, confirmed = anchor_part()
    if anchor is not None and checkpoint is None:
        raise EvidenceError("evidence: an anchor without the checkpoint that it anchors")
    return Evidence(domain, origin, slots, checkpoint, anchor, not_before, hops, confirmed)


def parse_anchor_part(top: dict[str, JsonValue]) -> AnchorPart:
    """What stands under `ANCHOR_KEYS`, or under `ANCHOR_KEYS_2`."""
    anchor = None if top["anchor"] is None else parse_anchor_proof(top["anchor"])
    not_before = None if top["not_before"] is None else parse_run(top["not_before"], "not_before")
    confirmed = None
    if "confirmed_not_before" in top:
        confirmed = parse_run(top["confirmed_not_before"], "confirmed_not_before")
    beside = (() if anchor is None else anchor.headers, not_before or (), confirmed or ())
    hops = parse_hops(top["hops"], beside)
    return anchor, not_before, hops, confirmed


def parse_hops(value: JsonValue, beside: Iterable[Headers]) -> Hops:
    """The member ``hops``, whose headers are bounded together with the other runs of the file; raises `EncodingError`."""
    hops = tuple([parse_run(hop, "hop") for hop in take_list(value, "hops", MAX_HOPS)])
    _check_together("headers", [header for run in (*beside, *hops) for header in run], MAX_HEADERS_SIZE)
    return hops


def _check_together(what: str, parts: Sequence[bytes], at_most: int) -> None:
    """Raise `EvidenceTooLarge` if the parts have more than ``at_most`` bytes together."""
    size = sum(map(len, parts))
    if size > at_most:
        raise EvidenceTooLarge(f"{what}: got {size} bytes together, want at most {at_most}")


def parse_domain(value: JsonValue) -> RegistryDomain:
    """The member ``registry``; raises `EncodingError`."""
    members = take_object(value, "registry", ("chain_id", "address"))
    chain_id = take_integer(members["chain_id"], "registry chain_id")
    return RegistryDomain(chain_id, Address(parse_hex(members["address"], 20, "registry address")))


def parse_slots(value: JsonValue) -> tuple[Slot, ...]:
    """The slots of one record; raises `EncodingError`."""
    items = take_list(value, "slots", len(SLOTS))
    if len(items) != len(SLOTS):
        raise EvidenceError(f"slots: got {len(items)}, want {len(SLOTS)}")
    slots = tuple(map(_parse_slot, items, SLOTS))
    size = sum([len(slot.disclosure.encode()) for slot in slots if slot.disclosure is not None])
    if size > MAX_DISCLOSURES_SIZE:
        raise EvidenceTooLarge(f"disclosures: got {size} bytes, want at most {MAX_DISCLOSURES_SIZE}")
    return slots


def _parse_slot(value: JsonValue, name: str) -> Slot:
    if isinstance(value, dict) and len(value) == 1:
        if "digest" in value:
            return Slot(None, parse_hash32(value["digest"], f"digest of {name}"))
        if "disclosure" in value:
            text = take_text(value["disclosure"], f"disclosure of {name}", MAX_DISCLOSURES_SIZE)
            return Slot(text, disclosure_digest(text))
    raise EvidenceError(f"slot {name}: want an object with either a disclosure or a digest")


def _parse_checkpoint(value: JsonValue) -> SignedCheckpoint:
    keys = ("size", "root", "sealed_at", "signature", "index", "path")
    members = take_object(value, "checkpoint", keys)
    return SignedCheckpoint(
        size=take_integer(members["size"], "checkpoint size", MAX_TREE_SIZE),
        root=parse_hash32(members["root"], "checkpoint root"),
        sealed_at=take_integer(members["sealed_at"], "checkpoint sealed_at"),
        signature=parse_base64(members["signature"], "checkpoint signature", exactly=SIGNATURE_SIZE),
        index=take_integer(members["index"], "checkpoint index", MAX_TREE_SIZE),
        path=tuple(
            [parse_hash32(item, "checkpoint path") for item in take_list(members["path"], "path", MAX_PATH)]
        ),
    )


def parse_anchor_proof(value: JsonValue) -> AnchorProof:
    """The member ``anchor``; raises `EncodingError`."""
    members = take_object(value, "anchor", ("receipt_index", "receipt_nodes", "log_position", "headers"))
    items = take_list(members["receipt_nodes"], "receipt_nodes", MAX_PROOF_NODES)
    nodes = tuple([parse_base64(node, "receipt node", at_most=MAX_NODE_SIZE) for node in items])
    _check_together("receipt_nodes", nodes, MAX_NODES_SIZE)
    return AnchorProof(
        receipt_index=take_integer(members["receipt_index"], "receipt_index", MAX_RECEIPT_INDEX),
        receipt_nodes=nodes,
        log_position=take_integer(members["log_position"], "log_position", MAX_LOG_POSITION),
        headers=parse_run(members["headers"], "anchor headers"),
    )


def parse_run(value: JsonValue, what: str) -> Headers:
    """A run of headers (RLP) in base64; raises `EncodingError`."""
    items = take_list(value, what, MAX_RUN)
    if not items:
        raise EvidenceError(f"{what}: an empty list of headers")
    return tuple(parse_base64(item, what, at_most=MAX_HEADER_SIZE) for item in items)


def encode_evidence(evidence: Evidence) -> bytes:
    """The file's bytes, as `encode_pretty` lays them out; `parse_evidence` reads them back.

    Evidence of a whole log is alike but for slots and checkpoint. So only those are encoded each time, and by hand; what
    stands before and behind them is kept.
    """
    own = f""""slots": {_encode_slots(evidence.slots)},
 "checkpoint": {_encode_checkpoint(evidence.checkpoint)}"""
    return b"".join(
        (
            _encode_beginning(
                FORMAT if evidence.confirmed_not_before is None else FORMAT_2,
                evidence.domain,
                evidence.origin,
            ),
            own.encode(),
            _encode_end(evidence.anchor, evidence.not_before, evidence.confirmed_not_before, evidence.hops),
        )
    )


# one site's evidence is about one registry
@lru_cache(maxsize=4)
def _encode_beginning(version: str, domain: RegistryDomain, origin: Origin) -> bytes:
    """The file up to the key of the slots."""
    members = encode_pretty(
        {
            "format": version,
            "registry": encode_domain(domain),
            "origin": origin.text,
        }
    )
    return members.removesuffix(b"\n}\n") + b",\n "


# in the order of the log, one anchor and one run of headers serve for many records; few, as each may take megabytes
@lru_cache(maxsize=4)
def _encode_end(
    anchor: AnchorProof | None, not_before: Headers | None, confirmed: Headers | None, hops: Hops
) -> bytes:
    """The file from behind the checkpoint."""
    members = encode_pretty(
        {
            "anchor": None if anchor is None else encode_anchor_proof(anchor),
            "not_before": None if not_before is None else encode_octets(not_before),
            **({} if confirmed is None else {"confirmed_not_before": encode_octets(confirmed)}),
            "hops": encode_hops(hops),
        }
    )
    return b"," + members.removeprefix(b"{")


def encode_anchor_proof(anchor: AnchorProof) -> JsonValue:
    """The inverse of `parse_anchor_proof`."""
    return {
        "receipt_index": anchor.receipt_index,
        "receipt_nodes": encode_octets(anchor.receipt_nodes),
        "log_position": anchor.log_position,
        "headers": encode_octets(anchor.headers),
    }


def encode_domain(domain: RegistryDomain) -> JsonValue:
    """The inverse of `parse_domain`."""
    return {"chain_id": domain.chain_id, "address": checksum_address(domain.registry)}


def encode_hops(hops: Hops) -> list[JsonValue]:
    """The inverse of `parse_hops`."""
    return [encode_octets(hop) for hop in hops]


def encode_octets(items: Iterable[bytes]) -> list[JsonValue]:
    """Byte strings in base64."""
    return [encode_base64(item) for item in items]


def _encode_slots(slots: tuple[Slot, ...]) -> str:
    return _encode_list(
        (
            f'{{\n   "digest": "{encode_base64(slot.digest)}"\n  }}'
            if slot.disclosure is None
            else f'{{\n   "disclosure": {encode_text(slot.disclosure)}\n  }}'
            for slot in slots
        ),
        depth=1,
    )


def _encode_checkpoint(checkpoint: SignedCheckpoint | None) -> str:
    if checkpoint is None:
        return "null"
    path = _encode_list((f'"{encode_base64(node)}"' for node in checkpoint.path), depth=2)
    return f'''{{
  "size": {checkpoint.size},
  "root": "{encode_base64(checkpoint.root)}",
  "sealed_at": {checkpoint.sealed_at},
  "signature": "{encode_base64(checkpoint.signature)}",
  "index": {checkpoint.index},
  "path": {path}
 }}'''


def _encode_list(elements: Iterable[str], depth: int) -> str:
    """The list of these JSON texts, whose own line is indented by ``depth``."""
    line = "\n" + depth * " "
    inside = f",{line} ".join(elements)
    return f"[{line} {inside}{line}]" if inside else "[]"
