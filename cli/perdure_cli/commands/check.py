"""`perdure check`: say who signed a document and whether that holds, without recording anything. Needs no network."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from perdure_anchor.errors import ConfigError, PerdureError
from perdure_node.errors import VaultNotFound
from perdure_node.signatures.trust import SIGNATURES_FOLDER, TrustAnchors, read_trust_folder

from perdure_cli.exit_codes import batch_exit_code, exit_code
from perdure_cli.files import os_reason
from perdure_cli.options import READABLE_FILE, jobs_option, json_option, vault_option
from perdure_cli.output import print_json, print_lines, tell_error, tell_next, tell_warning
from perdure_cli.progress import TerminalProgress

# a signature is a few kilobytes, with CRLs inside some megabytes
_MAX_SIGNATURE = 16 << 20


class SignatureUnreadable(ConfigError):
    """The file with the detached signature cannot be used."""


class Moment(click.ParamType[datetime]):
    """A time: RFC 3339 such as 2026-05-04T10:00:00Z."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> datetime:
        from perdure_node.details import parse_time

        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(parse_time(value))
        except PerdureError as error:
            self.fail(f"{error}; {error.hint}", param, context)


@click.command(short_help="Check a document's signatures, without recording it.")
@click.argument("files", nargs=-1, required=True, type=READABLE_FILE, metavar="FILE...")
@click.option(
    "--signature",
    "signature_file",
    type=READABLE_FILE,
    metavar="P7S",
    help="The detached signature of the one FILE; by default FILE.p7s or FILE.p7m beside it, where FILE itself is not signed.",
)
@click.option(
    "--at", "moment", type=Moment(), metavar="TIME", help="The time for which it is checked; by default now."
)
@click.option(
    "--trust-folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="A folder with anchors/, intermediates/, crls/ and ocsp/; by default the vault's own, signatures/.",
)
@jobs_option
@vault_option
@json_option
def check(
    files: tuple[Path, ...],
    signature_file: Path | None,
    moment: datetime | None,
    trust_folder: Path | None,
    jobs: int,
    vault_folder: Path | None,
    as_json: bool,
) -> int:
    """Check the signatures in or beside each FILE, by what is at hand, and record nothing.

    FILE is a PDF (PAdES), a CMS file with its document inside (.p7m), a signed message (.eml), or any document with a detached
    signature beside it (.p7s). Who may be believed is in the trust folder; perdure signatures keeps the vault's own. Whether a
    certificate is revoked is known as of when the folder was refreshed, which is said.

    Exit codes: 0 valid, 1 invalid, or not signed at all, 2 usage, 3 nobody could find out (indeterminate).
    """
    from perdure_node.signatures.checking import CheckRequest
    from perdure_node.signatures.workers import Checkers

    from perdure_cli.signature_texts import check_lines, check_members, verdict_code

    if signature_file is not None and len(files) > 1:
        raise click.UsageError("--signature is for one FILE")
    folder = _folder(trust_folder, vault_folder)
    trust = TrustAnchors() if folder is None else read_trust_folder(folder)
    at = moment or datetime.now(UTC)
    requests = [
        CheckRequest(file, _read(signature_file) if signature_file else signature_beside(file), at)
        for file in files
    ]
    codes, open_ones = [], False
    with TerminalProgress() as progress, Checkers(trust, jobs=min(jobs, len(files))) as checkers:
        progress.stage("check", len(files), "files")
        for count, (file, answer) in enumerate(zip(files, checkers.each(requests), strict=True), 1):
            progress.advance(count)
            if isinstance(answer, Exception):
                codes.append(_tell_failure(file, answer, as_json=as_json))
                continue
            codes.append(verdict_code(answer))
            open_ones |= any(each.subindication == "TRY_LATER" for each in answer.signatures)
            if as_json:
                print_json(check_members(str(file), answer, folder))
                continue
            print_lines("".join(check_lines(str(file), answer, folder)))
    if not trust.anchors and not as_json:
        tell_warning("no trust anchor is known, so no signature can be valid")
        tell_next("perdure signatures trust add CERT, or --trust-folder DIR")
    elif open_ones and not as_json:
        tell_next("perdure signatures refresh FILE..., where there is a network")
    return batch_exit_code(codes)


def _folder(trust_folder: Path | None, vault_folder: Path | None) -> Path | None:
    """Where it is said who is believed: the folder that was named, else the vault's, else nowhere."""
    from perdure_node.places import find_vault

    if trust_folder is not None:
        return trust_folder
    try:
        folder = find_vault(Path.cwd(), explicit=vault_folder) / SIGNATURES_FOLDER
    except VaultNotFound:
        if vault_folder is not None:
            raise
        return None
    return folder if folder.is_dir() else None


def signature_beside(file: Path) -> bytes | None:
    """The detached signature beside a document that is not signed itself; raises `SignatureUnreadable`."""
    from perdure_node.signatures.recognising import recognise

    if recognise(file) is not None:
        return None
    beside = (file.with_name(f"{file.name}{suffix}") for suffix in (".p7s", ".p7m", ".p7b"))
    found = next((path for path in beside if path.is_file()), None)
    return None if found is None else _read(found)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            octets = file.read(_MAX_SIGNATURE + 1)
    except OSError as error:
        raise SignatureUnreadable(f"{path}: {os_reason(error)}") from error
    if len(octets) > _MAX_SIGNATURE:
        raise SignatureUnreadable(
            f"{path}: longer than {_MAX_SIGNATURE >> 20} MiB, so it is no detached signature"
        )
    return octets


def _tell_failure(file: Path, error: PerdureError | OSError, *, as_json: bool) -> int:
    message = str(error) if isinstance(error, PerdureError) else os_reason(error)
    hint = error.hint if isinstance(error, PerdureError) else None
    if as_json:
        fault = {"error": type(error).__name__, "message": message, "hint": hint}
        print_json({"ok": False, "file": str(file), "errors": [fault]})
    tell_error(f"{file}: {message}", hint)
    return exit_code(error)
