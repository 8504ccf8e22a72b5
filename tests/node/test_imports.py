import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from perdure_anchor.hashes import Hash32
from perdure_anchor.strict_json import JsonValue
from perdure_node.errors import EmptyList, ImportRefused, UnknownImportFormat
from perdure_node.imports.importing import Imported
from perdure_node.lists.rows import ListOptions
from perdure_node.records import open_record, records_of_document
from perdure_node.vault import Vault
from tools.site_desk import import_file, keys_of
from tools.site_network import STOPPED, counted_bytes

A, B, C = (hashlib.sha256(name).hexdigest() for name in (b"a", b"b", b"c"))
LINE = f'{{"document_sha256":"{A}"'


class Desk:
    """Imports lists that a test writes."""

    def __init__(self, vault: Vault, folder: Path) -> None:
        self.vault, self.folder = vault, folder
        folder.mkdir()

    def take(self, name: str, content: str | bytes, **options: object) -> Imported:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        randomness = counted_bytes(path.read_bytes())
        return import_file(self.vault, path, clock=STOPPED, randomness=randomness, **options)  # type: ignore[arg-type]

    @property
    def count(self) -> int:
        row = self.vault.database.row("SELECT count(*) FROM record")
        assert row is not None
        return int(row[0])

    def slots(self, digest: str) -> Mapping[str, JsonValue]:
        record = records_of_document(
            self.vault.database, self.vault.lookup_key.of_document(Hash32(bytes.fromhex(digest)))
        )[0]
        opened = open_record(record, keys_of(self.vault)).record
        absent = (None, opened.value("recorded_at"))
        return {slot: value for slot, value in opened.values.items() if value not in absent}


def counts(imported: Imported) -> tuple[int, int, int, str]:
    return imported.rows, imported.added, imported.was_there, imported.format


@pytest.fixture
def desk(offline_vault: Vault, tmp_path: Path) -> Desk:
    return Desk(offline_vault, tmp_path / "lists")


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", ""), ("a.csv", "file,signer\n"), ("a.jsonl", ""), ("a.jsonl", "\n"), ("list", ""), ("a.csv", "\ufefffile")],
)  # fmt: skip
def test_a_list_without_a_record(desk: Desk, name: str, content: str) -> None:
    """One answer for all kinds."""
    with pytest.raises(EmptyList, match="there is no record in "):
        desk.take(name, content)


def test_a_csv_list_fills_the_slots_of_its_columns(desk: Desk) -> None:
    (desk.folder / "papers").mkdir()
    (desk.folder / "papers" / "c.txt").write_bytes(b"c")
    content = (
        "\ufefffile,document_sha256,document_name,document_type,document_size,signers,signed_at,recorded_by,extra.case\r\n"
        f',{A.upper()},"a ""first"".pdf",contract,12,Ada <ada@acme.example>; Bob ;,2026-05-04T10:00Z,clerk,7\r\n'
        "\r\n"
        "papers/c.txt,,,,,,,,\r\n"
    )
    assert counts(desk.take("register.csv", content)) == (2, 2, 0, "csv")
    assert desk.slots(A) == {
        "document_sha256": A,
        "document_name": 'a "first".pdf',
        "document_type": "contract",
        "document_size": 12,
        "signers": [{"name": "Ada", "id": "ada@acme.example"}, {"name": "Bob"}],
        "signed_at": "2026-05-04T10:00:00Z",
        "recorded_by": "clerk",
        "extra": {"case": "7"},
    }
    assert desk.slots(C) == {
        "document_sha256": C,
        "document_size": 1,
        "document_name": "c.txt",
        "media_type": "text/plain",
    }


def test_a_json_list_fills_slots_with_structure(desk: Desk) -> None:
    line = {
        "document_sha256": A.upper(),
        "signers": ["Ada <ada@acme.example>", {"name": "Bob", "organization": "acme"}],
        "signed_at": "2026-05-04T10:00Z",
        "signature": {"v": 1, "format": "PAdES"},
        "late": {"v": 1, "reason": "found in a drawer"},
        "extra": {"case": [7, None]},
        "document_type": None,
    }
    content = json.dumps(line) + "\n\n" + json.dumps({"document_sha256": B}) + "\n"
    assert counts(desk.take("register.jsonl", content)) == (2, 2, 0, "jsonl")
    assert desk.slots(A) == {
        "document_sha256": A,
        "signers": [{"name": "Ada", "id": "ada@acme.example"}, {"name": "Bob", "organization": "acme"}],
        "signed_at": "2026-05-04T10:00:00Z",
        "signature": {"v": 1, "format": "PAdES"},
        "late": {"v": 1, "reason": "found in a drawer"},
        "extra": {"case": [7, None]},
    }


