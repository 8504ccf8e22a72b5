import contextlib
import csv
import io
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.hashes import sha256
from perdure_node.errors import EmptyList, ImportRefused
from perdure_node.lists.csv_header import SEPARATORS
from perdure_node.lists.rows import MAX_LINE_SIZE
from tools.lists import Endless, filled, opened, read, slots_of

A = sha256(b"a").hex()
COLUMNS = [
    "document_sha256", "document_size", "document_name", "document_type", "signers", "signed_at", "recorded_by", "extra.note",
]  # fmt: skip
KNOWN = (
    "columns are file, signer, document_sha256, document_size, document_name, media_type, document_type, signed_at, "
    "recorded_by, supersedes, and extra.NAME for fields of your own"
)

text = (
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)
    .map(str.strip)
    .filter(bool)
)
western = (
    st.text(st.characters(codec="cp1252", exclude_categories=("Cc",)), min_size=1).map(str.strip).filter(bool)
)
lines = st.tuples(western, st.sampled_from(["\n", "\r\n", "\r", ";", ",", "\t", '"', "|"]), western).map(
    "".join
)
names = st.text(
    st.characters(codec="cp1252", exclude_characters="<>;", exclude_categories=("Cc",)), min_size=1
)
signer_names = names.map(str.strip).filter(bool)
rows = st.fixed_dictionaries(
    {
        "document_sha256": st.binary(min_size=32, max_size=32).map(bytes.hex),
        "document_size": st.integers(0, 10**15),
        "document_name": lines,
        "document_type": st.none() | western,
        "signers": st.none() | st.lists(signer_names.map(lambda name: {"name": name}), min_size=1, max_size=3),
        "signed_at": st.none() | st.datetimes().map(lambda time: f"{time:%Y-%m-%dT%H:%M:%SZ}".rjust(20, "0")),
        "recorded_by": st.none() | western,
        "extra.note": st.none() | lines,
    }
)  # fmt: skip


