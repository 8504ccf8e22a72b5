"""`perdure verify` of reports: what is attached is verified as any evidence, and no PDF is believed, or does harm, for what it says."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import perdure_cli.reporting.reading
import perdure_cli.verifying.sorting
import pytest
from perdure_cli.reporting.recognising import MARK
from perdure_cli.trust_store import user_store
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DecodedStreamObject, DictionaryObject, NameObject, TextStringObject
from tools.commands import Run, RunJson
from tools.packed_zeros import packed_zeros
from tools.story import CONTRACT, CONTRACT_EVIDENCE, RECEIPT, RECEIPT_EVIDENCE, STORY, TRUST, copy_story

TRUSTING = ("--trust", str(STORY / TRUST))
HEAD = b"%PDF-1.4\n%\x93\x8c\x8b\x9e" + MARK + b"\n"


@pytest.fixture(autouse=True)
def _story(own_user: Path) -> None:
    copy_story(own_user)


@pytest.fixture
def report(run: Run) -> Path:
    asked = ("--made-at", "2026-05-04T10:00:00Z", "-o", "report.pdf")
    assert run("report", CONTRACT_EVIDENCE, RECEIPT_EVIDENCE, *TRUSTING, *asked)[0] == 0
    for name in (CONTRACT_EVIDENCE, RECEIPT_EVIDENCE):
        Path(name).unlink()
    return Path("report.pdf")


def pdf_with(*files: tuple[str, bytes], encrypt: bool = False) -> bytes:
    """A PDF by another program, with the mark of a report in its head, and these files inside."""
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    for name, raw in files:
        writer.add_attachment(name, raw)
    if encrypt:
        writer.encrypt("secret", algorithm="RC4-128")
    with Path("made.pdf").open("wb") as stream:
        writer.write(stream)
    raw = Path("made.pdf").read_bytes()
    Path("made.pdf").unlink()
    head, rest = raw.split(b"\n", 1)
    # readers look for the last xref by its offset, and find it by looking when it is off
    return head + b"\n%" + MARK + b"\n" + rest


def test_attached_evidence_and_documents_at_hand(report: Path, run_json: RunJson) -> None:
    code, lines = run_json("verify", "report.pdf", CONTRACT, RECEIPT, *TRUSTING)
    assert code == 0
    assert {line["file"]: line["document"] for line in lines} == {
        f"report.pdf/{CONTRACT_EVIDENCE}": "matched",
        f"report.pdf/{RECEIPT_EVIDENCE}": "matched",
    }
    Path(CONTRACT).write_text("changed")
    code, lines = run_json("verify", "report.pdf", CONTRACT, *TRUSTING)
    assert code == 1
    assert {line["document"] for line in lines} == {"different", "not checked"}


def test_the_attached_trust_file_is_named_and_not_believed(report: Path, run: Run) -> None:
    code, out, err = run("verify", "report.pdf")
    assert code == 2
    assert "no trust file is pinned" in out
    assert "not believed for that" in err
    assert "50fc 66a3 80a5 dffb" in err
    user_store(os.environ).pin((STORY / TRUST).read_bytes())
    assert run("verify", "report.pdf")[0] == 0


def test_that_no_pages_were_looked_at_is_said_without_a_trust_file_too(run: Run) -> None:
    """Else a contract with the mark of a report, and evidence of something else inside, looks as if it were proven."""
    evidence = Path(CONTRACT_EVIDENCE).read_bytes()
    Path(CONTRACT_EVIDENCE).unlink()
    Path("lease.pdf").write_bytes(pdf_with((CONTRACT_EVIDENCE, evidence)))
    code, out, err = run("verify", "lease.pdf", *TRUSTING)
    assert code == 0
    assert out.startswith(f"lease.pdf/{CONTRACT_EVIDENCE}: yes")
    assert "what its pages say was not looked at: no answer is about the PDF itself" in err
    # whoever reads the answer alone is told too
    code, out, err = run("--quiet", "verify", "lease.pdf", *TRUSTING)
    assert (code, err) == (0, "")
    assert "lease.pdf, whose pages were not looked at" in out


def test_programs_are_told_that_no_pages_were_looked_at(report: Path, run: Run, run_json: RunJson) -> None:
    code, lines = run_json("verify", "report.pdf", *TRUSTING)
    assert code == 0
    assert [line["attached_to"] for line in lines] == [{"file": "report.pdf", "pages_checked": False}] * 2
    # each of several in a line of its own
    assert run("verify", "report.pdf", *TRUSTING)[1].count("whose pages were not looked at") == 2
    evidence = [file for file in PdfReader(report).attachment_list if file.name == CONTRACT_EVIDENCE]
    Path("alone.evidence.json").write_bytes(evidence[0].content)
    code, (line,) = run_json("verify", "alone.evidence.json", *TRUSTING)
    assert (code, line["attached_to"]) == (0, None)


def test_what_hangs_on_a_page_is_told_as_left_out(run: Run) -> None:
    evidence = Path(CONTRACT_EVIDENCE).read_bytes()
    Path(CONTRACT_EVIDENCE).unlink()
    writer = PdfWriter()
    page = writer.add_blank_page(100, 100)
    writer.add_attachment(CONTRACT_EVIDENCE, evidence)
    for said in (DictionaryObject({NameObject("/F"): TextStringObject("on a page.json")}), None):
        note = DictionaryObject({NameObject("/Subtype"): NameObject("/FileAttachment")})
        if said is not None:
            note[NameObject("/FS")] = said
        page.setdefault(NameObject("/Annots"), ArrayObject()).append(writer._add_object(note))
    with Path("lease.pdf").open("wb") as stream:
        writer.write(stream)
    head, rest = Path("lease.pdf").read_bytes().split(b"\n", 1)
    Path("lease.pdf").write_bytes(head + b"\n%" + MARK + b"\n" + rest)
    code, _, err = run("verify", "lease.pdf", *TRUSTING)
    assert code == 0
    assert "left out: lease.pdf/on a page.json" in err
    assert "left out: lease.pdf/a file without a name" in err


def test_changed_evidence_is_found(report: Path, run_json: RunJson) -> None:
    files = [(file.name, bytes(file.content)) for file in PdfReader(report).attachment_list]
    changed = [(name, raw.replace(b'\\"contract\\"', b'\\"receipts\\"')) for name, raw in files]
    assert changed != files
    Path("changed.pdf").write_bytes(pdf_with(*files))
    assert run_json("verify", "changed.pdf", *TRUSTING)[0] == 0
    Path("changed.pdf").write_bytes(pdf_with(*changed))
    code, lines = run_json("verify", "changed.pdf", *TRUSTING)
    assert code == 1
    assert sum(not line["ok"] for line in lines) == 1
    broken = [(name, b"no evidence" if name == CONTRACT_EVIDENCE else raw) for name, raw in files]
    Path("changed.pdf").write_bytes(pdf_with(*broken))
    assert run_json("verify", "changed.pdf", *TRUSTING)[0] == 1, "a broken proof was left out"


def test_beside_evidence_a_report_is_a_document(report: Path, run_json: RunJson) -> None:
    """Else a changed contract could carry a mark and other evidence, and pass."""
    copy_story(Path(), CONTRACT_EVIDENCE)
    code, lines = run_json("verify", CONTRACT_EVIDENCE, "report.pdf", *TRUSTING)
    assert code == 1
    assert lines[0]["document"] == "different"
    code, lines = run_json("verify", CONTRACT_EVIDENCE, CONTRACT, "report.pdf", *TRUSTING)
    assert code == 1
    assert lines[-1]["errors"][0]["error"] == "NoEvidence"
    assert "it is a report" in lines[-1]["errors"][0]["hint"]
    Path(CONTRACT_EVIDENCE).rename("report.pdf.evidence.json")
    code, lines = run_json("verify", "report.pdf", *TRUSTING)
    assert (code, lines[0]["document"]) == (1, "different")


def test_a_pdf_that_is_no_report_is_a_document(run_json: RunJson) -> None:
    Path("signed.pdf").write_bytes(b"%PDF-1.7\n% a contract\n")
    code, (line,) = run_json("verify", "signed.pdf", *TRUSTING)
    assert (code, line["errors"][0]["error"]) == (1, "NoEvidence")


def saved_again(report: Path, *, told: bool = True, attached: bool = True) -> Path:
    """The report as another program saves it; ``told``: with its title, subject and author; ``attached``: with what is inside."""
    reader = PdfReader(report)
    writer = PdfWriter(clone_from=reader) if attached else PdfWriter()
    if not attached:
        writer.append_pages_from_reader(reader)
    writer.metadata = reader.metadata if told else None
    writer.pages[0].rotate(90)
    path = Path("saved.pdf")
    with path.open("wb") as stream:
        writer.write(stream)
    assert MARK not in path.read_bytes()
    return path


def test_a_report_that_another_program_saved_is_opened_and_said_to_be_one(
    report: Path, run: Run, run_json: RunJson
) -> None:
    saved_again(report)
    code, out, err = run("verify", "saved.pdf", CONTRACT, *TRUSTING)
    assert code == 0, (out, err)
    assert out.count("whose pages were not looked at") == 2
    assert "saved.pdf: was a report before another program saved it anew" in err
    assert "nothing vouches for its pages" in err
    code, lines = run_json("verify", "saved.pdf", *TRUSTING)
    assert code == 0
    assert [line["attached_to"] for line in lines] == [{"file": "saved.pdf", "pages_checked": False}] * 2
    # not where evidence is given: then it is a document
    copy_story(Path(), CONTRACT_EVIDENCE)
    assert run("verify", CONTRACT_EVIDENCE, "saved.pdf", *TRUSTING)[0] == 1


def test_a_pdf_that_attaches_evidence_and_is_no_report_is_a_no_beside_its_evidence(
    report: Path, run_json: RunJson
) -> None:
    """Else a contract that attaches evidence of something else would pass."""
    saved_again(report, told=False)
    code, lines = run_json("verify", "saved.pdf", *TRUSTING)
    assert code == 1
    assert [line["ok"] for line in lines] == [True, True, False]
    (error,) = lines[-1]["errors"]
    assert (lines[-1]["file"], error["error"]) == ("saved.pdf", "NotAReport")
    assert "they say nothing about this PDF" in error["hint"]


def test_a_report_that_lost_what_it_attached_is_told(report: Path, run: Run) -> None:
    saved_again(report, attached=False)
    code, out, _ = run("verify", "saved.pdf", *TRUSTING)
    assert code == 1
    assert "nothing is attached any more" in out


def test_of_many_pdfs_without_evidence_none_is_opened(
    report: Path, run_json: RunJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved_again(report)
    monkeypatch.setattr(perdure_cli.verifying.sorting, "_MOST_OTHERS", 0)
    code, (line,) = run_json("verify", "saved.pdf", *TRUSTING)
    assert (code, line["errors"][0]["error"]) == (1, "NoEvidence")


def bomb() -> bytes:
    """A file of 1 GiB of zeros inside, packed twice."""
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.add_attachment(CONTRACT_EVIDENCE, b"")
    (attached,) = writer.attachment_list
    stream = DecodedStreamObject()
    stream.set_data(packed_zeros(1024))
    stream[NameObject("/Filter")] = NameObject("/FlateDecode")
    embedded: Any = attached
    embedded._embedded_file.set_data(b"")
    reference = embedded.pdf_object["/EF"].raw_get("/F")
    writer._objects[reference.idnum - 1] = stream
    with Path("made.pdf").open("wb") as out:
        writer.write(out)
    head, rest = Path("made.pdf").read_bytes().split(b"\n", 1)
    return head + b"\n%" + MARK + b"\n" + rest


@pytest.mark.parametrize(
    "raw",
    [
        HEAD,
        HEAD + b"%%EOF\n",
        HEAD + b"trailer\n<</Root 1 0 R>>\nstartxref\n0\n%%EOF\n",
        HEAD
        + b"1 0 obj\n<</Type/Catalog/Names 1 0 R/EmbeddedFiles 1 0 R/Kids[1 0 R]>>\nendobj\ntrailer\n<</Root 1 0 R>>\n%%EOF",
        HEAD + b"[" * 100_000,
        HEAD + b"1 0 obj\n" + b"<<" * 50_000 + b"\ntrailer\n<</Root 1 0 R>>\n%%EOF",
        HEAD + os.urandom(50_000),
    ],
)
def test_hostile_pdfs_are_refused_in_words(run: Run, raw: bytes) -> None:
    Path("x.pdf").write_bytes(raw)
    code, out, err = run("verify", "x.pdf", *TRUSTING)
    assert code == 1, (out, err)
    assert "x.pdf: no\n" in out
    assert "Traceback" not in out + err
    assert "fault of perdure" not in out + err


@pytest.mark.slow
def test_a_bomb_is_refused(run: Run) -> None:
    Path("x.pdf").write_bytes(bomb())
    code, out, err = run("verify", "x.pdf", *TRUSTING)
    assert code in (1, 3), (out, err)
    assert "fault of perdure" not in out + err


def test_encrypted_empty_and_without_evidence(run: Run) -> None:
    evidence = (STORY / CONTRACT_EVIDENCE).read_bytes()
    for raw, words in (
        (pdf_with((CONTRACT_EVIDENCE, evidence), encrypt=True), "is encrypted"),
        (pdf_with(), "has no evidence inside"),
        (pdf_with((TRUST, (STORY / TRUST).read_bytes())), "has no evidence inside"),
    ):
        Path("x.pdf").write_bytes(raw)
        code, out, _ = run("verify", "x.pdf", *TRUSTING)
        assert code == 1
        assert words in out


def test_too_many_files_inside(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perdure_cli.reporting.reading, "_MAX_FILES", 3)
    Path("x.pdf").write_bytes(pdf_with(*((f"{number}.txt", b"x") for number in range(4))))
    code, out, _ = run("verify", "x.pdf", *TRUSTING)
    assert code == 1
    assert "has more inside than any report" in out


def test_one_that_takes_for_ever_is_given_up(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def for_ever(*_: object) -> None:
        while True:
            pass

    monkeypatch.setattr(perdure_cli.reporting.reading, "_MAX_SECONDS", 1)
    monkeypatch.setattr(perdure_cli.reporting.reading, "_attached", for_ever)
    Path("x.pdf").write_bytes(HEAD)
    code, out, _ = run("verify", "x.pdf", *TRUSTING)
    assert code == 3
    assert "took more than 1 s" in out


def test_evidence_and_documents_load_no_reader_of_pdf() -> None:
    program = (
        "import sys; from perdure_cli.main import main\n"
        f"code = main(['verify', '{CONTRACT_EVIDENCE}', '{CONTRACT}', '--trust', '{TRUST}'])\n"
        "loaded = {'pypdf', 'reportlab'} & set(sys.modules)\n"
        "sys.exit(code or bool(loaded))"
    )
    path = os.pathsep.join(str(Path(each).absolute()) for each in sys.path if each)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