def test_a_json_list_can_name_files_below_its_folder(desk: Desk) -> None:
    (desk.folder / "papers").mkdir()
    (desk.folder / "papers" / "c.txt").write_bytes(b"c")
    content = '{"file":"papers/c.txt","document_type":"contract"}\n' + LINE + ',"file":null}'
    assert desk.take("register.jsonl", content).added == 2
    assert desk.slots(C) == {
        "document_sha256": C,
        "document_size": 1,
        "document_name": "c.txt",
        "media_type": "text/plain",
        "document_type": "contract",
    }


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", "document_sha256,colour\n"), ("a.jsonl", LINE + ',"colour":"red"}')],
)
def test_an_unknown_column_is_answered_with_those_that_a_list_can_fill(
    desk: Desk, name: str, content: str
) -> None:
    with pytest.raises(ImportRefused) as caught:
        desk.take(name, content)
    for column in ("file", "document_sha256", "document_name", "signed_at", "extra"):
        assert column in str(caught.value.hint)


def test_a_list_of_digests_is_taken_as_sha256sum_prints_it(desk: Desk) -> None:
    content = f"{A}  folder/a.pdf\n{B} *b b.txt\nSHA256 (c (copy).bin) = {C}\n"
    assert counts(desk.take("SHA256SUMS", content)) == (3, 3, 0, "digests")
    assert desk.slots(A) == {"document_sha256": A, "document_name": "a.pdf", "media_type": "application/pdf"}
    assert desk.slots(B)["document_name"] == "b b.txt"
    assert desk.slots(C)["document_name"] == "c (copy).bin"


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("list", f"{A}  a\n", "digests"),
        ("list.txt", f"SHA256 (a) = {A}\n", "digests"),
        ("list", LINE + "}", "jsonl"),
        ("list.NDJSON", LINE + "}", "jsonl"),
        ("list", f'"document_sha256",document_name\n{A},a\n', "csv"),
        ("list.csv", f"document_sha256\n{A}\n", "csv"),
    ],
)
def test_a_format_is_recognised(desk: Desk, name: str, content: str, format: str) -> None:
    assert desk.take(name, content).format == format


@pytest.mark.parametrize("content", ["hello\n", "name,digest\n", f"{A[:-1]}  a\n", f"{A}\n"])
def test_a_file_that_is_no_list_is_refused(desk: Desk, content: str) -> None:
    with pytest.raises(UnknownImportFormat):
        desk.take("list", content)


def test_a_list_that_cannot_be_read_is_refused(desk: Desk) -> None:
    with pytest.raises(UnknownImportFormat):
        desk.take("list.csv", f"document_sha256\n{A}\n", how=ListOptions(format="xml"))


GOOD_CSV = f"document_sha256,document_size,signed_at,signer,file\n{B},1,,,\n"


@pytest.mark.parametrize(
    ("name", "content", "row", "column"),
    [
        ("a.csv", "document_sha256,colour\n", 1, "colour"),
        ("a.csv", "document_sha256,extra.\n", 1, "extra."),
        ("a.csv", "document_sha256,document_sha256\n", 1, "document_sha256"),
        ("a.csv", "document_name\n", 1, None),
        ("a.csv", "document_sha256,recorded_at\n", 1, "recorded_at"),
        ("a.csv", "document_sha256,after\n", 1, "after"),
        ("a.csv", GOOD_CSV + f"{A},1,,\n", 3, None),
        ("a.csv", GOOD_CSV + f"{A},1,,,,6\n", 3, None),
        ("a.csv", GOOD_CSV + f"{A[1:]},1,,,\n", 3, "document_sha256"),
        ("a.csv", GOOD_CSV + f"{A},minus one,,,\n", 3, "document_size"),
        ("a.csv", GOOD_CSV + f"{A},99999999999999999,,,\n", 3, "document_size"),
        ("a.csv", GOOD_CSV + f"{A},1,2026-05-04,,\n", 3, "signed_at"),
        ("a.csv", GOOD_CSV + f"{A},1,,<ada@acme.example>,\n", 3, "signer"),
        ("a.csv", GOOD_CSV + ",,,Ada,\n", 3, "document_sha256"),
        ("a.csv", GOOD_CSV + ",,,,absent.pdf\n", 3, "file"),
        ("a.csv", GOOD_CSV + ",,,,../vault\n", 3, "file"),
        ("a.csv", GOOD_CSV + ",,,,/etc/hostname\n", 3, "file"),
        ("a.csv", GOOD_CSV + ",,,,a\0b\n", 3, "file"),
        ("a.csv", GOOD_CSV + f"{A},1,,,here.txt\n", 3, "document_sha256"),
        ("a.csv", GOOD_CSV + ",2,,,here.txt\n", 3, "document_size"),
        ("a.csv", GOOD_CSV + f'"{A},1,,,\n', 3, None),
        ("a.csv", GOOD_CSV.encode() + b"\x81,1,,,\n", 3, None),
        ("a.csv", GOOD_CSV + "x" * 300_000, 3, None),
        ("a.jsonl", LINE + "}\n" + LINE + ",}", 2, None),
        ("a.jsonl", "[]", 1, None),
        ("a.jsonl", LINE + LINE.replace("{", ",") + "}", 1, None),
        ("a.jsonl", LINE + ',"colour":"red"}', 1, "colour"),
        ("a.jsonl", '{"file":"here.txt"}\n{"file":"absent.pdf"}', 2, "file"),
        ("a.jsonl", '{"file":"../vault"}', 1, "file"),
        ("a.jsonl", '{"file":["here.txt"]}', 1, "file"),
        ("a.jsonl", LINE + ',"file":"here.txt"}', 1, "document_sha256"),
        ("a.jsonl", '{"file":"here.txt","document_size":2}', 1, "document_size"),
        ("a.jsonl", LINE + ',"confirmation":{"v":1}}', 1, "confirmation"),
        ("a.jsonl", LINE + ',"recorded_at":"2026-05-04T10:00:00Z"}', 1, "recorded_at"),
        ("a.jsonl", LINE + ',"document_size":1.5}', 1, None),
        ("a.jsonl", LINE + ',"document_size":"1"}', 1, "document_size"),
        ("a.jsonl", LINE + ',"signers":"Ada"}', 1, "signers"),
        ("a.jsonl", LINE + ',"signers":["<a>"]}', 1, "signers"),
        ("a.jsonl", LINE + ',"signed_at":7}', 1, "signed_at"),
        ("a.jsonl", LINE + ',"signature":{}}', 1, "signature"),
        ("a.jsonl", '{"document_name":"a"}', 1, "document_sha256"),
        ("a.jsonl", LINE + ',"extra":' + "[" * 5000, 1, None),
        ("SHA256SUMS", f"{B}  b\n{A[1:]}  a\n", 2, None),
        ("SHA256SUMS", f"{B}  b\n# comment\n", 2, None),
        ("SHA256SUMS", f"{B}  b\n".encode() + A.encode() + b"  \xff\n", 2, None),
    ],
)  # fmt: skip
def test_a_bad_row_names_itself_and_nothing_is_taken(
    desk: Desk, name: str, content: str | bytes, row: int, column: str | None
) -> None:
    (desk.folder / "here.txt").write_bytes(b"b")
    with pytest.raises(ImportRefused) as caught:
        desk.take(name, content)
    assert (caught.value.row, caught.value.column) == (row, column)
    assert str(caught.value).startswith(f"row {row}")
    assert desk.count == 0


