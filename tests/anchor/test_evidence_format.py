"""The evidence file: the same value back, and each part's form refused before anything is judged."""

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from perdure_anchor.base64_text import Base64Error, encode_base64
from perdure_anchor.checkpoint import OriginError
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import (
    MAX_EVIDENCE_SIZE,
    MAX_NODE_SIZE,
    EvidenceError,
    EvidenceTooLarge,
    NotEvidence,
    encode_evidence,
    parse_evidence,
)
from perdure_anchor.hashes import HexError, sha256
from perdure_anchor.header import MAX_HEADER_SIZE
from perdure_anchor.record import MAX_DISCLOSURES_SIZE, SLOTS
from perdure_anchor.strict_json import (
    DoubledKey,
    JsonError,
    LoneSurrogate,
    MissingKey,
    NotInteger,
    TooDeep,
    UnknownKey,
    WrongType,
)
from simulated_chain import PLAIN, Story, tell
from tools.json_changes import Change, drop, put

EVIDENCE = tell().evidence
RAW = encode_evidence(EVIDENCE)
VALUE: dict[str, Any] = json.loads(RAW)

STORIES = (
    PLAIN,
    Story(size=1, index=0, receipts=1, receipt_index=0, log_position=0),
    Story(validators=1, field_count=15, receipt_type=0),
    Story(anchored_before=True, hidden=frozenset(SLOTS)),
    Story(hidden=frozenset(), slots=(("document_name", "договор \U0001f600 \u202e.pdf"),)),
)


@pytest.mark.parametrize("story", STORIES)
def test_comes_back(story: Story) -> None:
    evidence = tell(story).evidence
    for part in (
        evidence,
        replace(evidence, not_before=None),
        replace(evidence, anchor=None),
        replace(evidence, anchor=None, checkpoint=None, not_before=None),
    ):
        assert parse_evidence(encode_evidence(part)) == part


def test_one_record_is_about_twelve_kilobytes() -> None:
    assert len(encode_evidence(tell(Story(size=4000, index=1234)).evidence)) < 12 * 1024


def test_a_disclosed_slot_has_the_digest_of_its_text() -> None:
    for slot in parse_evidence(RAW).slots:
        if slot.disclosure is not None:
            assert slot.digest == sha256(slot.disclosure.encode())


def test_white_space_and_order_mean_nothing() -> None:
    shuffled = dict(reversed(VALUE.items()))
    assert parse_evidence(json.dumps(shuffled, separators=(",", ":")).encode()) == EVIDENCE


def octets(size: int) -> str:
    return encode_base64(bytes(size))


HEADER, NODE = VALUE["not_before"][0], VALUE["anchor"]["receipt_nodes"][0]
HIDDEN = SLOTS.index("signature")
EACH_OBJECT = ((), ("registry",), ("checkpoint",), ("anchor",))

