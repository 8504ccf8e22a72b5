"""Packs: files that hold pages, compressed and encrypted.

    magic ‖ id (16 bytes) ‖ frames ‖ index ‖ length of the index (4 bytes, big-endian) ‖ end mark

A frame is up to 256 pages, compressed with zlib and encrypted with AES-256-GCM under a key of this pack's alone (HKDF of the chunk
key, salted with the id); the nonce is the frame's number. The index is encrypted under another key: for each frame the length of
its ciphertext (4 bytes), the number of its pages (2), and each page's digest (16) and length (2). A pack without its end is known
by the missing mark, one with a hole by the sizes, any other change by the tags.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from perdure_node.backup.errors import BackupDamaged
from perdure_node.backup.folder import Digest, pack_name, reading, write_file
from perdure_node.backup.keys import derived
from perdure_node.clock import Randomness

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PAGE_SIZE = 4096
DIGEST_SIZE = 16
# a pack is written as a whole, is read as a whole, and is what a synchronised folder copies
PACK_SIZE = 32 << 20
MAGIC = b"perdure-pack/1\n"
_END = b"PDUREEND"
_ID_SIZE = 16
_FRAME_PAGES = 256
_MAX_INDEX = 64 << 20
_TAG = 16


def page_digest(chunk_key: bytes) -> Callable[[bytes], bytes]:
    """From a page to the digest by which it is known: BLAKE2b (RFC 7693) under a key that only whoever can read has."""
    key = derived(chunk_key, b"perdure backup page digests v1")
    prepared = hashlib.blake2b(key=key, digest_size=DIGEST_SIZE)

    def digest(page: bytes) -> bytes:
        hashed = prepared.copy()
        hashed.update(page)
        return hashed.digest()

    return digest


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a pack holds which pages: digests and lengths in order."""

    offset: int
    size: int
    pages: tuple[tuple[bytes, int], ...]


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack whose index was read."""

    path: Path
    id: bytes
    frames: tuple[Frame, ...]

    def digests(self) -> Iterator[tuple[bytes, int]]:
        """The digests of its pages, each with its length."""
        for frame in self.frames:
            yield from frame.pages


class _Frames(NamedTuple):
    """Frames of digests with their pages, as they are collected."""

    pages: list[list[tuple[bytes, bytes]]]
    groups: list[list[tuple[bytes, bytes]]]


class PackWriter:
    """Collects pages and writes a pack whenever there are enough of them; `finish` writes the last one."""

    def __init__(self, folder: Path, chunk_key: bytes, randomness: Randomness) -> None:
        self._folder = folder
        self._chunk_key = chunk_key
        self._randomness = randomness
        self._frames = _Frames([[]], [[]])
        self._size = 0
        self.written = 0
        self.paths: list[Path] = []

    def add(self, digest: bytes, page: bytes, *, is_group: bool = False) -> None:
        """Take a page; it is durable once `finish` has returned. Groups get frames of their own: they are often read alone."""
        frames = self._frames.groups if is_group else self._frames.pages
        if len(frames[-1]) == _FRAME_PAGES:
            frames.append([])
        frames[-1].append((digest, page))
        self._size += len(page)
        if self._size >= PACK_SIZE:
            self.finish()

    def finish(self) -> None:
        """Write what was collected."""
        if not self._size:
            return
        path = write_file(self._folder, self._write, pack_name)
        self.written += path.stat().st_size
        self.paths.append(path)
        self._frames, self._size = _Frames([[]], [[]]), 0

    def _write(self, _file: IO[bytes], target: Digest) -> None:
        pack_id = self._randomness(_ID_SIZE)
        frames, index = _ciphers(self._chunk_key, pack_id)
        target.write(MAGIC + pack_id)
        entries = []
        for number, pages in enumerate(filter(None, (*self._frames.groups, *self._frames.pages))):
            plaintext = zlib.compress(b"".join(page for _, page in pages), 1)
            ciphertext = frames.encrypt(_nonce(number), plaintext, None)
            target.write(ciphertext)
            entries.append(_entry(len(ciphertext), pages))
        encrypted = index.encrypt(_nonce(0), b"".join(entries), None)
        target.write(encrypted + len(encrypted).to_bytes(4, "big") + _END)


def read_pack(path: Path, chunk_key: bytes) -> Pack:
    """Read a pack's index; raises `BackupDamaged`."""
    with reading(path) as file:
        size = file.seek(0, 2)
        tail = len(_END) + 4
        head = len(MAGIC) + _ID_SIZE
        if size < head + tail + _TAG:
            raise BackupDamaged(f"{path}: {size} bytes are too few for a pack: copied by half?")
        file.seek(size - tail)
        ending = file.read(tail)
        file.seek(0)
        magic, pack_id = file.read(len(MAGIC)), file.read(_ID_SIZE)
        length = int.from_bytes(ending[:4], "big")
        if magic != MAGIC or ending[4:] != _END or not _TAG <= length <= min(_MAX_INDEX, size - head - tail):
            raise BackupDamaged(f"{path}: no pack, or one that was copied by half")
        file.seek(size - tail - length)
        encrypted = file.read(length)
    frames = _frames(_opened(_ciphers(chunk_key, pack_id)[1], 0, encrypted, path), path)
    if head + sum(frame.size for frame in frames) != size - tail - length:
        raise BackupDamaged(f"{path}: its frames do not fill it")
    return Pack(path, pack_id, frames)


