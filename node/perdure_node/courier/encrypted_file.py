"""Bundles that are encrypted as a whole, in the age format, which any age tool reads (SPEC.md, section 12.5).

age authenticates each 64 KiB and its own end, and does not say how long the file should be. So what was half copied is told by the
bundle's first line, if enough came to decrypt that; and otherwise by a header without end, or by zeros at the file's end.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from typing import IO, Final

from perdure_node.courier.bundle import MAX_HEAD_SIZE, MAX_LEAVES
from perdure_node.courier.errors import (
    BundleDamaged,
    BundleError,
    BundleForOthers,
    BundleTooLarge,
    HalfCopied,
)
from perdure_node.courier.first_line import (
    COPY_AGAIN,
    DIGEST_SIZE,
    HASH_SIZE,
    MAX_FIRST_LINE,
    is_cut,
    places_of,
)
from perdure_node.encryption.age import (
    MAGIC,
    AgeDamaged,
    NotForThisKey,
    decrypt_stream,
    encrypt_stream,
)
from perdure_node.encryption.hybrid import PrivateKey, PublicKey

_CHUNK: Final = 64 * 1024
_TAG: Final = 16
_NONCE: Final = 16
# of a header with some hundred recipients
_MAX_HEADER: Final = 64 * 1024
_HEADER_END: Final = re.compile(rb"\n--- [A-Za-z0-9+/]{43}\n")
_RECIPIENT: Final = re.compile(rb"^-> (?!\S*-grease\b)", re.MULTILINE)
_MAX_PLAIN: Final = MAX_FIRST_LINE + MAX_HEAD_SIZE + MAX_LEAVES * HASH_SIZE + DIGEST_SIZE


def is_encrypted(beginning: bytes) -> bool:
    """Whether a file that begins with these bytes is encrypted; raises `HalfCopied` where it ends too soon to tell."""
    if beginning.startswith(MAGIC):
        return True
    if beginning.rstrip(b"\0") and is_cut(beginning, MAGIC):
        raise _half_copied()
    return False


def recipients_in(beginning: bytes) -> int | None:
    """For how many recipients a file is encrypted, by its first 64 KiB; None if its header does not end there."""
    end = _HEADER_END.search(beginning)
    return None if end is None else len(_RECIPIENT.findall(beginning[: end.start()]))


def encrypt_pieces(pieces: Iterable[bytes], target: IO[bytes], recipients: Sequence[PublicKey]) -> None:
    """Write a file's pieces encrypted to the recipients, any of whom can read it alone; raises `OSError`."""
    encrypt_stream(_Pieces(iter(pieces)), target, recipients)


def decrypted(stream: IO[bytes], identities: Iterable[PrivateKey]) -> bytes:
    """The plain bundle's bytes; raises `BundleForOthers`, `HalfCopied`, `BundleDamaged`, `BundleTooLarge`, and `OSError` as the stream does."""
    size = os.fstat(stream.fileno()).st_size
    if size > _MAX_HEADER + _payload_size(_MAX_PLAIN):
        raise BundleTooLarge(f"bundle: got {size} bytes, and none has as many")
    plain = BytesIO()
    try:
        decrypt_stream(stream, plain, identities)
    except NotForThisKey:
        raise BundleForOthers(
            "bundle: it is encrypted, and not for this key",
            hint="only those for whom it was packed can read it",
        ) from None
    except AgeDamaged as error:
        stream.seek(0)
        beginning = stream.read(_MAX_HEADER)
        stream.seek(max(0, size - DIGEST_SIZE))
        raise _fault(beginning, stream.read(), size, plain.getvalue()) from error
    return plain.getvalue()


def _fault(beginning: bytes, end: bytes, size: int, plain: bytes) -> BundleError:
    """What was wrong with a file that does not decrypt, of which ``plain`` is what did."""
    header = _HEADER_END.search(beginning)
    if header is None and size < _MAX_HEADER:
        return _half_copied()
    if not any(end) or (header is not None and size - header.end() < _wanted(plain)):
        return _half_copied()
    return BundleDamaged(
        "bundle: it is encrypted, and was changed or half copied",
        hint="copy the file again; if it stays so, make a new bundle",
    )


def _wanted(plain: bytes) -> int:
    """How long the encrypted part should be, by the bundle's first line; 0 if that is not there."""
    try:
        return _payload_size(places_of(plain[:MAX_FIRST_LINE]).file_size)
    except BundleError:
        return 0


def _payload_size(plain: int) -> int:
    return _NONCE + plain + _TAG * max(1, -(-plain // _CHUNK))


def _half_copied() -> HalfCopied:
    return HalfCopied("bundle: it is encrypted, and ends too soon: it was half copied", hint=COPY_AGAIN)


class _Pieces:
    """What `encrypt_stream` reads from, over pieces of any length."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def read(self, size: int = -1, /) -> bytes:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = memoryview(piece)
        taken = bytes(self._rest if size < 0 else self._rest[:size])
        self._rest = self._rest[len(taken) :]
        return taken
