"""The vectors under ``tests/vectors``: made as they are committed, answered as they say by two verifiers, and leaving nothing out."""

import ast
import functools
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import independent_verifier
import pytest
from perdure_anchor.evidence import encode_evidence, parse_evidence
from perdure_anchor.hashes import parse_hex
from perdure_anchor.trust_file import encode_trust_file, fingerprint, parse_trust_file
from specification_example import SPEC
from tools.named_faults import OTHER_NAMES, faults_of_evidence
from tools.two_verifiers import independent_answer, library_answer
from tools.vectors.form import (
    EVIDENCE,
    HEADERS,
    TRUST,
    TRUST_SUFFIX,
    Vector,
    decode_octets,
    expected_of,
    question_of,
    read_vectors,
    trust_fault,
)
from tools.vectors.header_vectors import expected_of as expected_of_header

VECTORS = read_vectors(EVIDENCE)
TRUSTS = read_vectors(TRUST)
HEADER_VECTORS = read_vectors(HEADERS)
FAULTS = {
    (fault["step"], fault["name"]) for vector in VECTORS.values() for fault in vector["expected"]["faults"]
}


@pytest.mark.slow
def test_the_committed_files_are_those_that_are_made() -> None:
    # seconds' work, which is not for every worker that lists the tests
    from tools.vectors.write import all_files

    for folder, files in all_files().items():
        assert {path.name for path in folder.iterdir()} == set(files), (
            "run PYTHONPATH=tests python -m tools.vectors.write"
        )
        changed = [name for name, raw in files.items() if (folder / name).read_bytes() != raw]
        assert changed == [], "written otherwise than committed: has a frozen format changed?"


def test_there_are_enough_and_they_are_small() -> None:
    assert len(VECTORS) >= 600
    folders = (EVIDENCE, TRUST, HEADERS)
    assert sum(path.stat().st_size for folder in folders for path in folder.iterdir()) < 5_400_000


@pytest.mark.parametrize("name", VECTORS)
def test_evidence(name: str) -> None:
    vector = VECTORS[name]
    asked = question_of(vector)
    assert expected_of(library_answer(*asked)) == vector["expected"]
    assert expected_of(independent_answer(*asked)) == vector["expected"]


@pytest.mark.parametrize("name", TRUSTS)
def test_trust_files(name: str) -> None:
    expected, raw = TRUSTS[name]["expected"], decode_octets(TRUSTS[name]["trust_file"])
    assert {"fault": trust_fault(raw), "fingerprint": fingerprint(raw)} == expected
    try:
        independent_verifier.read_trust(raw)
        is_one = True
    except independent_verifier.NoAnswer:
        is_one = False
    assert is_one is (expected["fault"] is None)


@pytest.mark.parametrize("name", HEADER_VECTORS)
def test_headers(name: str) -> None:
    vector = HEADER_VECTORS[name]
    raw = bytes.fromhex(vector["header"][2:])
    assert parse_hex(vector["header"], len(raw), "header") == raw
    assert expected_of_header(vector["engine"], raw) == vector["expected"]
    expected = {key: value for key, value in vector["expected"].items() if key != "vote"}
    assert read_by_the_other(vector["engine"], raw) == expected


def read_by_the_other(engine: str, raw: bytes) -> dict[str, Any]:
    try:
        header = independent_verifier.Header(raw)
        header.judge_by(engine)
    except independent_verifier.Refused as fault:
        return {"fault": fault.name}
    try:
        accounts = [independent_verifier.recover(header.digest, seal, 0) for seal in header.seals]
        sealers: dict[str, Any] = {"sealers": hexes(accounts)}
    except independent_verifier.Refused as fault:
        sealers = {"sealers": None, "seal_fault": fault.name}
    return {
        "fault": None,
        "number": header.number,
        "timestamp": header.timestamp,
        "coinbase": f"0x{header.coinbase.hex()}",
        "block_hash": f"0x{header.name.hex()}",
        "commit_hash": f"0x{header.digest.hex()}" if header.number else None,
        "validators": None if header.listed is None else hexes(header.listed),
        "round": header.round,
        **sealers,
    }


def hexes(items: list[bytes]) -> list[str]:
    return [f"0x{item.hex()}" for item in items]


# --- nothing is left out


