"""Statements: one JSON file that shows which records a stretch of a site's log holds, and that none was left out (SPEC.md, section 17).

The file holds each leaf from ``begin`` to ``end`` by its slots, and the hashes over all that lies before and behind, which fold
together to the root of one signed checkpoint. So for an auditor the stretch is complete, while he sees of each record no more than
its slots disclose. Parsing is strict and bounded, and judges nothing; `perdure_anchor.verify_statement` does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from perdure_anchor.base64_text import encode_base64, parse_base64, parse_hash32
from perdure_anchor.checkpoint import MAX_TREE_SIZE, Origin, RegistryDomain, parse_origin
from perdure_anchor.errors import EncodingError, VerificationError
from perdure_anchor.evidence import (
    MAX_PATH,
    AnchorProof,
    Evidence,
    Hops,
    SignedCheckpoint,
    Slot,
    encode_anchor_proof,
    encode_domain,
    encode_hops,
    encode_octets,
    parse_anchor_proof,
    parse_domain,
    parse_hops,
    parse_slots,
)
from perdure_anchor.hashes import Hash32
from perdure_anchor.json_file import check_bounds, parse_members
from perdure_anchor.log import CompactRange, NodeAt, decomposition
from perdure_anchor.record import leaf_from_digests
from perdure_anchor.secp256k1 import SIGNATURE_SIZE
from perdure_anchor.strict_json import (
    JsonValue,
    encode_compact,
    encode_pretty,
    take_integer,
    take_list,
    take_object,
)

FORMAT: Final = "perdure-statement/1"
FILE_SUFFIX: Final = ".statement.json"

MAX_LEAVES = 4096
MAX_STATEMENT_SIZE = 16 * 1024 * 1024
# commas and opening brackets, in strings too: all slots of all leaves, disclosed, have a third of them
MAX_SIGNS = 1024 * 1024

KEYS: Final = (
    "format",
    "registry",
    "origin",
    "begin",
    "end",
    "leaves",
    "before",
    "behind",
    "checkpoint",
    "anchor",
    "hops",
)


class StatementError(EncodingError):
    """The file is not a statement in our format."""


class StatementTooLarge(StatementError):
    """The file is over a bound that is checked before any work is done."""


class NotStatement(StatementError):
    """The file does not say that it is a statement of a version that we read."""


class RangeProofLength(VerificationError):
    """There are more or fewer hashes over the leaves before or behind than the sizes want."""


@dataclass(frozen=True, slots=True)
class StatedCheckpoint:
    """A signed checkpoint of the origin's log."""

    size: int
    root: Hash32
    sealed_at: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class Statement:
    """See SPEC.md, section 17: the leaves [begin, end), each by its slots.

    ``before`` and ``behind`` are the nodes over [0, begin) and over [end, size), as in a compact range; ``hops`` as in evidence.
    """

    domain: RegistryDomain
    origin: Origin
    begin: int
    end: int
    leaves: tuple[tuple[Slot, ...], ...]
    before: tuple[Hash32, ...]
    behind: tuple[Hash32, ...]
    checkpoint: StatedCheckpoint
    anchor: AnchorProof | None = None
    hops: Hops = ()


def nodes_around(
    node_at: NodeAt, begin: int, end: int, size: int
) -> tuple[tuple[Hash32, ...], tuple[Hash32, ...]]:
    """``before`` and ``behind`` for the leaves [begin, end) of the first ``size``; raises what ``node_at`` does."""
    before = tuple(node_at(level, index) for level, index in decomposition(0, begin))
    return before, tuple(node_at(level, index) for level, index in decomposition(end, size))


def root_around(statement: Statement, leaf_hashes: Sequence[Hash32]) -> Hash32:
    """The root that the leaves fold to with the hashes before and behind; raises `RangeProofLength`."""
    begin, end, size = statement.begin, statement.end, statement.checkpoint.size
    for what, nodes, want in (
        ("before", statement.before, sum(1 for _ in decomposition(0, begin))),
        ("behind", statement.behind, sum(1 for _ in decomposition(end, size))),
    ):
        if len(nodes) != want:
            raise RangeProofLength(f"{what}: got {len(nodes)} hashes, want {want}")
    whole = CompactRange(0, begin, statement.before).merged(CompactRange.over(begin, leaf_hashes))
    return whole.merged(CompactRange(end, size, statement.behind)).root


def parse_statement(raw: bytes) -> Statement:
    """The statement from the bytes of a file; raises `StatementError`, `JsonError` or another `EncodingError`."""
    check_bounds(
        raw, "statement", max_size=MAX_STATEMENT_SIZE, max_signs=MAX_SIGNS, too_large=StatementTooLarge
    )
    return _parse_members(parse_members(raw, "statement", FORMAT, KEYS, other=NotStatement))