def test_a_link_that_leads_out_of_the_folder_is_not_followed(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"b")
    (desk.folder / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(ImportRefused, match="leads out"):
        desk.take("a.csv", "file\nlink\n")


def test_what_is_there_in_the_same_words_is_counted(desk: Desk) -> None:
    desk.take("list", f"{A}  a\n")
    assert counts(desk.take("list", f"{A}  a\n{B}  b\n{B}  b\n")) == (3, 1, 2, "digests")
    assert counts(desk.take("list", f"{A}  a\n{B}  b\n{B}  b\n")) == (3, 0, 3, "digests")
    assert desk.count == 2


def test_what_is_there_in_other_words_has_to_be_meant(desk: Desk) -> None:
    desk.take("list", f"{A}  a\n")
    head = "document_sha256,document_name\n"
    for name, content in (
        ("list.csv", head + f"{B},b\n{A},another name\n"),
        ("list.jsonl", f'{{"document_sha256":"{B}"}}\n\n{LINE},"document_name":"another name"}}\n'),
    ):
        with pytest.raises(ImportRefused, match=r"row 3: .*recorded already") as caught:
            desk.take(name, content)
        assert "--again" in str(caught.value.hint)
        assert desk.count == 1
    assert desk.take("list.csv", head + f"{B},b\n{A},another name\n", again=True).added == 2
    assert desk.count == 3


def test_a_list_of_digests_says_nothing_new_of_documents_that_are_recorded(desk: Desk) -> None:
    desk.take("list.jsonl", LINE + ',"document_name":"a","document_type":"contract"}')
    content = f"{A}  a\n{B}  b\n{B}  copy of b\n"
    assert counts(desk.take("list", content)) == (3, 1, 2, "digests")
    assert counts(desk.take("list", content)) == (3, 0, 3, "digests")
    assert counts(desk.take("list", content, again=True)) == (3, 2, 1, "digests")
    assert desk.count == 4


def test_progress_reaches_the_end_of_the_list(desk: Desk) -> None:
    told: list[tuple[str, int | None]] = []

    class Listener:
        def stage(self, name: str, total: int | None, unit: str = "") -> None:
            told.append((name, total))

        def advance(self, done: int) -> None:
            told.append(("at", done))

    content = "".join(f"{hashlib.sha256(b'%d' % number).hexdigest()}  {number}\n" for number in range(3000))
    desk.take("list", content, progress=Listener())
    assert told[0] == ("import", len(content))
    assert [done for _, done in told[1:]] == sorted(done or 0 for _, done in told[1:])
    assert 1 < len(told) < 20


def test_a_row_that_claims_to_be_of_the_sites_own_is_named(desk: Desk) -> None:
    with pytest.raises(ImportRefused, match="of itself") as refused:
        desk.take("a.csv", f"document_sha256,document_type\n{A},note\n{B},perdure/operator\n")
    assert (refused.value.row, refused.value.column) == (3, "document_type")
    assert desk.count == 0
