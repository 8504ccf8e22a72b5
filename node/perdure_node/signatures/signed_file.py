"""The document that a signature is held against: its digests and its bytes, as they were recorded.

Whoever checks a signature reads the document again after it was hashed; that it is still the same is seen by its SHA-256.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sha3
from perdure_anchor.hashes import Hash32

from perdure_node.errors import DocumentUnreadable
from perdure_node.files import open_regular

_CHUNK: Final = 1 << 20
# of a document that has to be in memory at once
MAX_WHOLE: Final = 64 << 20
# a document up to this size is handed to whoever checks it as the bytes that were hashed
_MAX_HANDED: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class SignedFile:
    """A document on the disk, and what its SHA-256 and its size (in bytes) were when it was hashed."""

    path: Path
    sha256: Hash32
    size: int

    def read(self) -> bytes | None:
        """All of it, None if it is larger than `MAX_WHOLE`; raises `DocumentUnreadable`."""
        if self.size > MAX_WHOLE:
            return None
        pieces: list[bytes] = []
        self._feed(pieces.append)
        return b"".join(pieces)

    def handed(self) -> Path | bytes:
        """What another process checks: the bytes, or of a large document the path; see `check_same`. Raises `DocumentUnreadable`."""
        octets = self.read() if self.size <= _MAX_HANDED else None
        return self.path if octets is None else octets

    def check_same(self, handed: Path | bytes) -> None:
        """Raise `DocumentUnreadable` if the document at the path is no longer the one that was hashed."""
        if isinstance(handed, Path):
            self._feed()

    def keccak256(self, prefix: bytes = b"") -> Hash32:
        """Keccak-256 of ``prefix`` and the document; raises `DocumentUnreadable`."""
        digest = sha3.keccak_256(prefix)
        self._feed(digest.update)
        return Hash32(digest.digest())

    def digests(self, names: tuple[str, ...]) -> dict[str, bytes]:
        """Digests by their names in `hashlib`, all in one pass; raises `DocumentUnreadable`."""
        made = {name: hashlib.new(name, usedforsecurity=False) for name in names}
        self._feed(*(digest.update for digest in made.values()))
        return {name: digest.digest() for name, digest in made.items()}

    def _feed(self, *takers: Callable[[bytes], object]) -> None:
        """Give each piece to all; raises `DocumentUnreadable`, also where the bytes are no longer those that were hashed."""
        seen = hashlib.sha256()
        try:
            with open_regular(self.path) as file:
                # what is appended meanwhile must not make it endless
                left = self.size + 1
                while chunk := file.read(min(_CHUNK, left)):
                    left -= len(chunk)
                    seen.update(chunk)
                    for take in takers:
                        take(chunk)
        except OSError as error:
            raise DocumentUnreadable(
                f"{self.path}: {(error.strerror or 'cannot be read').lower()}"
            ) from error
        if seen.digest() != self.sha256:
            raise DocumentUnreadable(
                f"{self.path}: was written to while it was read", hint="add it again once it is whole"
            )
