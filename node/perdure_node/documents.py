"""Documents: what a file's bytes and its name say, and the slots of a record that they fill."""

import functools
import hashlib
import mimetypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from perdure_anchor.hashes import Hash32
from perdure_anchor.strict_json import JsonValue

from perdure_node.errors import DocumentUnreadable
from perdure_node.files import open_regular, pieces_of
from perdure_node.progress import NO_PROGRESS, Progress

Taker = Callable[[bytes | bytearray], object]
# longer than any that is registered; what is kept of names stays small
_MAX_SUFFIX = 24


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """What a document's bytes and its name say; ``size`` in bytes, ``media_type`` guessed from the name."""

    sha256: Hash32
    size: int
    name: str | None
    media_type: str | None


def hash_document(path: Path, progress: Progress = NO_PROGRESS, taker: Taker | None = None) -> DocumentFacts:
    """SHA-256, size, name and media type of a file, read in pieces, which ``taker`` is given too; raises `DocumentUnreadable`."""
    # a name that is no UTF-8 on the disk is recorded as far as it can be read
    name = path.name.encode(errors="surrogateescape").decode(errors="replace")
    try:
        with open_regular(path) as file:
            return hash_stream(file, name, path.stat().st_size, progress, taker)
    except OSError as error:
        raise DocumentUnreadable(f"{path}: {(error.strerror or 'cannot be read').lower()}") from error


def hash_stream(
    stream: BinaryIO,
    name: str | None,
    size: int | None = None,
    progress: Progress = NO_PROGRESS,
    taker: Taker | None = None,
) -> DocumentFacts:
    """The same of a stream, to its end; ``size`` is how much is expected. Raises `OSError`."""
    digest, done = hashlib.sha256(), 0
    progress.stage("hash", size, "bytes")
    for piece in pieces_of(stream):
        digest.update(piece)
        if taker is not None:
            taker(piece)
        done += len(piece)
        progress.advance(done)
    media_type = None if name is None else media_type_of(name)
    return DocumentFacts(Hash32(digest.digest()), done, name, media_type)


def document_slots(document: DocumentFacts) -> dict[str, JsonValue]:
    """The slots that a document fills."""
    return {
        "document_sha256": document.sha256.hex(),
        "document_size": document.size,
        "document_name": document.name,
        "media_type": document.media_type,
    }


def media_type_of(name: str) -> str | None:
    """The media type that a file name (without folders) suggests, None if it suggests none."""
    stem, _, suffix = name.rpartition(".")
    if not stem or len(suffix) > _MAX_SUFFIX:
        return None
    media_type, compressed = _type_of_suffix(suffix)
    if not compressed:
        # the name .profile has no suffix, and neither has ..profile
        return media_type if media_type is None or stem.strip(".") else None
    # of c.tar.gz the type is that of c.tar
    return mimetypes.guess_type(f"{stem[-_MAX_SUFFIX:]}.{suffix}", strict=True)[0]


@functools.lru_cache(maxsize=1024)
def _type_of_suffix(suffix: str) -> tuple[str | None, bool]:
    media_type, compression = mimetypes.guess_type(f"name.{suffix}", strict=True)
    return media_type, compression is not None
