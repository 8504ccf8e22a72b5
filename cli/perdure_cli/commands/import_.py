"""`perdure import`: record what a register lists, all of it or nothing, or all that can be."""

import contextlib
import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click
from perdure_node.clock import system_clock
from perdure_node.errors import ImportRefused
from perdure_node.files import open_regular
from perdure_node.imports.importing import Imported, ImportOptions, abandon_imports, import_list
from perdure_node.lists.rows import ListOptions
from perdure_node.status import NextStep

from perdure_cli.acting import as_option, recording_as
from perdure_cli.clock_doubt import warn_of_clock
from perdure_cli.exit_codes import ANSWER_IS_NO, DONE
from perdure_cli.files import standard_input
from perdure_cli.options import jobs_option, json_option, passphrase_option, vault_option
from perdure_cli.output import print_json, print_line, tell, tell_error, tell_next
from perdure_cli.progress import TerminalProgress
from perdure_cli.record_texts import plural
from perdure_cli.site import open_site

_STANDARD_INPUT = Path("-")


@click.command("import", short_help="Record what a register lists.")
@click.argument(
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    required=False,
    metavar="FILE",
)
@click.option(
    "--format",
    "list_format",
    type=click.Choice(["csv", "jsonl", "digests"]),
    help="What the list is; by default as its name and content say.",
)
@click.option(
    "--map",
    "mappings",
    multiple=True,
    metavar="COLUMN=SLOT",
    help="CSV: what a column of the list is; - leaves it out. Repeatable.",
)
@click.option("--encoding", metavar="NAME", help="How the text is encoded; by default found out.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Where the files that the list names are; by default the list's own folder.",
)
@click.option("--keep-paths", is_flag=True, help="Digests: record whole paths, not only the names of files.")
@click.option("--again", is_flag=True, help="Record documents that are recorded already, in other words.")
@click.option(
    "--keep-going", is_flag=True, help="Record the good rows, and write the others to a file of rejects."
)
@click.option(
    "--rejects",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where --keep-going writes them; by default beside the list.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be recorded, and record nothing.")
@click.option("--abandon", is_flag=True, help="Forget the imports that were broken off.")
@jobs_option
@as_option
@passphrase_option
@vault_option
@json_option
def import_(
    file: Path | None,
    list_format: str | None,
    mappings: tuple[str, ...],
    encoding: str | None,
    folder: Path | None,
    keep_paths: bool,
    again: bool,
    keep_going: bool,
    rejects: Path | None,
    dry_run: bool,
    abandon: bool,
    jobs: int,
    who: str | None,
    passphrase_file: Path | None,
    vault_folder: Path | None,
    as_json: bool,
) -> int:
    """Record what a list names: .csv, .jsonl, or SHA-256 digests as sha256sum prints them; - reads it from standard input.

    A fault in one row leaves everything as it was, unless --keep-going is given. A row that was recorded before is not recorded
    twice. An import that was broken off goes on where it was when the same command is given again. The columns of CSV are told by
    `perdure help import`.
    """
    if rejects is not None and not keep_going:
        raise click.UsageError("--rejects is for --keep-going")
    if file is None or abandon:
        return _abandon(file, vault_folder, as_json, wanted=abandon)
    how = ListOptions(list_format, dict(map(_mapping, mappings)), keep_paths, encoding, folder)
    rejects = _rejects(file, rejects) if keep_going else None
    with (
        open_site(vault_folder) as vault,
        _opened(file) as (stream, name, beside),
        TerminalProgress() as progress,
    ):
        warn_of_clock(vault, system_clock())
        recorder = recording_as(vault, who, passphrase_file, many=True)
        options = ImportOptions(how, again, rejects, jobs, dry_run, recorder)
        imported = import_list(
            vault,
            stream,
            name,
            beside,
            options,
            clock=system_clock(),
            randomness=os.urandom,
            progress=progress,
        )
    _tell_imported(file, imported, options, as_json)
    return ANSWER_IS_NO if imported.rejected else DONE


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[tuple[BinaryIO, str, Path]]:
    """The list as a file that can be read again, its name, and the folder of its files.

    What comes through a pipe stays in memory: nothing of it shall lie on the disk in the open.
    """
    if file != _STANDARD_INPUT:
        with open_regular(file) as regular:
            yield regular, file.name, file.parent
        return
    with os.fdopen(os.memfd_create("list", os.MFD_CLOEXEC), "w+b") as memory:
        shutil.copyfileobj(standard_input(), memory)
        memory.seek(0)
        yield memory, "standard input", Path.cwd()


def _mapping(text: str) -> tuple[str, str]:
    column, equals, slot = text.rpartition("=")
    if not column or not equals or not slot:
        raise click.UsageError(f"--map: got {text!a}, want COLUMN=SLOT")
    return column, slot


def _rejects(file: Path, named: Path | None) -> Path:
    """Where rejected rows go: a name of our own, since nothing is written over but what a broken-off import left."""
    if named is not None:
        if not named.parent.is_dir():
            raise click.UsageError(f"--rejects: there is no folder {named.parent}")
        return named
    if file == _STANDARD_INPUT:
        raise click.UsageError(
            "--keep-going: say with --rejects FILE where to write the rows that are refused"
        )
    return file.with_name(f"{file.stem}.rejects{file.suffix}")


def _abandon(file: Path | None, vault_folder: Path | None, as_json: bool, *, wanted: bool) -> int:
    if not wanted or file is not None:
        raise click.UsageError("want either FILE or --abandon")
    with open_site(vault_folder) as vault:
        records = abandon_imports(vault, system_clock())
    if as_json:
        print_json({"ok": True, "abandoned": records})
    else:
        print_line(f"forgot {plural(records, 'record')} of unfinished imports")
        tell_next("perdure status")
    return DONE


def _tell_imported(file: Path, imported: Imported, options: ImportOptions, as_json: bool) -> None:
    if as_json:
        print_json(_members(file, imported, options))
    else:
        _print_imported(file, imported, options)


def _print_imported(file: Path, imported: Imported, options: ImportOptions) -> None:
    name = "standard input" if file == _STANDARD_INPUT else str(file)
    for note in imported.notes:
        tell(f"{name}: {note}")
    if imported.resumed_at:
        tell(f"went on behind row {imported.resumed_at} of an import that was broken off")
    for refusal in imported.refusals:
        _tell_refusal(refusal)
    verb = "would record" if options.dry_run else "recorded"
    print_line(f"{verb} {plural(imported.added, 'record')} of {plural(imported.rows, 'row')} in {name}")
    if imported.was_there:
        print_line(f"{plural(imported.was_there, 'row')} had been recorded before")
    if options.dry_run:
        if imported.rejected:
            print_line(f"{plural(imported.rejected, 'row')} would be refused")
        tell("nothing was recorded: leave out --dry-run to record")
    elif imported.rejected:
        print_line(f"{plural(imported.rejected, 'row')} refused, written to {options.rejects}")
        tell_next(f"mend {options.rejects}, then {_import_of_rejects(file, options)}")
    else:
        if imported.awaiting:
            print_line(f"{plural(imported.awaiting, 'record waits', 'records wait')} for a second person")
        tell_next(NextStep.CONFIRM.value if imported.awaiting else "perdure sync, when there is a network")


def _import_of_rejects(file: Path, options: ImportOptions) -> str:
    """The command that imports what was mended: rejects are UTF-8, and say of files what the list did."""
    how, rejects = options.how, options.rejects
    assert rejects is not None, "rows are rejected to a file only"
    words = ["perdure", "import", str(rejects)]
    words += ["--format", how.format] if how.format else []
    words += [word for column in how.columns.items() for word in ("--map", "=".join(column))]
    listed = Path() if file == _STANDARD_INPUT else file.parent
    folder = how.folder or (listed if listed != rejects.parent else None)
    words += ["--folder", str(folder)] if folder else []
    words += ["--keep-paths"] if how.keep_paths else []
    words += ["--again"] if options.again else []
    return shlex.join(words)


def _tell_refusal(refusal: ImportRefused) -> None:
    tell_error(str(refusal), refusal.given_hint)


def _members(file: Path, imported: Imported, options: ImportOptions) -> dict[str, object]:
    return {
        "ok": not imported.rejected,
        "file": str(file),
        "format": imported.format,
        "rows": imported.rows,
        "added": imported.added,
        "was_there": imported.was_there,
        "rejected": imported.rejected,
        "rejects": str(options.rejects) if imported.rejected and not options.dry_run else None,
        "resumed_at": imported.resumed_at,
        "dry_run": options.dry_run,
        "notes": list(imported.notes),
        "errors": [
            {
                "row": refusal.row,
                "column": refusal.column,
                "message": refusal.reason,
                "hint": refusal.given_hint,
            }
            for refusal in imported.refusals
        ],
    }
