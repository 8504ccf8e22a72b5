"""Detached signatures: which files beside a document are such, by their names, and of which kind, by what they say."""

import enum
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from perdure_node.files import open_regular
from perdure_node.signatures.faults import SignatureFileUnusable
from perdure_node.signatures.recognising import is_cms

MAX_SIGNATURE_FILE: Final = 4 << 20
_MAX_CERTIFICATE_FILE: Final = 1 << 20
# larger than the signature of any key that is in use, in whatever text
_MAX_RAW: Final = 64 * 1024
# added to a document's name, the one that says most first
BESIDE: Final = (".sig.json", ".p7s", ".p7m", ".p7b", ".sig", ".asc")
_CERTIFICATES: Final = (".crt", ".cer", ".pem")
_PGP: Final = b"-----BEGIN PGP"


class Kind(enum.Enum):
    """What a detached signature is."""

    ETHEREUM = enum.auto()
    CMS = enum.auto()
    RAW = enum.auto()
    UNSUPPORTED = enum.auto()


@dataclass(frozen=True, slots=True)
class SignatureFile:
    """A detached signature with the file of its certificate, if it needs one; ``note`` says why it cannot be checked."""

    path: Path
    kind: Kind
    octets: bytes = field(repr=False)
    certificate: bytes | None = field(default=None, repr=False)
    note: str | None = None


def find_beside(document: Path, certificate: Path | None = None) -> SignatureFile | None:
    """The detached signature that lies beside a document, None if none does; raises `SignatureFileUnusable`."""
    for suffix in BESIDE:
        path = _with(document, suffix)
        if path.is_file():
            return _sorted(path, certificate or _certificate_beside(document))
    return None


def named_signature(path: Path, certificate: Path | None) -> SignatureFile:
    """The detached signature that the user named; raises `SignatureFileUnusable`."""
    found = _sorted(path, certificate)
    if found.note is not None:
        raise SignatureFileUnusable(f"{path}: {found.note}")
    return found


def is_signature_file(path: Path) -> bool:
    """Whether a file is, by its name, the signature or the certificate of a document that lies beside it."""
    for suffix in (*BESIDE, *_CERTIFICATES):
        if path.name.endswith(suffix):
            document = path.with_name(path.name.removesuffix(suffix))
            return bool(document.name) and document.is_file() and _belongs(document, suffix)
    return False


def read_bounded(path: Path, limit: int = MAX_SIGNATURE_FILE) -> bytes:
    """A file that is no longer than a signature can be; raises `SignatureFileUnusable`."""
    try:
        with open_regular(path) as file:
            octets = file.read(limit + 1)
    except OSError as error:
        raise SignatureFileUnusable(f"{path}: {(error.strerror or 'cannot be read').lower()}") from error
    if len(octets) > limit:
        raise SignatureFileUnusable(f"{path}: longer than {limit} bytes")
    return octets


def _belongs(document: Path, suffix: str) -> bool:
    """A certificate is no document only where a signature needs it."""
    return suffix not in _CERTIFICATES or _with(document, ".sig").is_file()


def _certificate_beside(document: Path) -> Path | None:
    return next((path for suffix in _CERTIFICATES if (path := _with(document, suffix)).is_file()), None)


def _with(document: Path, suffix: str) -> Path:
    return document.parent / (document.name + suffix)


def _sorted(path: Path, certificate: Path | None) -> SignatureFile:
    octets = read_bounded(path)
    if octets.startswith(_PGP) or path.name.endswith(".asc"):
        note = f"{path.name}: an OpenPGP signature, which is not supported and was not checked"
        return SignatureFile(path, Kind.UNSUPPORTED, octets, note=note)
    if octets.lstrip().startswith(b"{") or path.name.endswith(".json"):
        return SignatureFile(path, Kind.ETHEREUM, octets)
    if is_cms(octets) or path.suffix in (".p7s", ".p7m", ".p7b"):
        return SignatureFile(path, Kind.CMS, octets)
    if certificate is None or len(octets) > _MAX_RAW:
        note = f"{path.name}: no signature that says whose it is, so it was not checked; --certificate FILE names its certificate"
        return SignatureFile(path, Kind.UNSUPPORTED, octets, note=note)
    return SignatureFile(path, Kind.RAW, octets, read_bounded(certificate, _MAX_CERTIFICATE_FILE))