FAULTS: dict[str, tuple[Change, type[PerdureError], str]] = {
    "another format": (put("perdure-evidence/2", "format"), NotEvidence, "does not say that its format is"),
    "no format": (drop("format"), NotEvidence, "does not say that its format is"),
    "a format that is a list": (put([], "format"), NotEvidence, "does not say that its format is"),
    "a registry that is null": (put(None, "registry"), WrongType, "registry: want an object"),
    "a chain id as text": (put("1", "registry", "chain_id"), WrongType, "registry chain_id: want an integer"),
    "a negative chain id": (put(-1, "registry", "chain_id"), WrongType, "registry chain_id: got -1"),
    "a short address": (
        put("0x00", "registry", "address"),
        HexError,
        "registry address: got 1 bytes, want 20",
    ),
    "an address in base64": (put(octets(20), "registry", "address"), HexError, "not hexadecimal"),
    "another form of origin": (put("acme", "origin"), OriginError, "not a site's name"),
    "an origin that is null": (put(None, "origin"), OriginError, "not a site's name"),
    "slots as an object": (put({}, "slots"), WrongType, "slots: want a list"),
    "a slot too few": (drop("slots", 0), EvidenceError, "slots: got 14, want 15"),
    "a slot too many": (
        put(VALUE["slots"] + VALUE["slots"][:1], "slots"),
        WrongType,
        "slots: got 16 elements",
    ),
    "a slot that is a text": (put("", "slots", 0), EvidenceError, "slot document_sha256: want an object"),
    "an empty slot": (put({}, "slots", 2), EvidenceError, "slot document_name: want an object"),
    "a slot with both": (
        put("", "slots", HIDDEN, "disclosure"),
        EvidenceError,
        "slot signature: want an object",
    ),
    "a slot with more": (put("", "slots", 0, "salt"), EvidenceError, "slot document_sha256: want an object"),
    "a disclosure that is a list": (
        put([], "slots", 0, "disclosure"),
        WrongType,
        "disclosure of document_sha256",
    ),
    "a short digest": (
        put(octets(31), "slots", HIDDEN, "digest"),
        Base64Error,
        "digest of signature: got 31",
    ),
    "a checkpoint that is false": (put(False, "checkpoint"), WrongType, "checkpoint: want an object"),
    "no checkpoint under an anchor": (
        put(None, "checkpoint"),
        EvidenceError,
        "an anchor without the checkpoint",
    ),
    "a size beyond 2^48": (
        put(2**48, "checkpoint", "size"),
        WrongType,
        "checkpoint size: got 281474976710656",
    ),
    "a size that is a text": (put("7", "checkpoint", "size"), WrongType, "checkpoint size: want an integer"),
    "an index beyond 2^48": (put(2**48, "checkpoint", "index"), WrongType, "checkpoint index: got"),
    "a negative index": (put(-1, "checkpoint", "index"), WrongType, "checkpoint index: got -1"),
    "a long root": (
        put(octets(33), "checkpoint", "root"),
        Base64Error,
        "checkpoint root: got 33 bytes, want 32",
    ),
    "a sealing time that is true": (
        put(True, "checkpoint", "sealed_at"),
        WrongType,
        "sealed_at: want an integer",
    ),
    "a short signature": (put(octets(64), "checkpoint", "signature"), Base64Error, "signature: got 64 bytes"),
    "a path that is null": (put(None, "checkpoint", "path"), WrongType, "path: want a list"),
    "a long path": (
        put([octets(32)] * 49, "checkpoint", "path"),
        WrongType,
        "path: got 49 elements, want at most 48",
    ),
    "a short hash in the path": (put(octets(31), "checkpoint", "path", 0), Base64Error, "path: got 31 bytes"),
    "an anchor that is a list": (put([], "anchor"), WrongType, "anchor: want an object"),
    "a receipt index of 2^16": (put(2**16, "anchor", "receipt_index"), WrongType, "receipt_index: got 65536"),
    "too many nodes": (
        put([NODE] * 8, "anchor", "receipt_nodes"),
        WrongType,
        "receipt_nodes: got 8 elements",
    ),
    "a node that is null": (
        put(None, "anchor", "receipt_nodes", 0),
        Base64Error,
        "receipt node: want base64",
    ),
    "a node too large": (
        put(octets(MAX_NODE_SIZE + 1), "anchor", "receipt_nodes", 0),
        Base64Error,
        "receipt node: got 131073 bytes, want at most 131072",
    ),
    "a log position of 2^12": (put(2**12, "anchor", "log_position"), WrongType, "log_position: got 4096"),
    "no headers": (put([], "anchor", "headers"), EvidenceError, "anchor headers: an empty list"),
    "headers that are null": (put(None, "anchor", "headers"), WrongType, "anchor headers: want a list"),
    "too many headers": (
        put([HEADER] * 65, "anchor", "headers"),
        WrongType,
        "anchor headers: got 65 elements",
    ),
    "a header too large": (
        put(octets(MAX_HEADER_SIZE + 1), "anchor", "headers", 0),
        Base64Error,
        "anchor headers: got 32769 bytes, want at most 32768",
    ),
    "a lower bound of no headers": (put([], "not_before"), EvidenceError, "not_before: an empty list"),
    "a lower bound of too many": (put([HEADER] * 65, "not_before"), WrongType, "not_before: got 65 elements"),
    "a lower bound that is a text": (put("x", "not_before"), WrongType, "not_before: want a list"),
}


