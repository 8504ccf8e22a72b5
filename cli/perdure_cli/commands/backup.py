"""`perdure backup`: copies of the vault in a folder elsewhere, made, listed and checked."""

import os
from collections.abc import Sequence
from pathlib import Path

import click
from perdure_anchor.checkpoint import Origin
from perdure_anchor.errors import PerdureError
from perdure_node.backup.checking import Checked, check_backup, damaged_files
from perdure_node.backup.choosing import find_backups, open_chosen
from perdure_node.backup.errors import NotABackupFolder
from perdure_node.backup.manifest import Backup, OpenBackup
from perdure_node.backup.taking import Taken, take_backup
from perdure_node.clock import system_clock
from perdure_node.encryption.age import parse_recipient, recipient_text

from perdure_cli.backup_options import (
    at_option,
    folder_argument,
    given_opening,
    opening,
    opening_options,
    site_option,
    warn_left_aside,
)
from perdure_cli.exit_codes import ANSWER_IS_NO, DONE, exit_code
from perdure_cli.options import OriginType, json_option, passphrase_option, vault_option
from perdure_cli.output import print_json, print_line, print_row, tell, tell_error, tell_next, tell_warning
from perdure_cli.progress import TerminalProgress, amount
from perdure_cli.record_texts import plural, time_text
from perdure_cli.site import key_ring, open_site

_DEFAULT = "create"
_GENERAL_FLAGS = frozenset({"-q", "--quiet", "-v", "--verbose", "--json"})
_NEEDS_NO_WORD = frozenset({"-h", "--help"})


