"""A bundle's file: its first line, the head, the leaf hashes, and a digest of all that (SPEC.md, section 12).

    perdure-bundle/1 HEAD_SIZE LEAF_COUNT LF
    the head                                  HEAD_SIZE bytes, one line of JSON
    the leaf hashes                           32 bytes each
    SHA-256 over all before                   32 bytes

The first line says how long the file is: one that was half copied is shorter, or, on a FAT file system, as long and without its
end. Both are told apart from a file that somebody changed. The digest protects from accidents only, not from malice.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perdure_anchor.hashes import Hash32

from perdure_node.courier.bundle import FORMAT, MAX_HEAD_SIZE, BundleHead, encode_head, parse_head
from perdure_node.courier.errors import BundleDamaged, BundleError, HalfCopied
from perdure_node.files import open_regular, storage_failures, sync_folder

HASH_SIZE: Final = 32
_DIGEST_SIZE: Final = 32
# the longest first line: two numbers of 8 and 15 digits
_MAX_FIRST_LINE: Final = 64
# 2 GiB of them, which is what a reader has to hold
MAX_LEAVES: Final = 1 << 26
# leaf hashes that are parted at a time
LEAVES_AT_ONCE: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that is whole: its head, and its leaf hashes one after the other."""

    head: BundleHead
    leaf_octets: memoryview

    def leaf_hashes(self, begin: int, end: int) -> Iterator[list[Hash32]]:
        """The log's leaf hashes [begin, end), some at a time; the range must be the bundle's or within it."""
        first = self.head.leaves.begin
        for start in range(begin, end, LEAVES_AT_ONCE):
            stop = min(start + LEAVES_AT_ONCE, end)
            octets = bytes(self.leaf_octets[(start - first) * HASH_SIZE : (stop - first) * HASH_SIZE])
            yield [Hash32(octets[at : at + HASH_SIZE]) for at in range(0, len(octets), HASH_SIZE)]


def encode_bundle(head: BundleHead, leaves: Iterable[bytes]) -> Iterator[bytes]:
    """The file's bytes, piece by piece; ``leaves`` are the leaf hashes of the head's range in pieces of any length."""
    encoded = encode_head(head)
    digest = hashlib.sha256()
    written = 0
    first_line = f"{FORMAT} {len(encoded)} {head.leaves.count}\n".encode()
    for piece in (first_line, encoded):
        digest.update(piece)
        yield piece
    for piece in leaves:
        written += len(piece)
        digest.update(piece)
        yield piece
    assert written == head.leaves.count * HASH_SIZE, "the leaf hashes are those of the head's range"
    yield digest.digest()


def write_bundle(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a file that is not there yet, whole or not at all; durable when it returns. Raises `VaultStorageFailed`.

    It has another name until it is whole, also on file systems that keep no order between a file's bytes and its name.
    """
    part = path.with_name(f"{path.name}.part")
    with storage_failures(path):
        try:
            with part.open("wb") as stream:
                for piece in pieces:
                    stream.write(piece)
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        sync_folder(path.parent)


def load_bundle(path: Path) -> Bundle:
    """The bundle in a file, read as a whole; raises `BundleError`, `HalfCopied`, `BundleDamaged` or another `EncodingError`.

    Not mapped into memory: a stick that is pulled out meanwhile would end the process.
    """
    try:
        with open_regular(path) as stream:
            beginning = stream.read(_MAX_FIRST_LINE)
            _check_length(_places(beginning), os.fstat(stream.fileno()).st_size)
            octets = beginning + stream.read()
    except OSError as error:
        raise BundleError(f"{path.name}: {(error.strerror or 'cannot be read').lower()}") from error
    return read_bundle(octets)


_COPY_AGAIN = "copy the file again, and take the stick out only when the system says so"


def read_bundle(octets: bytes) -> Bundle:
    """The bundle in these bytes; raises as `load_bundle`."""
    places = _places(octets[:_MAX_FIRST_LINE])
    _check_length(places, len(octets))
    view = memoryview(octets)
    if hashlib.sha256(view[: places.leaves_end]).digest() != view[places.leaves_end :]:
        raise _not_as_written(octets)
    head = parse_head(octets[places.head_begin : places.leaves_begin])
    if head.leaves.count != places.leaf_count:
        raise BundleError(
            f"bundle: its head speaks of {head.leaves.count} leaf hashes, its first line of {places.leaf_count}"
        )
    return Bundle(head, view[places.leaves_begin : places.leaves_end])


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the parts of a file are, by its first line."""

    head_begin: int
    head_size: int
    leaf_count: int

    @property
    def leaves_begin(self) -> int:
        return self.head_begin + self.head_size

    @property
    def leaves_end(self) -> int:
        return self.leaves_begin + self.leaf_count * HASH_SIZE


def _check_length(places: _Places, got: int) -> None:
    want = places.leaves_end + _DIGEST_SIZE
    if got < want:
        raise HalfCopied(f"bundle: got {got} bytes of {want}: it was half copied", hint=_COPY_AGAIN)
    if got > want:
        raise BundleDamaged(f"bundle: got {got} bytes, want {want}")


def _places(beginning: bytes) -> _Places:
    """By the first line; raises `BundleError` or `HalfCopied`."""
    line, end, _ = beginning.partition(b"\n")
    words = line.split(b" ")
    if not beginning or not any(beginning):
        raise HalfCopied("bundle: nothing of it is there: it was half copied", hint=_COPY_AGAIN)
    if words[0] != FORMAT.encode():
        raise BundleError(
            f"bundle: does not begin with {FORMAT}", hint="see what it is: `perdure inspect FILE`"
        )
    if not end or len(words) != 3:
        raise HalfCopied("bundle: its first line is not whole", hint=_COPY_AGAIN)
    return _Places(len(line) + 1, _number(words[1], MAX_HEAD_SIZE), _number(words[2], MAX_LEAVES))


def _number(word: bytes, maximum: int) -> int:
    digits = word.decode("ascii", "replace")
    if not (digits.isascii() and digits.isdigit()) or str(int(digits)) != digits or int(digits) > maximum:
        raise BundleError(f"bundle: its first line has a number that is none, or over {maximum}")
    return int(digits)


def _not_as_written(octets: bytes) -> BundleError:
    """FAT gives a file its length before its bytes: what was not written yet is zeros, or whatever was there before."""
    if not any(octets[-_DIGEST_SIZE:]):
        return HalfCopied(
            "bundle: it has its length, but its end is zeros: it was half copied", hint=_COPY_AGAIN
        )
    return BundleDamaged(
        "bundle: its bytes are not those that were written",
        hint="copy the file again; if it stays so, make a new bundle",
    )
