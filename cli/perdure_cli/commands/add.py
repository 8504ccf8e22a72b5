"""`perdure add`: record documents; each record is durable when its line is printed."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
from perdure_anchor.errors import ConfigError, PerdureError
from perdure_node.clock import Clock, system_clock
from perdure_node.documents import DocumentFacts, Taker, hash_document, hash_stream
from perdure_node.intake import Details, add_document, find_recorded
from perdure_node.operators.attesting import Attestor
from perdure_node.places import is_vault
from perdure_node.records import Added
from perdure_node.signatures.filling import Filled, filled_in
from perdure_node.signatures.looking import UNSIGNED, Look, Looker, site_looker
from perdure_node.signatures.recognising import Recogniser
from perdure_node.vault import Vault

from perdure_cli.acting import as_option, recording_as
from perdure_cli.asking import ask_for_rest, can_ask
from perdure_cli.awaiting_texts import step_after_recording
from perdure_cli.clock_doubt import warn_of_clock
from perdure_cli.commands.detail_options import detail_options, details_of
from perdure_cli.commands.signature_options import signature_options, take_asked
from perdure_cli.documents import STANDARD_INPUT, documents_below
from perdure_cli.exit_codes import DONE, batch_exit_code, exit_code
from perdure_cli.files import standard_input
from perdure_cli.late_entries import with_late_reason
from perdure_cli.looking_texts import look_members, print_look
from perdure_cli.options import json_option, passphrase_option, vault_option
from perdure_cli.output import print_json, print_line, tell, tell_error, tell_next
from perdure_cli.progress import TerminalProgress
from perdure_cli.record_texts import plural
from perdure_cli.site import open_site

Record = Callable[[Filled, Look], Added | None]


class NoDocuments(ConfigError):
    """The folders that were named hold no document, which looks more like a slip than like a wish."""


@click.command(short_help="Record documents.")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True, readable=True, allow_dash=True),
    metavar="FILE...",
)
@detail_options
@signature_options
@click.option("--name", metavar="NAME", help="The name of the document that comes from standard input.")
@click.option(
    "--reason", metavar="WHY", help="With --supersedes: why the earlier record is corrected; kept with both."
)
@click.option("--again", is_flag=True, help="Record a document that is recorded already, in other words.")
@click.option("--dry-run", is_flag=True, help="Say what would be recorded, and record nothing.")
@as_option
@passphrase_option
@click.option("--no-input", is_flag=True, help="Do not ask for what cannot be seen, also on a terminal.")
@vault_option
@json_option
def add(
    files: tuple[Path, ...],
    name: str | None,
    reason: str | None,
    again: bool,
    dry_run: bool,
    no_input: bool,
    who: str | None,
    passphrase_file: Path | None,
    vault_folder: Path | None,
    as_json: bool,
    **said: object,
) -> int:
    """Record documents: their SHA-256, and what you say of them. Perdure keeps no copy of your document.

    Signatures are checked, offline, and what they say is filled in: who signed, and when. They may be in the document (PDF, CMS,
    S/MIME, typed data) or beside it: contract.pdf.p7s, .sig with a certificate, .sig.json from an Ethereum wallet. What you say
    yourself wins. A bad signature is recorded as bad. On a terminal you are asked for what cannot be seen: who signed one document,
    when, and of what type it is; Enter leaves it empty.

    FILE is a document, a folder with documents (hidden files, evidence and vaults are left out), or - for standard input. The same
    document in the same words is recorded once. What you say of it is encrypted: no passphrase is needed to record, but to read.
    With --as the record is signed by who records it. A document that the site's policy wants confirmed waits for a second person.
    """
    several = len(files) > 1 or files[0].is_dir()
    asked = take_asked(said, several=several or files[0] == STANDARD_INPUT)
    details = details_of(**said, reason=reason)  # type: ignore[arg-type]  # click gives what detail_options ask for
    _check_usage(files, name, details, reason)
    codes, newest = [], None
    with (
        open_site(vault_folder) as vault,
        TerminalProgress() as progress,
        site_looker(vault, asked) as looker,
    ):
        clock = system_clock()
        warn_of_clock(vault, clock)
        asks = not (several or no_input or as_json or dry_run) and can_ask()
        who_records = recording_as(vault, who, passphrase_file, dry_run=dry_run)
        record = _recorder(vault, clock, who_records, again=again, dry_run=dry_run)
        taking = _Taking(looker, details, name, clock, record, asks, dry_run, as_json, progress)
        for file in documents_below(files, signatures=asked.skip):
            try:
                newest = taking.take(file) or newest
                codes.append(DONE)
            except PerdureError as error:
                if not several:
                    raise
                _print_refused(file, error, as_json)
                codes.append(exit_code(error))
        step = None if newest is None else step_after_recording(vault.database, newest)
    if not codes:
        raise NoDocuments(
            "there is no document in what was given",
            hint="hidden files, evidence and vaults are left out of folders; name such a file itself",
        )
    _tell_end(codes, step, dry_run=dry_run)
    return batch_exit_code(codes)


def _check_usage(files: tuple[Path, ...], name: str | None, details: Details, reason: str | None) -> None:
    if (details.supersedes is None) != (reason is None):
        raise click.UsageError("--supersedes and --reason belong together: a correction says why")
    if name is not None and STANDARD_INPUT not in files:
        raise click.UsageError("--name is for a document from standard input, FILE -")
    if inside := next((file for file in files if is_vault(file) or is_vault(file.parent)), None):
        raise click.UsageError(f"{inside}: is of a vault, and no document")


@dataclass(frozen=True, slots=True)
class _Taking:
    """What is done with one document after the other; ``asks``: whether somebody is asked for what it does not show."""

    looker: Looker
    details: Details
    name: str | None
    clock: Clock
    record: Record
    asks: bool
    dry_run: bool
    as_json: bool
    progress: TerminalProgress

    def take(self, file: Path) -> int | None:
        """Record a document, and say so; the sequence number of what is new."""
        seen = Recogniser()
        document = _hashed(file, self.name, self.progress, seen.take if self.looker.seeks else None)
        self.progress.close()
        now = int(self.clock.now())
        look = UNSIGNED if file == STANDARD_INPUT else self.looker.look(file, document, seen.form(), now)
        filled = filled_in(document, self.details, look)
        if self.asks:
            filled = ask_for_rest(file, filled)
        added = self.record(filled, look)
        _print_added(file, filled, look, added, self.as_json, dry_run=self.dry_run)
        if not self.dry_run:
            self.looker.note(look)
        return None if added is None or added.was_there else added.sequence


def _recorder(vault: Vault, clock: Clock, who: Attestor | None, *, again: bool, dry_run: bool) -> Record:
    """What is done with each document."""
    if dry_run:
        return lambda filled, _: find_recorded(vault, filled.document, filled.details, again=again)

    def record(filled: Filled, look: Look) -> Added:
        return with_late_reason(
            filled.details,
            lambda said: add_document(
                vault,
                filled.document,
                said,
                clock=clock,
                randomness=os.urandom,
                again=again,
                who=who,
                check=look.check,
            ),
        )

    return record


def _hashed(file: Path, name: str | None, progress: TerminalProgress, taker: Taker | None) -> DocumentFacts:
    if file == STANDARD_INPUT:
        return hash_stream(standard_input(), name, None, progress)
    return hash_document(file, progress, taker)


def _print_added(
    file: Path, filled: Filled, look: Look, added: Added | None, as_json: bool, *, dry_run: bool
) -> None:
    document = filled.document
    if as_json:
        print_json(
            {
                "ok": True,
                "file": str(file),
                "document_sha256": document.sha256.hex(),
                "leaf_hash": None if added is None else added.leaf_hash.hex(),
                "sequence": None if added is None else added.sequence,
                "was_there": added is not None and added.was_there,
                "dry_run": dry_run,
                "signature": look_members(look, filled.differences),
            }
        )
        return
    if added is None:
        print_line(f"would be recorded: {_shown(file)}, SHA-256 {document.sha256.hex()}")
    else:
        done = "was recorded already" if added.was_there else "recorded"
        print_line(f"{done}: {_shown(file)}, leaf hash {added.leaf_hash.hex()}")
    print_look(file, look, filled.differences)


def _print_refused(file: Path, error: PerdureError, as_json: bool) -> None:
    """One of several files: the others go on."""
    if as_json:
        fault = {"error": type(error).__name__, "message": str(error), "hint": error.hint}
        print_json({"ok": False, "file": str(file), "errors": [fault]})
    # what cannot be read names itself
    message = str(error) if str(error).startswith(f"{file}: ") else f"{_shown(file)}: {error}"
    tell_error(message, error.hint)


def _shown(file: Path) -> str:
    return "standard input" if file == STANDARD_INPUT else str(file)


def _tell_end(codes: list[int], step: str | None, *, dry_run: bool) -> None:
    """``step`` is what comes next; None: nothing is new."""
    refused = sum(code != DONE for code in codes)
    if refused:
        tell(f"{plural(refused, 'document')} of {len(codes)} refused")
    if dry_run:
        tell("nothing was recorded: leave out --dry-run to record")
    elif step is None:
        tell_next("perdure status")
    else:
        tell("Perdure keeps no copy of your document: keep it as it is, down to the last byte")
        tell_next(step)