def _parse_members(top: dict[str, JsonValue]) -> Statement:
    domain, origin = parse_domain(top["registry"]), parse_origin(top["origin"])
    checkpoint = parse_stated_checkpoint(top["checkpoint"])
    begin, end = parse_range(top, checkpoint)
    leaves = tuple(map(parse_slots, take_list(top["leaves"], "leaves", MAX_LEAVES)))
    if len(leaves) != end - begin:
        raise StatementError(f"leaves: got {len(leaves)}, want {end - begin} from begin to end")
    anchor = None if top["anchor"] is None else parse_anchor_proof(top["anchor"])
    hops = parse_hops(top["hops"], () if anchor is None else (anchor.headers,))
    return Statement(
        domain,
        origin,
        begin,
        end,
        leaves,
        parse_nodes(top["before"], "before"),
        parse_nodes(top["behind"], "behind"),
        checkpoint,
        anchor,
        hops,
    )


def parse_range(top: dict[str, JsonValue], checkpoint: StatedCheckpoint) -> tuple[int, int]:
    """The members ``begin`` and ``end``, which lie within the checkpoint; raises `EncodingError`."""
    begin = take_integer(top["begin"], "begin", MAX_TREE_SIZE)
    end = take_integer(top["end"], "end", MAX_TREE_SIZE)
    if not begin < end <= checkpoint.size:
        raise StatementError(
            f"range: got begin {begin} and end {end} in a log of {checkpoint.size}, want begin < end <= size"
        )
    if end - begin > MAX_LEAVES:
        raise StatementTooLarge(f"range: got {end - begin} leaves, want at most {MAX_LEAVES}")
    return begin, end


def parse_nodes(value: JsonValue, what: str) -> tuple[Hash32, ...]:
    """The member ``before`` or ``behind``; raises `EncodingError`."""
    return tuple([parse_hash32(node, what) for node in take_list(value, what, 2 * MAX_PATH)])


def parse_stated_checkpoint(value: JsonValue) -> StatedCheckpoint:
    """The member ``checkpoint``; raises `EncodingError`."""
    members = take_object(value, "checkpoint", ("size", "root", "sealed_at", "signature"))
    return StatedCheckpoint(
        size=take_integer(members["size"], "checkpoint size", MAX_TREE_SIZE),
        root=parse_hash32(members["root"], "checkpoint root"),
        sealed_at=take_integer(members["sealed_at"], "checkpoint sealed_at"),
        signature=parse_base64(members["signature"], "checkpoint signature", exactly=SIGNATURE_SIZE),
    )


def encode_statement(statement: Statement) -> bytes:
    """The file's bytes, a leaf a line; `parse_statement` reads them back."""
    head = encode_pretty(
        {
            "format": FORMAT,
            "registry": encode_domain(statement.domain),
            "origin": statement.origin.text,
            "begin": statement.begin,
            "end": statement.end,
        }
    )
    tail = encode_pretty(
        {
            "before": encode_octets(statement.before),
            "behind": encode_octets(statement.behind),
            "checkpoint": encode_stated_checkpoint(statement.checkpoint),
            "anchor": None if statement.anchor is None else encode_anchor_proof(statement.anchor),
            "hops": encode_hops(statement.hops),
        }
    )
    leaves = ",\n  ".join(encode_compact([_encode_slot(slot) for slot in leaf]) for leaf in statement.leaves)
    return b"".join(
        (
            head.removesuffix(b"\n}\n"),
            f',\n "leaves": [\n  {leaves}\n ],'.encode(),
            tail.removeprefix(b"{"),
        )
    )


def evidence_of_stated(
    domain: RegistryDomain,
    origin: Origin,
    checkpoint: StatedCheckpoint,
    anchor: AnchorProof | None,
    hops: Hops,
    index: int = 0,
) -> Evidence:
    """A checkpoint and its anchor as the steps of `perdure_anchor.verify` take them; it is about no record."""
    signed = SignedCheckpoint(
        checkpoint.size, checkpoint.root, checkpoint.sealed_at, checkpoint.signature, index, path=()
    )
    return Evidence(domain, origin, (), signed, anchor, None, hops)


def encode_stated_checkpoint(checkpoint: StatedCheckpoint) -> dict[str, JsonValue]:
    """The inverse of `parse_stated_checkpoint`."""
    return {
        "size": checkpoint.size,
        "root": encode_base64(checkpoint.root),
        "sealed_at": checkpoint.sealed_at,
        "signature": encode_base64(checkpoint.signature),
    }


def _encode_slot(slot: Slot) -> JsonValue:
    if slot.disclosure is None:
        return {"digest": encode_base64(slot.digest)}
    return {"disclosure": slot.disclosure}


def leaf_of(slots: tuple[Slot, ...]) -> bytes:
    """The leaf over a record's slots."""
    return leaf_from_digests([slot.digest for slot in slots])
