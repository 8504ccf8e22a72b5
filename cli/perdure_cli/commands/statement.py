"""`perdure statement`: write a statement that a stretch of the log is complete. Needs no network."""

import re
import shlex
from pathlib import Path

import click
from perdure_anchor.record import SLOTS
from perdure_anchor.statement import FILE_SUFFIX, MAX_STATEMENT_SIZE, Statement, encode_statement
from perdure_node.evidence.proving import ALL_SLOTS
from perdure_node.evidence.stating import ALWAYS_SHOWN, RangeTooLong, Stated, make_statement

from perdure_cli.commands.prove import chosen_slots
from perdure_cli.files import write_whole
from perdure_cli.opening_as import opening_as_option, opening_keys
from perdure_cli.options import json_option, passphrase_option, vault_option
from perdure_cli.output import print_json, print_line, print_raw, tell, tell_next
from perdure_cli.outputs import STANDARD_OUTPUT, check_output, output_option
from perdure_cli.progress import TerminalProgress
from perdure_cli.record_texts import plural
from perdure_cli.site import open_site

_RANGE = re.compile(r"(\d{1,15})-(\d{1,15})", re.ASCII)


class _Range(click.ParamType[tuple[int, int]]):
    """``A-B``, both included; (begin, end) without the end."""

    name = "range"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        match = _RANGE.fullmatch(str(value))
        if match is None:
            self.fail(f"got {value!a}, want the first and the last leaf's index, as in 0-99", param, ctx)
        return int(match[1]), int(match[2]) + 1


@click.command(short_help="Show that a stretch of the log is complete.")
@click.option(
    "--range",
    "leaves",
    type=_Range(),
    required=True,
    metavar="A-B",
    help="The first and the last leaf's index in the log, both included.",
)
@output_option(f"Where to write; - is standard output. By default leaves-A-B{FILE_SUFFIX} here.")
@click.option(
    "--disclose",
    multiple=True,
    type=click.Choice([ALL_SLOTS, *SLOTS]),
    metavar="SLOT",
    help="Show this slot of each record too; `all` shows everything. Repeatable.",
)
@click.option(
    "--hide",
    multiple=True,
    type=click.Choice([slot for slot in SLOTS if slot != ALWAYS_SHOWN]),
    metavar="SLOT",
    help="Do not show this slot. Repeatable; what a record supersedes is always shown.",
)
@opening_as_option
@passphrase_option
@vault_option
@json_option
def statement(
    leaves: tuple[int, int],
    output_file: Path | None,
    disclose: tuple[str, ...],
    hide: tuple[str, ...],
    who: str | None,
    passphrase_file: Path | None,
    vault_folder: Path | None,
    as_json: bool,
) -> None:
    """Write a statement: that the leaves A to B of the site's log are all there are, for an auditor.

    Each leaf shows the slots that evidence shows by default, unless --disclose and --hide say otherwise, and always what it
    supersedes. An erased record shows that there is a leaf, and nothing else. The range must be anchored; the newest anchor at
    home is used, so that the reader sees how far the log had come. `perdure verify FILE` checks it, offline.
    """
    begin, end = leaves
    with open_site(vault_folder) as vault, TerminalProgress() as progress:
        shown, hidden = chosen_slots(vault, disclose, hide)
        keys = opening_keys(vault, who, passphrase_file)
        stated = make_statement(vault, keys, begin, end, progress, disclose=shown, hide=hidden)
    raw = encode_statement(stated.statement)
    if len(raw) > MAX_STATEMENT_SIZE:
        raise RangeTooLong(
            f"the statement has {len(raw)} bytes, a reader takes at most {MAX_STATEMENT_SIZE}",
            hint="split the range, or disclose fewer slots",
        )
    _write(stated, raw, output_file or Path(f"leaves-{begin}-{end - 1}{FILE_SUFFIX}"), as_json)


def _write(stated: Stated, raw: bytes, file: Path, as_json: bool) -> None:
    if file == STANDARD_OUTPUT:
        print_raw(raw)
        return
    check_output(file, FILE_SUFFIX, "a statement")
    write_whole(file, raw)
    made = stated.statement
    if as_json:
        print_json(
            {
                "ok": True,
                "file": str(file),
                "size_bytes": len(raw),
                "begin": made.begin,
                "end": made.end,
                "erased": stated.erased,
                "size": made.checkpoint.size,
            }
        )
        return
    print_line(f"wrote {file}, {len(raw)} bytes: {_leaves(made)} of {made.checkpoint.size}")
    if stated.erased:
        tell(f"{plural(stated.erased, 'record')} of them {'was' if stated.erased == 1 else 'were'} erased")
    tell_next(f"perdure verify {shlex.quote(str(file))}")


def _leaves(made: Statement) -> str:
    return f"{plural(made.end - made.begin, 'leaf', 'leaves')}, {made.begin} to {made.end - 1},"
