"""Files as the command reads and writes them: bounded reads, streamed digests, writes of which nobody sees half."""

import hashlib
import os
from pathlib import Path

from perdure_anchor.hashes import Hash32


def os_reason(error: OSError) -> str:
    """Why the system refused, as our messages are written: ``no such file or directory``."""
    return (error.strerror or str(error) or type(error).__name__).lower()


def read_bounded(path: Path, limit: int) -> bytes:
    """A file's bytes, but at most ``limit`` and one more, by which the caller sees that it is too large."""
    with path.open("rb") as stream:
        return stream.read(limit + 1)


def digest_file(path: Path) -> tuple[Hash32, int]:
    """SHA-256 of a file and its size in bytes, read once and never held whole."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").digest()
        return Hash32(digest), stream.tell()


def write_whole(path: Path, raw: bytes, *, durable: bool = True) -> None:
    """Write a file at once: readers see the old file or the new one, never half of it.

    ``durable`` makes that hold after a power cut too, at the cost of waiting for the disk.
    """
    part = path.with_name(f".{path.name[:200]}.{os.getpid()}.part")
    try:
        with part.open("wb") as stream:
            stream.write(raw)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
