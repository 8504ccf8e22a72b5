import hashlib
from pathlib import PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_node.errors import ImportRefused, UnknownImportFormat
from perdure_node.lists.digest_list import is_digest_line
from tools.lists import filled, opened, read

A = hashlib.sha256(b"a").hexdigest()

# a line feed and a carriage return are escaped, other controls are printed as they are
names = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0/"), min_size=1, max_size=30).filter(
    lambda name: name not in (".", "..")
)  # fmt: skip


def printed(path: str, form: str) -> str:
    """A line as GNU sha256sum prints it."""
    escaped = path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return ("" if escaped == path else "\\") + form.format(A, escaped)


@given(
    names,
    st.sampled_from(["", "folder/", "./a b/", "/"]),
    st.sampled_from(["{} *{}", "{}  {}", "SHA256 ({1}) = {0}"]),
)
def test_every_line_that_sha256sum_prints_is_read(name: str, folder: str, form: str) -> None:
    listed = printed(folder + name, form)
    for line in (listed, listed.replace(A, A.upper()), listed + "\r\n"):
        assert (
            filled(read(line, format="digests")[0]).items()
            >= {"document_sha256": A, "document_name": name}.items()
        )
        (kept,) = read(line, format="digests", keep_paths=True)
        assert kept["document_name"] == folder + name
    assert is_digest_line(listed)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.pdf", "a.pdf"),
        ("folder/sub/a.pdf", "a.pdf"),
        ("folder/sub/", "sub"),
        ("/", "/"),
        ("C:\\Verträge\\a.pdf", "a.pdf"),
        ("Verträge\\a.pdf", "a.pdf"),
        ("\\\\server\\share\\a.pdf", "a.pdf"),
        ("a (copy).pdf", "a (copy).pdf"),
    ],
)
def test_a_name_is_the_last_part_of_a_path(path: str, name: str) -> None:
    for line in (f"{A}  {path}", f"SHA256 ({path}) = {A}"):
        assert read(line)[0]["document_name"] == name
        assert read(line, keep_paths=True)[0]["document_name"] == path


def test_backslashes_that_were_escaped_are_meant() -> None:
    """But behind a drive's letter they part folders."""
    assert read(f"\\{A}  folder/a\\\\b.pdf")[0]["document_name"] == "a\\b.pdf"
    assert read(f"\\{A}  C:\\\\folder\\\\b.pdf")[0]["document_name"] == "b.pdf"


def test_the_media_type_is_that_of_the_name() -> None:
    for path, media_type in (
        ("x/a.PDF", "application/pdf"),
        ("a.pdf/b", None),
        ("c.tar.gz", "application/x-tar"),
    ):
        assert read(f"{A}  {path}")[0]["media_type"] == media_type
        assert read(f"{A}  {path}", keep_paths=True)[0]["media_type"] == media_type


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"{A[:32]}  a", "a digest of MD5, want SHA-256"),
        (f"{A[:40]} *a", "a digest of SHA-1, want SHA-256"),
        (f"{A[:56]} Ua", "a digest of SHA-224, want SHA-256"),
        (f"{A}{A[:32]}  a", "a digest of SHA-384, want SHA-256"),
        (f"{A}{A}  a", "a digest of SHA-512 or BLAKE2b, want SHA-256"),
        (f"\\{A}{A}  a\\n", "a digest of SHA-512 or BLAKE2b, want SHA-256"),
        (f"SHA1 (a) = {A[:40]}", "a digest of SHA1, want SHA-256"),
        (f"BLAKE2b-256 (a) = {A}", "a digest of BLAKE2b-256, want SHA-256"),
        (f"SHA512/256 (a) = {A}", "a digest of SHA512/256, want SHA-256"),
        (f"{A[1:]}  a", "not a SHA-256 digest and a name as sha256sum prints them"),
        (f"{A}  ", "not a SHA-256 digest and a name as sha256sum prints them"),
        (f"{A}", "not a SHA-256 digest and a name as sha256sum prints them"),
        (f" {A}  a", "not a SHA-256 digest and a name as sha256sum prints them"),
        ("# a comment", "not a SHA-256 digest and a name as sha256sum prints them"),
    ],
)
def test_other_lines_are_refused_with_their_reason(line: str, reason: str) -> None:
    with pytest.raises(ImportRefused) as caught:
        read(f"{A}  a\n\n{line}\n")
    assert str(caught.value) == f"row 3: {reason}"


def test_a_list_of_other_digests_is_known_for_what_it_is() -> None:
    with pytest.raises(ImportRefused, match="row 1: a digest of SHA-1, want SHA-256"):
        read(f"{A[:40]}  a\n", "SHASUMS")


def test_lists_of_windows_and_its_shell() -> None:
    """UTF-16, since PowerShell writes that into files."""
    content = f"{A.upper()} *C:\\Verträge\\a.pdf\r\n".encode("utf-16")
    assert filled(read(content)[0]) == {
        "document_sha256": A,
        "document_name": "a.pdf",
        "media_type": "application/pdf",
    }


@given(
    st.lists(st.sampled_from([f"{A}  a", f"\\{A}  b\\n", "", "  "]), min_size=1, max_size=6), st.booleans()
)
def test_rejects_can_be_imported_again(lines: list[str], named: bool) -> None:
    content = "\n".join([f"{A}  zoë", *lines])
    options = {"encoding": "latin-1"} if named else {}
    listed = opened(content.encode("latin-1" if named else "utf-8"), **options)
    rows = list(listed.rows)
    assert [row.number for row in rows] == [1] + [n for n, line in enumerate(lines, 2) if line.strip()]
    rejects = listed.reject_head() + "".join(map(listed.reject_text, rows))
    assert read(rejects, **options) == [listed.interpreter.slots(row) for row in rows]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("list", {"columns": {"a": "file"}}, "--map is for CSV, and the list is digests"),
        ("list.jsonl", {"columns": {"a": "file"}}, "--map is for CSV, and the list is jsonl"),
        ("list.jsonl", {"keep_paths": True}, "--keep-paths is for lists of digests, and the list is jsonl"),
        ("list.csv", {"keep_paths": True}, "--keep-paths is for lists of digests, and the list is csv"),
        ("list", {"format": "xml"}, "format: got 'xml', want one of csv, jsonl, digests"),
    ],
)  # fmt: skip
def test_options_that_say_nothing_to_a_list_are_refused(
    name: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UnknownImportFormat) as caught:
        opened(f"{A}  a\n", name, **options)  # type: ignore[arg-type]  # spread options
    assert str(caught.value) == message


def test_paths_are_no_names_of_this_system() -> None:
    """What a list says is never taken for a path of ours."""
    assert PurePath(str(read(f"{A}  ../../etc/passwd")[0]["document_name"])).parts == ("passwd",)
