"""`perdure report`: a PDF that says what the verifier says, attaches what was verified, and is verified again."""

import io
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from tools.commands import Run, RunJson
from tools.story import CONTRACT, CONTRACT_EVIDENCE, STORY, TRUST, copy_story

TRUSTING = ("--trust", str(STORY / TRUST))
NOW = ("--made-at", "2026-05-04T10:00:00Z")


@pytest.fixture(autouse=True)
def _story(own_user: Path) -> None:
    copy_story(own_user)


def text_of(path: str) -> str:
    """What all pages say, without the breaks between lines."""
    return "".join("".join(page.extract_text().split()) for page in PdfReader(path).pages)


def says(text: str, wanted: str) -> bool:
    return "".join(wanted.split()) in text


def attached(path: str) -> dict[str, bytes]:
    return {file.name: bytes(file.content) for file in PdfReader(path).attachment_list}


def test_a_report_says_what_the_verifier_says(run: Run, run_json: RunJson) -> None:
    code, (line,) = run_json("report", CONTRACT_EVIDENCE, CONTRACT, *TRUSTING, *NOW, "-o", "report.pdf")
    assert (code, line["ok"], line["file"]) == (0, True, "report.pdf")
    _, (verdict,) = run_json("verify", CONTRACT_EVIDENCE, CONTRACT, *TRUSTING)
    assert line["evidence"] == [verdict]
    text = text_of("report.pdf")
    bounds: list[Any] = [verdict["time"]["not_before"], verdict["time"]["not_after"]]
    for wanted in (
        "YES",
        verdict["leaf_hash"],
        verdict["who_must_have_lied"],
        verdict["anchor"]["block_hash"],
        verdict["trust"]["fingerprint"],
        verdict["disclosed"]["document_sha256"],
        *(bound["at"] for bound in bounds),
        *(address for bound in bounds for address in bound["who_must_have_lied"]),
        *verdict["claims"].values(),
        *verdict["notes"],
        *verdict["hidden"],
    ):
        assert says(text, wanted), wanted


def test_it_attaches_what_was_verified_and_is_verified_again(run: Run, run_json: RunJson) -> None:
    assert run("report", CONTRACT_EVIDENCE, *TRUSTING, *NOW, "-o", "report.pdf")[0] == 0
    files = attached("report.pdf")
    assert Path(CONTRACT_EVIDENCE).read_bytes() in files.values()
    assert Path(TRUST).read_bytes() in files.values()
    code, (line,) = run_json("verify", "report.pdf", CONTRACT, *TRUSTING)
    assert (code, line["ok"], line["document"]) == (0, True, "matched")
    assert run("verify", "report.pdf")[0] == 2, "the trust file inside must not be believed"


def test_the_same_bytes_for_the_same_time(run: Run) -> None:
    for name in ("one.pdf", "two.pdf"):
        assert run("report", CONTRACT_EVIDENCE, *TRUSTING, *NOW, "-o", name)[0] == 0
    assert Path("one.pdf").read_bytes() == Path("two.pdf").read_bytes()
    later = ("--made-at", "2026-05-04T10:00:01Z")
    assert run("report", CONTRACT_EVIDENCE, *TRUSTING, *later, "-o", "three.pdf")[0] == 0
    assert Path("three.pdf").read_bytes() != Path("one.pdf").read_bytes()
    information = PdfReader(io.BytesIO(Path("one.pdf").read_bytes())).metadata
    assert information is not None
    assert information.creation_date_raw == "D:20260504100000+00'00'"


def test_evidence_that_does_not_hold_makes_a_report_that_says_no(run: Run) -> None:
    Path("other.pdf").write_text("another document")
    asked = ("report", CONTRACT_EVIDENCE, "--document", "other.pdf", *TRUSTING, *NOW)
    assert run(*asked, "-o", "none.pdf", "--only-if-yes")[0] == 1
    assert not Path("none.pdf").exists()
    assert run(*asked, "-o", "report.pdf")[0] == 1
    text = text_of("report.pdf")
    assert says(text, "NO")
    assert not says(text, "YES")
    assert says(text, "FAILED")
