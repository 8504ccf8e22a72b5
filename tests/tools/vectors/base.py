"""What the evidence vectors start from: one small story, changed before hashes and seals, and ways to change files afterwards."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from perdure_anchor import rlp
from perdure_anchor.evidence import AnchorProof, Evidence, SignedCheckpoint, encode_evidence
from perdure_anchor.hashes import keccak256
from perdure_anchor.header import BlockHeader, encode_header, parse_header
from perdure_anchor.record import SLOTS
from perdure_anchor.strict_json import encode_pretty
from simulated_chain import (
    RECEIPTS_ROOT,
    Story,
    Told,
    tell,
    with_anchor,
    with_field,
)

# as small as evidence gets that is final and has a pinned key: headers before London, one receipt
STORY = Story(field_count=15, pinned=True, receipts=1, receipt_index=0)


def anchor_of(evidence: Evidence) -> AnchorProof:
    assert evidence.anchor is not None
    return evidence.anchor


def checkpoint_of(evidence: Evidence) -> SignedCheckpoint:
    assert evidence.checkpoint is not None
    return evidence.checkpoint


def short(evidence: Evidence) -> Evidence:
    """Only the anchor's own header, and no lower bound: final, with an upper bound by one proposer's word."""
    return with_anchor(replace(evidence, not_before=None), headers=anchor_of(evidence).headers[:1])


def told(**changes: Any) -> Told:
    """The small story with changes."""
    return tell(replace(STORY, **changes))


def raw_of(**changes: Any) -> bytes:
    """Short evidence of the small story with changes."""
    return encode_evidence(short(told(**changes).evidence))


def whole(**changes: Any) -> bytes:
    """Evidence of the small story with changes, with both runs of time."""
    return encode_evidence(told(**changes).evidence)


FULL = tell(STORY)
SMALL = short(FULL.evidence)
RAW = encode_evidence(SMALL)


# --- files


def spelled(old: str, new: str | bytes, raw: bytes = RAW) -> bytes:
    """The file with the first ``old`` in its text replaced."""
    changed = raw.replace(old.encode(), new.encode() if isinstance(new, str) else new, 1)
    assert changed != raw
    return changed


def edited(edit: Callable[[dict[str, Any]], object], raw: bytes = RAW) -> bytes:
    """The file, whose JSON value ``edit`` changes in place."""
    value = json.loads(raw)
    edit(value)
    return encode_pretty(value)


def put(*path: str | int, value: Any) -> bytes:
    """The file with another value at a path of members and positions."""

    def edit(top: Any) -> None:
        for key in path[:-1]:
            top = top[key]
        top[path[-1]] = value

    return edited(edit)


def without(*path: str) -> bytes:
    def edit(top: Any) -> None:
        for key in path[:-1]:
            top = top[key]
        del top[path[-1]]

    return edited(edit)


def added(*path: str | int) -> bytes:
    """The file with a member more, in the object at this path."""

    def edit(top: Any) -> None:
        for key in path:
            top = top[key]
        top["validators"] = []

    return edited(edit)


# --- disclosures


def disclosing(slot: str, text: str, **changes: Any) -> bytes:
    """Evidence of a record into which this text was sealed in the place of the slot."""
    place = SLOTS.index(slot)
    story = replace(
        STORY,
        hidden=STORY.hidden - {slot},
        edit_disclosures=lambda texts: (*texts[:place], text, *texts[place + 1 :]),
        **changes,
    )
    return encode_evidence(short(tell(story).evidence))


def disclosure(slot: str, value: str) -> str:
    """A disclosure with this JSON text as the value."""
    return f'["{"0" * 32}","{slot}",{value}]'


def valued(slot: str, value: str) -> bytes:
    return disclosing(slot, disclosure(slot, value))


# --- headers


def with_headers(*headers: BlockHeader | bytes) -> bytes:
    raws = tuple(each if isinstance(each, bytes) else encode_header(each) for each in headers)
    return encode_evidence(with_anchor(SMALL, headers=raws))


def fields_changed(edit: Callable[[list[Any]], object], story: Story = STORY) -> bytes:
    """The anchor's header as a list of fields that ``edit`` changes in place."""
    fields: list[Any] = list(parse_header(anchor_of(tell(story).evidence).headers[0]).fields)
    edit(fields)
    return rlp.encode(fields)


def first_header(edit: Callable[[BlockHeader], BlockHeader], story: Story = STORY) -> bytes:
    """Short evidence whose header was changed after it was sealed."""
    evidence = short(tell(story).evidence)
    header = edit(parse_header(anchor_of(evidence).headers[0]))
    return encode_evidence(with_anchor(evidence, headers=(encode_header(header),)))


def extra_items(edit: Callable[[list[Any]], object], story: Story = STORY) -> bytes:
    """Short evidence, the items of whose extraData ``edit`` changes in place."""

    def change(header: BlockHeader) -> BlockHeader:
        items: list[Any] = rlp.decode_list(header.extra_data, "extraData")
        edit(items)
        return header.with_extra_data(rlp.encode(items))

    return first_header(change, story)


# --- receipts


def with_nodes(*nodes: bytes, root: bytes | None = None) -> bytes:
    """A proof of these nodes, under a header that was sealed over the first one (or over ``root``) as its receipts root."""
    receipts_root = keccak256(nodes[0]) if root is None else root
    evidence = told(
        edit_anchor_header=lambda header: with_field(header, RECEIPTS_ROOT, receipts_root)
    ).evidence
    return encode_evidence(with_anchor(short(evidence), receipt_nodes=nodes))


def under_leaf(receipt: bytes) -> bytes:
    """A block of one receipt, which is these bytes."""
    return raw_of(edit_receipt=lambda _: receipt)
