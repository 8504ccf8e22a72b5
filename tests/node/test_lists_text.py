import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.hashes import sha256
from perdure_node.errors import EmptyList, ImportRefused, UnknownImportFormat
from perdure_node.lists import text as list_text
from perdure_node.lists.reading import open_list
from perdure_node.lists.rows import MAX_LINE_SIZE, ListOptions
from perdure_node.lists.text import Encoding, ListText
from tools.lists import NOWHERE, opened, read

A = sha256(b"a").hex()
CSV = f"document_sha256,extra.a\n{A},b\n".encode()
SAVE = "save the list as UTF-8; or name its encoding, as in --encoding cp1250"


def csv_of(*notes: bytes) -> bytes:
    return CSV + b"".join(f"{A},".encode() + note + b"\n" for note in notes)


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (csv_of("Zoë".encode("cp1252"), b"\x81"), None, "row 4: not Windows-1252 at byte 66 of the line: 0x81"),
        (csv_of(b'"x\n\x81"'), "cp1252", "row 3: not Windows-1252 at byte 1 of the line: 0x81"),
        (csv_of("Zoë".encode("cp1252")), "utf-8", "row 3: not UTF-8 at byte 68 of the line: 0xeb"),
        (csv_of("Zoë".encode("cp1252")), "UTF8", "row 3: not UTF-8 at byte 68 of the line: 0xeb"),
        (csv_of("Zoë".encode(), "ÄÖ\xdf".encode() + b"\xc3"), None, "row 4: not UTF-8 at byte 72 of the line: 0xc3"),
        (csv_of(b"\x81"), "cp1250", "row 3: not cp1250 at character 66 of the line"),
        (CSV.decode().encode("utf-16") + b"\0\xd8", None, "row 3: not UTF-16 at character 1 of the line"),
        (CSV.decode().encode("utf-16") + b"x", None, "row 3: not UTF-16 at character 1 of the line"),
        (f"{A}  a\n{A}  ".encode() + b"\xe4\n", None, "row 2: not UTF-8 at byte 67 of the line: 0xe4"),
        (f"{A}  a\n{A}  ".encode() + b"\xe4", None, "row 2: not UTF-8 at byte 67 of the line: 0xe4"),
        (b'{"document_sha256":1}\n{"\xe4":1}', None, "row 2: not UTF-8 at byte 3 of the line: 0xe4"),
    ],
)  # fmt: skip
def test_a_fault_of_encoding_is_found_in_its_row(content: bytes, encoding: str | None, message: str) -> None:
    with pytest.raises(ImportRefused) as caught:
        list(opened(content, encoding=encoding).rows)
    assert str(caught.value) == message
    assert caught.value.given_hint == SAVE


def test_rows_before_a_fault_are_read() -> None:
    rows = opened(f"{A}  a\n".encode() * 5000 + b"\xff\n" + f"{A}  a\n".encode()).rows
    assert [next(rows).number for _ in range(5000)] == list(range(1, 5001))
    with pytest.raises(ImportRefused, match="row 5001: not UTF-8"):
        next(rows)


western = st.text(st.characters(codec="cp1252", exclude_categories=("Cc",)), max_size=30)


