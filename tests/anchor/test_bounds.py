"""The table of bounds in anchor/SPEC.md: each has something at the bound and something beyond it, and only that is refused by it."""

import json
import re
from typing import Any

import independent_verifier
import pytest
from perdure_anchor.base64_text import Base64Error, encode_base64
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import (
    MAX_HEADERS_SIZE,
    MAX_NODE_SIZE,
    MAX_NODES_SIZE,
    MAX_SIGNS,
    EvidenceTooLarge,
    encode_evidence,
    parse_evidence,
)
from perdure_anchor.header import MAX_HEADER_SIZE
from perdure_anchor.trust_file import TrustFileError, encode_trust_file, parse_trust_file
from simulated_chain import tell
from specification_example import SPEC
from tools.vectors.form import EVIDENCE, TRUST, read_vectors

HERE = "tests/anchor/test_bounds.py"
VECTORS = {"evidence": read_vectors(EVIDENCE), "trust": read_vectors(TRUST)}
TEXT = SPEC.read_text(encoding="utf-8")
SECTION = TEXT[TEXT.index("### 9.6") : TEXT.index("### 9.7")]
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in SECTION.splitlines()
    if line.startswith("| ") and "vector at" not in line
]


def fault_of(place: str) -> str | None:
    """The fault by which the vector is refused, if any."""
    folder, name = place.split("/")
    expected: dict[str, Any] = VECTORS[folder][name]["expected"]
    if folder == "trust":
        return expected["fault"]
    names = [fault["name"] for fault in expected["faults"]]
    return names[0] if names else None


@pytest.mark.parametrize(
    ("fault", "at", "beyond"), [(row[2].strip("`"), *row[3:]) for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_each_bound_has_vectors(fault: str, at: str, beyond: str) -> None:
    assert beyond == HERE or fault_of(beyond) == fault
    assert at == HERE or fault_of(at) != fault


def test_the_table_is_whole() -> None:
    assert len(ROWS) >= 30
    prose = " ".join((TEXT[: TEXT.index("### 9.6")] + TEXT[TEXT.index("### 9.7") :]).split())
    sections = {number for row in ROWS for number in re.findall(r"\d+(?:\.\d+)?", row[0].split("(")[1])}
    assert all(re.search(rf"### {re.escape(number)} ", TEXT) for number in sections if "." in number)
    for value in {row[1] for row in ROWS} - {"2^64 - 1", "2^32 - 1"}:
        assert value in prose, value


# --- what would make a large vector


def with_octets(*path: str | int, size: int) -> bytes:
    value = json.loads(encode_evidence(tell().evidence))
    place = value
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = encode_base64(bytes(size))
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("path", "size"),
    [(("anchor", "receipt_nodes", 0), MAX_NODE_SIZE), (("anchor", "headers", 0), MAX_HEADER_SIZE)],
)
def test_bytes_in_base64(path: tuple[str | int, ...], size: int) -> None:
    at, beyond = with_octets(*path, size=size), with_octets(*path, size=size + 1)
    parse_evidence(at)
    independent_verifier.read_evidence(at)
    with pytest.raises(Base64Error, match=f"want at most {size}"):
        parse_evidence(beyond)
    with pytest.raises(independent_verifier.Refused, match="Base64Error"):
        independent_verifier.read_evidence(beyond)


def with_parts(key: tuple[str, str], sizes: list[int]) -> bytes:
    value = json.loads(encode_evidence(tell().evidence))
    value[key[0]][key[1]] = [encode_base64(bytes(size)) for size in sizes]
    return json.dumps({**value, "not_before": None}).encode()


@pytest.mark.parametrize(
    ("key", "sizes"),
    [(("anchor", "receipt_nodes"), [131_072, 16_384]), (("anchor", "headers"), [32_768] * 24)],
)
def test_bytes_together(key: tuple[str, str], sizes: list[int]) -> None:
    at, beyond = with_parts(key, sizes), with_parts(key, [*sizes, 1])
    assert sum(sizes) in (MAX_NODES_SIZE, MAX_HEADERS_SIZE)
    parse_evidence(at)
    independent_verifier.read_evidence(at)
    with pytest.raises(EvidenceTooLarge):
        parse_evidence(beyond)
    with pytest.raises(independent_verifier.Refused, match="EvidenceTooLarge"):
        independent_verifier.read_evidence(beyond)


def test_commas_and_brackets() -> None:
    raw = encode_evidence(tell().evidence)
    room = MAX_SIGNS - sum(map(raw.count, (b",", b"[", b"{")))
    at, beyond = raw + b"," * room, raw + b"," * (room + 1)
    for fault, octets in (("JsonError", at), ("EvidenceTooLarge", beyond)):
        with pytest.raises(PerdureError) as caught:
            parse_evidence(octets)
        assert type(caught.value).__name__ == fault
        with pytest.raises(independent_verifier.Refused, match=fault):
            independent_verifier.read_evidence(octets)


def with_entries(key: str, count: int) -> bytes:
    value = json.loads(encode_trust_file(tell().trust))
    address = value["registry"]["address"]
    entries = {
        "partners": lambda number: {"name": f"p{number}", "account": address},
        "sites": lambda number: {"origin": f"p{number}/x", "keys": []},
        "epochs": lambda number: {**value["epochs"][0], "from": number, "to": number},
    }
    return json.dumps({**value, key: [entries[key](number) for number in range(count)]}).encode()


@pytest.mark.parametrize("key", ["partners", "sites", "epochs"])
def test_entries_of_a_trust_file(key: str) -> None:
    at, beyond = with_entries(key, 4096), with_entries(key, 4097)
    assert len(getattr(parse_trust_file(at), key)) == 4096
    independent_verifier.read_trust(at)
    with pytest.raises(TrustFileError, match="want at most 4096"):
        parse_trust_file(beyond)
    with pytest.raises(independent_verifier.NoAnswer):
        independent_verifier.read_trust(beyond)