def test_each_refusal_is_for_one_reason() -> None:
    for name, vector in VECTORS.items():
        expected = vector["expected"]
        assert len(expected["faults"]) == (expected["answer"] == "no"), name


def test_where_a_fault_does_not_end_verification_the_grade_is_reached() -> None:
    grades = {
        vector["expected"]["grade"]
        for vector in VECTORS.values()
        for fault in vector["expected"]["faults"]
        if fault["step"] in (3, 9, 10, 11, 12)
    }
    assert grades == {"final"}


# hops whose blocks are above the first number of an open epoch that has just been made of their own list
CANNOT_BE = {(5, "NoEpoch"), (5, "ValidatorListMismatch")}


def faults_by_step() -> Iterator[tuple[int, str]]:
    """The faults that section 9.2 names, each with the steps that it names them for."""
    text = SPEC.read_text(encoding="utf-8")
    steps = text[text.index("### 9.2") : text.index("### 9.3")]
    items = re.split(r"^(\d+)\. ", steps, flags=re.MULTILINE)[1:]
    texts = {int(number): item for number, item in zip(items[::2], items[1::2], strict=True)}
    assert list(texts) == list(range(1, 13))
    for step, item in texts.items():
        own = item.split("\nThe answer is")[0]
        borrowed = texts[6] if "faults of step 6" in own else ""
        for name in re.findall(r"`([A-Z][a-z]\w+)`", own + borrowed):
            yield step, name


def test_each_fault_of_each_step_has_a_vector() -> None:
    named = {(step, name) for step, name in faults_by_step() if name not in OTHER_NAMES}
    beyond = {(step, "HopBeyondAnchor") for step in (5, 10, 12)}
    assert named - FAULTS == CANNOT_BE | beyond
    kinds_of_json = {(2, name) for name in ("DoubledKey", "NotInteger", "LoneSurrogate", "TooDeep")}
    grades = {(step, "GradeTooLow") for step in (4, 5, 8)}
    assert {fault for fault in FAULTS if fault[0]} - named == kinds_of_json | grades


def test_each_fault_that_the_text_names_has_a_vector() -> None:
    assert faults_of_evidence() == {name for _, name in FAULTS}
    assert {vector["expected"]["fault"] for vector in TRUSTS.values()} == {
        None,
        "TrustFileError",
        "UnsupportedCurve",
    }


# what cannot be wrong at one step without being wrong for a later one, if that looked at it
ALSO_MET_LATER = {
    "header-coinbase-of-32-bytes": "ForeignProposer",
    "header-field-a-list": "TrieNodeMismatch",
    "header-number-a-list": "BeforeDeployment",
    "header-of-18-fields": "TrieNodeMismatch",
    "header-of-19-fields": "TrieNodeMismatch",
    "header-timestamp-2-to-64": "TimestampError",
    "hop-to-nobody": "ValidatorListMismatch",
    "one-validator-three-times": "TooFewSeals",
    "signed-for-a-copy-of-the-registry": "GradeTooLow",
}


def test_each_fault_is_of_its_step_and_of_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other verifier, made blind at the one step, says yes or still falters there; where it can go on at all."""
    blind = BlindVerifier(monkeypatch)
    later, yes = {}, 0
    for name, vector in VECTORS.items():
        steps = [fault["step"] for fault in vector["expected"]["faults"]]
        if steps and steps != [0]:
            faults = blind.faults(vector, steps[0])
            yes += faults == []
            later.update((name, fault) for step, fault in faults or () if step != steps[0])
    assert later == ALSO_MET_LATER
    assert yes > 180


class BlindVerifier:
    """The other verifier, whose refusals at one step do not refuse."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.verification: Any = None
        self.step: int | None = None
        refuse_unless = independent_verifier.refuse_unless
        make = independent_verifier.Verification.__init__

        def remember(made: Any, *arguments: Any) -> None:
            make(made, *arguments)
            self.verification = made

        def refuse_elsewhere(condition: object, name: str, why: str = "") -> None:
            if self.verification is None or self.verification.step != self.step:
                refuse_unless(condition, name, why)

        monkeypatch.setattr(independent_verifier.Verification, "__init__", remember)
        monkeypatch.setattr(independent_verifier, "refuse_unless", refuse_elsewhere)

    def faults(self, vector: Vector, step: int) -> list[tuple[int, str]] | None:
        """Those that are left; None where what was refused is nothing that one could go on with."""
        self.verification, self.step = None, step
        asked, require, allowance = question_of(vector)
        try:
            answer = independent_verifier.judge(*asked, require=require, allowance=allowance)
        except (IndexError, KeyError, TypeError, AttributeError, ValueError, OverflowError, RecursionError):
            return None
        return list(zip(answer["steps"], answer["faults"], strict=True))