@given(western, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1", "cp850", "utf-16-le"]))
def test_encodings_are_known_or_named(note: str, encoding: str) -> None:
    octets = csv_of_note(note).encode(encoding, "ignore")
    note = octets.decode(encoding).partition('"')[2].removesuffix('"\n')
    known = encoding in ("utf-8", "utf-8-sig", "utf-16") or (encoding == "cp1252" and not like_utf_8(octets))
    (slots,) = read(octets, encoding=None if known else encoding)
    assert slots["extra"] == {"a": note}


def csv_of_note(note: str) -> str:
    """A note in a cell that is quoted, and not empty."""
    return f'document_sha256,extra.a\n{A},"<{note.replace(chr(34), chr(39))}>"\n'


def like_utf_8(octets: bytes) -> bool:
    """Whether more of the characters beyond ASCII are whole than broken, if it is taken for UTF-8."""
    beyond = [each for each in octets.decode("utf-8", "surrogateescape") if each > "\x7f"]
    broken = [each for each in beyond if "\udc80" <= each <= "\udcff"]
    return 2 * len(broken) <= len(beyond)


def test_the_whole_list_decides_upon_its_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """However the pieces fall in which it is read."""
    for piece in (1, 2, 3, 1 << 20):
        monkeypatch.setattr(list_text, "_CHUNK", piece)
        late = opened(csv_of(*[b"x"] * 50, "Zoë".encode("cp1252")))
        assert late.notes == ("read as Windows-1252, since it is not UTF-8",)
        assert opened(csv_of("Zoë€".encode())).notes == ()
        # two whole characters, one that was cut
        damaged = opened(csv_of("ÄÖ".encode() + b"\xc3"))
        with pytest.raises(ImportRefused, match="not UTF-8"):
            list(damaged.rows)


def test_a_header_in_windows_1252_is_recognised() -> None:
    content = f"Prüfsumme;Straße\n{A};Höhe\n".encode("cp1252")
    columns = {"PRÜFSUMME": "document_sha256", "strasse": "extra.a"}
    assert read(content, columns=columns) == [{"document_sha256": A, "extra": {"a": "Höhe"}}]


@pytest.mark.parametrize(
    ("content", "options", "message", "hint"),
    [
        (b"PK\x03\x04rest", {}, "the list is a workbook or an archive, not text", "CSV UTF-8"),
        (b"\xd0\xcf\x11\xe0rest", {}, "the list is a workbook or an archive, not text", "CSV UTF-8"),
        (CSV.decode().encode("utf-16-le"), {}, "the list begins with a zero byte, as text in UTF-16 does", "utf-16-le"),
        (CSV.decode().encode("utf-16-be"), {}, "the list begins with a zero byte, as text in UTF-16 does", "utf-16-le"),
        (CSV, {"encoding": "ebcdic"}, "encoding: nobody knows 'ebcdic'", "cp1250"),
        (CSV, {"encoding": "base64"}, "encoding: nobody knows 'base64'", "cp1250"),
        (CSV, {"encoding": "a\0b"}, "encoding: nobody knows 'a\\x00b'", "cp1250"),
    ],
)  # fmt: skip
def test_what_is_no_text_is_refused(
    content: bytes, options: dict[str, object], message: str, hint: str
) -> None:
    with pytest.raises(UnknownImportFormat) as caught:
        opened(content, **options)  # type: ignore[arg-type]  # spread options
    assert str(caught.value) == message
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize("name", ["list", "list.csv", "list.jsonl"])
@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n", b"\xff\xfe"])
def test_a_list_without_a_line(name: str, content: bytes) -> None:
    with pytest.raises(EmptyList, match=f"there is no record in {name}"):
        opened(content, name)


lines = st.lists(st.text("ab\r\x0b\u2028é", max_size=12), max_size=12)


@given(lines, st.booleans(), st.integers(1, 20))
def test_lines_are_those_between_line_feeds(parts: list[str], ended: bool, page: int) -> None:
    """Whatever else other people take for the end of a line, and however the pages fall."""
    content = "\n".join(parts) + ("\n" if ended else "")
    text = ListText(io.BytesIO(content.encode()), Encoding("utf-8"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(list_text, "_PAGE", page)
        assert list(text.lines()) == content.removesuffix("\n").split("\n")[: None if content else 0]


@pytest.mark.parametrize("length", [MAX_LINE_SIZE - 66, MAX_LINE_SIZE - 65])
@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_a_line_is_so_long_and_no_longer(length: int, end: str) -> None:
    rows = opened(f"{A}  a\n" * 3 + f"{A}  " + "x" * length + end).rows
    assert [next(rows).number for _ in range(3)] == [1, 2, 3]
    if length + 66 == MAX_LINE_SIZE:
        assert next(rows).number == 4
    else:
        with pytest.raises(ImportRefused, match=f"row 4: longer than {MAX_LINE_SIZE} characters"):
            next(rows)


@pytest.mark.parametrize(
    "content", [csv_of(*[b"x"] * 5000), csv_of(*["Zoë".encode("cp1252")] * 5000), b"\xef\xbb\xbf" + CSV, f"{A}  a\n".encode() * 5000]
)  # fmt: skip
def test_all_bytes_are_told_of_in_order(content: bytes, tmp_path: Path) -> None:
    told: list[int] = []
    path = tmp_path / "list"
    path.write_bytes(content)
    with path.open("rb") as file:
        assert list(open_list(file, "list", NOWHERE, ListOptions(), told.append).rows)
        assert not file.closed
    assert told == sorted(told)
    assert told[-1] == len(content)
