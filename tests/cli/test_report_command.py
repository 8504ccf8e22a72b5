"""`perdure report`: a PDF that says what the verifier says, attaches what was verified, and is verified again."""

import hashlib
import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from perdure_anchor.evidence import encode_evidence
from perdure_anchor.trust_file import encode_trust_file
from pypdf import PdfReader
from simulated_chain import Story, tell
from tools.commands import Run, RunJson
from tools.confirmed_story import PEOPLE, confirmed_story
from tools.story import (
    CONTRACT,
    CONTRACT_EVIDENCE,
    RECEIPT_EVIDENCE,
    STORY,
    TRUST,
    copy_story,
    rewrite_evidence,
    without_anchor,
    without_checkpoint,
)

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


HOSTILE = (
    '<b>bold</b> & <font color="white">hidden</font> <a href="https://evil.example/">link</a> <img src="/etc/passwd"/> '
    "\x1b[31m \u202egnp.exe \u0645\u0631\u062d\u0628\u0627 \u4e2d\u6587 \u03a9\u03bc\u03ad\u03b3\u03b1 \u0416\u0443\u043a\u043e\u0432 "
    "\U0001f600 ]]> &amp; <para>"
)


def write_story(**changes: Any) -> None:
    """Evidence of the simulated chain whose record says these things, as x.evidence.json, and its trust file as trust.json."""
    name = changes.pop("trust_name", "simulated consortium")
    told = tell.__wrapped__(Story(hidden=frozenset(), **changes))
    Path("x.evidence.json").write_bytes(encode_evidence(told.evidence))
    Path("trust.json").write_bytes(encode_trust_file(replace(told.trust, name=name)))


def test_hostile_texts_are_text_and_nothing_else(run: Run) -> None:
    signers = [{"name": "N" * 800 + HOSTILE, "id": "i" * 250}]
    slots = (
        ("document_type", HOSTILE),
        ("signers", signers),
        ("extra", {"deep": ["\u4e2d" * 3000, HOSTILE]}),
    )
    write_story(slots=slots, trust_name=HOSTILE[:64])
    Path("x.evidence.json").rename("<b>\u202e&.evidence.json")
    code, _, err = run(
        "report", "<b>\u202e&.evidence.json", "--trust", "trust.json", *NOW, "-o", "report.pdf"
    )
    assert code == 0, err
    reader = PdfReader("report.pdf")
    text = text_of("report.pdf")
    for wanted in (
        '<b>bold</b> & <font color="white">hidden</font> <a href="https://evil.example/">link</a>',
        "\\x1b[31m",
        "\\u202egnp.exe",
        "\ufe8e\ufe92\ufea3\ufeae\ufee3"[::-1],
        "\\u{4e2d}\\u{6587}",
        "\u03a9\u03bc\u03ad\u03b3\u03b1",
        "\u0416\u0443\u043a\u043e\u0432",
        "\\u{1f600}",
        "]]> &amp; <para>",
        "N" * 800 + "<b>bold</b>",
        "i" * 250,
        "<b>\\u202e&.evidence.json",
    ):
        assert says(text, wanted), wanted
    assert text.count("\\u{4e2d}") >= 3000, "a value was not told to its end"
    assert not {"\u202e", "\x1b"} & set(text)
    assert not any("/Annots" in page for page in reader.pages), "a text became a link"
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in attached("report.pdf"))


def test_a_million_letters_in_one_error_are_clipped(run: Run) -> None:
    Path("x.evidence.json").write_text('{"format": "perdure-evidence/1", "' + "\u4e2d" * 5000 + '": 1}')
    assert run("report", "x.evidence.json", *TRUSTING, *NOW, "-o", "report.pdf")[0] == 1
    assert says(text_of("report.pdf"), "NO")


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (without_anchor, "the checkpoint is not anchored yet"),
        (without_checkpoint, "the record is in no signed checkpoint yet"),
        (lambda evidence: replace(evidence, slots=evidence.slots[1:] + evidence.slots[:1]), "step 2"),
        (
            lambda evidence: replace(evidence, checkpoint=replace(evidence.checkpoint, index=1)),
            "RootMismatchError, at step 4",
        ),
    ],
)
def test_every_fault_is_in_it(run: Run, run_json: RunJson, change: Any, wanted: str) -> None:
    rewrite_evidence(Path(CONTRACT_EVIDENCE), change)
    code, (line,) = run_json("report", CONTRACT_EVIDENCE, *TRUSTING, *NOW, "-o", "report.pdf")
    assert (code, line["ok"]) == (1, False)
    text = text_of("report.pdf")
    assert says(text, wanted)
    for fault in line["evidence"][0]["errors"]:
        assert says(text, fault["message"])
        assert says(text, fault["error"])
        assert fault["hint"] is None or says(text, fault["hint"])
    again, (verified,) = run_json("verify", "report.pdf", *TRUSTING)
    assert (again, verified["errors"]) == (1, line["evidence"][0]["errors"])