SCRIPT = Path(independent_verifier.__file__)
# append proofs are the registry's
NOT_ASKED = {"peaks_of_append"}
# met or not as deep as Python may recurse, which other tests change
ON_A_SHORT_STACK = 'raise Refused("TooDeep") from None'
# what an earlier step has refused
REFUSED_BEFORE = {
    'refuse_unless(len(octets) <= 32768, "HeaderError")',
    'refuse_unless(len(nodes) <= 7, "TrieNodeUnused")',
    'refuse_unless(octets, "ReceiptError")',
}
# what would make vectors large: tests/anchor/test_bounds.py
IN_LARGE_FILES = {
    'refuse_unless(sum(octets.count(sign) for sign in (b",", b"[", b"{")) <= 65536, "EvidenceTooLarge")',
    'refuse_unless(size <= 786432, "EvidenceTooLarge")',
    'refuse_unless(sum(map(len, nodes)) <= 147456, "EvidenceTooLarge")',
}


def refusals() -> dict[range, str]:
    """The lines of each place in the other verifier where it refuses, with their text."""
    found, lines = {}, SCRIPT.read_text(encoding="utf-8").splitlines()
    for function in ast.walk(ast.parse(SCRIPT.read_text(encoding="utf-8"))):
        if not isinstance(function, ast.FunctionDef) or function.name in ("refuse_unless", *NOT_ASKED):
            continue
        for node in ast.walk(function):
            is_raise = isinstance(node, ast.Raise) and "Refused" in ast.unparse(node)
            is_call = isinstance(node, ast.Call) and ast.unparse(node.func) == "refuse_unless"
            if is_raise or is_call:
                place = range(node.lineno, (node.end_lineno or node.lineno) + 1)
                found[place] = lines[node.lineno - 1].strip()
    return found


def test_every_refusal_of_the_other_verifier_is_met(monkeypatch: pytest.MonkeyPatch) -> None:
    met: set[int] = set()
    init = independent_verifier.Refused.__init__

    def noting(self: Exception, *arguments: object) -> None:
        frame = sys._getframe(1)
        if frame.f_code.co_name == "refuse_unless" and frame.f_back is not None:
            frame = frame.f_back
        met.add(frame.f_lineno)
        init(self, *arguments)

    monkeypatch.setattr(independent_verifier.Refused, "__init__", noting)
    for vector in VECTORS.values():
        independent_answer(*question_of(vector))
    for vector in TRUSTS.values():
        with_trust = functools.partial(independent_verifier.judge, b"", decode_octets(vector["trust_file"]))
        try:
            with_trust()
        except independent_verifier.NoAnswer:
            continue
    missed = {text for lines, text in refusals().items() if not met & set(lines)}
    assert missed - {ON_A_SHORT_STACK} == REFUSED_BEFORE | IN_LARGE_FILES


# --- frozen bytes


def test_what_is_accepted_is_written_as_it_was() -> None:
    """But for files that say the same in another spelling."""
    other = {"address-in-small-letters", "address-in-capitals", "members-in-another-order", "name-by-escape"}
    for name, vector in VECTORS.items():
        if vector["expected"]["answer"] == "yes" and name not in other and "spaces" not in vector["evidence"]:
            raw = decode_octets(vector["evidence"])
            assert encode_evidence(parse_evidence(raw)) == raw, f"a frozen format changed: {name}"


@pytest.mark.parametrize("path", sorted(EVIDENCE.glob(f"*{TRUST_SUFFIX}")), ids=lambda path: path.name)
def test_shared_trust_files_are_written_as_they_were(path: Path) -> None:
    assert encode_trust_file(parse_trust_file(path.read_bytes())) == path.read_bytes(), (
        "a frozen format changed"
    )
