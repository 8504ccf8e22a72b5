"""`perdure verify`: hold evidence against a trust file and documents, offline."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import click
from perdure_anchor.statement import MAX_STATEMENT_SIZE
from perdure_anchor.verdict import Grade

from perdure_cli.commands.trust_options import (
    believed_vault_option,
    clock_allowance_option,
    trust_choice,
    trust_file_option,
)
from perdure_cli.exit_codes import batch_exit_code
from perdure_cli.files import standard_input
from perdure_cli.options import jobs_option, json_option, require_option
from perdure_cli.output import is_verbose, print_lines, tell, tell_next, write_lines
from perdure_cli.progress import TerminalProgress
from perdure_cli.verifying.answering import Form, Tally, Unseen, answers
from perdure_cli.verifying.attached_trust import attached_trust_text, opened_text, saved_again_text
from perdure_cli.verifying.finding import STANDARD_INPUT
from perdure_cli.verifying.matching import Case
from perdure_cli.verifying.outcome import Outcome, Question
from perdure_cli.verifying.sorting import sort_files
from perdure_cli.verifying.workers import Workers


def _check_single(ctx: click.Context, parameter: click.Parameter, files: tuple[str, ...]) -> tuple[str, ...]:
    """A single file that is not there is a slip of the keyboard; one of many must not keep the others from being verified."""
    # a name that is too long for the system is not there, where Path.exists raises
    if len(files) == 1 and files[0] != STANDARD_INPUT and not os.path.exists(files[0]):  # noqa: PTH110
        raise click.BadParameter(f"Path {files[0]!r} does not exist", ctx, parameter)
    return files


@click.command(short_help="Verify evidence, offline.")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(readable=False),
    callback=_check_single,
    metavar="FILE...",
)
@trust_file_option
@require_option("The least grade that is a yes.")
@clock_allowance_option
@believed_vault_option
@click.option(
    "--signatures",
    is_flag=True,
    help="Check the documents' signatures again, as of when the record says, from what that check rested on.",
)
@click.option(
    "--material",
    "material_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="What the check of the signatures rested on; by default the .material.zip beside the evidence.",
)
@click.option(
    "--trust-folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Your own trust anchors for signatures, in DIR/anchors; without it those of the site are believed.",
)
@jobs_option
@json_option
def verify(
    files: tuple[str, ...],
    trust_file: Path | None,
    require: str,
    clock_allowance: int,
    vault_folder: Path | None,
    signatures: bool,
    material_file: Path | None,
    trust_folder: Path | None,
    jobs: int,
    as_json: bool,
) -> int:
    """Verify evidence, documents and whole folders of both, without a network.

    A file in Perdure's format is evidence (- reads one from standard input); any other file must be the document of one.
    A report by `perdure report` is opened where no evidence is given beside it, and what it attaches is verified; what its pages say
    is not looked at, and the trust file that it attaches is not believed. So is one that another program saved anew. Another PDF that
    attaches evidence, and that no evidence is about, is told so: what it attaches is verified too, and the PDF itself is a no.
    A proof of two histories (.rivals.json) is verified too: a yes means that keys of the site signed two logs that no one log can be.
    Evidence of an operator's record (PERSON.evidence.json) beside that of a record which he confirmed shows that the site's log gives him the key.
    So is a statement (.statement.json): a yes means that its leaves are all there are in their stretch of the site's log.
    For a document that no given evidence is about, its evidence is looked for beside it, unless some of the given evidence
    hides its document: that is a no while there is a document that no evidence proves. Whom to believe says the trust file: the one that you name,
    else the one that you pinned for the chain and registry of the evidence, else that of the vault that you name. A vault
    that is merely found is not believed.

    With --signatures the check of each document's signatures is repeated, too, and held against what the record says of it.

    Exit codes: 0 all hold, 1 one does not, 2 no trust file or a wrong one, 3 a file could not be read.
    """
    trust = trust_choice(trust_file, vault_folder)
    beyond = _beyond(signatures, material_file, trust_folder)
    question = Question(trust, Grade[require.upper()], clock_allowance, beyond)
    with Workers(jobs) as workers, TerminalProgress() as progress:
        found = sort_files(files, _read_standard_input, workers, progress)
        given, seen = Tally(), Unseen() if sys.stdout.isatty() else progress
        for answer in answers(found, question, Form(as_json, is_verbose()), workers, seen):
            given.take(answer)
            write_lines(answer.lines)
    for path in found.left_out:
        tell(f"left out: {path}")
    for name in found.opened:
        tell(opened_text(name))
    for name in found.saved_again:
        tell(saved_again_text(name))
    for name, raw in found.attached_trust:
        tell(attached_trust_text(name, raw))
    if given.believing:
        print_lines("".join(given.believing))
    if given.count > 1:
        tell(given.summary)
    if trust.named is not None and not trust.named.pinned and not as_json:
        tell_next(f"perdure trust pin {trust_file}, once you have compared its fingerprint")
    return batch_exit_code(given.codes) if given.count else _nothing_found()


def _beyond(
    signatures: bool, material: Path | None, trust_folder: Path | None
) -> Callable[[Outcome, Case], Outcome] | None:
    """What is asked beyond the evidence itself; nothing of it is imported where it is not wanted."""
    if not signatures:
        if material is not None or trust_folder is not None:
            raise click.UsageError("--material and --trust-folder are for --signatures")
        return None
    from perdure_cli.verifying.signatures import SignaturesAgain

    return SignaturesAgain(material, trust_folder)


def _nothing_found() -> NoReturn:
    raise click.UsageError("there is no evidence and no document in what was given")


def _read_standard_input() -> bytes:
    return standard_input().read(MAX_STATEMENT_SIZE + 1)