def test_less_is_a_yes_where_less_was_asked_for(run: Run) -> None:
    rewrite_evidence(Path(CONTRACT_EVIDENCE), without_anchor)
    asked = ("report", CONTRACT_EVIDENCE, "--require", "recorded", *TRUSTING, *NOW)
    assert run(*asked, "-o", "report.pdf")[0] == 0
    assert says(text_of("report.pdf"), "no more is shown: not who made it, nor when")


def test_nobody_is_believed_without_a_trust_file(run: Run) -> None:
    assert run("report", CONTRACT_EVIDENCE, *NOW, "-o", "report.pdf")[0] == 2
    text = text_of("report.pdf")
    assert says(text, "COULD NOT BE FOUND OUT")
    assert says(text, "no trust file is pinned")
    assert says(text, "nothing says whom to believe")


def test_many_have_a_table_first_and_those_that_fail_before_it(run: Run, run_json: RunJson) -> None:
    Path("broken.evidence.json").write_text("{")
    Path("lonely.txt").write_text("nobody is about me")
    code, (line,) = run_json("report", ".", *TRUSTING, *NOW, "-o", "report.pdf")
    assert (code, len(line["evidence"])) == (1, 4)
    first = "".join(PdfReader("report.pdf").pages[0].extract_text().split())
    assert says(first, "4 in all: 2 yes, 2 no, 0 could not be found out")
    assert first.index("Whatisnoyes") < first.index("broken.evidence.json") < first.index("Theevidence")
    assert len(attached("report.pdf")) == 4
    assert len(PdfReader("report.pdf").outline) >= 5
    code, lines = run_json("verify", "report.pdf", *TRUSTING)
    assert (code, sorted(line["ok"] for line in lines)) == (1, [False, True, True])


def test_what_is_no_evidence_is_not_silently_left_out(run: Run) -> None:
    Path("folder").mkdir()
    for name in ("x.statement.json", "folder/y.audit.json"):
        Path(name).write_text("{}")
    copy = Path("folder", CONTRACT_EVIDENCE)
    copy.write_bytes(Path(CONTRACT_EVIDENCE).read_bytes())
    code, _, told = run("report", CONTRACT_EVIDENCE, "x.statement.json", *TRUSTING, "-o", "report.pdf")
    assert (code, Path("report.pdf").exists()) == (2, False)
    assert "x.statement.json: a report is made from evidence only" in told
    code, _, told = run("report", "folder", *TRUSTING, "-o", "report.pdf")
    assert code == 0
    assert "left out: folder/y.audit.json" in told


def test_each_page_says_which_it_is_and_of_what(run: Run) -> None:
    assert run("report", CONTRACT_EVIDENCE, RECEIPT_EVIDENCE, *TRUSTING, *NOW, "-o", "report.pdf")[0] == 0
    pages = [page.extract_text() for page in PdfReader("report.pdf").pages]
    for number, page in enumerate(pages, 1):
        assert f"page {number} of {len(pages)}" in page
        assert "made 2026-05-04T10:00:00Z with perdure" in page
    for name in (CONTRACT_EVIDENCE, RECEIPT_EVIDENCE):
        digest = hashlib.sha256(Path(name).read_bytes()).hexdigest()
        assert any(f"evidence SHA-256 {digest}" in page for page in pages)


def test_nothing_is_written_over(run: Run) -> None:
    Path("report.pdf").write_text("mine")
    assert run("report", CONTRACT_EVIDENCE, *TRUSTING, "-o", "report.pdf")[0] == 2
    assert Path("report.pdf").read_text() == "mine"


def test_another_process_writes_the_same(run: Run) -> None:
    asked = ["report", CONTRACT_EVIDENCE, *TRUSTING, *NOW]
    assert run(*asked, "-o", "one.pdf")[0] == 0
    others = {"PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "86400", "TZ": "Asia/Tokyo"}
    command = [sys.executable, "-m", "perdure_cli", *asked, "-o", "two.pdf"]
    path = os.pathsep.join(str(Path(each).absolute()) for each in sys.path if each)
    done = subprocess.run(command, env=os.environ | others | {"PYTHONPATH": path}, check=False)
    assert done.returncode == 0
    assert Path("one.pdf").read_bytes() == Path("two.pdf").read_bytes()


def test_who_answers_for_the_record(run: Run) -> None:
    told = confirmed_story()
    Path("x.evidence.json").write_bytes(encode_evidence(told.evidence))
    Path("trust.json").write_bytes(encode_trust_file(told.trust))
    assert run("report", "x.evidence.json", "--trust", "trust.json", *NOW, "-o", "report.pdf")[0] == 0
    text = text_of("report.pdf")
    for name, _ in PEOPLE:
        assert says(text, f"{name} with key 0x")
    assert says(text, "that this key is his is the site's word")
    assert says(text, "who recorded and who confirmed signed it")
    assert says(text, "confirmed not before")