class _BackupGroup(click.Group):
    """``perdure backup DIR`` is ``perdure backup create DIR``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        word = next((arg for arg in args if arg not in _GENERAL_FLAGS), None)
        if word is not None and word not in self.commands and word not in _NEEDS_NO_WORD:
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)


@click.group(short_help="Back the vault up, and check its backups.", cls=_BackupGroup)
def backup() -> None:
    """Keep copies of the vault elsewhere: `perdure backup DIR` makes one, `list` and `verify` look at them.

    DIR is a mounted share, a stick or a synchronised folder; `perdure restore DIR` makes a vault from what is in it. A folder named as
    one of the commands below is given as ./list.
    """


@backup.command(short_help="Make a backup; the word may be left out.")
@folder_argument
@click.option(
    "--recipient",
    "recipients",
    multiple=True,
    metavar="AGE1...",
    help="Let whoever has this age key restore the vault, too. Repeatable; give it each time.",
)
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    metavar="N",
    help="Afterwards, forget all but the newest N backups of this vault in DIR.",
)
@click.option(
    "--thorough",
    is_flag=True,
    help="With --keep: write packs anew that hold anything of what is forgotten, so that nothing of it stays.",
)
@passphrase_option
@vault_option
@json_option
def create(
    folder: Path,
    recipients: tuple[str, ...],
    keep: int | None,
    thorough: bool,
    passphrase_file: Path | None,
    vault_folder: Path | None,
    as_json: bool,
) -> None:
    """Back the vault up into DIR, while it is in use; only what is new since the last time is written.

    It is encrypted for the passphrase and the recovery key, and for each --recipient; who is left out the next time cannot open what
    is made from then on, and all is written anew. The first backup asks for the passphrase, later ones do not.

    What was erased since is still in older backups: `--keep 1 --thorough` takes it out of this folder, and out of no copy of it.
    """
    if thorough and keep is None:
        raise click.UsageError("--thorough is for --keep")
    keys = [parse_recipient(text) for text in recipients]
    with open_site(vault_folder) as vault, TerminalProgress() as progress:
        ring = key_ring(vault, passphrase_file)
        taken = take_backup(
            vault,
            folder,
            ring.private_key,
            recipients=keys,
            keep=keep,
            thorough=thorough,
            clock=system_clock(),
            randomness=os.urandom,
            progress=progress,
        )
    _warn(taken, folder)
    if as_json:
        print_json(_taken_members(taken))
        return
    contents = taken.contents
    how = "all anew" if taken.is_anew else "only what is new"
    print_line(f"backup {contents.number}: {taken.path}")
    print_row("holds", f"{plural(contents.records, 'record')}, {contents.log_size} of them in the log")
    print_row("written", f"{amount(taken.written, 'bytes')} of {amount(taken.total, 'bytes')}: {how}")
    if taken.forgotten is not None and taken.forgotten.backups:
        freed = amount(max(0, taken.forgotten.freed), "bytes")
        packs = "; their packs stay" if taken.forgotten.unreadable else ""
        print_row("forgotten", f"{plural(taken.forgotten.backups, 'older backup')}, {freed}{packs}")
    tell_next(
        f"perdure backup verify {folder}, which restores it into a temporary place"
        if taken.is_anew
        else "the same every day, and a second copy elsewhere: docs/guide-backup.md"
    )


def _warn(taken: Taken, folder: Path) -> None:
    if taken.rolled_back is not None:
        tell_warning(
            f"{folder} does not hold backup {taken.rolled_back.number} of {time_text(taken.rolled_back.taken_at)} any more, which was "
            "made into it: it was put back to an earlier state, or somebody took it away"
        )
    for fault in taken.damaged:
        tell_warning(
            f"{fault}; what the vault still has of it was written anew; earlier backups may be incomplete"
        )
    if taken.forgotten is not None:
        for unreadable in taken.forgotten.unreadable:
            tell_warning(
                f"no pack was cleared away, so that nothing that this needs is lost, and it is not counted as a backup: {unreadable}"
            )


def _taken_members(taken: Taken) -> dict[str, object]:
    contents, forgotten = taken.contents, taken.forgotten
    return {
        "ok": True,
        "file": str(taken.path),
        "site": contents.origin.text,
        "number": contents.number,
        "taken_at": time_text(contents.taken_at),
        "records": contents.records,
        "size": contents.log_size,
        "recipients": [recipient_text(key) for key in taken.recipients],
        "bytes_written": taken.written,
        "bytes_total": taken.total,
        "anew": taken.is_anew,
        "missing": None if taken.rolled_back is None else taken.rolled_back.name,
        "damaged": [str(fault) for fault in taken.damaged],
        "forgotten": 0 if forgotten is None else forgotten.backups,
    }


@backup.command("list", short_help="List the backups in a folder.")
@folder_argument
@site_option
@opening_options
@json_option
def list_(
    folder: Path,
    origin: Origin | None,
    passphrase_file: Path | None,
    recovery_file: Path | None,
    identity_file: Path | None,
    as_json: bool,
) -> int:
    """List the backups in DIR, oldest first: whose, when, and whether their files are whole. Needs no key.

    With the passphrase (or another key) it says as well how many records each holds, and whether this vault made it.
    """
    found = find_backups(folder, origin)
    given = given_opening(passphrase_file, recovery_file, identity_file)
    codes = [_list_one(each, given and given.opener, as_json=as_json) for each in found.backups]
    for _path, error in found.unreadable:
        _list_damaged(error, as_json=as_json)
        codes.append(exit_code(error))
    if not codes:
        raise NotABackupFolder(
            f"{folder}: no backups in it", hint="`perdure backup DIR` makes one, from the vault"
        )
    if not as_json and found.backups:
        tell_next(f"perdure backup verify {folder}, to see that the newest can be restored")
    return max(codes)


def _list_one(found: Backup, opener: object, *, as_json: bool) -> int:
    opened, error = None, None
    if callable(opener):
        try:
            opened = opener(found)
        except PerdureError as fault:
            error = fault
    if as_json:
        print_json(_backup_members(found, opened, error))
    else:
        holds = "" if opened is None else f"  {plural(opened.contents.records, 'record')}"
        wrong = "" if error is None else f"  {error}"
        print_line(
            f"{found.number:>6}  {time_text(found.taken_at)}  {found.origin.text}{holds}  {found.path.name}{wrong}"
        )
    return DONE if error is None else exit_code(error)


def _list_damaged(error: PerdureError, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "ok": False,
                "errors": [{"error": type(error).__name__, "message": str(error), "hint": error.hint}],
            }
        )
    tell_error(str(error), error.hint)


def _backup_members(
    found: Backup, opened: OpenBackup | None, error: PerdureError | None
) -> dict[str, object]:
    return {
        "ok": error is None,
        "file": str(found.path),
        "site": found.origin.text,
        "number": found.number,
        "taken_at": time_text(found.taken_at),
        "records": None if opened is None else opened.contents.records,
        "size": None if opened is None else opened.contents.log_size,
        "authentic": None if opened is None else opened.is_authentic,
        "fault": None if error is None else str(error),
    }


@backup.command(short_help="Restore a backup into a temporary place, and prove records.")
@folder_argument
@at_option
@click.option(
    "--site", "origin", type=OriginType(), metavar="NAME", help="Whose backup, if DIR holds several sites'."
)
@click.option(
    "--records",
    "wanted",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    metavar="N",
    help="How many records, chosen at random, to prove.",
)
@click.option(
    "--temporary",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Where to restore it to for the moment; by default where temporary files go.",
)
@opening_options
@json_option
def verify(
    folder: Path,
    which: str | None,
    origin: Origin | None,
    wanted: int,
    temporary: Path | None,
    passphrase_file: Path | None,
    recovery_file: Path | None,
    identity_file: Path | None,
    as_json: bool,
) -> int:
    """Check a backup by what it is for: restore it, check the log against its checkpoints, and prove records as an auditor would.

    All files of the same vault in DIR are read and compared with the digests in their names. Nothing stays of what was restored. With
    an --identity no record can be read, so none is proved.
    """
    how = opening(passphrase_file, recovery_file, identity_file)
    chosen = open_chosen(find_backups(folder, origin), folder, which, how.opener, system_clock())
    opened = chosen.opened
    warn_left_aside(chosen.left_aside)
    with TerminalProgress() as progress:
        damaged = damaged_files(opened.backup.site_folder, progress)
        checked = check_backup(
            opened, how.keys_of, wanted, beside=temporary, randomness=os.urandom, progress=progress
        )
    if as_json:
        print_json(_checked_members(checked, damaged))
    else:
        _print_checked(checked)
    for fault in damaged:
        tell_error(str(fault), fault.hint)
    if damaged:
        return ANSWER_IS_NO
    if not as_json:
        tell_next("keep a copy elsewhere, and the recovery key on paper in a third place")
    return DONE


def _print_checked(checked: Checked) -> None:
    contents = checked.opened.contents
    print_line(
        f"backup {contents.number} of {contents.origin.text}, {time_text(contents.taken_at)}: it can be restored"
    )
    print_row(
        "log",
        f"{plural(checked.log_size, 'record')}, as {plural(checked.checkpoints, 'checkpoint')} signed by the site say",
    )
    print_row("waiting", plural(checked.waiting, "record"))
    grades = ", ".join(
        f"{count} {grade.text}" for grade, count in sorted(checked.grades.items(), reverse=True)
    )
    print_row("proved", grades or "none")
    if checked.opened.is_authentic is None:
        tell("who made it is not known: only the passphrase tells a vault's own backups from others")


def _checked_members(checked: Checked, damaged: Sequence[PerdureError]) -> dict[str, object]:
    contents = checked.opened.contents
    return {
        "ok": not damaged,
        "file": str(checked.opened.backup.path),
        "site": contents.origin.text,
        "number": contents.number,
        "taken_at": time_text(contents.taken_at),
        "size": checked.log_size,
        "waiting": checked.waiting,
        "checkpoints": checked.checkpoints,
        "proved": {grade.text: count for grade, count in sorted(checked.grades.items())},
        "authentic": checked.opened.is_authentic,
        "damaged": [str(fault) for fault in damaged],
    }
