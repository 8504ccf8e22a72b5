"""`perdure inspect`: every kind of file in words, whole or broken, judged by the one verification or by nobody."""

import base64
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from perdure_anchor import header as anchor_header
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import MAX_EVIDENCE_SIZE, encode_evidence, parse_evidence
from perdure_anchor.findings import GradeTooLow
from perdure_anchor.hashes import Address, checksum_address, to_hex
from perdure_anchor.header import encode_header
from perdure_anchor.strict_json import JsonError, parse_json
from perdure_anchor.trust_file import encode_trust_file, parse_trust_file
from perdure_anchor.verdict import Verdict
from perdure_anchor.verify import verify
from perdure_cli.commands.inspect import _explain
from perdure_cli.exit_codes import ANSWER_IS_NO, COULD_NOT_FIND_OUT, DONE, USAGE
from perdure_cli.inspecting.as_json import explanation_members
from perdure_cli.inspecting.as_text import explanation_text
from perdure_cli.inspecting.header_fields import FIELDS
from perdure_cli.inspecting.json_reading import read_json
from perdure_cli.inspecting.judging import Judgement, judge
from perdure_cli.inspecting.parts import Explanation
from perdure_cli.inspecting.recognising import KINDS, UnknownKind, recognise
from perdure_cli.trust_store import TrustSource, TrustStore
from simulated_chain import Story, plain_header, tell
from tools.commands import Run, RunJson
from tools.json_lines import check
from tools.mutations import (
    NothingToChange,
    cut,
    drop_bytes,
    drop_key,
    flip_bit,
    insert_bytes,
    rename_key,
    replace_byte,
)
from tools.story import CONTRACT_EVIDENCE, STORY, TRUST, without_anchor, without_checkpoint
from tools.vectors.form import EVIDENCE as EVIDENCE_FOLDER
from tools.vectors.form import decode_octets, read_vectors

VECTORS = Path(__file__).parent.parent / "vectors"
EVIDENCE = (STORY / CONTRACT_EVIDENCE).read_bytes()
TRUST_RAW = (STORY / TRUST).read_bytes()
RECORDED = json.loads((VECTORS / "chains" / "goquorum-qbft.json").read_text())
HEADER_HEX: str = RECORDED["blocks"][3]["header_rlp"]
HEADER = bytes.fromhex(HEADER_HEX[2:])
EVIDENCE_VECTORS = read_vectors(EVIDENCE_FOLDER)


def texts(part: dict[str, Any], name: str) -> list[str]:
    return [fact["text"] for fact in part["facts"] if fact["name"] == name]