@pytest.mark.parametrize(("change", "error", "message"), FAULTS.values(), ids=FAULTS)
def test_refuses(change: Change, error: type[PerdureError], message: str) -> None:
    members = copy.deepcopy(VALUE)
    change(members)
    with pytest.raises(PerdureError, match=message) as caught:
        parse_evidence(json.dumps(members).encode())
    assert caught.type is error


LARGEST: dict[str, Change] = {
    "size": put(2**48 - 1, "checkpoint", "size"),
    "index": put(2**48 - 1, "checkpoint", "index"),
    "sealing time": put(2**53 - 1, "checkpoint", "sealed_at"),
    "path": put([octets(32)] * 48, "checkpoint", "path"),
    "receipt index": put(65_535, "anchor", "receipt_index"),
    "log position": put(4_095, "anchor", "log_position"),
    "nodes": put([NODE] * 7, "anchor", "receipt_nodes"),
    "node": put(octets(131_072), "anchor", "receipt_nodes", 0),
    "headers": put([HEADER] * 64, "anchor", "headers"),
    "header": put(octets(32_768), "anchor", "headers", 0),
    "lower bound": put([HEADER] * 64, "not_before"),
    "chain id": put(2**53 - 1, "registry", "chain_id"),
}


@pytest.mark.parametrize("change", LARGEST.values(), ids=LARGEST)
def test_reads_what_is_just_within_the_bounds(change: Change) -> None:
    members = copy.deepcopy(VALUE)
    change(members)
    evidence = parse_evidence(json.dumps(members).encode())
    assert json.loads(encode_evidence(evidence)) == members


def keys_of(path: tuple[str, ...]) -> list[str]:
    place = VALUE
    for step in path:
        place = place[step]
    return list(place)


@pytest.mark.parametrize(("path", "key"), [(path, key) for path in EACH_OBJECT for key in keys_of(path)])
def test_every_key_is_wanted_and_no_other(path: tuple[str, ...], key: str) -> None:
    for change, error in ((drop(*path, key), MissingKey), (put(1, *path, key + "_"), UnknownKey)):
        members = copy.deepcopy(VALUE)
        change(members)
        with pytest.raises(NotEvidence if (path, key, error) == ((), "format", MissingKey) else error):
            parse_evidence(json.dumps(members).encode())


