"""`perdure report` with names that are not in Latin letters: drawn as they are written, or said to be missing."""

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from perdure_anchor.evidence import encode_evidence
from perdure_anchor.trust_file import encode_trust_file
from perdure_cli.reporting import right_to_left
from perdure_cli.reporting.fonts import report_fonts
from perdure_cli.reporting.markup import Line, markup
from pypdf import PdfReader
from simulated_chain import Story, tell
from tools.commands import Run, RunJson
from tools.story import CONTRACT_EVIDENCE, STORY, TRUST, copy_story

TRUSTING = ("--trust", "trust.json")
NOW = ("--made-at", "2026-05-04T10:00:00Z")
# Noto Sans SC, of a few letters
HAN = str(Path(__file__).parent / "fonts" / "few-han.ttf")
SALAM, MUHAMMAD, DAVID = "سلام", "محمد", "דוד"


@pytest.fixture(autouse=True)
def _here(own_user: Path) -> None:
    copy_story(own_user)


def reported(run_json: RunJson, name: str, *options: str, code: int = 0) -> tuple[dict[str, Any], str]:
    """What the command says of a report on a record that this person signed, and what the report's pages say."""
    slots = (("signers", [{"name": name[:200], "id": "x"}]),)
    told = tell.__wrapped__(Story(hidden=frozenset(), slots=slots))
    Path("x.evidence.json").write_bytes(encode_evidence(told.evidence))
    Path("trust.json").write_bytes(encode_trust_file(told.trust))
    Path("report.pdf").unlink(missing_ok=True)
    got, (line,) = run_json("report", "x.evidence.json", *TRUSTING, *NOW, "-o", "report.pdf", *options)
    assert got == code, line
    # pypdf gives what it sees from right to left as it is read
    pages = "".join(page.extract_text() for page in PdfReader("report.pdf").pages)
    return line, unicodedata.normalize("NFKC", "".join(pages.split()))


def everything(_: str) -> bool:
    return True


@pytest.mark.parametrize(
    ("written", "drawn"),
    [
        (DAVID, "דוד"[::-1]),
        # seen, lam with alef, meem at the end of a word, where alef does not join on
        (SALAM, "\ufee1\ufefc\ufeb3"),
        (MUHAMMAD, "\ufeaa\ufee4\ufea4\ufee3"),
        ("بن", "\ufee6\ufe91"),
        ("אב (גד) 2026-05-04 ה", "ה 2026-05-04 (דג) בא"),
        ("אב 12,5% ה", "ה %12,5 בא"),
        # a mark is drawn before its letter, and parts nobody
        ("\u05e9\u05b8\u05c1 \u05dc", "\u05dc \u05c1\u05b8\u05e9"),
        ("مُح", "\ufea2\u064f\ufee3"),
        # what Persian adds
        ("پگ", "\ufb93\ufb58"),
    ],
)
def test_what_is_drawn_from_left_to_right(written: str, drawn: str) -> None:
    assert right_to_left.as_drawn(written, everything) == drawn


def test_without_its_ligature_a_font_draws_lam_and_alef() -> None:
    assert right_to_left.as_drawn("لا", lambda each: each != "\ufefb") == "\ufe8e\ufedf"


def test_nothing_beside_a_name_is_moved_by_it() -> None:
    """A name must not take the figures after it, or before it, to its other side."""
    plain = report_fonts().plain
    assert markup(f"1 {DAVID} 2, <b>", plain) == f"1 {DAVID[::-1]} 2, &lt;b&gt;"
    assert markup(f"a{DAVID}: {DAVID}b", plain) == f"a{DAVID[::-1]}\u00a0:{DAVID[::-1]}b"
    # a bracket belongs to the one that was opened
    assert markup(f"{DAVID} ({DAVID}))", plain) == f"({DAVID[::-1]})\u00a0{DAVID[::-1]})"
    assert markup(f"({DAVID})", plain) == f"({DAVID[::-1]})"


def test_lines_are_broken_in_the_order_in_which_they_are_read() -> None:
    plain = report_fonts().plain
    text = "אבג דהו זחט יכל"
    whole = markup(text, plain, Line(500, 10))
    assert "<br/>" not in whole
    assert markup(text, plain, Line(50, 10)).split("<br/>") == [
        each[::-1].replace(" ", "\u00a0") for each in ("אבג דהו", "זחט יכל")
    ]
    # a word that no line holds
    assert markup("אבגד", plain, Line(15, 10)).split("<br/>") == ["בא", "דג"]


def test_hebrew_and_arabic_are_drawn_by_themselves(run_json: RunJson) -> None:
    line, text = reported(run_json, f"{DAVID} {MUHAMMAD}")
    assert line["not_drawn"] == []
    assert f"{DAVID}{MUHAMMAD}" in text
    assert "\\u{5" not in text
    assert "arenotdrawn" not in text


def test_a_long_text_from_right_to_left_fills_lines_from_the_top(run_json: RunJson) -> None:
    words = [f"א{letter * 5}" for letter in "בגדהוזחטיכלמנסעפצקרשתםןףץך"]
    _, text = reported(run_json, " ".join(words))
    places = [text.index(word) for word in words]
    assert places == sorted(places)


def test_what_no_font_draws_is_said_on_the_first_page_and_a_font_draws_it(
    run: Run, run_json: RunJson
) -> None:
    line, text = reported(run_json, "王小明")
    assert line["not_drawn"] == ["CJK"]
    assert "\\u{738b}\\u{5c0f}\\u{660e}" in text
    first = "".join(PdfReader("report.pdf").pages[0].extract_text().split())
    assert "Somelettersarenotdrawninthisreport(CJK)" in first
    assert "perdurereport--fontFILEdrawsthem" in first
    code, _, err = run("report", "x.evidence.json", *TRUSTING, "-o", "other.pdf")
    assert code == 0
    assert "some letters are shown by their numbers (CJK): name a font that has them, --font FILE" in err
    line, text = reported(run_json, "王小明", "--font", HAN)
    assert line["not_drawn"] == []
    assert "王小明" in text
    assert "arenotdrawn" not in text
    assert Path("report.pdf").stat().st_size < 150_000, "the font is embedded as far as it is used"
    before = Path("report.pdf").read_bytes()
    reported(run_json, "王小明", "--font", HAN)
    assert Path("report.pdf").read_bytes() == before


def test_what_would_be_drawn_wrongly_is_not_drawn(run_json: RunJson) -> None:
    """Devanagari joins, and of Uyghur's letters one has no form of its own in Unicode for the end of a word."""
    line, text = reported(run_json, "राम \u06d5 Ada")
    assert line["not_drawn"] == ["ARABIC", "DEVANAGARI", "signs"]
    assert "\\u{930}" in text
    assert "--fontFILE" not in text, "no font helps"


@pytest.mark.parametrize(
    "raw", [b"", b"%!PS", b"OTTO" + bytes(500), b"\0\1\0\0" + bytes(9), b"ttcf" + bytes(99)]
)
def test_what_is_no_font_is_refused_in_words(run: Run, raw: bytes) -> None:
    Path("x.ttf").write_bytes(raw)
    asked = (
        "report",
        CONTRACT_EVIDENCE,
        "--trust",
        str(STORY / TRUST),
        "-o",
        "report.pdf",
        "--font",
        "x.ttf",
    )
    code, _, err = run(*asked)
    assert code == 2, err
    assert "x.ttf: " in err
    assert "Traceback" not in err
    assert not Path("report.pdf").exists()