def part_of(line: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [part for part in all_parts(line) if part["name"] == name]
    return found


def all_parts(holder: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for part in holder["parts"]:
        yield part
        yield from all_parts(part)


def inspected(raw: bytes, run_json: RunJson, *options: str) -> tuple[int, dict[str, Any]]:
    Path("file").write_bytes(raw)
    code, (line,) = run_json("inspect", "file", *options)
    return code, line


# --- evidence


def test_evidence_without_a_trust_file_is_explained_and_not_judged(run_json: RunJson) -> None:
    code, line = inspected(EVIDENCE, run_json)
    assert (code, line["ok"], line["kind"], line["form"]) == (DONE, True, "evidence", "JSON")
    assert line["not_judged_because"].startswith("no trust file is pinned")
    assert line["holds"] is None
    answers = {step["answer"] for part in all_parts(line) for step in part["judged"]}
    assert answers == {"not judged"}
    evidence = parse_evidence(EVIDENCE)
    assert texts(part_of(line, "registry"), "address") == [checksum_address(evidence.domain.registry)]
    assert texts(part_of(line, "slots"), "signed_at") == ["2026-05-04T10:00:00Z"]
    assert "document_name" in texts(part_of(line, "slots"), "hidden")[0]
    assert texts(part_of(line, "checkpoint.path"), "leads to")[0].endswith(", the signed root")
    assert texts(part_of(line, "anchor.receipt_nodes"), "leads to")[0].startswith("the header's receiptsRoot")
    assert texts(part_of(line, "anchor.headers[1]"), "follows") == ["block 13, which it names as its parent"]


def test_what_it_says_is_what_verification_finds(run_json: RunJson) -> None:
    verdict = verify(parse_evidence(EVIDENCE), parse_trust_file(TRUST_RAW))
    assert verdict.anchor is not None
    assert verdict.leaf_hash is not None
    _, line = inspected(EVIDENCE, run_json)
    assert texts(part_of(line, "slots"), "leaf hash") == [verdict.leaf_hash.hex()]
    signer = checksum_address(verdict.anchor.signer)
    assert texts(part_of(line, "checkpoint"), "signed by") == [signer]
    assert texts(part_of(line, "anchor.log_position"), "signer") == [f"{signer}, as in the checkpoint"]
    block_hash = texts(part_of(line, "anchor.headers[0]"), "block hash")
    assert block_hash == [f"{to_hex(verdict.anchor.block_hash)} by qbft"]


def test_with_a_trust_file_each_step_is_accepted(run_json: RunJson) -> None:
    code, line = inspected(EVIDENCE, run_json, "--trust", str(STORY / TRUST))
    assert (code, line["holds"], line["grade"]) == (DONE, True, "final")
    judged = {step["step"]: step["answer"] for part in all_parts(line) for step in part["judged"]}
    assert judged == dict.fromkeys((1, 2, 4, 6, 7, 8, 9, 10), "accepted")
    assert line["trust"]["pinned"] is False


def test_the_pinned_file_judges(run: Run, run_json: RunJson) -> None:
    assert run("trust", "pin", str(STORY / TRUST))[0] == DONE
    _, line = inspected(EVIDENCE, run_json)
    assert line["holds"] is True
    assert line["trust"]["pinned"] is True


# one of three: there are hundreds, and each starts the whole command
@pytest.mark.parametrize("name", sorted(EVIDENCE_VECTORS)[::3])
def test_the_vectors(name: str, run_json: RunJson) -> None:
    """Whatever verification refuses at a step is refused there; what it accepts is explained whole."""
    vector = EVIDENCE_VECTORS[name]
    raw, trust = decode_octets(vector["evidence"]), EVIDENCE_FOLDER / vector["trust"]
    code, line = inspected(raw, run_json, "--as", "evidence", "--trust", str(trust))
    verdict = verdict_of(raw, trust)
    if verdict is None:
        assert code == ANSWER_IS_NO
        assert line["holds"] is None
        assert line["breaks"]
        return
    assert line["holds"] == verdict.ok
    if verdict.ok:
        assert code == DONE
    answers = {step["step"]: step["answer"] for part in all_parts(line) for step in part["judged"]}
    for fault in verdict.faults:
        if not isinstance(fault.error, GradeTooLow):
            assert answers[fault.step] == "refused"
            assert fault.step >= 9 or all(
                answer == "not reached" for step, answer in answers.items() if step > fault.step
            )


def verdict_of(raw: bytes, trust: Path) -> Verdict | None:
    try:
        evidence = parse_evidence(raw)
    except PerdureError:
        return None
    return verify(evidence, parse_trust_file(trust.read_bytes()))


def test_a_refused_step_and_those_behind_it(run_json: RunJson) -> None:
    vector = EVIDENCE_VECTORS["foreign-seal"]
    trust = EVIDENCE_FOLDER / vector["trust"]
    _, line = inspected(decode_octets(vector["evidence"]), run_json, "--trust", str(trust))
    headers = part_of(line, "anchor.headers")
    assert [step["answer"] for step in headers["judged"]] == ["refused", "not reached", "not reached"]
    assert headers["judged"][0]["fault"]["error"] == "ForeignSeal"
    assert part_of(line, "checkpoint")["judged"][0]["answer"] == "accepted"
    assert part_of(line, "anchor.receipt_nodes")["judged"][0]["answer"] == "not reached"


@pytest.mark.parametrize("less", [without_anchor, without_checkpoint])
def test_evidence_that_is_not_complete_yet(less: Any, run_json: RunJson) -> None:
    raw = encode_evidence(less(parse_evidence(EVIDENCE)))
    code, line = inspected(raw, run_json, "--trust", str(STORY / TRUST))
    assert (code, line["holds"]) == (DONE, False)
    answers = [step for part in all_parts(line) for step in part["judged"]]
    assert {step["answer"] for step in answers if step["step"] >= 7} == {"not reached"}
    assert texts(part_of(line, "anchor.headers"), "anchor")[0].startswith("none")


def test_what_does_not_hold_is_told_and_is_no_break(run_json: RunJson) -> None:
    value = json.loads(EVIDENCE)
    value["checkpoint"]["index"] = 1
    value["anchor"]["receipt_index"] = 1
    value["anchor"]["log_position"] = 1
    value["anchor"]["headers"].reverse()
    code, line = inspected(json.dumps(value).encode(), run_json)
    assert code == DONE
    assert texts(part_of(line, "checkpoint.path"), "leads to")[0].endswith("NOT the signed root")
    receipt = part_of(line, "anchor.receipt_nodes")
    assert texts(receipt, "leads to")[0].startswith("NOT the header's receiptsRoot: TrieNodeMismatch")
    assert texts(receipt, "unproved")
    assert texts(part_of(line, "anchor.log_position"), "event")[0].startswith("none of the registry's")
    assert texts(part_of(line, "anchor.headers[1]"), "follows")[0].startswith("NOT block 14")


def test_hops_are_told(run_json: RunJson) -> None:
    from tools.hop_stories import CHANGED, FIRST, NEW

    Path("trust").write_bytes(encode_trust_file(CHANGED.trust))
    code, line = inspected(encode_evidence(CHANGED.evidence), run_json, "--trust", "trust")
    assert (code, line["holds"]) == (DONE, True)
    hop = part_of(line, "hops[0]")
    assert hop["title"].endswith(f"known at block {FIRST.number}")
    assert checksum_address(NEW.address) in texts(hop, "new set")
    assert part_of(line, "hops")["judged"] == [{"step": 5, "answer": "accepted", "fault": None}]


# --- headers


@pytest.mark.parametrize(
    ("raw", "form"),
    [
        (HEADER, "raw bytes"),
        (HEADER_HEX.encode(), "hexadecimal text"),
        (b"  " + HEADER_HEX[2:].upper().encode() + b"\n", "hexadecimal text"),
        (b"\n".join(HEADER.hex(" ", 16).encode().split()), "hexadecimal text"),
        (base64.b64encode(HEADER), "base64 text"),
        (base64.encodebytes(HEADER), "base64 text"),
        (json.dumps({"jsonrpc": "2.0", "id": 1, "result": HEADER_HEX}).encode(), "JSON of a node"),
        (json.dumps(HEADER_HEX).encode(), "JSON of a node"),
    ],
)
@pytest.mark.parametrize("options", [(), ("--as", "header")])
def test_a_header_in_each_form(raw: bytes, form: str, options: tuple[str, ...], run_json: RunJson) -> None:
    code, line = inspected(raw, run_json, *options)
    assert (code, line["kind"], line["form"]) == (DONE, "header", form)
    part = part_of(line, "header")
    assert texts(part, "block hash") == [f"{RECORDED['blocks'][3]['hash']} by qbft"]
    assert texts(part, "number") == ["3"]
    members = {
        checksum_address(Address(bytes.fromhex(each[2:]))) for each in RECORDED["sets"][0]["validators"]
    }
    assert set(texts(part, "listed")) == members
    assert len(texts(part, "sealed by")) == 3
    assert set(texts(part, "sealed by")) <= members


@pytest.mark.parametrize(
    "path", sorted((VECTORS / "chain_answers").glob("*.json")), ids=lambda path: path.stem
)
def test_a_block_as_a_node_answers(path: Path, run_json: RunJson) -> None:
    found = list(blocks_in(json.loads(path.read_text())))
    assert found
    for block in found[:4]:
        for value in (block, {"jsonrpc": "2.0", "id": 1, "result": block}):
            code, line = inspected(json.dumps(value).encode(), run_json)
            assert (code, line["kind"]) == (DONE, "header")
            hashes = texts(part_of(line, "header"), "block hash")
            assert any(text.startswith(block["hash"]) for text in hashes)


def blocks_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "extraData" in value and "hash" in value:
            yield value
        else:
            for inner in value.values():
                yield from blocks_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from blocks_in(inner)


def test_a_block_whose_hash_is_another(run_json: RunJson) -> None:
    block = next(blocks_in(json.loads((VECTORS / "chain_answers" / "goquorum-qbft.json").read_text())))
    code, line = inspected(json.dumps(block | {"hash": "0x" + "ab" * 32}).encode(), run_json)
    assert code == ANSWER_IS_NO
    assert line["breaks"][0]["error"] == "HeaderNotRebuilt"
    code, line = inspected(json.dumps(block | {"miner": "0x12", "gasUsed": 5}).encode(), run_json)
    assert [each["where"] for each in line["breaks"]] == ["miner", "gasUsed"]
    del block["stateRoot"]
    code, line = inspected(json.dumps(block).encode(), run_json)
    assert line["breaks"] == [
        {
            "where": "block",
            "error": "MissingKey",
            "message": "block: the key 'stateRoot' is missing",
            "hint": None,
        }
    ]


@pytest.mark.parametrize("engine", ["ibft2", "clique"])
def test_the_other_engines(engine: str, run_json: RunJson) -> None:
    client = {"ibft2": "besu", "clique": "geth"}[engine]
    story = tell(Story(engine=engine, client=client))
    for number in (0, 1, 5):
        block = story.chain.blocks[number]
        _, line = inspected(block.raw, run_json)
        part = part_of(line, "header")
        assert texts(part, "block hash") == [f"{to_hex(block.name)} by {engine}"]
        if number:
            assert texts(part, "sealed by") == [checksum_address(each) for each in block.signers]


@pytest.mark.parametrize("count", anchor_header.FIELD_COUNTS)
def test_every_field_count(count: int, run_json: RunJson) -> None:
    code, line = inspected(encode_header(plain_header(1, count)), run_json)
    part = part_of(line, "header")
    named = [fact["name"] for fact in part["facts"]]
    assert named[:count] == [field.name for field in FIELDS[:count]]
    # the constants are those of QBFT, and extraData is empty
    assert code == ANSWER_IS_NO
    assert line["breaks"][0]["where"] == "field 12 (extraData), as qbft has it"


def test_the_fields_are_those_of_the_library() -> None:
    assert {
        (field.name, place, field.size) for place, field in enumerate(FIELDS) if field.bits is None
    } == set(anchor_header._BYTES_FIELDS)
    assert {
        (field.name, place, field.bits) for place, field in enumerate(FIELDS) if field.bits is not None
    } == set(anchor_header._INTEGER_FIELDS)


# --- broken files


@pytest.mark.parametrize("size", range(20, len(EVIDENCE), 997))
def test_evidence_that_is_cut_off(size: int, run_json: RunJson) -> None:
    code, line = inspected(EVIDENCE[:size], run_json, "--as", "evidence", "--trust", str(STORY / TRUST))
    assert (code, line["ok"]) == (ANSWER_IS_NO, False)
    first = line["breaks"][0]
    newlines = EVIDENCE[:size].count(b"\n")
    assert first["where"] == "JSON"
    assert f"is cut off at line {newlines + 1} column " in first["message"]
    assert line["not_judged_because"].startswith("the file is no evidence")
    told = {part["name"].partition(".")[0] for part in line["parts"]}
    begun = {name.decode() for name in re.findall(rb'\n "(\w+)": ["\[{]', EVIDENCE[:size])}
    assert told == begun - ({"format"} if size < 40 else set())
    assert told.isdisjoint(line["not_there"])


def test_a_header_within_evidence_that_is_cut_off(run_json: RunJson) -> None:
    at = EVIDENCE.index(b'"headers"') + 500
    _, line = inspected(EVIDENCE[:at], run_json)
    header = part_of(line, "anchor.headers[0]")
    assert texts(header, "coinbase")
    assert [each["where"] for each in header["breaks"]] == ["anchor.headers[0], field 6 (logsBloom)"]


@pytest.mark.parametrize(
    ("change", "where", "error"),
    [
        (lambda value: value.pop("hops"), "evidence", "MissingKey"),
        (lambda value: value.update(comment=1), "evidence", "UnknownKey"),
        (lambda value: value.update(origin="ACME"), "origin", "OriginError"),
        (lambda value: value.update(format="perdure-evidence/9"), "format", "NotEvidence"),
        (lambda value: value["registry"].update(address="0x12"), "registry.address", "HexError"),
        (lambda value: value["slots"].pop(), "slots", "EvidenceError"),
        (lambda value: value["slots"][2].update(more=1), "slots[2] (document_name)", "EvidenceError"),
        (lambda value: value["slots"][4].update(disclosure="[1"), "slots[4] (document_type)", "JsonError"),
        (lambda value: value["checkpoint"].update(size=-1), "checkpoint.size", "WrongType"),
        (lambda value: value["checkpoint"]["path"].append("!"), "checkpoint.path[2]", "Base64Error"),
        (lambda value: value["anchor"].pop("log_position"), "anchor", "MissingKey"),
        (lambda value: value["anchor"]["receipt_nodes"].append(""), None, None),
        (lambda value: value["anchor"]["headers"].append("+R=="), "anchor.headers[2]", "Base64Error"),
        (lambda value: value["not_before"].append("wAA="), "not_before[2]", "RlpError"),
        (lambda value: value.update(not_before=[]), "not_before", "HeaderError"),
    ],
)
def test_where_evidence_breaks(change: Any, where: str | None, error: str | None, run_json: RunJson) -> None:
    value = json.loads(EVIDENCE)
    change(value)
    code, line = inspected(json.dumps(value).encode(), run_json)
    if where is None:
        assert code == DONE
        return
    assert code == ANSWER_IS_NO
    assert (line["breaks"][0]["where"], line["breaks"][0]["error"]) == (where, error)


@pytest.mark.parametrize(
    ("raw", "where", "error"),
    [
        (HEADER_HEX[:-1].encode(), "line 1 column 1668", "HexError"),
        (HEADER_HEX[:300].encode() + b"\nxyz", "line 2 column 1", "HexError"),
        (base64.b64encode(HEADER)[:401], "line 1 column 402", "Base64Error"),
        (HEADER + b"\0", "header", "RlpError"),
        (HEADER[:600], "field 12 (extraData)", "RlpError"),
        (HEADER[:36] + b"\xa1" + HEADER[37:], "field 1 (ommersHash)", "RlpError"),
        (b"", "header", "RlpError"),
        (b"\xf9", "header", "RlpError"),
        (bytes(40_000), "header", "HeaderError"),
    ],
)
def test_where_a_header_breaks(raw: bytes, where: str, error: str, run_json: RunJson) -> None:
    code, line = inspected(raw, run_json, "--as", "header")
    assert code == ANSWER_IS_NO
    assert (where, error) in [(each["where"], each["error"]) for each in line["breaks"]]


def test_a_trust_file(run_json: RunJson) -> None:
    code, line = inspected(TRUST_RAW, run_json)
    assert (code, line["kind"]) == (DONE, "trust")
    trust = parse_trust_file(TRUST_RAW)
    epoch = part_of(line, "epochs[0]")
    assert texts(epoch, "seals wanted") == ["3 of 4"]
    assert texts(epoch, "validators") == list(map(checksum_address, trust.epochs[0].validators))
    assert len(texts(part_of(line, "partners"), "partner")) == 3


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda value: value.update(partners=7), "partners"),
        (lambda value: value["epochs"].append(3), "epochs[1]"),
        (lambda value: value["epochs"][0].update({"from": "x"}), "epochs[0]"),
        (lambda value: value["epochs"][0]["validators"].reverse(), "trust file"),
        (lambda value: value["epochs"][0].update(curve="secp256r1"), "trust file"),
        (lambda value: value.pop("name"), "trust file"),
        (lambda value: value.update(chain_id=[]), "trust file"),
    ],
)
def test_where_a_trust_file_breaks(change: Any, where: str, run_json: RunJson) -> None:
    value = json.loads(TRUST_RAW)
    change(value)
    code, line = inspected(json.dumps(value).encode(), run_json)
    assert code == ANSWER_IS_NO
    assert line["breaks"][0]["where"] == where


