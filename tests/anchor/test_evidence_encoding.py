"""The bytes of evidence: part by part and in part from a cache, they are those of the JSON encoder over the whole."""

import base64
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.checkpoint import MAX_TREE_SIZE, Origin, RegistryDomain
from perdure_anchor.errors import EncodingError
from perdure_anchor.evidence import (
    AnchorProof,
    Evidence,
    SignedCheckpoint,
    Slot,
    encode_evidence,
    parse_evidence,
)
from perdure_anchor.hashes import Address, Hash32, checksum_address
from perdure_anchor.record import SLOTS, disclosure_digest
from tools.vectors.form import EVIDENCE, decode_octets, read_vectors

texts = st.text(st.characters(codec="utf-8"), max_size=30)
octets = st.binary(max_size=40)
hashes = st.binary(min_size=32, max_size=32).map(Hash32)
names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,31}", fullmatch=True)
sizes = st.integers(0, MAX_TREE_SIZE)
headers = st.lists(octets, min_size=1, max_size=3).map(tuple)
disclosed = texts.map(lambda text: Slot(text, disclosure_digest(text)))
hidden = hashes.map(lambda digest: Slot(None, digest))
checkpoints = st.builds(
    SignedCheckpoint,
    size=sizes,
    root=hashes,
    sealed_at=sizes,
    signature=st.binary(min_size=65, max_size=65),
    index=sizes,
    path=st.lists(hashes, max_size=4).map(tuple),
)
anchors = st.builds(
    AnchorProof,
    receipt_index=st.integers(0, 65_535),
    receipt_nodes=st.lists(octets, max_size=3).map(tuple),
    log_position=st.integers(0, 4_095),
    headers=headers,
)
evidences = st.builds(
    Evidence,
    domain=st.builds(RegistryDomain, sizes, st.binary(min_size=20, max_size=20).map(Address)),
    origin=st.builds(Origin, names, names),
    slots=st.lists(disclosed | hidden, min_size=len(SLOTS), max_size=len(SLOTS)).map(tuple),
    checkpoint=checkpoints,
    anchor=st.none() | anchors,
    not_before=st.none() | headers,
    hops=st.lists(headers, max_size=2).map(tuple),
    confirmed_not_before=st.none() | headers,
) | st.builds(
    Evidence,
    domain=st.just(RegistryDomain(1, Address(bytes(20)))),
    origin=st.just(Origin("acme", "rotterdam")),
    slots=st.lists(disclosed | hidden, min_size=len(SLOTS), max_size=len(SLOTS)).map(tuple),
    checkpoint=st.none(),
    anchor=st.none(),
    not_before=st.none() | headers,
    hops=st.lists(headers, max_size=2).map(tuple),
    confirmed_not_before=st.none() | headers,
)


def encoded_whole(evidence: Evidence) -> bytes:
    """Word for word from SPEC.md, section 5.1, by the JSON encoder alone."""
    confirmed = evidence.confirmed_not_before
    members: dict[str, Any] = {
        "format": "perdure-evidence/1" if confirmed is None else "perdure-evidence/2",
        "registry": {
            "chain_id": evidence.domain.chain_id,
            "address": checksum_address(evidence.domain.registry),
        },
        "origin": f"{evidence.origin.partner}/{evidence.origin.name}",
        "slots": [
            {"digest": text(slot.digest)} if slot.disclosure is None else {"disclosure": slot.disclosure}
            for slot in evidence.slots
        ],
        "checkpoint": None,
        "anchor": None,
        "not_before": None if evidence.not_before is None else list(map(text, evidence.not_before)),
        **({} if confirmed is None else {"confirmed_not_before": list(map(text, confirmed))}),
        "hops": [list(map(text, hop)) for hop in evidence.hops],
    }
    if evidence.checkpoint is not None:
        members["checkpoint"] = {
            "size": evidence.checkpoint.size,
            "root": text(evidence.checkpoint.root),
            "sealed_at": evidence.checkpoint.sealed_at,
            "signature": text(evidence.checkpoint.signature),
            "index": evidence.checkpoint.index,
            "path": list(map(text, evidence.checkpoint.path)),
        }
    if evidence.anchor is not None:
        members["anchor"] = {
            "receipt_index": evidence.anchor.receipt_index,
            "receipt_nodes": list(map(text, evidence.anchor.receipt_nodes)),
            "log_position": evidence.anchor.log_position,
            "headers": list(map(text, evidence.anchor.headers)),
        }
    return (json.dumps(members, ensure_ascii=False, indent=1) + "\n").encode()


def text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


@given(evidences)
def test_the_bytes_are_those_of_the_json_encoder(evidence: Evidence) -> None:
    assert encode_evidence(evidence) == encoded_whole(evidence)


@given(st.lists(evidences, min_size=2, max_size=2), st.lists(st.booleans(), min_size=8, max_size=8))
def test_evidence_that_shares_parts_keeps_its_own(pair: list[Evidence], second: list[bool]) -> None:
    """Parts of two files in any mixture, after both have been encoded."""
    for evidence in pair:
        encode_evidence(evidence)
    parts = (
        "domain",
        "origin",
        "slots",
        "checkpoint",
        "anchor",
        "not_before",
        "hops",
        "confirmed_not_before",
    )
    mixed = Evidence(**{part: getattr(pair[side], part) for part, side in zip(parts, second, strict=True)})
    assert encode_evidence(mixed) == encoded_whole(mixed)
    if mixed.anchor is None or mixed.checkpoint is not None:
        assert parse_evidence(encode_evidence(mixed)) == mixed


def test_what_is_kept_is_written_the_same() -> None:
    for vector in read_vectors(EVIDENCE).values():
        try:
            evidence = parse_evidence(decode_octets(vector["evidence"]))
        except EncodingError:
            continue
        assert encode_evidence(evidence) == encoded_whole(evidence)
