"""A bundle's file: its first line, the head, the leaf hashes, and a digest of all that (SPEC.md, section 12.1).

    perdure-bundle/1 HEAD_SIZE LEAF_COUNT LF
    the head                                  HEAD_SIZE bytes, one line of JSON
    the leaf hashes                           32 bytes each
    SHA-256 over all before                   32 bytes

The first line says how long the file is: one that was half copied is shorter, or, on a FAT file system, as long and without its
end. Both are told apart from a file that somebody changed. The digest protects from accidents only, not from malice.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from perdure_anchor.hashes import Hash32

from perdure_node.courier.bundle import BundleHead
from perdure_node.courier.bundle_head import encode_head, id_of_head, parse_head
from perdure_node.courier.encrypted_file import decrypted, encrypt_pieces, is_encrypted
from perdure_node.courier.errors import BundleError
from perdure_node.courier.first_line import (
    HASH_SIZE,
    MAX_FIRST_LINE,
    check_length,
    first_line,
    not_as_written,
    places_of,
)
from perdure_node.encryption.hybrid import PrivateKey, PublicKey
from perdure_node.files import open_regular, storage_failures, sync_folder

# leaf hashes that are parted at a time
LEAVES_AT_ONCE: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that is whole: its head, its leaf hashes one after the other, and its id (see `bundle_head.bundle_id`)."""

    head: BundleHead
    leaf_octets: memoryview
    id: bytes

    def leaf_hashes(self, begin: int, end: int) -> Iterator[list[Hash32]]:
        """The log's leaf hashes [begin, end), some at a time; the range must be the bundle's or within it."""
        first = self.head.leaves.begin
        for start in range(begin, end, LEAVES_AT_ONCE):
            stop = min(start + LEAVES_AT_ONCE, end)
            octets = bytes(self.leaf_octets[(start - first) * HASH_SIZE : (stop - first) * HASH_SIZE])
            yield [Hash32(octets[at : at + HASH_SIZE]) for at in range(0, len(octets), HASH_SIZE)]


def encode_bundle(head: BundleHead, leaves: Iterable[bytes]) -> Iterator[bytes]:
    """The file's bytes, piece by piece; ``leaves`` are the leaf hashes of the head's range in pieces of any length.

    Raises `BundleError` before the first piece if a reader would refuse the head.
    """
    encoded = encode_head(head)
    digest = hashlib.sha256()
    written = 0
    for piece in (first_line(len(encoded), head.leaves.count), encoded):
        digest.update(piece)
        yield piece
    for piece in leaves:
        written += len(piece)
        digest.update(piece)
        yield piece
    assert written == head.leaves.count * HASH_SIZE, "the leaf hashes are those of the head's range"
    yield digest.digest()


def write_bundle(path: Path, pieces: Iterable[bytes], recipients: Sequence[PublicKey] = ()) -> None:
    """Write a file whole or not at all, encrypted if there are recipients; durable when it returns. Raises `VaultStorageFailed`.

    It has another name until it is whole, also on file systems that keep no order between a file's bytes and its name.
    """
    part = path.with_name(f"{path.name}.part")
    with storage_failures(path):
        # never through a link that somebody has laid on the stick
        part.unlink(missing_ok=True)
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as stream:
                _write(stream, pieces, recipients)
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        # some file systems of sticks and networks have no way to force a name: the file itself is safe
        with contextlib.suppress(OSError):
            sync_folder(path.parent)


def _write(stream: IO[bytes], pieces: Iterable[bytes], recipients: Sequence[PublicKey]) -> None:
    if recipients:
        encrypt_pieces(pieces, stream, recipients)
        return
    for piece in pieces:
        stream.write(piece)


def load_bundle(path: Path, identities: Callable[[], Iterable[PrivateKey]] = tuple) -> Bundle:
    """The bundle in a file, read as a whole; ``identities`` is asked for the reader's keys if the file is encrypted.

    Raises `BundleError`, `HalfCopied`, `BundleDamaged`, `BundleForOthers` or another `EncodingError`. Not mapped into memory: a stick
    that is pulled out meanwhile would end the process.
    """
    try:
        with open_regular(path) as stream:
            return load_stream(stream, identities)
    except OSError as error:
        raise BundleError(f"{path.name}: {(error.strerror or 'cannot be read').lower()}") from error


def load_stream(stream: IO[bytes], identities: Callable[[], Iterable[PrivateKey]] = tuple) -> Bundle:
    """As `load_bundle`, from the beginning of an open file; raises `OSError` too."""
    stream.seek(0)
    beginning = stream.read(MAX_FIRST_LINE)
    if is_encrypted(beginning):
        stream.seek(0)
        octets = decrypted(stream, identities())
    else:
        check_length(places_of(beginning), os.fstat(stream.fileno()).st_size)
        stream.seek(0)
        octets = stream.read()
    return read_bundle(octets)


def read_bundle(octets: bytes) -> Bundle:
    """The bundle in these bytes, which are not encrypted; raises as `load_bundle`."""
    places = places_of(octets[:MAX_FIRST_LINE])
    check_length(places, len(octets))
    view = memoryview(octets)
    if hashlib.sha256(view[: places.leaves_end]).digest() != view[places.leaves_end :]:
        raise not_as_written(octets)
    encoded = octets[places.head_begin : places.leaves_begin]
    head = parse_head(encoded)
    if head.leaves.count != places.leaf_count:
        raise BundleError(
            f"bundle: its head speaks of {head.leaves.count} leaf hashes, its first line of {places.leaf_count}"
        )
    return Bundle(head, view[places.leaves_begin : places.leaves_end], id_of_head(encoded))