# --- whatever bytes


def explained(raw: bytes, kind: str | None) -> Explanation | None:
    """Explain and tell in both ways, and hold the JSON against its schema; None for an unknown kind."""
    try:
        recognised = recognise(raw, kind)
    except UnknownKind:
        return None
    explanation = _explain(raw, recognised)
    source = TrustSource(TRUST_RAW, parse_trust_file(TRUST_RAW), Path("trust"), pinned=False)
    nobody = Judgement(why_not="nobody asked")
    judgement = judge(raw, source, TrustStore(Path("nowhere"))) if recognised.kind == "evidence" else nobody
    for verbose in (False, True):
        text = explanation_text("file", explanation, judgement, verbose=verbose)
        assert text.replace("\n", "").isprintable()
    check("inspect", json.loads(json.dumps(explanation_members("file", explanation, judgement))))
    return explanation


@given(st.binary(max_size=400), st.sampled_from([None, *KINDS]))
@settings(max_examples=150, deadline=None)
def test_no_bytes_end_in_a_traceback(raw: bytes, kind: str | None) -> None:
    explained(raw, kind)


@given(st.text('{}[]",:0e.-\\u\ud800 nultrfasx\n', max_size=60), st.sampled_from(KINDS))
@settings(max_examples=150, deadline=None)
def test_json_is_read_to_where_the_strict_parser_refuses(text: str, kind: str) -> None:
    raw = text.encode("utf-8", "surrogatepass")
    try:
        expected, refused = parse_json(raw, "file"), False
    except JsonError:
        expected, refused = None, True
    reading = read_json(raw, "file")
    assert (reading.fault is not None) == refused
    if refused:
        assert " at line " in str(reading.fault)
    else:
        assert reading.value == expected
    explained(raw, kind)


