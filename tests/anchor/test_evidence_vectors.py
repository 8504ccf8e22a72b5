"""The evidence under ``tests/vectors/evidence`` has the answers that were written down with it: bytes that people keep."""

import json
from typing import Any

import pytest
from perdure_anchor.evidence import FILE_SUFFIX, encode_evidence, parse_evidence
from perdure_anchor.hashes import sha256
from perdure_anchor.trust_file import encode_trust_file, parse_trust_file
from perdure_anchor.verify import Document
from tools.evidence_vectors import DOCUMENT_NAME, EXPECTED_NAME, STORIES, VECTORS, expected_of

EXPECTED: dict[str, dict[str, Any]] = json.loads((VECTORS / EXPECTED_NAME).read_text())
DOCUMENT_BYTES = (VECTORS / DOCUMENT_NAME).read_bytes()
DOCUMENT = Document(sha256(DOCUMENT_BYTES), len(DOCUMENT_BYTES))


def test_every_file_is_expected_and_every_expected_file_is_there() -> None:
    names = {path.name for path in VECTORS.iterdir()}
    assert names == {name + FILE_SUFFIX for name in EXPECTED} | {*STORIES, DOCUMENT_NAME, EXPECTED_NAME}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_answer_is_the_one_that_was_written_down(name: str) -> None:
    expected = dict(EXPECTED[name])
    trust = parse_trust_file((VECTORS / expected.pop("trust")).read_bytes())
    assert expected_of((VECTORS / (name + FILE_SUFFIX)).read_bytes(), trust, DOCUMENT) == expected


@pytest.mark.parametrize("name", [name for name in EXPECTED if EXPECTED[name]["answer"] == "yes"])
def test_evidence_is_written_as_it_was(name: str) -> None:
    raw = (VECTORS / (name + FILE_SUFFIX)).read_bytes()
    assert encode_evidence(parse_evidence(raw)) == raw


@pytest.mark.parametrize("name", STORIES)
def test_trust_files_are_written_as_they_were(name: str) -> None:
    raw = (VECTORS / name).read_bytes()
    assert encode_trust_file(parse_trust_file(raw)) == raw
