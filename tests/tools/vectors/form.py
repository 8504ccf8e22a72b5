"""The form of the vectors under ``tests/vectors`` (its README.md): what a case says by hand, and the JSON that is made of it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perdure_anchor.base64_text import encode_base64, parse_base64
from perdure_anchor.errors import PerdureError
from perdure_anchor.trust_file import TrustFileError, fingerprint, parse_trust_file
from simulated_chain import DOCUMENT_BYTES
from tools.two_verifiers import Question, library_answer

ROOT = Path(__file__).parent.parent.parent / "vectors"
EVIDENCE, TRUST, HEADERS = ROOT / "evidence", ROOT / "trust", ROOT / "headers"
TRUST_SUFFIX = ".consortium.json"

Vector = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """Evidence, and what is asked of it. ``fault`` is the step and the name of the only one; None: the answer is yes.

    ``trust`` is a shared trust file's name without suffix. ``spaces`` so many follow the evidence.
    """

    about: str
    evidence: bytes
    fault: tuple[int, str] | None = None
    trust: str = "plain"
    document: bytes | None = DOCUMENT_BYTES
    allowance: int = 1
    require: str = "final"
    spaces: int = 0


def encode_octets(octets: bytes, spaces: int = 0) -> dict[str, Any]:
    """Bytes as text where they are UTF-8 without control characters that editors hide, else as base64."""
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        text = "\0"
    hidden = any(letter < " " and letter not in "\n\t" for letter in text)
    members: dict[str, Any] = {"base64": encode_base64(octets)} if hidden else {"text": text}
    return members | ({"spaces": spaces} if spaces else {})


def decode_octets(members: dict[str, Any]) -> bytes:
    octets = members["text"].encode() if "text" in members else parse_base64(members["base64"], "base64")
    return octets + b" " * members.get("spaces", 0)


def evidence_vector(case: Case, raw_trust: bytes) -> Vector:
    """The vector of a case; raises AssertionError where the library does not answer as the case says."""
    document = None if case.document is None else encode_base64(case.document)
    asked = {
        "description": case.about,
        "trust": case.trust + TRUST_SUFFIX,
        "evidence": encode_octets(case.evidence, case.spaces),
        "document": document,
        "allowance": case.allowance,
        "require": case.require,
    }
    raw = case.evidence + b" " * case.spaces
    expected = expected_of(library_answer((raw, raw_trust, case.document), case.require, case.allowance))
    wanted = [] if case.fault is None else [{"step": case.fault[0], "name": case.fault[1]}]
    assert expected["faults"] == wanted, f"got {expected['faults']}, want {wanted}"
    return {**asked, "expected": expected}


def expected_of(answer: dict[str, Any]) -> dict[str, Any]:
    """What a vector says of an answer of `two_verifiers`: all of it, but for the values that the record discloses."""
    faults = [
        {"step": step, "name": name} for step, name in zip(answer["steps"], answer["faults"], strict=True)
    ]
    kept = (
        "grade",
        "key",
        "document",
        "leaf_hash",
        "block_number",
        "block_hash",
        "validator_changes",
        "not_before",
        "not_after",
    )
    rest = {key: answer[key] for key in kept if key in answer}
    # vectors from before there were confirmations stay as they are
    rest |= {key: answer[key] for key in ("confirmation", "confirmed_not_before") if answer.get(key)}
    return {"answer": "yes" if answer["ok"] else "no", "faults": faults, **rest}


def question_of(vector: Vector) -> tuple[Question, str, int]:
    """What an evidence vector asks: the three byte strings, the required grade, the allowance."""
    raw_trust = (EVIDENCE / vector["trust"]).read_bytes()
    document = None if vector["document"] is None else parse_base64(vector["document"], "document")
    asked = (decode_octets(vector["evidence"]), raw_trust, document)
    return asked, vector["require"], vector["allowance"]


def trust_vector(about: str, raw: bytes, fault: str | None, spaces: int = 0) -> Vector:
    """The vector of a trust file; raises AssertionError where the library does not answer so."""
    expected = {"fault": trust_fault(raw + b" " * spaces), "fingerprint": fingerprint(raw + b" " * spaces)}
    assert expected["fault"] == fault, f"got {expected['fault']}, want {fault}"
    return {"description": about, "trust_file": encode_octets(raw, spaces), "expected": expected}


def trust_fault(raw: bytes) -> str | None:
    try:
        parse_trust_file(raw)
    except TrustFileError as error:
        return type(error).__name__
    return None


def fault_name(error: PerdureError) -> str:
    return type(error).__name__


def encode_vector(vector: Vector) -> bytes:
    return (json.dumps(vector, ensure_ascii=False, indent=1) + "\n").encode()


def read_vectors(folder: Path) -> dict[str, Vector]:
    """The vectors of a folder by name, without the trust files that they share."""
    paths = [path for path in sorted(folder.glob("*.json")) if not path.name.endswith(TRUST_SUFFIX)]
    return {path.stem: json.loads(path.read_bytes()) for path in paths}