@pytest.mark.parametrize(
    ("text", "kind", "place", "value"),
    [
        ('{"a":1,\n "a":2}', "DoubledKey", "at line 2 column 2", {"a": 1}),
        ('{"a":[1,\n1.5]}', "NotInteger", "at line 2 column 1", {"a": [1]}),
        ('["x","\\ud800"]', "LoneSurrogate", "at line 1 column 6", ["x"]),
        ("[" * 18, "TooDeep", "at line 1 column 18", None),
        ('{"a":1} x', "JsonError", "extra data at line 1 column 9", {"a": 1}),
        ('["x","\xff"]', "JsonError", "not UTF-8 at line 1 column 7", ["x", ""]),
        ('["x",tru', "JsonError", "is cut off at line 1 column 9", ["x"]),
    ],
)
def test_the_place_of_a_fault_in_json(text: str, kind: str, place: str, value: Any) -> None:
    reading = read_json(text.encode("latin-1"), "file")
    assert type(reading.fault).__name__ == kind
    assert str(reading.fault).endswith(place)
    assert value is None or reading.value == value


@given(st.integers(0, 2**32), st.sampled_from(["evidence", "trust", "header", "hop"]))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_change_of_a_file_ends_in_a_traceback(seed: int, kind: str) -> None:
    from tools.hop_stories import CHANGED

    rng = Random(seed)
    raw = {
        "evidence": EVIDENCE,
        "trust": TRUST_RAW,
        "header": rng.choice([HEADER, HEADER_HEX.encode(), base64.b64encode(HEADER)]),
        "hop": encode_evidence(CHANGED.evidence),
    }[kind]
    changes = [flip_bit, replace_byte, insert_bytes, drop_bytes, cut]
    if kind != "header":
        changes += [drop_key, rename_key]
    for _ in range(rng.choice([1, 1, 2])):
        try:
            raw = rng.choice(changes)(rng, raw)
        except (NothingToChange, ValueError):
            continue
    kind = "evidence" if kind == "hop" else kind
    explanation = explained(raw, kind)
    assert explanation is not None
    if kind == "evidence":
        assert bool(explanation.all_breaks()) or can_be_parsed(raw)


