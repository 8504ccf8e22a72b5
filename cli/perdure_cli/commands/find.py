"""`perdure find`: records by what they say, who signed, when, how far they are, their file or hash."""

import os
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click
from perdure_anchor.visible_text import visible
from perdure_node.clock import system_clock
from perdure_node.keys.keyring import KeyRing
from perdure_node.listing import FoundRecord, found_records
from perdure_node.searching.query import Query, in_order, matching
from perdure_node.searching.segments import Segments
from perdure_node.vault import Vault

from perdure_cli.commands.find_options import HASH_DIGITS, TABLE_LINES, query_options
from perdure_cli.csv_text import csv_line
from perdure_cli.exit_codes import ANSWER_IS_NO, DONE
from perdure_cli.opening_as import opening_as_option, opening_keys
from perdure_cli.options import jobs_option, json_option, passphrase_option, vault_option
from perdure_cli.output import print_json, print_line, print_lines, tell, tell_next
from perdure_cli.progress import TerminalProgress
from perdure_cli.record_texts import plural, summary_line, summary_members
from perdure_cli.site import open_site
from perdure_cli.status_line import fit

_SHOWN_AT_ONCE = 500
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


@click.command(short_help="Search records by what they say.")
@query_options
@click.option("--count", "only_count", is_flag=True, help="Say only how many there are.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@jobs_option
@opening_as_option
@passphrase_option
@vault_option
@json_option
def find(
    query: Query,
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
    if as_csv and as_json:
        raise click.UsageError("--csv and --json: want one of them")
    with open_site(vault_folder) as vault:
        keys = opening_keys(vault, who, passphrase_file)
        segments = Segments(vault, keys, clock=system_clock(), randomness=os.urandom)
        if query.needs_segments:
            with TerminalProgress() as progress:
                segments.build(progress, jobs)
        if only_count:
            return _print_count(sum(map(len, matching(vault, segments, query))), as_json)
        found = in_order(vault, segments, query)
        if as_json or as_csv:
            return _print_all(vault, keys, islice(found, query.limit), as_csv)
        return _print_table(vault, keys, found, query)


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


def _print_table(vault: Vault, keys: KeyRing, found: Iterator[int], query: Query) -> int:
    limit = TABLE_LINES if query.limit is None else query.limit
    page = list(islice(found, limit + 1))
    columns = os.get_terminal_size(sys.stdout.fileno()).columns if sys.stdout.isatty() else None
    newest = None
    for record in found_records(vault, keys, page[:limit]):
        newest = newest or record
        line = visible(_line(record))
        print_line(line if columns is None else fit(line, columns))
    if newest is None:
        tell("nothing found")
        digits = [text for text in query.criteria.texts if HASH_DIGITS.fullmatch(text.lower())]
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