def cell(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(signer["name"] for signer in value)
    return "" if value is None else str(value)


def slots_for(row: dict[str, object]) -> dict[str, object]:
    slots = {column: value for column, value in row.items() if value is not None}
    note = slots.pop("extra.note", None)
    return slots if note is None else {**slots, "extra": {"note": note}}


@given(
    st.lists(rows, min_size=1, max_size=4),
    st.sampled_from([*SEPARATORS]),
    st.sampled_from(["\r\n", "\n", "\r"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    st.booleans(),
    st.integers(0, 3),
)
def test_what_a_csv_writer_writes_is_read(
    records: list[dict[str, object]],
    separator: str,
    end: str,
    quoting: int,
    encoding: str,
    with_separator_line: bool,
    empty: int,
) -> None:
    """In each dialect and encoding, with the empty columns and rows that spreadsheets leave on the right and below."""
    file = io.StringIO(newline="")
    if with_separator_line:
        file.write(f"sep={separator}{end}")
    # line ends are set afterwards, since a writer quotes those of its own only
    writer = csv.writer(file, delimiter=separator, quoting=quoting, lineterminator="\r\n")  # type: ignore[arg-type]  # drawn or spread options
    margin = [""] * empty
    writer.writerow([*COLUMNS, *margin])
    for record in records:
        writer.writerow([*(cell(record[column]) for column in COLUMNS), *margin])
        writer.writerow([""] * (len(COLUMNS) + empty))
    content = file.getvalue() if end == "\r\n" else with_line_ends(file.getvalue(), end)
    # an explicit encoding for cp1252, as such a list can be UTF-8 by chance
    asked = encoding if encoding == "cp1252" else None
    found = read(content.encode(encoding), "list.csv", encoding=asked)
    assert found == [slots_for(record) for record in records]


def with_line_ends(content: str, end: str) -> str:
    """The line ends outside of quotes replaced."""
    parts = content.split('"')
    return '"'.join(part if number % 2 else part.replace("\r\n", end) for number, part in enumerate(parts))


@given(st.lists(rows, min_size=1, max_size=3), st.sampled_from([*SEPARATORS]), st.booleans())
def test_rejects_can_be_imported_again(records: list[dict[str, object]], separator: str, named: bool) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=separator)
    writer.writerow(["Nummer", *COLUMNS[1:], "ü", ""])
    for record in records:
        writer.writerow([*(cell(record[column]) for column in COLUMNS), "x", ""])
    options = {"columns": {"nummer": "document_sha256", "Ü": "-"}, "encoding": "cp1252" if named else None}
    content = file.getvalue().encode("cp1252" if named else "utf-8")
    listed = opened(content, "list.csv", **options)  # type: ignore[arg-type]  # drawn or spread options
    rejects = listed.reject_head() + "".join(map(listed.reject_text, listed.rows))
    assert read(rejects, "list.csv", **options) == read(content, "list.csv", **options)


@pytest.mark.parametrize("asked", ["~", ";"])
def test_a_separator_that_was_asked_for_is_asked_for_again_where_it_has_to_be(asked: str) -> None:
    content = f"sep={asked}\ndocument_sha256{asked}extra.a\n{A}{asked}1\n"
    listed = opened(content)
    assert listed.reject_head().startswith("\ufeffsep=~\r\n" if asked == "~" else "\ufeffdocument")
    rejects = listed.reject_head() + "".join(map(listed.reject_text, listed.rows))
    assert read(rejects) == [{"document_sha256": A, "extra": {"a": "1"}}]


@pytest.mark.parametrize(
    ("header", "separator"),
    [
        ("document_sha256", ","),
        ("document_sha256;", ";"),
        ("document_sha256;signer", ";"),
        ("document_sha256\tsigner", "\t"),
        ("document_sha256|signer", "|"),
        ("extra.a,b;document_sha256", ";"),
        ("extra.a;b,document_sha256", ","),
        ("extra.a;extra.b,document_sha256", ","),
        ('"extra.a;b";document_sha256', ";"),
        ('"extra.a\nb, c";document_sha256', ";"),
        ('extra.5" a;document_sha256;signer', ";"),
    ],
)
def test_the_separator_is_that_of_the_header(header: str, separator: str) -> None:
    assert opened(f"{header}\n", "list.csv").separator == separator


@pytest.mark.parametrize("head", ["", "sep=;\n", '"sep=;"\r\n', "SEP=;\r\n"])
def test_rows_are_counted_as_a_spreadsheet_counts_them(head: str) -> None:
    """A row with line breaks is one, an empty row counts, and what a spreadsheet does not show does not."""
    content = head + f'document_sha256;extra.a;\n\n;;\n{A};"1\n2\r\n3";\n{A};x;\n\n;;\n'
    listed = opened(content)
    assert [(row.number, row.cells) for row in listed.rows] == [
        (4, (A, "1\n2\r\n3", "")),
        (5, (A, "x", "")),
    ]
    assert opened("\n,,\n\n" + content.removeprefix(head), "list.csv").interpreter == listed.interpreter


@pytest.mark.parametrize(
    ("content", "options", "notes"),
    [
        (f"document_sha256,signer\n{A},Zo\xeb\n", {}, ()),
        (f"document_sha256;signer\n{A};Zo\xeb\n", {}, ("semicolons part the cells",)),
        (f"document_sha256\tsigner\n{A}\tZo\xeb\n".encode("utf-16"), {}, ("tabs part the cells",)),
        (f"document_sha256,signer\n{A},Zo\xeb\n".encode("cp1252"), {}, ("read as Windows-1252, since it is not UTF-8",)),
        (f"document_sha256,signer\n{A},Zo\xeb\n".encode("cp1252"), {"encoding": "latin-1"}, ()),
        (f"\ufeffdocument_sha256,signer\n{A},Zo\xeb\n", {"encoding": "cp1252"}, ("read as UTF-8, as its first bytes say",)),
    ],
)  # fmt: skip
def test_what_was_assumed_is_noted(
    content: str | bytes, options: dict[str, object], notes: tuple[str, ...]
) -> None:
    listed = opened(content, "list.csv", **options)  # type: ignore[arg-type]  # drawn or spread options
    assert slots_of(listed) == [{"document_sha256": A, "signers": [{"name": "Zo\xeb"}]}]
    assert listed.notes == notes


def test_columns_are_known_by_many_names() -> None:
    content = f"  Document_SHA256 ,Vertrags-\u00a0nummer,EXTRA.Name,Weg,supersedes,Unterschrift am\n{A},7, b ,x,{A},2026-05-04 10:00Z\n"
    columns = {
        "vertrags- nummer": "extra.Contract No",
        "weg": "-",
        "Unterschrift  am": "Signed_At",
        "supersedes": "extra.old",
    }
    assert read(content, columns=columns) == [
        {
            "document_sha256": A,
            "extra": {"Contract No": "7", "Name": " b ", "old": A},
            "signed_at": "2026-05-04T10:00:00Z",
        }
    ]


@pytest.mark.parametrize(
    "written", [A, A.upper(), f"0x{A}", f"0X{A.upper()}", f"sha256:{A}", f"SHA-256: {A}", f" {A[:8]} {A[8:]}\u00a0", f"'{A}"]
)  # fmt: skip
def test_digests_are_written_in_many_ways(written: str) -> None:
    assert read(f"document_sha256,supersedes\n{written},{written}\n") == [
        {"document_sha256": A, "supersedes": A}
    ]


def test_what_looks_like_a_command_of_a_spreadsheet_is_text() -> None:
    content = f'document_sha256,document_name,extra.a,document_size\n{A},"=HYPERLINK(""x"")",\'0042,\'0042\n'
    assert read(content) == [
        {
            "document_sha256": A,
            "document_name": '=HYPERLINK("x")',
            "extra": {"a": "'0042"},
            "document_size": 42,
        }
    ]


def test_files_are_read_below_the_folder(tmp_path: Path) -> None:
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "a.txt").write_bytes(b"a")
    for path in ("papers/a.txt", "papers\\a.txt", "./papers/../papers/a.txt"):
        listed = opened(f"file,document_name\n{path},a.pdf\n", beside=tmp_path)
        assert filled(slots_of(listed)[0]) == {
            "document_sha256": A, "document_size": 1, "document_name": "a.pdf", "media_type": "text/plain",
        }  # fmt: skip
    elsewhere = opened("file\na.txt\n", folder=tmp_path / "papers")
    assert slots_of(elsewhere)[0]["document_sha256"] == A


HEAD = "document_sha256,document_size,signed_at,signer,extra.a\n"
SHA = "want the 64 hexadecimal digits of a SHA-256"
LOCAL = "a local date, whose day and month can be taken for each other"


@pytest.mark.parametrize(
    ("row", "message", "hint"),
    [
        (f"{A},1,,", "row 2: got 4 cells, want 5", "Excel leaves out the last columns where many rows have them empty"),
        (f"{A},1,,,,,x,,", "row 2: got 7 cells, want 5", "quote cells that have the separator in them"),
        (",1,,,", "row 2, column document_sha256: the row names no document, by digest or by file", "correct the row"),
        (f"{A[1:]},1,,,", f"row 2, column document_sha256: got '{A[1:41]}' and more, {SHA}", "correct the row"),
        (f"md5:{A[:32]},1,,,", f"row 2, column document_sha256: got 'md5:{A[:32]}', {SHA}", "correct the row"),
        (
            f'"{A},{A}",1,,,',
            f"row 2, column document_sha256: got '{A[:40]}' and more, {SHA}",
            "correct the row",
        ),
        ('1.5E+63,1,,,', "row 2, column document_sha256: got '1.5E+63', which Excel made of a longer number", "as text"),
        (f'{A},"1,23E+12",,,', "row 2, column document_size: got '1,23E+12', which Excel made of a longer number", "as text"),
        (f'{A},1.234,,,', "row 2, column document_size: got '1.234', want a whole number of bytes, in digits alone", None),
        (f"{A},-1,,,", "row 2, column document_size: got '-1', want a whole number of bytes, in digits alone", None),
        (f"{A},1²,,,", "row 2, column document_size: got '1²', want a whole number of bytes, in digits alone", None),
        (f"{A},,2026-05-04T10:00,,", "row 2, column signed_at: got '2026-05-04T10:00', a time without its zone", "T10:00Z if"),
        (f"{A},,2026-05-04,,", "row 2, column signed_at: got '2026-05-04', a day without a time and its zone", "T10:00Z"),
        (f"{A},,04.05.2026,,", f"row 2, column signed_at: got '04.05.2026', {LOCAL}", "write it as 2026-05-04T10:00:00Z"),
        (f"{A},,04.05.2026 10:00,,", f"row 2, column signed_at: got '04.05.2026 10:00', {LOCAL}", "write it as"),
        (f"{A},,5/4/2026 10:00 AM,,", f"row 2, column signed_at: got '5/4/2026 10:00 AM', {LOCAL}", "write it as"),
        (f'{A},,"46146,41",,', "row 2, column signed_at: got '46146,41', a number, as spreadsheets keep times", "write it as"),
        (f"{A},,2026-02-30T10:00Z,,", "row 2, column signed_at: got '2026-02-30T10:00Z', no such day or hour in the calendar", None),
        (f"{A},,soon,,", "row 2, column signed_at: got 'soon', not a time with a zone", "write it as"),
        (f"{A},,,<ada>,", "row 2, column signer: want a name, maybe with an id: Ada Example <ada@acme.example>", None),
        (f"{A},,,Ada; <bob>,", "row 2, column signer: want a name, maybe with an id: Ada Example <ada@acme.example>", None),
        (f'{A},,,,"1', "row 2: the list ends within a quoted cell", "double each quotation mark"),
        (f'{A},,,,"1"2', "row 2: not CSV: ',' expected after '\"'", "double each quotation mark"),
        ("x" * 200_000, "row 2: a cell is longer than 128 KiB", None),
        ("x," * 200_000, f"row 2: longer than {MAX_LINE_SIZE} characters", "is each quotation mark closed?"),
        ('"x\n",' * 80_000, f"row 2: longer than {MAX_LINE_SIZE} characters", "is each quotation mark closed?"),
    ],
)  # fmt: skip
def test_a_bad_row_is_refused_with_its_reason(row: str, message: str, hint: str | None) -> None:
    listed = opened(HEAD + row, "list.csv")
    with pytest.raises(ImportRefused) as caught:
        slots_of(listed)
    assert str(caught.value) == message
    assert (hint or "") in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("content", "columns", "message", "hint"),
    [
        ("document_sha256,colour\n", {}, "row 1, column colour: no such column", f'{KNOWN}; --map "colour=extra.NAME" takes it in'),
        ("document_sha256,extra.\n", {}, "row 1, column extra.: no such column", KNOWN),
        ("document_sha256,recorded_at\n", {}, "row 1, column recorded_at: no such column", KNOWN),
        ("\n\nRegister\ndocument_sha256\n", {}, "row 3, column Register: no such column", KNOWN),
        ("document_sha256,Signer, signer\n", {}, "row 1, column signer: fills signers, as the column Signer does", ""),
        ("document_sha256,signer,signers\n", {}, "row 1, column signers: fills signers, as the column signer does", ""),
        ("document_sha256,document_sha256\n", {}, "row 1, column document_sha256: the column stands twice", ""),
        ("document_sha256,x\n", {"x": "document_sha256"}, "row 1, column x: fills document_sha256, as the column document_sha256 does", ""),
        ("document_name\n", {}, "row 1: neither a column file nor a column document_sha256", '--map "COLUMN=document_sha256"'),
        ("document_sha256\n", {"document_sha256": "-"}, "row 1: neither a column file nor a column document_sha256", ""),
        ("document_sha256, Weg \n", {"Nummer": "extra.a"}, "row 1, column Nummer: mapped, but not in the list", "the list has document_sha256, Weg"),
        ("document_sha256,Nummer\n", {"Nummer": "number"}, "row 1, column Nummer: mapped to 'number', which is no column of ours", KNOWN),
    ],
)  # fmt: skip
def test_a_bad_header_is_refused_with_its_reason(
    content: str, columns: dict[str, str], message: str, hint: str
) -> None:
    with pytest.raises(ImportRefused) as caught:
        opened(content, "list.csv", columns=columns)
    assert str(caught.value) == message
    assert hint in (caught.value.hint or "")