def can_be_parsed(raw: bytes) -> bool:
    try:
        parse_evidence(raw)
    except PerdureError:
        return False
    return True


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 100_000,
        b'{"slots":' * 50_000,
        b'{"format":"perdure-evidence/1","slots":["' + b"A" * (MAX_EVIDENCE_SIZE + 9),
        b'{"format":"perdure-evidence/1","anchor":{"headers":["' + b"+QOk" * 900_000,
        b"f9" * (MAX_EVIDENCE_SIZE // 2 + 1),
        b'"' + b"\\u0041" * 700_000,
    ],
    ids=["deep lists", "deep objects", "long text", "long header", "long hexadecimal", "escapes"],
)
def test_large_and_deep_files_are_no_trouble(raw: bytes, run: Run) -> None:
    Path("file").write_bytes(raw)
    code, out, err = run("inspect", "file", "--as", "evidence")
    assert code == ANSWER_IS_NO
    assert "BREAKS" in out
    assert err == ""


# --- the command


def test_from_standard_input(run_json: RunJson, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(HEADER)))
    code, (line,) = run_json("inspect", "-")
    assert (code, line["file"], line["kind"]) == (DONE, "-", "header")


@pytest.mark.parametrize(
    ("raw", "options"),
    [(b"", ()), (b"hello, world\n", ()), (b"{}", ()), (b"[1]", ()), (b'"text"', ()), (b"\0\1", ())],
)
def test_an_unknown_kind(raw: bytes, options: tuple[str, ...], run: Run) -> None:
    Path("file").write_bytes(raw)
    code, out, err = run("inspect", "file", *options)
    assert (code, out) == (USAGE, "")
    assert err.startswith("perdure: error: cannot tell what the file is: ")
    for kind in KINDS:
        assert run("inspect", "file", "--as", kind)[0] == ANSWER_IS_NO


