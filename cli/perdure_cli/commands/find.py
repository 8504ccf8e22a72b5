"""`perdure find`: records by what they say, who signed, when, how far they are, their file or hash."""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import click
from perdure_anchor.errors import PerdureError
from perdure_node.clock import system_clock
from perdure_node.details import parse_time
from perdure_node.documents import hash_document
from perdure_node.keyring import KeyRing
from perdure_node.listing import summaries
from perdure_node.records import records_of_document
from perdure_node.searching.criteria import Criteria
from perdure_node.searching.rows import microseconds
from perdure_node.searching.search import Standing, search
from perdure_node.searching.segments import Segments
from perdure_node.vault import Vault

from perdure_cli.options import READABLE_FILE, json_option, passphrase_option, vault_option
from perdure_cli.output import print_json, print_line, tell, tell_next
from perdure_cli.record_texts import plural, summary_line, summary_members
from perdure_cli.site import key_ring, open_site

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class _Moment(click.ParamType[int]):
    """A day in UTC, or a time with a zone, as microseconds since 1970; ``days`` are added to a day."""

    name = "time"

    def __init__(self, days: int) -> None:
        self._days = timedelta(days=days)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            if _DAY.fullmatch(value):
                return microseconds(
                    datetime.fromisoformat(value).replace(tzinfo=UTC)
                ) + self._days // timedelta(microseconds=1)
            return microseconds(datetime.fromisoformat(parse_time(value)))
        except ValueError:
            self.fail(f"{value!a}: no such day in the calendar", param, ctx)
        except PerdureError as error:
            self.fail(f"{error}; want a day such as 2026-05-04, or a time with a zone", param, ctx)


@click.command(short_help="Search records by what they say.")
@click.argument("texts", metavar="[TEXT]...", nargs=-1)
@click.option(
    "--signer", "signers", multiple=True, metavar="TEXT", help="Signed by somebody of this name or id."
)
@click.option(
    "--type", "types", multiple=True, metavar="TYPE", help="Of this type; given twice, of one of them."
)
@click.option(
    "--since", type=_Moment(0), metavar="WHEN", help="Not before this day (UTC), or time with a zone."
)
@click.option("--until", type=_Moment(1), metavar="WHEN", help="Not after this day, or before this time.")
@click.option(
    "--by",
    type=click.Choice(["signed", "recorded"]),
    default="recorded",
    show_default=True,
    help="Which time --since and --until mean.",
)
@click.option(
    "--state", type=click.Choice([each.value for each in Standing]), help="Only those that stand so."
)
@click.option("--file", "file", type=READABLE_FILE, metavar="FILE", help="Records of this document.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The newest N at most.")
@passphrase_option
@vault_option
@json_option
def find(
    texts: tuple[str, ...],
    signers: tuple[str, ...],
    types: tuple[str, ...],
    since: int | None,
    until: int | None,
    by: str,
    state: str | None,
    file: Path | None,
    limit: int | None,
    passphrase_file: Path | None,
    vault_folder: Path | None,
    as_json: bool,
) -> None:
    """Find records in which each TEXT occurs, whatever its case: a word or a part of one, or several words in quotes."""
    criteria = Criteria(texts, signers, types, since=since, until=until, by=by)
    standing = None if state is None else Standing(state)
    with open_site(vault_folder) as vault:
        keys = key_ring(vault, passphrase_file)
        only = None if file is None else _of_document(vault, file)
        found = list(islice(_found(vault, keys, criteria, standing, only), limit))
        for record in summaries(vault, keys, found):
            if as_json:
                print_json(summary_members(record))
            else:
                print_line(summary_line(record))
    if not as_json:
        tell(f"{plural(len(found), 'record')} found")
        tell_next("perdure show FILE" if found else "perdure list")


def _found(
    vault: Vault, keys: KeyRing, criteria: Criteria, standing: Standing | None, only: frozenset[int] | None
) -> Iterator[int]:
    segments = Segments(vault, keys, clock=system_clock(), randomness=os.urandom)
    for page in search(segments, vault.database, criteria, standing, only):
        yield from page


def _of_document(vault: Vault, file: Path) -> frozenset[int]:
    document = vault.lookup_key.of_document(hash_document(file).sha256)
    return frozenset(each.sequence for each in records_of_document(vault.database, document))
