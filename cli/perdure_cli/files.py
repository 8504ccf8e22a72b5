"""Files as the command reads and writes them: bounded reads, streamed digests, writes of which nobody sees half.

Only regular files are read: a pipe or a device may never end, or never begin. `perdure_node.files` opens them the same way; it
is not asked here, because `perdure verify` loads nothing of the vault.
"""

import errno
import hashlib
import os
from io import BufferedReader
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from perdure_anchor.hashes import Hash32

_READ_AT_ONCE = 64 * 1024


def os_reason(error: OSError) -> str:
    """Why the system refused, as our messages are written: ``no such file or directory``."""
    return (error.strerror or str(error) or type(error).__name__).lower()


def open_regular(path: Path) -> BufferedReader:
    """Open a file to read it; raises `OSError` for what is no regular file, and never waits for a pipe's other end."""
    return os.fdopen(_open_regular(path), "rb")


def _open_regular(path: str | Path) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    if S_ISDIR(mode):
        raise OSError(errno.EISDIR, "is a directory", str(path))
    raise OSError(errno.EINVAL, "not a regular file", str(path))


def read_bounded(path: str | Path, limit: int) -> bytes:
    """A file's bytes, but at most ``limit`` and one more, by which the caller sees that it is too large.

    Without a stream around the file, which would take as long as reading it.
    """
    descriptor = _open_regular(path)
    try:
        parts, left = [], limit + 1
        while left and (part := os.read(descriptor, min(left, _READ_AT_ONCE))):
            parts.append(part)
            left -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)
    finally:
        os.close(descriptor)


def digest_file(path: Path) -> tuple[Hash32, int]:
    """SHA-256 of a file and its size in bytes, read once and never held whole."""
    with open_regular(path) as stream:
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