def test_what_is_no_file(run: Run, tmp_path: Path) -> None:
    assert run("inspect", "nowhere")[0] == USAGE
    assert run("inspect", str(tmp_path))[0] == USAGE
    assert run("inspect", "/dev/null")[0] == USAGE
    assert run("inspect", str(STORY / TRUST), "--trust", "nowhere")[0] == USAGE


def test_a_file_that_cannot_be_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("perdure_cli.commands.inspect.read_bounded", refuse)
    Path("file").write_bytes(EVIDENCE)
    assert run("inspect", "file")[0] == COULD_NOT_FIND_OUT


def test_untrusted_text_is_escaped(run: Run) -> None:
    value = json.loads(TRUST_RAW)
    value["name"] = "a\x1b[2J\u202eb"
    value["\x1b[31m"] = 1
    Path("file").write_text(json.dumps(value))
    code, out, _ = run("inspect", "file")
    assert code == ANSWER_IS_NO
    assert "\x1b" not in out
    assert r"a\x1b[2J\u202eb" in out


def test_all_fields_of_all_headers_are_for_those_who_ask(run: Run) -> None:
    Path("file").write_bytes(EVIDENCE)
    assert "logsBloom" not in run("inspect", "file")[1]
    assert run("inspect", "file", "--verbose")[1].count("logsBloom") == 4