TEXT_FAULTS: dict[str, tuple[bytes, type[PerdureError], str]] = {
    "nothing": (b"", JsonError, "evidence: is cut off"),
    "a list": (b"[]", NotEvidence, "does not say that its format is"),
    "a cut in the middle": (RAW[: len(RAW) // 2], JsonError, "at line"),
    "the last byte but one cut off": (RAW[:-2], JsonError, "at line"),
    "the file twice": (RAW + RAW, JsonError, "extra data"),
    "a NUL behind": (RAW + b"\0", JsonError, "extra data"),
    "a doubled key": (
        RAW.replace(b'"index": 3', b'"index": 3, "index": 3'),
        DoubledKey,
        "'index' stands twice",
    ),
    "a float": (RAW.replace(b'"index": 3', b'"index": 3.0'), NotInteger, "not an integer"),
    "a lone surrogate": (RAW.replace(b"contract.pdf", rb"\udc80"), LoneSurrogate, "surrogate"),
    "a tower of lists": (RAW.replace(b'"index": 3', b'"index": ' + b"[" * 20_000), TooDeep, "nested deeper"),
}


@pytest.mark.parametrize(("raw", "error", "message"), TEXT_FAULTS.values(), ids=TEXT_FAULTS)
def test_refuses_texts(raw: bytes, error: type[PerdureError], message: str) -> None:
    with pytest.raises(PerdureError, match=message) as caught:
        parse_evidence(raw)
    assert caught.type is error


def test_bounds_the_file() -> None:
    with pytest.raises(EvidenceTooLarge, match="got 4194305 bytes, want at most 4194304"):
        parse_evidence(b" " * (MAX_EVIDENCE_SIZE + 1))
    assert parse_evidence(RAW + b" " * (MAX_EVIDENCE_SIZE - len(RAW))) == EVIDENCE


def sized(parts: list[int]) -> list[str]:
    return [octets(size) for size in parts]


def test_bounds_the_headers_together() -> None:
    """Three lists of them, and hops: what they hold together decides how many seals there are to recover."""
    members = copy.deepcopy(VALUE)
    members["anchor"]["headers"] = sized([32_768] * 20)
    members["not_before"] = sized([32_768] * 2)
    members["hops"] = [sized([32_768]), sized([32_767, 1])]
    parse_evidence(json.dumps(members).encode())
    for grown in (["anchor", "headers"], ["not_before"], ["hops", 0], ["hops", 1]):
        larger = copy.deepcopy(members)
        place = larger
        for step in grown:
            place = place[step]
        place.append(octets(1))
        with pytest.raises(EvidenceTooLarge, match="headers: got 786433 bytes together, want at most 786432"):
            parse_evidence(json.dumps(larger).encode())


def test_bounds_the_nodes_together() -> None:
    members = copy.deepcopy(VALUE)
    members["anchor"]["receipt_nodes"] = sized([131_072, 16_384])
    parse_evidence(json.dumps(members).encode())
    members["anchor"]["receipt_nodes"] = sized([131_072, 16_384, 1])
    with pytest.raises(
        EvidenceTooLarge, match="receipt_nodes: got 147457 bytes together, want at most 147456"
    ):
        parse_evidence(json.dumps(members).encode())


@pytest.mark.parametrize("slot", [{"value": 1}, {}, {"digest": octets(32), "disclosure": "x"}, "x"])
def test_a_slot_has_a_disclosure_or_a_digest(slot: object) -> None:
    members = copy.deepcopy(VALUE)
    members["slots"][4] = slot
    with pytest.raises(EvidenceError, match="slot document_type: want an object with either"):
        parse_evidence(json.dumps(members).encode())


@pytest.mark.parametrize("sign", [",", "[", "{"])
def test_bounds_how_many_values_there_can_be(sign: str) -> None:
    """Counted in the bytes, before a decoder makes objects of them: in strings they mean nothing, and count too."""
    plain = json.dumps(VALUE)
    room = 65_536 - sum(map(plain.count, ",[{"))
    with pytest.raises(OriginError):
        parse_evidence(json.dumps(VALUE | {"origin": room * sign}).encode())
    with pytest.raises(EvidenceTooLarge, match="got 65537 commas and opening brackets, want at most 65536"):
        parse_evidence(json.dumps(VALUE | {"origin": (room + 1) * sign}).encode())


def test_bounds_the_disclosures_together_in_bytes() -> None:
    """Counted in UTF-8: letters beyond ASCII take more than one byte."""
    members = copy.deepcopy(VALUE)
    room = MAX_DISCLOSURES_SIZE - sum(
        len(slot.get("disclosure", "").encode()) for slot in members["slots"][1:]
    )
    members["slots"][0] = {"disclosure": "é" * (room // 2) + "x" * (room % 2)}
    parse_evidence(json.dumps(members).encode())
    members["slots"][0]["disclosure"] += "x"
    with pytest.raises(EvidenceTooLarge, match="disclosures: got 32769 bytes, want at most 32768"):
        parse_evidence(json.dumps(members).encode())
    members["slots"][0]["disclosure"] = "x" * (MAX_DISCLOSURES_SIZE + 1)
    with pytest.raises(WrongType, match="got 32769 characters, want at most 32768"):
        parse_evidence(json.dumps(members).encode())
