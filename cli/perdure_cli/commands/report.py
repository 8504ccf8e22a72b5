"""`perdure report`: a PDF for a court, from what the verifier says."""

import time
from collections.abc import Set
from pathlib import Path
from typing import TYPE_CHECKING

import click
from perdure_anchor.evidence import MAX_EVIDENCE_SIZE
from perdure_anchor.hashes import sha256
from perdure_anchor.verdict import Grade

from perdure_cli.commands.trust_options import (
    believed_vault_option,
    clock_allowance_option,
    trust_choice,
    trust_file_option,
)
from perdure_cli.exit_codes import ANSWER_IS_NO, batch_exit_code
from perdure_cli.files import standard_input
from perdure_cli.new_files import check_new_file, write_new
from perdure_cli.options import Moment, jobs_option, json_option, require_option
from perdure_cli.output import print_json, print_line, print_row, tell, tell_next, tell_warning
from perdure_cli.progress import TerminalProgress
from perdure_cli.reporting.contents import Report
from perdure_cli.verifying.as_json import outcome_members
from perdure_cli.verifying.outcome import Question
from perdure_cli.verifying.sorting import SortedFiles, sort_files
from perdure_cli.verifying.workers import Workers

if TYPE_CHECKING:
    from perdure_cli.reporting.missing import Missing


@click.command(short_help="Make a report for a court from evidence.")
@click.argument("files", nargs=-1, required=True, type=click.Path(readable=False), metavar="EVIDENCE...")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The PDF to write; nothing is written over.",
)
@trust_file_option
@click.option(
    "--document",
    "documents",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="A document to hold against the evidence; also several times.",
)
@require_option("The least grade that is a yes.")
@clock_allowance_option
@believed_vault_option
@click.option(
    "--language", type=click.Choice(["en"]), default="en", show_default=True, help="The report's language."
)
@click.option(
    "--font",
    "fonts",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="A font (TrueType) to draw with what ours cannot, such as Chinese; also several times.",
)
@click.option(
    "--made-at",
    type=Moment(),
    metavar="TIME",
    help="The time that the report says it was made at, as 2026-01-01T00:00:00Z, to make the same bytes again; by default now.",
)
@click.option("--only-if-yes", is_flag=True, help="Write no report unless the answer is yes.")
@jobs_option
@json_option
def report(
    files: tuple[str, ...],
    output: Path,
    trust_file: Path | None,
    documents: tuple[str, ...],
    require: str,
    clock_allowance: int,
    vault_folder: Path | None,
    language: str,  # noqa: ARG001  # there is one so far
    fonts: tuple[Path, ...],
    made_at: int | None,
    only_if_yes: bool,
    jobs: int,
    as_json: bool,
) -> int:
    """Make a report for people without a computer at hand: a judge, an auditor, a lawyer.

    The PDF says what `perdure verify` says of the same files, and nothing else: the answer, each step of the check, the times
    between which the record was made, what is a claim only, who must have lied for each statement to be false, whose trust file was
    believed, and how to repeat the check. The evidence and the trust file are attached inside; `perdure verify report.pdf` works it
    all out anew.

    Names are drawn as they are written: Latin, Greek, Cyrillic, Armenian, Georgian, Hebrew and Arabic by themselves, Chinese, Japanese, Korean
    and more with a font that has them (--font FILE). What cannot be drawn is shown by its number in Unicode, which the first page says.

    Evidence that does not hold makes a report that says NO, and exit code 1.

    Exit codes: 0 all hold, 1 one does not, 2 no trust file or a wrong one, 3 a file could not be read.
    """
    from importlib.metadata import version

    from perdure_cli.reporting.making import made_report

    check_new_file(output)
    trust = trust_choice(trust_file, vault_folder)
    question = Question(trust, Grade[require.upper()], clock_allowance)
    with Workers(jobs) as workers, TerminalProgress() as progress:
        found = sort_files((*files, *documents), _read_standard_input, workers, progress)
        _leave_others_out(found, {*files, *documents})
        moment = int(time.time()) if made_at is None else made_at
        made = made_report(found, question, moment, version("perdure"), progress)
        code = batch_exit_code(outcome.exit_code for outcome in made.outcomes)
        if not made.outcomes:
            raise click.UsageError("there is no evidence and no document in what was given")
        written = missing = None
        if code == 0 or not only_if_yes:
            written, missing = _drawn(made, fonts, progress)
            write_new(output, written)
    for path in found.left_out:
        tell(f"left out: {path}")
    _print(made, output, written, missing, code, as_json=as_json)
    return code


def _drawn(
    made: Report, fonts: tuple[Path, ...], progress: TerminalProgress
) -> tuple[bytes, "Missing | None"]:
    """The PDF, and what of it is not drawn."""
    from perdure_cli.reporting.fonts import with_fonts
    from perdure_cli.reporting.missing import missing_in, with_note
    from perdure_cli.reporting.pages import report_pdf
    from perdure_cli.reporting.telling import report_blocks, report_title

    with with_fonts(fonts):
        blocks = list(report_blocks(made))
        missing = missing_in(blocks)
        return report_pdf(made, with_note(blocks, missing), report_title(made), progress), missing


def _leave_others_out(found: SortedFiles, named: Set[str]) -> None:
    """Statements, reports of audits and proofs of two histories are not reported on: of a folder they are left out, else refused."""
    for other in found.others:
        if other.name in named:
            raise click.UsageError(
                f"{other.name}: a report is made from evidence only; `perdure verify` tells of this file"
            )
        found.left_out.append(other.name)


def _print(
    made: Report, output: Path, raw: bytes | None, missing: "Missing | None", code: int, *, as_json: bool
) -> None:
    word = {0: "yes", ANSWER_IS_NO: "no"}.get(code, "could not find out")
    if as_json:
        print_json(
            {
                "ok": code == 0,
                "file": None if raw is None else str(output),
                "sha256": None if raw is None else sha256(raw).hex(),
                "report": made.identifier,
                "made_at": made.made_at_text,
                "required": made.require.text,
                "not_drawn": [] if missing is None else list(missing.scripts),
                "evidence": [outcome_members(outcome, made.require) for outcome in made.outcomes],
            }
        )
        return
    print_line(
        f"{word}: {len(made.outcomes)} in the report", style={0: "green", 1: "red"}.get(code, "yellow")
    )
    if raw is None:
        tell("no report is written, as you wished")
        return
    print_row("report", f"{made.identifier}, made {made.made_at_text}")
    print_row("SHA-256", sha256(raw).hex())
    print_line(f"wrote {output}")
    if missing is not None:
        remedy = ": name a font that has them, --font FILE" if missing.font_helps else ""
        tell_warning(f"some letters are shown by their numbers ({', '.join(missing.scripts)}){remedy}")
    if any(not source.pinned for source in made.trusts):
        tell_warning(
            "the report says that a trust file is not pinned: compare its fingerprint, pin it, and make the report again"
        )
    tell_next(f"look at {output}, and try perdure verify {output}")


def _read_standard_input() -> bytes:
    return standard_input().read(MAX_EVIDENCE_SIZE + 1)
