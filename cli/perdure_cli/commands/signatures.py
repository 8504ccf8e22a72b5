"""`perdure signatures`: whom the site believes about signatures, and what it knows about revocation, as of when."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
from perdure_node.signatures.trust import CRLS, INTERMEDIATES, OCSP, SIGNATURES_FOLDER, WANTED

from perdure_cli.confirming import confirm
from perdure_cli.exit_codes import COULD_NOT_FIND_OUT, DONE
from perdure_cli.options import READABLE_FILE, json_option, vault_option
from perdure_cli.output import print_json, print_line, print_row, tell, tell_next, tell_warning
from perdure_cli.progress import TerminalProgress
from perdure_cli.record_texts import plural

if TYPE_CHECKING:
    from perdure_node.signatures.folder import Certificate

F = TypeVar("F", bound=Callable[..., object])

trust_folder_option = click.option(
    "--trust-folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Another folder with anchors/, intermediates/, crls/ and ocsp/, without a vault.",
)


@click.group(short_help="Keep what signatures are checked against.")
def signatures() -> None:
    """Keep what signatures are checked against: trust anchors, and what is known about revocation.

    It is in the vault's folder signatures/, or in any folder that --trust-folder names. Checks never use a network; refresh does.
    """


@signatures.group(short_help="Choose who is believed.")
def trust() -> None:
    """Choose who is believed: certificates of authorities, or of single signers."""


@trust.command()
@click.argument("files", nargs=-1, required=True, type=READABLE_FILE, metavar="CERT...")
@click.option("--yes", is_flag=True, help="Do not ask: the fingerprints were compared.")
@trust_folder_option
@vault_option
@json_option
def add(
    files: tuple[Path, ...], yes: bool, trust_folder: Path | None, vault_folder: Path | None, as_json: bool
) -> None:
    """Believe each CERT (DER or PEM): what it issued counts as signed by who it says.

    Compare the fingerprint first with one that you got by another way, such as the authority's printed list.
    """
    from perdure_node.signatures.folder import add_anchor, read_certificates

    folder = _folder(trust_folder, vault_folder)
    found = [each for path in files for each in read_certificates(path)]
    if not as_json:
        for each in found:
            _print(each)
    if not yes:
        confirm(
            ["whoever holds the key of one of these can make signatures that this site calls valid"],
            "Type believe if you have compared the fingerprints",
            "believe",
            "nothing is believed that was not before",
        )
    for each in found:
        add_anchor(folder, each)
        if as_json:
            print_json(_members(each))
    if not as_json:
        tell(f"{plural(len(found), 'certificate')} believed, in {folder}")
        tell_next("perdure check FILE")


@trust.command("list")
@trust_folder_option
@vault_option
@json_option
def list_(trust_folder: Path | None, vault_folder: Path | None, as_json: bool) -> None:
    """List who is believed, a line or block each."""
    from perdure_node.signatures.folder import anchors

    folder = _folder(trust_folder, vault_folder)
    found = anchors(folder)
    for each in found:
        if as_json:
            print_json(_members(each))
        else:
            _print(each)
    if not found and not as_json:
        tell(f"nobody is believed: there is no trust anchor in {folder}")
        tell_next("perdure signatures trust add CERT")


@trust.command()
@click.argument("fingerprint", metavar="FINGERPRINT")
@trust_folder_option
@vault_option
@json_option
def remove(fingerprint: str, trust_folder: Path | None, vault_folder: Path | None, as_json: bool) -> None:
    """Believe the certificate no more whose SHA-256 fingerprint begins with FINGERPRINT; records keep what they say."""
    from perdure_node.signatures.folder import remove_anchor

    removed = remove_anchor(_folder(trust_folder, vault_folder), fingerprint)
    if as_json:
        print_json(_members(removed))
        return
    _print(removed)
    tell("it is believed no more; what it issued is indeterminate from now on")


@signatures.command()
@click.argument("files", nargs=-1, type=READABLE_FILE, metavar="[FILE]...")
@click.option("--private", is_flag=True, help="Also ask addresses inside private networks.")
@trust_folder_option
@vault_option
@json_option
def refresh(
    files: tuple[Path, ...],
    private: bool,
    trust_folder: Path | None,
    vault_folder: Path | None,
    as_json: bool,
) -> int:
    """Fetch CRLs, OCSP answers and missing authorities, for all certificates that are known and those in each FILE.

    Needs a network. Where to ask is in the certificates, which strangers made: only http and https at public addresses are asked,
    with bounds on size and time, unless --private allows others. What comes has to be signed by the authority that it is about.
    Those who are asked learn which certificates are of interest here.

    Exit codes: 0 all came, 2 usage, 3 something could not be had.
    """
    from perdure_node.signatures.folder import note_wanted
    from perdure_node.signatures.refreshing import refresh as refresh_folder

    folder = _folder(trust_folder, vault_folder)
    wanted = [octets for file in files for octets in _certificates_in(file, folder)]
    note_wanted(folder, wanted)
    with TerminalProgress() as progress:
        found = refresh_folder(folder, wanted, private=private, progress=progress)
    for each in found:
        if as_json:
            print_json(
                {
                    "ok": each.failure is None,
                    "kind": each.kind,
                    "url": each.url,
                    "new": each.is_new,
                    "failure": each.failure,
                }
            )
        elif each.failure is not None:
            tell_warning(f"{each.kind} {each.url}: {each.failure}")
    failed = sum(each.failure is not None for each in found)
    if not as_json:
        print_line(
            f"{len(found) - failed} of {len(found)} answers came, {sum(each.is_new for each in found)} of them new"
        )
        tell_next("perdure signatures status")
    return COULD_NOT_FIND_OUT if failed else DONE


@signatures.command()
@trust_folder_option
@vault_option
@json_option
def status(trust_folder: Path | None, vault_folder: Path | None, as_json: bool) -> None:
    """Say what is known, and as of when: each CRL and OCSP answer, and until when it is fresh."""
    from datetime import UTC, datetime

    from perdure_node.signatures.folder import anchors, answers, files

    folder = _folder(trust_folder, vault_folder)
    believed, known = (
        anchors(folder),
        sorted(answers(folder), key=lambda each: (each.kind, each.about, each.made_at)),
    )
    now = datetime.now(UTC)
    counts = {part: len(files(folder / part)) for part in (INTERMEDIATES, WANTED, CRLS, OCSP)}
    if as_json:
        print_json(
            {
                "ok": True,
                "folder": str(folder),
                "anchors": len(believed),
                "intermediates": counts[INTERMEDIATES],
                "wanted": counts[WANTED],
                "answers": [
                    {
                        "kind": each.kind,
                        "about": each.about,
                        "made_at": _time(each.made_at),
                        "fresh_until": None if each.fresh_until is None else _time(each.fresh_until),
                        "fresh": each.fresh_until is not None and each.fresh_until >= now,
                    }
                    for each in known
                ],
            }
        )
        return
    print_line(str(folder))
    print_row("trust anchors", str(len(believed)))
    print_row("authorities", f"{counts[INTERMEDIATES]} known besides")
    print_row("asked about", f"{plural(counts[WANTED], 'certificate')} of signers")
    for each in known:
        fresh = each.fresh_until is not None and each.fresh_until >= now
        until = "" if each.fresh_until is None else f", fresh until {_time(each.fresh_until)}"
        print_row(each.kind, f"{each.about}: as of {_time(each.made_at)}{until}{'' if fresh else ' (old)'}")
    if not known:
        tell("nothing is known about revocation")
    tell_next("perdure signatures refresh" if believed else "perdure signatures trust add CERT")


def _folder(trust_folder: Path | None, vault_folder: Path | None) -> Path:
    from perdure_node.places import find_vault

    return trust_folder or find_vault(Path.cwd(), explicit=vault_folder) / SIGNATURES_FOLDER


def _certificates_in(file: Path, folder: Path) -> list[bytes]:
    """The certificates that a signed document brings along."""
    from datetime import UTC, datetime

    from perdure_node.signatures.checking import CheckRequest
    from perdure_node.signatures.trust import TrustAnchors, read_trust_folder
    from perdure_node.signatures.verdicts import MaterialKind
    from perdure_node.signatures.workers import Checkers

    from perdure_cli.commands.check import signature_beside

    trust = read_trust_folder(folder) if folder.is_dir() else TrustAnchors()
    with Checkers(trust) as checkers:
        check = checkers.check(CheckRequest(file, signature_beside(file), datetime.now(UTC)))
    return [each.octets for each in check.material if each.kind is MaterialKind.CERTIFICATE]


def _print(certificate: "Certificate") -> None:
    print_line(certificate.name)
    digits = certificate.fingerprint
    print_row("fingerprint", " ".join(digits[at : at + 4] for at in range(0, len(digits), 4)))
    print_row("valid until", _time(certificate.not_after))
    print_row("kind", "authority" if certificate.is_authority else "single signer")


def _members(certificate: "Certificate") -> dict[str, object]:
    return {
        "ok": True,
        "name": certificate.name,
        "fingerprint": certificate.fingerprint,
        "valid_until": _time(certificate.not_after),
        "authority": certificate.is_authority,
    }


def _time(moment: object) -> str:
    from datetime import UTC, datetime

    assert isinstance(moment, datetime)
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
