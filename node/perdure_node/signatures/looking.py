"""How a document is signed: within itself, by a file beside it, or by a file that somebody names; and the check of that.

What has no signature is seen as such by its first bytes and by names, so that nothing heavy is loaded for it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perdure_anchor.timestamp import format_seconds

from perdure_node.documents import DocumentFacts
from perdure_node.files import open_regular
from perdure_node.signatures.faults import SignatureFileUnusable, SignatureRefused
from perdure_node.signatures.signed_file import SignedFile
from perdure_node.signatures.verdicts import DocumentCheck, Indication

# of a file with a signature, whatever its form
MAX_SIGNATURE_FILE: Final = 4 << 20
_ETHEREUM: Final = ".sig.json"
# beside a document: by what its name ends in
BESIDE: Final = (_ETHEREUM,)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user asks for. ``signature`` and ``certificate`` are files of a detached signature.

    ``refuse_bad``: whether a bad signature is refused where it would be recorded as bad.
    """

    signature: Path | None = None
    certificate: Path | None = None
    skip: bool = False
    refuse_bad: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """``check`` is None where no signature was seen; ``notes`` are sentences for the user; ``signature`` is the file beside it."""

    check: DocumentCheck | None = None
    notes: tuple[str, ...] = ()
    signature: Path | None = None


UNSIGNED: Final = Look()


def look_at(path: Path, document: DocumentFacts, asked: Asked, now: int) -> Look:
    """Find and check a document's signatures; ``now`` is in seconds since 1970.

    Raises `DocumentUnreadable`, `SignatureFileUnusable`, or `SignatureRefused` if the policy takes no bad ones.
    """
    if asked.skip:
        return UNSIGNED
    look = _look(path, SignedFile(path, document.sha256, document.size), asked, format_seconds(now))
    if asked.refuse_bad and look.check is not None and look.check.indication is Indication.INVALID:
        reason = next(each.reason for each in look.check.signatures if each.indication is Indication.INVALID)
        raise SignatureRefused(
            f"{path}: its signature is bad: {reason}",
            hint="the policy refuses bad signatures; --no-signatures records the document without one",
        )
    return look


def _look(path: Path, document: SignedFile, asked: Asked, checked_at: str) -> Look:
    beside = asked.signature or signature_beside(path)
    if beside is None:
        return UNSIGNED
    from perdure_node.signatures.ethereum import check_ethereum

    return Look(check_ethereum(document, read_bounded(beside), checked_at), signature=beside)


def signature_beside(path: Path) -> Path | None:
    """The file with a detached signature beside a document, if there is one."""
    for suffix in BESIDE:
        beside = path.with_name(path.name + suffix)
        if beside.is_file():
            return beside
    return None


def is_signature_file(path: Path) -> bool:
    """Whether a file is, by its name, the signature of a document that lies beside it."""
    return any(
        path.name.endswith(suffix) and path.with_name(path.name.removesuffix(suffix)).is_file()
        for suffix in BESIDE
    )


def read_bounded(path: Path, limit: int = MAX_SIGNATURE_FILE) -> bytes:
    """A file that somebody named; raises `SignatureFileUnusable`."""
    try:
        with open_regular(path) as file:
            octets = file.read(limit + 1)
    except OSError as error:
        raise SignatureFileUnusable(f"{path}: {(error.strerror or 'cannot be read').lower()}") from error
    if len(octets) > limit:
        raise SignatureFileUnusable(f"{path}: longer than {limit} bytes, which no signature is")
    return octets