def test_a_column_without_a_name_has_to_be_empty() -> None:
    assert read(f"document_sha256,,signer\n{A},,Ada\n") == [
        {"document_sha256": A, "signers": [{"name": "Ada"}]}
    ]
    with pytest.raises(ImportRefused, match=r"row 2.*: got '7' in a column without a name"):
        read(f"document_sha256,,signer\n{A},7,Ada\n")


@pytest.mark.parametrize("content", [";;\n;;\n", "sep=;\n", "sep=x\nxxx\n"])
def test_a_list_of_empty_rows(content: str) -> None:
    with pytest.raises(EmptyList):
        opened(content, "list.csv")


@pytest.mark.parametrize(
    ("begin", "again", "name"),
    [
        ('document_sha256\n"', "a\n", "list.csv"),
        ('document_sha256\n"', "a", "list.csv"),
        ('document_sha256\n"a"', ',"\n"', "list.csv"),
        ('"document_sha256', "a\n", "list.csv"),
        ("", "a", "list.csv"),
        (f"{A}  ", "a", "list"),
        ('{"', "a", "list.jsonl"),
    ],
)
def test_a_row_without_end_is_not_read_to_its_end(begin: str, again: str, name: str) -> None:
    endless = Endless(b"\xef\xbb\xbf" + begin.encode(), again.encode())
    with pytest.raises(ImportRefused):
        slots_of(endless.opened(name))
    assert endless.most < 4 * MAX_LINE_SIZE


def test_interpreters_and_rows_and_refusals_travel(tmp_path: Path) -> None:
    """To other processes and back."""
    listed = opened(f"document_sha256,extra.a\n{A},1\n{A},2,3\n", beside=tmp_path)
    interpreter = pickle.loads(pickle.dumps(listed.interpreter))
    good, bad = pickle.loads(pickle.dumps(list(listed.rows)))
    assert interpreter.slots(good) == {"document_sha256": A, "extra": {"a": "1"}}
    with pytest.raises(ImportRefused) as caught:
        interpreter.slots(bad)
    refused = pickle.loads(pickle.dumps(caught.value))
    for name in ("row", "column", "reason", "hint", "args"):
        assert getattr(refused, name) == getattr(caught.value, name)


@given(st.text(max_size=300))
def test_any_text_is_a_list_or_refused(content: str) -> None:
    with contextlib.suppress(ImportRefused):
        list(opened(("document_sha256,extra.a\n" + content).encode(errors="replace"), "list.csv").rows)
