"""Files as the command reads and writes them: bounded reads, streamed digests, writes of which nobody sees half.

Only regular files are read: a pipe or a device may never end, or never begin. `perdure_node.files` opens them the same way; it
is not asked here, because `perdure verify` loads nothing of the vault.
"""

import errno
import hashlib
import os
import sys
from io import BufferedReader
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import BinaryIO, TextIO

from perdure_anchor.errors import ConfigError
from perdure_anchor.hashes import Hash32


class NoStandardInput(ConfigError):
    """Standard input is to be read, and whoever started the command has closed it."""


def text_input() -> TextIO:
    """Standard input as text; raises `NoStandardInput`."""
    # Python has no object for a stream that was closed before it started
    if sys.stdin is None:
        raise NoStandardInput("standard input: is closed", hint="name a file, or pipe something in")
    return sys.stdin


def standard_input() -> BinaryIO:
    """Standard input as bytes; raises `NoStandardInput`."""
    return text_input().buffer


def os_reason(error: OSError) -> str:
    """Why the system refused, as our messages are written: ``no such file or directory``."""
    return (error.strerror or str(error) or type(error).__name__).lower()


def open_regular(path: Path) -> BufferedReader:
    """Open a file to read it; raises `OSError` for what is no regular file, and never waits for a pipe's other end."""
    descriptor, _ = _open_regular(path)
    return os.fdopen(descriptor, "rb")


def _open_regular(path: str | Path) -> tuple[int, int]:
    """A descriptor, and how long the file is now."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    status = os.fstat(descriptor)
    if S_ISREG(status.st_mode):
        return descriptor, status.st_size
    os.close(descriptor)
    if S_ISDIR(status.st_mode):
        raise OSError(errno.EISDIR, "is a directory", str(path))
    raise OSError(errno.EINVAL, "not a regular file", str(path))


def read_bounded(path: str | Path, limit: int) -> bytes:
    """A file's bytes, but at most ``limit`` and one more, by which the caller sees that it is too large.

    Without a stream around the file, which takes longer than to read a small one.
    """
    descriptor, size = _open_regular(path)
    try:
        octets = b""
        # by the length that the system tells, since room that is not used costs time too; a wrong one takes a read more
        while part := os.read(descriptor, min(limit + 1 - len(octets), max(size - len(octets), 0) + 1)):
            octets = octets + part if octets else part
            if len(octets) in (size, limit + 1):
                break
        return octets
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
    except OSError as error:
        error.filename = str(path)
        raise
    finally:
        part.unlink(missing_ok=True)
