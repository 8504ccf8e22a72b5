"""Intake: from a document and what its owner says about it to the slots of a record.

The site adds two slots itself: when it recorded (by its clock: a claim) and the newest final block that it knew (a lower bound
in time that others can check). Everything else is as given, checked for form only.
"""

import hashlib
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Hash32, to_hex
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.timestamp import check_timestamp, format_seconds

from perdure_node.clock import Clock, Randomness
from perdure_node.errors import DocumentUnreadable, IntakeError
from perdure_node.files import open_regular
from perdure_node.known_blocks import newest_known_block
from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.records import Added, Stamp, insert_record
from perdure_node.vault import Vault

_CHUNK = 1 << 20
_SIGNER = re.compile(r"\s*([^<>]*?)\s*(?:<\s*([^<>\s]+)\s*>\s*)?")
_MINUTES_ONLY = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(Z|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """What a document's bytes and its name say; ``size`` in bytes, ``media_type`` guessed from the name."""

    sha256: Hash32
    size: int
    name: str
    media_type: str | None


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed; ``id`` is an e-mail address or another name that the organisation keeps unique."""

    name: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Details:
    """What is said about a document; ``signed_at`` is RFC 3339 text, ``supersedes`` the leaf hash of the corrected record."""

    document_type: str | None = None
    signers: tuple[Signer, ...] = ()
    signed_at: str | None = None
    recorded_by: str | None = None
    supersedes: Hash32 | None = None
    extra: Mapping[str, JsonValue] | None = None


def hash_document(path: Path, progress: Progress = NO_PROGRESS) -> DocumentFacts:
    """SHA-256, size, name and media type of a file, read in pieces; raises `DocumentUnreadable`."""
    digest, size = hashlib.sha256(), 0
    try:
        with open_regular(path) as file:
            progress.stage("hash", path.stat().st_size)
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
                progress.advance(size)
    except OSError as error:
        raise DocumentUnreadable(f"{path}: {error.strerror}") from error
    # a name that is no UTF-8 on the disk is recorded as far as it can be read
    name = path.name.encode(errors="surrogateescape").decode(errors="replace")
    return DocumentFacts(Hash32(digest.digest()), size, name, media_type_of(name))


def media_type_of(name: str) -> str | None:
    """The media type that a file name suggests, None if it suggests none."""
    return mimetypes.guess_type(name, strict=True)[0]


def parse_signer(text: str) -> Signer:
    """``Ada Example <ada@acme.example>``, or a name alone; raises `IntakeError`."""
    match = _SIGNER.fullmatch(text)
    if match is None or not match[1]:
        raise IntakeError("signer: want a name, maybe with an id: Ada Example <ada@acme.example>")
    return Signer(match[1], match[2])


def parse_time(text: str, what: str = "time") -> str:
    """An RFC 3339 time with a zone, seconds added where they are left out; raises `IntakeError`."""
    short = _MINUTES_ONLY.fullmatch(text.strip())
    try:
        return check_timestamp(f"{short[1]}:00{short[2]}" if short else text.strip(), what)
    except PerdureError as error:
        raise IntakeError(str(error), hint=error.hint) from None


def add_document(
    vault: Vault,
    document: DocumentFacts,
    details: Details,
    *,
    clock: Clock,
    randomness: Randomness,
    again: bool = False,
) -> Added:
    """Record a signature operation; it is durable when this returns, and waits to be sealed.

    The same document in the same words is recorded once. Raises `AlreadyRecorded` if it is there in other words, unless
    ``again`` is set or it is superseded, and `IntakeError` for values that a record cannot hold.
    """
    slots = document_slots(document) | detail_slots(details)
    with vault.database.transaction():
        stamp = stamp_of(vault, clock)
        return insert_record(vault.database, slots, stamp, randomness, again=again)


def document_slots(document: DocumentFacts) -> dict[str, JsonValue]:
    """The slots that a document fills."""
    return {
        "document_sha256": document.sha256.hex(),
        "document_size": document.size,
        "document_name": document.name,
        "media_type": document.media_type,
    }


def detail_slots(details: Details) -> dict[str, JsonValue]:
    """The slots that `Details` fill; raises `IntakeError` for a time that is none."""
    return {
        "document_type": details.document_type,
        "signers": [signer_value(signer) for signer in details.signers] or None,
        "signed_at": None if details.signed_at is None else parse_time(details.signed_at, "signed_at"),
        "recorded_by": details.recorded_by,
        "supersedes": None if details.supersedes is None else details.supersedes.hex(),
        "extra": dict(details.extra) if details.extra else None,
    }


def signer_value(signer: Signer) -> JsonValue:
    """A signer as the slot holds it."""
    return {"name": signer.name} if signer.id is None else {"name": signer.name, "id": signer.id}


def stamp_of(vault: Vault, clock: Clock) -> Stamp:
    """What the site adds to each record now; read inside the transaction that adds it, for the known block to stay."""
    known = newest_known_block(vault.database)
    return Stamp(
        recorded_at=format_seconds(int(clock.now())),
        recorded_by=vault.config.recorded_by,
        after=None if known is None else to_hex(known.hash),
    )