@pytest.mark.parametrize("kind", ["evidence", "block"])
def test_it_needs_the_base_dependencies_only(kind: str) -> None:
    """The JSON of a block is read by the chain client's reader of headers, which needs no client."""
    script = (
        "import sys, json; from perdure_cli.main import main; code = main(sys.argv[1:]);"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})), file=sys.stderr); sys.exit(code)"
    )
    arguments = ["inspect", str(STORY / CONTRACT_EVIDENCE), "--trust", str(STORY / TRUST)]
    ours = {"perdure_node", "perdure_devnet", "perdure_contracts"}
    if kind == "block":
        answers = json.loads((VECTORS / "chain_answers" / "clique.json").read_text())
        Path("block").write_text(json.dumps(next(blocks_in(answers))))
        arguments, ours = ["inspect", "block"], ours - {"perdure_contracts"}
    process = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(process.stderr.splitlines()[-1]))
    assert not loaded & {
        "cryptography", "httpx", "web3", "eth_account", "eth_utils", "sqlite3", "ssl", "asyncio", "logging"
    }  # fmt: skip
    assert not loaded & ours


def test_bundles_are_recognised_by_what_they_are() -> None:
    from perdure_cli.inspecting import recognising
    from perdure_node.courier.bundle import FORMAT, MAX_HEAD_SIZE, MAX_LEAVES
    from perdure_node.encryption.age import MAGIC

    assert FORMAT.encode().startswith(recognising.BUNDLE_NAME)
    assert recognising.AGE_MAGIC == MAGIC
    assert recognising.MAX_BUNDLE_SIZE >= MAX_HEAD_SIZE + MAX_LEAVES * 33


@pytest.mark.parametrize("command", [["inspect", "-"], ["verify", "-"], ["add", "-"], ["import", "-"]])
def test_standard_input_that_was_closed_is_named(command: list[str]) -> None:
    shell = f"exec {sys.executable} -m perdure_cli {' '.join(command)} <&-"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "fault of perdure" not in done.stderr
