"""`perdure find`: records by what they say, who signed, when, how far they are, their file or hash."""

import heapq
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import Any

import click
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Hash32
from perdure_anchor.visible_text import visible
from perdure_node.clock import system_clock
from perdure_node.details import parse_time
from perdure_node.documents import hash_document
from perdure_node.keys.keyring import KeyRing
from perdure_node.listing import FoundRecord, found_records
from perdure_node.searching.criteria import Criteria
from perdure_node.searching.folding import fold
from perdure_node.searching.rows import microseconds
from perdure_node.searching.search import (
    Standing,
    of_document,
    of_leaf_hash,
    of_supporting,
    search,
    with_values,
)
from perdure_node.searching.segments import Segments
from perdure_node.vault import Vault

from perdure_cli.csv_text import csv_line
from perdure_cli.exit_codes import ANSWER_IS_NO, DONE
from perdure_cli.opening_as import opening_as_option, opening_keys
from perdure_cli.options import READABLE_FILE, jobs_option, json_option, passphrase_option, vault_option
from perdure_cli.output import print_json, print_line, print_lines, tell, tell_next
from perdure_cli.progress import TerminalProgress
from perdure_cli.record_texts import plural, summary_line, summary_members
from perdure_cli.site import open_site
from perdure_cli.status_line import fit

# a table's lines, unless more are asked for
_LINES = 100
_SHOWN_AT_ONCE = 500
_ROUND = timedelta(days=1) // timedelta(microseconds=1)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DIGITS = re.compile(r"(?:0x)?([0-9a-f]{8,64})", re.ASCII)
_WHOLE = 64
# from the option's word to the column
_SORTS = {"added": None, "recorded": "recorded", "signed": "signed", "name": "name"}
_CSV = (
    "index",
    "state",
    "recorded_at",
    "signed_at",
    "document_type",
    "document_name",
    "signers",
    "document_sha256",
    "leaf_hash",
)


class _Text(click.ParamType[str]):
    """A text of which something is left when it is folded."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not fold(value):
            self.fail("want a text, and not an empty one", param, ctx)
        return str(value)


class _Moment(click.ParamType[int]):
    """A day in UTC, of which the end is meant or the begin, or a time with a zone: microseconds since 1970."""

    name = "time"

    def __init__(self, *, ends: bool) -> None:
        self._ends = ends

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            if _DAY.fullmatch(value):
                return microseconds(datetime.fromisoformat(value).replace(tzinfo=UTC)) + _ROUND * self._ends
            return microseconds(datetime.fromisoformat(parse_time(value)))
        except ValueError:
            self.fail(f"{value!a}: no such day in the calendar", param, ctx)
        except PerdureError:
            self.fail(f"{value!a}: want a day such as 2026-05-04, or a time with a zone", param, ctx)


class _Digits(click.ParamType[str]):
    """The begin of a hash."""

    name = "hash"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        match = _DIGITS.fullmatch(value.lower())
        if match is None:
            self.fail(f"{value!a}: want 8 to 64 hexadecimal digits", param, ctx)
        return match[1]


class _Field(click.ParamType[tuple[str, str]]):
    """NAME=VALUE."""

    name = "field"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        field, equals, text = value.partition("=")
        if not field or not equals:
            self.fail(f"{value!a}: want NAME=VALUE", param, ctx)
        return field, text


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is searched for, and in which order it is shown."""

    criteria: Criteria
    standing: Standing | None
    file: Path | None
    digits: str | None
    sort: str | None
    reverse: bool
    limit: int | None

    @property
    def is_anything(self) -> bool:
        return bool(self.criteria.columns or self.standing or self.file or self.digits)


