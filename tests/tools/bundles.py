"""Bundles of all shapes, for tests of the format: what they say need not hold."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from perdure_anchor.checkpoint import MAX_TREE_SIZE, Checkpoint, Origin, RegistryDomain
from perdure_anchor.evidence import AnchorProof
from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.key_rotation import MAX_GRACE_PERIOD, KeyRotation, SignedRotation
from perdure_anchor.strict_json import MAX_INTEGER
from perdure_node.courier.bundle import (
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
from perdure_node.courier.bundle_answer import clean_reason
from perdure_node.encryption.hybrid import PublicKey

INTEGERS = st.integers(0, MAX_INTEGER)
SIZES = st.integers(0, MAX_TREE_SIZE)
_OCTETS = st.integers(0, 255)
# drawn from few: what is in them does not matter here
HASHES = _OCTETS.map(lambda octet: Hash32(bytes((octet,)) * 32))
ADDRESSES = st.binary(min_size=2, max_size=2).map(lambda octets: Address(octets * 10))
IDS = st.binary(min_size=2, max_size=2).map(lambda octets: octets * 8)
SIGNATURES = _OCTETS.map(lambda octet: bytes((octet,)) * 65)
RUNS = st.lists(st.binary(max_size=40), min_size=1, max_size=3).map(tuple)
NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,31}", fullmatch=True)


def tuples(elements: st.SearchStrategy, most: int = 3, **options: Any) -> st.SearchStrategy:
    return st.lists(elements, max_size=most, **options).map(tuple)


PROOFS = st.builds(
    AnchorProof, st.integers(0, 65535), tuples(st.binary(max_size=40)), st.integers(0, 4095), RUNS
)
REQUESTS = st.builds(
    Request,
    SIZES,
    st.none() | SIZES,
    st.none() | IDS,
    st.none() | _OCTETS.filter(bool).map(lambda octet: PublicKey(bytes((octet,)) * 32)),
)
KEYS = st.builds(
    SiteKeys,
    st.none() | ADDRESSES,
    st.none() | ADDRESSES,
    INTEGERS,
    INTEGERS,
    st.none() | INTEGERS,
    st.none() | HASHES,
)
HOPS = st.builds(CarriedHop, tuples(ADDRESSES), RUNS)
ASIDE = st.builds(SetAside, SIZES, HASHES, st.text(max_size=20).map(clean_reason))


@st.composite
def heads(draw: Callable[..., Any]) -> BundleHead:
    """Any head that may be written."""
    origin = Origin(draw(NAMES), draw(NAMES))
    sizes = sorted(draw(st.sets(st.integers(1, 40), max_size=4)))
    checkpoints = tuple(
        CarriedCheckpoint(
            Checkpoint(origin.site, size, draw(HASHES), draw(INTEGERS)),
            draw(SIGNATURES),
            tuple(draw(HASHES) for _ in range(15)),
            draw(tuples(HASHES)),
        )
        for size in sizes
    )
    starts = sorted(draw(st.sets(st.integers(0, sizes[-1] - 1), max_size=3))) if sizes else []
    nonces = sorted(draw(st.sets(INTEGERS, max_size=2)))
    kind = draw(st.sampled_from(Kind))
    return BundleHead(
        kind,
        draw(IDS),
        RegistryDomain(draw(INTEGERS), draw(ADDRESSES)),
        origin,
        draw(INTEGERS),
        _leaf_range(draw, sizes),
        checkpoints,
        tuple(CarriedProof(start, draw(tuples(HASHES))) for start in starts),
        tuple(
            SignedRotation(
                KeyRotation(origin.site, draw(ADDRESSES), draw(st.integers(0, MAX_GRACE_PERIOD)), nonce),
                draw(SIGNATURES),
            )
            for nonce in nonces
        ),
        draw(REQUESTS) if kind is Kind.OUTGOING else None,
        None if kind is Kind.OUTGOING else _answer(draw, checkpoints),
    )


def _leaf_range(draw: Callable[..., Any], sizes: list[int]) -> LeafRange:
    if not sizes or draw(st.booleans()):
        return LeafRange(0, 0)
    end = draw(st.sampled_from(sizes))
    begin = draw(st.integers(0, end - 1))
    return LeafRange(begin, end - begin, tuple(draw(HASHES) for _ in range(begin.bit_count())))


def _answer(draw: Callable[..., Any], checkpoints: tuple[CarriedCheckpoint, ...]) -> Answer:
    return Answer(
        draw(tuples(IDS, unique=True)),
        draw(st.none() | IDS),
        draw(SIZES),
        draw(SIZES),
        draw(HASHES),
        draw(INTEGERS),
        draw(st.none() | KEYS),
        tuple(
            CarriedAnchor(each.size, each.checkpoint.root, draw(PROOFS))
            for each in checkpoints
            if draw(st.booleans())
        ),
        draw(st.none() | RUNS),
        draw(tuples(HOPS, unique=True)),
        draw(tuples(ASIDE, unique_by=lambda each: (each.size, each.root))),
    )


def leaves_of(head: BundleHead) -> list[bytes]:
    """Leaf hashes for the head's range, of no log."""
    return [hashlib.sha256(b"%d" % index).digest() for index in range(head.leaves.begin, head.leaves.end)]


def sealed_file(head: bytes, leaves: bytes, count: int | None = None) -> bytes:
    """A file with this head, whatever it says, and the right digest; as somebody writes one who means harm."""
    number = len(leaves) // 32 if count is None else count
    before = b"perdure-bundle/1 %d %d\n%s%s" % (len(head), number, head, leaves)
    return before + hashlib.sha256(before).digest()


def parted(raw: bytes) -> tuple[bytes, bytes]:
    """The head's bytes, and the leaf hashes'."""
    head, rest = raw.split(b"\n", 2)[1:]
    return head + b"\n", rest[:-32]


def changed_head(raw: bytes, change: Callable[[dict], None]) -> bytes:
    """The file with another head, in the one spelling, and the right digest."""
    head, leaves = parted(raw)
    members = json.loads(head)
    change(members)
    return sealed_file(
        json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode() + b"\n", leaves
    )
