"""`perdure check`: say who signed a document and whether that holds, without recording anything. Needs no network."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from perdure_anchor.errors import PerdureError
from perdure_node.errors import VaultNotFound
from perdure_node.signatures.trust import SIGNATURES_FOLDER

from perdure_cli.commands.signature_options import detached_options
from perdure_cli.exit_codes import batch_exit_code, exit_code
from perdure_cli.options import READABLE_FILE, jobs_option, json_option, vault_option
from perdure_cli.output import print_json, print_lines, tell_error, tell_next, tell_warning
from perdure_cli.progress import TerminalProgress

if TYPE_CHECKING:
    from perdure_node.signatures.looking import Look
    from perdure_node.signatures.verdicts import DocumentCheck


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
@detached_options
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
    certificate_file: Path | None,
    moment: datetime | None,
    trust_folder: Path | None,
    jobs: int,
    vault_folder: Path | None,
    as_json: bool,
) -> int:
    """Check the signatures in or beside each FILE, by what is at hand, and record nothing.

    FILE is what perdure add takes: a PDF (PAdES), a CMS file with its document inside (.p7m), a signed message (.eml), typed data
    with its signature (EIP-712), or any document with a detached signature beside it: FILE.p7s or FILE.p7m (CMS), FILE.sig with a
    certificate (RSA, ECDSA, Ed25519), FILE.sig.json from an Ethereum wallet. Who may be believed is in the trust folder; perdure
    signatures keeps the vault's own. Whether a certificate is revoked is known as of when the folder was refreshed, which is said.

    Exit codes: 0 valid, 1 invalid, or not signed at all, 2 usage, 3 nobody could find out (indeterminate).
    """
    from perdure_node.signatures.looking import Asked, Looker

    if (signature_file or certificate_file) and len(files) > 1:
        raise click.UsageError("--signature and --certificate are for one FILE")
    folder = _folder(trust_folder, vault_folder)
    at = int((moment or datetime.now(UTC)).timestamp())
    asked = Asked(signature_file, certificate_file)
    telling = _Telling(folder, as_json)
    with TerminalProgress() as progress, Looker(folder, asked, jobs=min(jobs, len(files))) as looker:
        # read also where no signature needs it: a folder that cannot be used is told at once
        believed = looker.trust.anchors
        progress.stage("check", len(files), "files")
        for count, (file, found) in enumerate(zip(files, looker.each(files, at), strict=True), 1):
            progress.advance(count)
            telling.tell(file, found)
    if not as_json:
        telling.tell_end(believes=bool(believed))
    return batch_exit_code(telling.codes)


@dataclass(slots=True)
class _Telling:
    """What is printed of one file after the other."""

    trust_folder: Path | None
    as_json: bool
    codes: list[int] = field(default_factory=list)
    needs_trust: bool = False
    needs_refresh: bool = False

    def tell(self, file: Path, found: "Look | PerdureError") -> None:
        """Print what was found of a file, and keep its exit code."""
        from perdure_cli.signature_texts import why_unchecked

        if isinstance(found, PerdureError):
            self.codes.append(_tell_failure(file, found, as_json=self.as_json))
        elif found.check is None:
            self.codes.append(_tell_failure(file, why_unchecked(found), as_json=self.as_json))
        else:
            self._tell_check(file, found, found.check)

    def tell_end(self, *, believes: bool) -> None:
        """What the user may do about what is open."""
        if self.needs_trust and not believes:
            tell_warning("no trust anchor is known, so no certificate can be believed")
            tell_next("perdure signatures trust add CERT, or --trust-folder DIR")
        elif self.needs_refresh:
            tell_next("perdure signatures refresh FILE..., where there is a network")

    def _tell_check(self, file: Path, found: "Look", check: "DocumentCheck") -> None:
        from perdure_cli.signature_texts import check_lines, check_members, rests_on_trust, verdict_code

        self.codes.append(verdict_code(check))
        self.needs_trust |= rests_on_trust(check)
        self.needs_refresh |= any(each.subindication == "TRY_LATER" for each in check.signatures)
        if self.as_json:
            print_json(check_members(str(file), found, check, self.trust_folder))
            return
        print_lines("".join(check_lines(str(file), found, check, self.trust_folder)))
        for note in found.notes:
            tell_warning(f"{file}: {note}")


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


def _tell_failure(file: Path, error: PerdureError, *, as_json: bool) -> int:
    # what cannot be read names itself
    message = str(error).removeprefix(f"{file}: ")
    if as_json:
        fault = {"error": type(error).__name__, "message": message, "hint": error.hint}
        print_json({"ok": False, "file": str(file), "errors": [fault]})
    tell_error(f"{file}: {message}", error.hint)
    return exit_code(error)