@click.command(short_help="Search records by what they say.")
@click.argument("texts", metavar="[TEXT]...", nargs=-1, type=_Text())
@click.option(
    "--signer", "signers", multiple=True, type=_Text(), metavar="TEXT", help="Part of a signer's name or id."
)
@click.option(
    "--type",
    "types",
    multiple=True,
    type=_Text(),
    metavar="TYPE",
    help="The document's type; repeated, one of them.",
)
@click.option(
    "--field",
    "fields",
    multiple=True,
    type=_Field(),
    metavar="NAME=VALUE",
    help="A field of your own (extra).",
)
@click.option(
    "--since", type=_Moment(ends=False), metavar="WHEN", help="From this day (UTC), or time with a zone, on."
)
@click.option(
    "--until", type=_Moment(ends=True), metavar="WHEN", help="Up to this day, included, or before this time."
)
@click.option(
    "--by",
    type=click.Choice(["signed", "recorded"]),
    default="recorded",
    show_default=True,
    help="Which time --since and --until mean.",
)
@click.option("--state", type=click.Choice([each.value for each in Standing]), help="How the record stands.")
@click.option(
    "--file",
    type=READABLE_FILE,
    metavar="FILE",
    help="The document, or one that supports a late entry, by its bytes.",
)
@click.option(
    "--hash",
    "digits",
    type=_Digits(),
    metavar="HASH",
    help="Begin of such a document's SHA-256, or of a leaf hash.",
)
@click.option(
    "--sort",
    type=click.Choice(list(_SORTS)),
    default="added",
    show_default=True,
    help="By what: times from the newest, names from A.",
)
@click.option("--reverse", is_flag=True, help="The other way round.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Show N at most.  [default: {_LINES} in a table, else all]",
)
@click.option("--count", "only_count", is_flag=True, help="Say only how many there are.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@jobs_option
@opening_as_option
@passphrase_option
@vault_option
@json_option
def find(
    texts: tuple[str, ...],
    signers: tuple[str, ...],
    types: tuple[str, ...],
    fields: tuple[tuple[str, str], ...],
    since: int | None,
    until: int | None,
    by: str,
    state: str | None,
    file: Path | None,
    digits: str | None,
    sort: str,
    reverse: bool,
    limit: int | None,
    only_count: bool,
    as_csv: bool,
    jobs: int,
    who: str | None,
    passphrase_file: Path | None,
    vault_folder: Path | None,
    as_json: bool,
) -> int:
    """Find the records that are all that is asked for, the newest first. Exit code 1 if there is none.

    Each TEXT occurs in what the record says: in names, types, signers, fields, remarks. It is a word, a part of one, or several
    words in quotes as they stand. Case makes no difference, nor how a character is encoded. What was erased says nothing any more.

    The first search after many additions prepares itself, which takes a moment; what it keeps of that is encrypted.
    """
    criteria = Criteria(texts, signers, types, fields, since, until, by)
    standing = None if state is None else Standing(state)
    wanted = _Wanted(criteria, standing, file, digits, _SORTS[sort], reverse, limit)
    if not wanted.is_anything:
        raise click.UsageError("nothing to search for: want a TEXT or an option; `perdure list` lists all")
    if as_csv and as_json:
        raise click.UsageError("--csv and --json: want one of them")
    with open_site(vault_folder) as vault:
        keys = opening_keys(vault, who, passphrase_file)
        segments = Segments(vault, keys, clock=system_clock(), randomness=os.urandom)
        if criteria.columns or digits or file or wanted.sort:
            with TerminalProgress() as progress:
                segments.build(progress, jobs)
        if only_count:
            return _print_count(sum(map(len, _pages(vault, segments, wanted))), as_json)
        found = _sorted(vault, segments, wanted)
        if as_json or as_csv:
            return _print_all(vault, keys, islice(found, limit), as_csv)
        return _print_table(vault, keys, found, wanted)


def _pages(vault: Vault, segments: Segments, wanted: _Wanted) -> Iterator[list[int]]:
    """What is found, in the order of adding or against it."""
    newest_first = wanted.sort is not None or not wanted.reverse
    only = None if wanted.file is None else _about(vault, segments, hash_document(wanted.file).sha256)

    def pages(criteria: Criteria, among: frozenset[int] | None) -> Iterator[list[int]]:
        among = only if among is None else among if only is None else among & only
        return search(segments, vault.database, criteria, wanted.standing, among, newest_first=newest_first)

    if wanted.digits is None:
        return pages(wanted.criteria, None)
    # by leaf hash and, of a whole one, by document only what supports late entries has to be read
    named = of_leaf_hash(vault.database, wanted.digits)
    if len(wanted.digits) == _WHOLE:
        named |= _about(vault, segments, Hash32(bytes.fromhex(wanted.digits)))
        return pages(wanted.criteria, named)
    named |= of_supporting(segments, wanted.digits)
    by_document = pages(wanted.criteria.with_digest(wanted.digits), None)
    found = {*chain.from_iterable(by_document), *chain.from_iterable(pages(wanted.criteria, named))}
    return iter([[each] for each in sorted(found, reverse=newest_first)])


def _about(vault: Vault, segments: Segments, document: Hash32) -> frozenset[int]:
    """The records of a document, and the late entries that it supports."""
    return of_document(vault, document) | of_supporting(segments, document.hex())


def _sorted(vault: Vault, segments: Segments, wanted: _Wanted) -> Iterator[int]:
    """What is found, in the order in which it is shown."""
    pages = _pages(vault, segments, wanted)
    if wanted.sort is None:
        return chain.from_iterable(pages)
    pairs = with_values(segments, pages, wanted.sort)
    falling = (wanted.sort != "name") != wanted.reverse
    limit = wanted.limit or sys.maxsize
    if limit <= _SHOWN_AT_ONCE:
        # one more, which tells that there are more
        best = (heapq.nlargest if falling else heapq.nsmallest)(limit + 1, pairs)
    else:
        best = sorted(pairs, reverse=falling)
    return (sequence for _, sequence in best)


def _print_count(count: int, as_json: bool) -> int:
    if as_json:
        print_json({"ok": count > 0, "count": count})
    else:
        print_line(str(count))
    return DONE if count else ANSWER_IS_NO


def _print_all(vault: Vault, keys: KeyRing, found: Iterator[int], as_csv: bool) -> int:
    """All of them, some hundred at a time."""
    if as_csv:
        print_lines(csv_line(_CSV))
    shown = 0
    while page := list(islice(found, _SHOWN_AT_ONCE)):
        for record in found_records(vault, keys, page):
            shown += 1
            if as_csv:
                print_lines(csv_line(_cells(record)))
            else:
                print_json(_members(record))
    return DONE if shown else ANSWER_IS_NO


def _print_table(vault: Vault, keys: KeyRing, found: Iterator[int], wanted: _Wanted) -> int:
    limit = _LINES if wanted.limit is None else wanted.limit
    page = list(islice(found, limit + 1))
    columns = os.get_terminal_size(sys.stdout.fileno()).columns if sys.stdout.isatty() else None
    newest = None
    for record in found_records(vault, keys, page[:limit]):
        newest = newest or record
        line = visible(_line(record))
        print_line(line if columns is None else fit(line, columns))
    if newest is None:
        tell("nothing found")
        digits = [text for text in wanted.criteria.texts if _DIGITS.fullmatch(text.lower())]
        tell_next(f"perdure find --hash {digits[0]}, if that is a hash" if digits else "perdure list")
        return ANSWER_IS_NO
    tell(f"{limit} shown, there are more" if len(page) > limit else f"{plural(len(page), 'record')} found")
    if len(page) > limit:
        tell_next("--limit shows more, --count counts them, --csv and --json give them all")
    else:
        summary = newest.summary
        tell_next(f"perdure show {summary.leaf_hash.hex() if summary.index is None else summary.index}")
    return DONE


def _line(record: FoundRecord) -> str:
    by = f"  signed by {', '.join(record.signers)}" if record.signers else ""
    return f"{summary_line(record.summary)}{by}"


def _members(record: FoundRecord) -> dict[str, object]:
    return {
        **summary_members(record.summary),
        "signed_at": record.signed_at,
        "signers": list(record.signers),
    }


def _cells(record: FoundRecord) -> list[object]:
    members = _members(record) | {"signers": "; ".join(record.signers)}
    return [members[name] for name in _CSV]
