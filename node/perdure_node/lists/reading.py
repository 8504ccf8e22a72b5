"""Opening lists: which format a list has, and its rows."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePath
from typing import BinaryIO

from perdure_node.errors import UnknownImportFormat
from perdure_node.lists.csv_list import is_csv_header, open_csv
from perdure_node.lists.digest_list import DigestInterpreter, is_digest_line
from perdure_node.lists.jsonl_list import JsonInterpreter
from perdure_node.lists.rows import SHOWN, ListOptions, ListRow, RecordList, empty_list
from perdure_node.lists.text import Encoding, ListText, encoding_of, windows_where_it_must_be

FORMATS = ("csv", "jsonl", "digests")
_SUFFIXES = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def open_list(
    stream: BinaryIO, name: str, folder: Path, options: ListOptions, advance: Callable[[int], None]
) -> RecordList:
    """The list in a stream that can be read again from its begin; ``advance`` hears how many bytes are read.

    ``name`` tells the format by its suffix, else the first line does; ``folder`` is the list's own. The stream has to stay open
    as long as rows are read. Raises `UnknownImportFormat`, `EmptyList`, and `ImportRefused` naming the row.
    """
    encoding = encoding_of(stream, options.encoding)
    kind = options.format or _SUFFIXES.get(PurePath(name).suffix.lower())
    # only spreadsheets write text that may be anything: names of files would be guessed at, and JSON is UTF-8
    csv_encoding = encoding if kind in ("jsonl", "digests") else windows_where_it_must_be(stream, encoding)
    first = _first_line(stream, csv_encoding)
    if not first:
        raise empty_list(name)
    kind = kind or _recognised(first, name, options)
    _check_options(kind, options)
    root = (options.folder or folder).resolve()
    if kind == "csv":
        listed = open_csv(ListText(stream, csv_encoding, advance, newline=""), root, options)
    else:
        listed = _open_lines(kind, ListText(stream, encoding, advance), root, options)
    if encoding.mark and options.encoding is not None:
        return replace(listed, notes=(f"read as {encoding.name}, as its first bytes say", *listed.notes))
    return listed


def _open_lines(format: str, text: ListText, folder: Path, options: ListOptions) -> RecordList:
    # rejects are UTF-8 whatever the list was, and the same options have to fit them
    head = "" if options.encoding is None else "\ufeff"
    if format == "jsonl":
        return RecordList(format, JsonInterpreter(folder), _line_rows(text), head=head)
    return RecordList(format, DigestInterpreter(options.keep_paths), _line_rows(text), head=head)


def _line_rows(text: ListText) -> Iterator[ListRow]:
    for number, line in enumerate(text.lines(), 1):
        text.row = number
        if line and not line.isspace():
            yield ListRow(number, line.rstrip("\r"))


def _first_line(stream: BinaryIO, encoding: Encoding) -> str:
    """The first line that is not blank, without blanks around it; empty if there is none."""
    text = ListText(stream, encoding, newline="")
    while (line := text.unchecked_line()) and line.isspace():
        text.row += 1
    return line.strip()


def _recognised(first: str, name: str, options: ListOptions) -> str:
    if is_digest_line(first):
        return "digests"
    if first.startswith("{"):
        return "jsonl"
    if is_csv_header(first, options):
        return "csv"
    raise UnknownImportFormat(
        f"{name}: neither CSV with a header, nor JSON lines, nor a list as sha256sum prints it",
        hint="name it .csv or .jsonl, or see `perdure import --help`",
    )


def _check_options(format: str, options: ListOptions) -> None:
    if format not in FORMATS:
        raise UnknownImportFormat(f"format: got {format[:SHOWN]!a}, want one of {', '.join(FORMATS)}")
    if options.columns and format != "csv":
        raise UnknownImportFormat(f"--map is for CSV, and the list is {format}")
    if options.keep_paths and format != "digests":
        raise UnknownImportFormat(f"--keep-paths is for lists of digests, and the list is {format}")
