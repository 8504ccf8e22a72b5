"""`perdure review`: what needs a person, and that somebody looked at it."""

import os
import re
from collections import Counter
from pathlib import Path

import click
from perdure_anchor.hashes import Hash32
from perdure_node.certificate_ends import certificate_ends
from perdure_node.clock import system_clock
from perdure_node.operators.roles import Action
from perdure_node.review_findings import Finding, ReviewOptions
from perdure_node.reviewing import mark_reviewed
from perdure_node.reviewing import review as review_vault
from perdure_node.selectors import parse_selector
from perdure_node.vault import Vault

from perdure_cli.acting import acting, as_option
from perdure_cli.exit_codes import ANSWER_IS_NO, DONE
from perdure_cli.options import Duration, by_option, json_option, passphrase_option, vault_option
from perdure_cli.output import print_json, print_line, print_row, tell, tell_next
from perdure_cli.progress import TerminalProgress
from perdure_cli.record_texts import plural, time_text
from perdure_cli.site import open_site
from perdure_cli.waiting_record import meant_records

_ID = re.compile(r"[0-9a-f]{8}", re.ASCII)
_SHORT = 4
_DEFAULT = "list"

within_option = click.option(
    "--within",
    type=Duration(),
    default="30d",
    show_default=True,
    metavar="TIME",
    help="List also what ends so soon.",
)


class _ReviewGroup(click.Group):
    """``perdure review`` is ``perdure review list``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        word = next((arg for arg in args if not arg.startswith("-")), None)
        if word not in self.commands and not set(args) & {"-h", "--help"}:
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)


@click.group(short_help="List what needs a person.", cls=_ReviewGroup)
def review() -> None:
    """List what needs a person: `perdure review` lists it, `perdure review done` says that somebody looked at it.

    Whoever reviews needs the right to by the site's policy, and a passphrase that opens the records.
    """


@review.command("list", short_help="List what needs a person; the word may be left out.")
@within_option
@as_option
@passphrase_option
@vault_option
@json_option
def list_(
    within: int, who: str | None, passphrase_file: Path | None, vault_folder: Path | None, as_json: bool
) -> int:
    """List what needs a person, each with what to do.

    Records that wait for a second person, that were rejected, superseded, or corrected twice; retention periods that end or ended, by
    the site's policy; signatures that could not be judged, or rest on algorithms that are too weak; certificates that expired or will;
    late entries without documents; keys that are old. It reads every record, and changes none.

    Exit codes: 0 nothing needs anybody, 1 something does, 2 usage, 3 could not find out.
    """
    counts: Counter[str] = Counter()
    with open_site(vault_folder) as vault, TerminalProgress() as progress:
        actor = acting(vault, who, passphrase_file, Action.REVIEW)
        # an operator's passphrase shows that it is he
        actor.attestor()
        for finding in review_vault(
            vault, actor.keys, _options(within), certificate_ends(vault, actor.keys), progress
        ):
            progress.close()
            counts[finding.kind] += 1
            if as_json:
                print_json(_members(finding))
            else:
                _print(finding)
    if as_json:
        print_json({"ok": not counts, "findings": counts.total(), "kinds": dict(counts)})
    elif not counts:
        print_line("nothing needs anybody")
    else:
        kinds = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
        tell(f"{plural(counts.total(), 'finding')}: {kinds}")
        tell_next("perdure review done FINDING --note TEXT, once somebody looked at it")
    return ANSWER_IS_NO if counts else DONE


@review.command(short_help="Say that somebody looked at it.")
@click.argument("selector", metavar="FINDING|RECORD")
@click.option("--note", required=True, metavar="TEXT", help="What he found; kept with the record.")
@by_option
@within_option
@as_option
@passphrase_option
@vault_option
@json_option
def done(
    selector: str,
    note: str,
    by: str | None,
    within: int,
    who: str | None,
    passphrase_file: Path | None,
    vault_folder: Path | None,
    as_json: bool,
) -> None:
    """Say that somebody looked at a finding, by its eight digits, or at all that a record has, by a selector as for `perdure show`.

    It is listed no more until it becomes another one: a period that was going to end has ended, a third record corrects.
    """
    with open_site(vault_folder) as vault, TerminalProgress() as progress:
        actor = acting(vault, who, passphrase_file, Action.REVIEW)
        actor.attestor()
        meant = _meant(vault, selector)
        options = _options(within)
        found = [
            each
            for each in review_vault(
                vault, actor.keys, options, certificate_ends(vault, actor.keys), progress
            )
            if each.id[:_SHORT] == meant or each.record == meant
        ]
        count = mark_reviewed(
            vault,
            found,
            actor.reason(by, note),
            actor.key_holder,
            clock=system_clock(),
            randomness=os.urandom,
        )
    if as_json:
        print_json({"ok": True, "reviewed": [each.id[:_SHORT].hex() for each in found]})
        return
    print_line(f"reviewed: {plural(count, 'finding')}")
    tell_next("perdure review")


def _meant(vault: Vault, selector: str) -> bytes | Hash32:
    """The first bytes of a finding's name, or a record's leaf hash."""
    if _ID.fullmatch(selector) and not Path(selector).exists():
        return bytes.fromhex(selector)
    return meant_records(vault, parse_selector(selector))[0].leaf_hash


def _options(within: int) -> ReviewOptions:
    return ReviewOptions(int(system_clock().now()), within)


def _print(finding: Finding) -> None:
    name = "the site" if finding.record is None else finding.record.hex()
    print_line(f"{finding.id[:_SHORT].hex()}  {finding.kind}: {name}")
    print_row("", finding.what)
    print_row("", finding.remedy)


def _members(finding: Finding) -> dict[str, object]:
    return {
        "finding": finding.id[:_SHORT].hex(),
        "kind": finding.kind,
        "leaf_hash": None if finding.record is None else finding.record.hex(),
        "what": finding.what,
        "remedy": finding.remedy,
        "at": time_text(finding.at),
    }
