"""The options of `perdure find` that say what is searched for, and in which order it is shown."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from perdure_anchor.errors import PerdureError
from perdure_node.details import parse_time
from perdure_node.searching.criteria import Criteria
from perdure_node.searching.folding import fold
from perdure_node.searching.query import Query
from perdure_node.searching.rows import microseconds
from perdure_node.searching.search import Standing

from perdure_cli.option_groups import as_one_argument
from perdure_cli.options import READABLE_FILE

F = TypeVar("F", bound=Callable[..., object])

# unless more are asked for
TABLE_LINES: Final = 100
HASH_DIGITS: Final = re.compile(r"(?:0x)?([0-9a-f]{8,64})", re.ASCII)
_ROUND = timedelta(days=1) // timedelta(microseconds=1)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# from the option's word to the column
_SORTS = {"added": None, "recorded": "recorded", "signed": "signed", "name": "name"}


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
        match = HASH_DIGITS.fullmatch(value.lower())
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


_OPTIONS = (
    click.argument("texts", metavar="[TEXT]...", nargs=-1, type=_Text()),
    click.option(
        "--signer",
        "signers",
        multiple=True,
        type=_Text(),
        metavar="TEXT",
        help="Part of a signer's name or id.",
    ),
    click.option(
        "--type",
        "types",
        multiple=True,
        type=_Text(),
        metavar="TYPE",
        help="The document's type; repeated, one of them.",
    ),
    click.option(
        "--field",
        "fields",
        multiple=True,
        type=_Field(),
        metavar="NAME=VALUE",
        help="A field of your own (extra).",
    ),
    click.option(
        "--since",
        type=_Moment(ends=False),
        metavar="WHEN",
        help="From this day (UTC), or time with a zone, on.",
    ),
    click.option(
        "--until",
        type=_Moment(ends=True),
        metavar="WHEN",
        help="Up to this day, included, or before this time.",
    ),
    click.option(
        "--by",
        type=click.Choice(["signed", "recorded"]),
        default="recorded",
        show_default=True,
        help="Which time --since and --until mean.",
    ),
    click.option(
        "--state", type=click.Choice([each.value for each in Standing]), help="How the record stands."
    ),
    click.option(
        "--file",
        type=READABLE_FILE,
        metavar="FILE",
        help="The document, or one that supports a late entry, by its bytes.",
    ),
    click.option(
        "--hash",
        "digits",
        type=_Digits(),
        metavar="HASH",
        help="Begin of such a document's SHA-256, or of a leaf hash.",
    ),
    click.option(
        "--sort",
        type=click.Choice(list(_SORTS)),
        default="added",
        show_default=True,
        help="By what: times from the newest, names from A.",
    ),
    click.option("--reverse", is_flag=True, help="The other way round."),
    click.option(
        "--limit",
        type=click.IntRange(min=1),
        metavar="N",
        help=f"Show N at most.  [default: {TABLE_LINES} in a table, else all]",
    ),
)


def _query(
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
) -> Query:
    criteria = Criteria(texts, signers, types, fields, since, until, by)
    standing = None if state is None else Standing(state)
    query = Query(criteria, standing, file, digits, _SORTS[sort], reverse, limit)
    if not query.asks_for_anything:
        raise click.UsageError("nothing to search for: want a TEXT or an option; `perdure list` lists all")
    return query


def query_options(command: F) -> F:
    """Give a command the argument and these options, as one argument ``query``."""
    return as_one_argument("query", _query, _OPTIONS)(command)
