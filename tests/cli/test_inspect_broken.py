"""`perdure inspect` of files that break: where and how, and never a traceback."""

import base64
import json
import re
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import MAX_EVIDENCE_SIZE, encode_evidence, parse_evidence
from perdure_anchor.hashes import checksum_address
from perdure_anchor.strict_json import JsonError, parse_json
from perdure_anchor.trust_file import parse_trust_file
from perdure_cli.commands.inspect import _explain
from perdure_cli.exit_codes import ANSWER_IS_NO, DONE
from perdure_cli.inspecting.as_json import explanation_members
from perdure_cli.inspecting.as_text import explanation_text
from perdure_cli.inspecting.json_reading import read_json
from perdure_cli.inspecting.judging import Judgement, judge
from perdure_cli.inspecting.parts import Explanation
from perdure_cli.inspecting.recognising import KINDS, UnknownKind, recognise
from perdure_cli.trust_store import TrustSource, TrustStore
from tools.commands import Run, RunJson
from tools.inspected import (
    EVIDENCE,
    HEADER,
    HEADER_HEX,
    TRUST_RAW,
    inspected,
    part_of,
    texts,
)
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
from tools.story import STORY, TRUST


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
