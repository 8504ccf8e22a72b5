"""What answers about anchors and evidence look like; as in `shapes`, for the documentation and the tests."""

from typing import Final

from perdure_node.api.shapes import (
    BASE64_HASH_EXAMPLE,
    HASH_EXAMPLE,
    OCTETS_EXAMPLE,
    REGISTRY_EXAMPLE,
    SIGNATURE_EXAMPLE,
    Base64Text,
    HashText,
    Number,
    OriginText,
    RegistryBody,
    Shape,
    Size,
    like,
)


class AnchorBody(Shape):
    """An anchored checkpoint. ``digest`` is its EIP-712 digest; ``block_time`` is the proposer's word, null where it was not kept.

    ``evidence`` says whether its parts of evidence are here.
    """

    model_config = like(
        site="acme/rotterdam",
        size=3,
        root=HASH_EXAMPLE,
        sealed_at=1_790_000_000,
        digest=HASH_EXAMPLE,
        block_number=1200,
        block_time=1_790_000_012,
        evidence=True,
    )

    site: OriginText
    size: Size
    root: HashText
    sealed_at: Number
    digest: HashText
    block_number: Number
    block_time: Number | None
    evidence: bool


class AnchorsBody(Shape):
    """A page of anchors; ``next`` leads to the page after it, null on the last."""

    anchors: list[AnchorBody]
    next: str | None


class AnchorProofBody(Shape):
    """As in evidence (SPEC.md, section 5)."""

    receipt_index: Number
    receipt_nodes: list[Base64Text]
    log_position: Number
    headers: list[Base64Text]


class CheckpointBody(Shape):
    """A checkpoint as it was signed."""

    size: Size
    root: Base64Text
    sealed_at: Number
    signature: Base64Text


class ToldCheckpointBody(Shape):
    """A checkpoint as it was signed, or as the registry told of it."""

    size: Size
    root: Base64Text
    sealed_at: int
    signature: Base64Text | None


class PlacedCheckpointBody(CheckpointBody):
    """As in evidence: with the leaf's index and inclusion path."""

    index: Size
    path: list[Base64Text]


_ANCHOR_EXAMPLE: Final = {
    "receipt_index": 0,
    "receipt_nodes": [OCTETS_EXAMPLE],
    "log_position": 0,
    "headers": [OCTETS_EXAMPLE],
}
_CHECKPOINT_EXAMPLE: Final = {
    "size": 1,
    "root": BASE64_HASH_EXAMPLE,
    "sealed_at": 1_790_000_000,
    "signature": SIGNATURE_EXAMPLE,
}
_UNDER_ANCHOR: Final = {
    "block_number": 1200,
    "block_time": 1_790_000_012,
    "anchor": _ANCHOR_EXAMPLE,
    "not_before": None,
    "hops": [],
}


class _UnderAnchor(Shape):
    block_number: Number
    block_time: Number
    anchor: AnchorProofBody
    not_before: None
    hops: list[list[Base64Text]]


class EvidencePartsBody(_UnderAnchor):
    """The parts of evidence under one anchor; ``signature`` null: the checkpoint came by another node, and the chain does not have it."""

    model_config = like(
        digest=HASH_EXAMPLE,
        registry=REGISTRY_EXAMPLE,
        origin="acme/rotterdam",
        checkpoint=_CHECKPOINT_EXAMPLE,
        **_UNDER_ANCHOR,
    )

    digest: HashText
    registry: RegistryBody
    origin: OriginText
    checkpoint: ToldCheckpointBody


class ProofBody(_UnderAnchor):
    """All that evidence of a leaf needs but its slots."""

    model_config = like(
        leaf_hash=HASH_EXAMPLE,
        registry=REGISTRY_EXAMPLE,
        origin="acme/rotterdam",
        checkpoint={**_CHECKPOINT_EXAMPLE, "index": 0, "path": []},
        **_UNDER_ANCHOR,
    )

    leaf_hash: HashText
    registry: RegistryBody
    origin: OriginText
    checkpoint: PlacedCheckpointBody
