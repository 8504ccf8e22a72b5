"""Options that several commands share, so that they are named and explained once."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
from perdure_anchor.checkpoint import Origin, parse_origin
from perdure_anchor.errors import PerdureError

if TYPE_CHECKING:
    from perdure_node.encryption.hybrid import PublicKey

_DAY = 86_400

F = TypeVar("F", bound=Callable[..., object])

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")

seal_option = click.option(
    "--seal/--no-seal",
    "sealing",
    default=None,
    help="Seal what waits, or seal nothing; by default as the setting seal says.",
)

yes_option = click.option("--yes", is_flag=True, help="Do not ask.")

vault_option = click.option(
    "--vault",
    "vault_folder",
    type=click.Path(path_type=Path),
    envvar="PERDURE_VAULT",
    metavar="DIR",
    help="The site's vault; by default PERDURE_VAULT, else .perdure in this folder or above.",
)

passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="File whose first line is the passphrase of the vault; else PERDURE_PASSPHRASE, else a prompt.",
)

reason_option = click.option(
    "--reason", "why", required=True, metavar="WHY", help="Why; kept with the record."
)

by_option = click.option(
    "--by", metavar="WHO", help="Who does it; by default recorded_by in the vault's config.toml."
)


def usable_cores() -> int:
    """On how many cores this process may run."""
    return len(os.sched_getaffinity(0))


jobs_option = click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=usable_cores,
    show_default="all that there are",
    metavar="N",
    help="How many cores to use.",
)


def require_option(help: str) -> Callable[[F], F]:
    """``--require GRADE``: ``final`` unless the user asks for less."""
    from perdure_anchor.verdict import Grade

    grades = click.Choice([grade.text for grade in Grade])
    return click.option("--require", type=grades, default=Grade.FINAL.text, show_default=True, help=help)


READABLE_FILE = click.Path(path_type=Path, exists=True, dir_okay=False, readable=True)


class RecipientType(click.ParamType["PublicKey"]):
    """Whom a file is encrypted to, as ``age1...``."""

    name = "recipient"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "PublicKey":
        from perdure_node.encryption.age import parse_recipient

        if isinstance(value, bytes):
            return cast("PublicKey", value)
        try:
            return parse_recipient(value)
        except PerdureError as error:
            self.fail(f"{error}; {error.hint}", param, ctx)


class OriginType(click.ParamType[Origin]):
    """A site's name on the command line: a wrong one is a fault of usage."""

    name = "origin"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Origin:
        try:
            return parse_origin(value)
        except PerdureError as error:
            self.fail(f"{error}; {error.hint}", param, ctx)


class Duration(click.ParamType[int]):
    """A number of seconds, or of days, hours or minutes: 30d, 12h, 90m, 45s."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> int:
        """Seconds."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d{1,9})([dhms]?)", value, re.ASCII)
        if match is None:
            self.fail(f"got {value!a}, want a duration such as 30d, 12h, 90m or 45s", param, context)
        return int(match[1]) * {"d": _DAY, "h": 3600, "m": 60, "s": 1, "": 1}[match[2]]


class Moment(click.ParamType[int]):
    """A time: seconds since 1970, or RFC 3339 such as 2026-05-04T10:00:00Z."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> int:
        """Whole seconds since 1970, rounded down: a compromise is never stated later than it was given."""
        from datetime import datetime

        from perdure_anchor.timestamp import TimestampError, check_timestamp

        if isinstance(value, int):
            return value
        if re.fullmatch(r"\d{1,11}", value, re.ASCII):
            return int(value)
        try:
            return int(datetime.fromisoformat(check_timestamp(value, "time")).timestamp() // 1)
        except TimestampError as error:
            self.fail(f"{error}; {error.hint}", param, context)
