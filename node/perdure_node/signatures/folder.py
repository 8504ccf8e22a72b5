"""The folder of what signatures are checked against: what is believed, and what is known beside it, as of when.

Files are named by their SHA-256, so that nothing is there twice. Of CRLs and OCSP answers the newest is kept, and one of each month
before it, since a signature made then may still have to be checked.
"""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from perdure_anchor.errors import ConfigError
from perdure_anchor.hashes import sha256

from perdure_node.files import PRIVATE_FOLDER, open_regular, storage_failures, write_whole
from perdure_node.signatures.trust import (
    ANCHORS,
    CRLS,
    INTERMEDIATES,
    MAX_FILE,
    MAX_FILES,
    OCSP,
    WANTED,
    TrustFolderUnreadable,
    decoded,
)

_SUFFIX: Final = ".der"
_LONGEST_NAME: Final = 200
_SHORTEST_PREFIX: Final = 4
# of a certificate that came with a document: no authority's is as long
_MAX_WANTED: Final = 64 * 1024
# what `cryptography` raises of certificates that it cannot read
_UNREADABLE: Final = (
    ValueError,
    TypeError,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


class NoCertificate(ConfigError):
    """A file that should hold a certificate does not."""


class NoSuchAnchor(ConfigError):
    """No trust anchor, or more than one, has a fingerprint that begins so."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate as people compare it; ``fingerprint`` is the SHA-256 of its DER in hexadecimal digits."""

    octets: bytes
    fingerprint: str
    name: str
    not_after: datetime
    is_authority: bool


def read_certificates(path: Path) -> list[Certificate]:
    """All certificates in a DER or PEM file; raises `NoCertificate`."""
    try:
        with open_regular(path) as file:
            octets = file.read(MAX_FILE + 1)
    except OSError as error:
        raise NoCertificate(f"{path}: {(error.strerror or 'cannot be read').lower()}") from error
    try:
        blocks = decoded(octets, path)
    except TrustFolderUnreadable as error:
        raise NoCertificate(str(error)) from error
    return [described(block, path) for block in blocks]


def described(octets: bytes, path: Path | None = None) -> Certificate:
    """What a certificate in DER says; raises `NoCertificate`."""
    try:
        # a stranger's certificate may be odd without being a fault of ours: nothing of it goes to stderr
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            certificate = x509.load_der_x509_certificate(octets)
            name = certificate.subject.rfc4514_string()[:_LONGEST_NAME]
            not_after, is_authority = certificate.not_valid_after_utc, _is_authority(certificate)
    except _UNREADABLE as error:
        where = "" if path is None else f"{path}: "
        raise NoCertificate(f"{where}no X.509 certificate that can be read") from error
    return Certificate(octets, sha256(octets).hex(), name, not_after, is_authority)


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        # the first version knew no extensions
        return certificate.issuer == certificate.subject


def anchors(folder: Path) -> list[Certificate]:
    """What is believed, by name."""
    found = [
        described(each, path) for path in files(folder / ANCHORS) for each in decoded(path.read_bytes(), path)
    ]
    return sorted(found, key=lambda each: (each.name, each.fingerprint))


def add_anchor(folder: Path, certificate: Certificate) -> None:
    """Believe a certificate from now on; raises `VaultStorageFailed`."""
    keep(folder / ANCHORS, certificate.octets)


def remove_anchor(folder: Path, prefix: str) -> Certificate:
    """Believe the one whose fingerprint begins so no more; raises `NoSuchAnchor`."""
    digits = "".join(prefix.split()).replace(":", "").lower()
    found = [each for each in anchors(folder) if each.fingerprint.startswith(digits)]
    if len(digits) < _SHORTEST_PREFIX or len(found) != 1:
        raise NoSuchAnchor(
            f"{len(found)} trust anchors have a fingerprint that begins with {digits[:64]!a}, want one",
            hint=f"perdure signatures trust list shows them; give {_SHORTEST_PREFIX} digits at least",
        )
    for path in files(folder / ANCHORS):
        held = decoded(path.read_bytes(), path)
        if found[0].octets in held:
            path.unlink()
            # a file that somebody put there may hold others
            for other in held:
                if other != found[0].octets:
                    keep(folder / ANCHORS, other)
    return found[0]


def note_wanted(folder: Path, certificates: Iterable[bytes]) -> None:
    """Keep certificates of documents, so that the next `refresh` asks about them; authorities among them become known."""
    for octets in certificates:
        if len(octets) > _MAX_WANTED:
            continue
        try:
            certificate = described(octets)
        except NoCertificate:
            continue
        part = INTERMEDIATES if certificate.is_authority else WANTED
        if len(files(folder / part)) < MAX_FILES:
            keep(folder / part, octets)


def keep(part: Path, octets: bytes) -> bool:
    """Put a file into a part of the folder; whether it is new there. Raises `VaultStorageFailed`."""
    with storage_failures(part):
        # each with its own mode, which `parents` would not be made with
        for made in (part.parent, part):
            made.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    path = part / f"{sha256(octets).hex()}{_SUFFIX}"
    if path.is_file():
        return False
    write_whole(path, octets)
    return True


def files(part: Path) -> list[Path]:
    """The files of a part, in the order of their names."""
    if not part.is_dir():
        return []
    return sorted(path for path in part.iterdir() if path.is_file() and not path.name.startswith("."))


@dataclass(frozen=True, slots=True)
class Answer:
    """A CRL or an OCSP answer at hand: about whom, when it was made, and until when it is fresh; ``part`` tells parts of a list apart."""

    kind: str
    about: str
    made_at: datetime
    fresh_until: datetime | None
    path: Path
    part: tuple[bytes, ...] = ()


def answers(folder: Path) -> Iterator[Answer]:
    """What is known about revocation; files that are none are left out."""
    from cryptography.x509 import ocsp

    for path in files(folder / CRLS):
        for octets in decoded(path.read_bytes(), path):
            try:
                crl = x509.load_der_x509_crl(octets)
                issuer = crl.issuer.rfc4514_string()[:_LONGEST_NAME]
                yield Answer("crl", issuer, crl.last_update_utc, crl.next_update_utc, path, _part_of(crl))
            except ValueError:
                continue
    for path in files(folder / OCSP):
        try:
            response = ocsp.load_der_ocsp_response(path.read_bytes())
            about = f"certificate {response.serial_number:x}"
            yield Answer("ocsp", about, response.this_update_utc, response.next_update_utc, path)
        except ValueError:
            continue


def _part_of(crl: x509.CertificateRevocationList) -> tuple[bytes, ...]:
    """What a CRL lists of its authority's certificates: some of them, or what changed since another, which takes no other's place."""
    kinds = (x509.IssuingDistributionPoint, x509.DeltaCRLIndicator, x509.AuthorityKeyIdentifier)
    try:
        return tuple(each.value.public_bytes() for each in crl.extensions if isinstance(each.value, kinds))
    except (ValueError, x509.DuplicateExtension):
        return (crl.signature,)


def forget_superseded(folder: Path) -> int:
    """Remove answers that a newer one of the same month has taken the place of; how many."""
    newest: dict[tuple[str, str, str, tuple[bytes, ...]], Answer] = {}
    removed = 0
    for answer in sorted(answers(folder), key=lambda each: each.made_at):
        key = (answer.kind, answer.about, f"{answer.made_at:%Y-%m}", answer.part)
        before = newest.get(key)
        if before is not None and before.path != answer.path:
            before.path.unlink(missing_ok=True)
            removed += 1
        newest[key] = answer
    return removed
