"""Writes the vectors under ``tests/vectors``: ``PYTHONPATH=tests python -m tools.vectors.write``; the same bytes each time.

A test says that the committed files are what is made here, and that two verifiers answer as they say.
"""

from collections.abc import Mapping
from pathlib import Path

from perdure_anchor.trust_file import encode_trust_file
from tools.vectors import (
    accepted_cases,
    anchor_cases,
    confirmation_cases,
    final_cases,
    form_cases,
    header_cases,
    header_vectors,
    hop_cases,
    record_cases,
    time_cases,
    trust_vectors,
)
from tools.vectors.form import (
    EVIDENCE,
    HEADERS,
    TRUST,
    TRUST_SUFFIX,
    Case,
    encode_vector,
    evidence_vector,
)
from tools.vectors.trusts import TRUSTS

GROUPS = (
    form_cases,
    record_cases,
    hop_cases,
    header_cases,
    anchor_cases,
    final_cases,
    time_cases,
    accepted_cases,
    confirmation_cases,
)


def all_cases() -> dict[str, Case]:
    cases: dict[str, Case] = {}
    for group in GROUPS:
        for name, case in group.cases().items():
            assert name not in cases, f"two vectors called {name}"
            cases[name] = case
    return cases


def evidence_files() -> Mapping[str, bytes]:
    """What belongs into the folder of evidence vectors, by name."""
    trusts = {name: encode_trust_file(trust) for name, trust in TRUSTS.items()}
    cases = all_cases()
    files = {name + TRUST_SUFFIX: raw for name, raw in trusts.items()}
    assert set(TRUSTS) == {case.trust for case in cases.values()}, "a trust file that no vector uses"
    wrong = []
    for name, case in cases.items():
        try:
            files[name + ".json"] = encode_vector(evidence_vector(case, trusts[case.trust]))
        except AssertionError as error:
            wrong.append(f"{name}: {error}")
    assert not wrong, "\n".join(wrong)
    return files


def all_files() -> Mapping[Path, Mapping[str, bytes]]:
    return {EVIDENCE: evidence_files(), TRUST: trust_vectors.files(), HEADERS: header_vectors.files()}


def main() -> None:
    for folder, files in all_files().items():
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*.json"):
            if path.name not in files:
                path.unlink()
        for name, raw in files.items():
            (folder / name).write_bytes(raw)


if __name__ == "__main__":
    main()