def read_pages(
    pack: Pack, chunk_key: bytes, wanted: Callable[[bytes], bool]
) -> Iterator[tuple[bytes, bytes]]:
    """The pages of a pack whose digests are wanted, with them; raises `BackupDamaged`."""
    cipher, _ = _ciphers(chunk_key, pack.id)
    with reading(pack.path) as file:
        for number, frame in enumerate(pack.frames):
            if any(wanted(digest) for digest, _ in frame.pages):
                file.seek(frame.offset)
                pages = _pages(frame, _opened(cipher, number, file.read(frame.size), pack.path), pack.path)
                yield from ((digest, page) for digest, page in pages if wanted(digest))


def _pages(frame: Frame, compressed: bytes, path: Path) -> Iterator[tuple[bytes, bytes]]:
    length = sum(size for _, size in frame.pages)
    try:
        plaintext = zlib.decompressobj().decompress(compressed, length + 1)
    except zlib.error as error:
        raise BackupDamaged(f"{path}: {error}") from None
    if len(plaintext) != length:
        raise BackupDamaged(f"{path}: a frame of {len(plaintext)} bytes, want {length}")
    at = 0
    for digest, size in frame.pages:
        yield digest, plaintext[at : at + size]
        at += size


def _entry(size: int, pages: list[tuple[bytes, bytes]]) -> bytes:
    begin = size.to_bytes(4, "big") + len(pages).to_bytes(2, "big")
    return begin + b"".join(digest + len(page).to_bytes(2, "big") for digest, page in pages)


def _frames(index: bytes, path: Path) -> tuple[Frame, ...]:
    frames = []
    at, offset = 0, len(MAGIC) + _ID_SIZE
    while at < len(index):
        size, count = int.from_bytes(index[at : at + 4], "big"), int.from_bytes(index[at + 4 : at + 6], "big")
        at += 6
        entries = [
            index[start : start + DIGEST_SIZE + 2]
            for start in range(at, at + count * (DIGEST_SIZE + 2), DIGEST_SIZE + 2)
        ]
        at += count * (DIGEST_SIZE + 2)
        pages = tuple((each[:DIGEST_SIZE], int.from_bytes(each[DIGEST_SIZE:], "big")) for each in entries)
        frames.append(Frame(offset, size, pages))
        offset += size
    if at != len(index):
        raise BackupDamaged(f"{path}: its index ends early")
    return tuple(frames)


def _ciphers(chunk_key: bytes, pack_id: bytes) -> tuple["AESGCM", "AESGCM"]:
    """The ciphers of a pack's frames and of its index."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return (
        AESGCM(derived(chunk_key, b"perdure backup frames v1", pack_id)),
        AESGCM(derived(chunk_key, b"perdure backup index v1", pack_id)),
    )


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


def _opened(cipher: "AESGCM", number: int, ciphertext: bytes, path: Path) -> bytes:
    from cryptography.exceptions import InvalidTag

    try:
        return cipher.decrypt(_nonce(number), ciphertext, None)
    except (InvalidTag, ValueError):
        raise BackupDamaged(
            f"{path}: changed since it was written, or of another vault",
            hint="delete it: the next backup writes what it held anew, as far as the vault still has it; to restore, take another copy",
        ) from None
