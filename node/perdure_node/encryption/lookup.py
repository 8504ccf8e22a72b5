"""Look-up without reading: a document, and what was said of it, are found by keyed digests (BLAKE2b, RFC 7693, section 2.9).

The key lies in the vault's folder, in the open: it keeps whoever has only the database, such as a copy of it elsewhere, from
trying documents. Whoever has the whole folder can try them; SECURITY.md says so. A digest of 128 bits finds a record but proves
nothing: what is found is decrypted and held against the leaf hash.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from json.encoder import encode_basestring

from perdure_anchor.hashes import Hash32
from perdure_anchor.strict_json import JsonValue

KEY_SIZE = 32
DIGEST_SIZE = 16

# the order in which somebody names things is not what he says
_SORTED = json.JSONEncoder(sort_keys=True)


@dataclass(frozen=True, slots=True)
class LookupKey:
    """The vault's key for look-ups, 32 bytes."""

    key: bytes = field(repr=False)

    def of_document(self, document_sha256: Hash32) -> bytes:
        """What the vault knows of a document."""
        return self._digest(document_sha256, b"document")

    def of_words(self, given: Mapping[str, JsonValue]) -> bytes:
        """What the vault knows of the slots that its owner filled: the same words have the same digest."""
        words = [f"{slot}:{_canonical(value)}" for slot, value in sorted(given.items()) if value is not None]
        return self._digest("\n".join(words).encode(), b"words")

    def of_list(self, content: bytes) -> bytes:
        """What the vault knows of an imported list, so that an import that was broken off is known again."""
        return self._digest(content, b"list")

    def of_watched(self, content: bytes) -> bytes:
        """What the vault knows of a watched folder, or of a file in it, so that it is known again."""
        return self._digest(content, b"watched")

    def of_material(self, sha256: Hash32) -> bytes:
        """What the vault knows of a file on which a check of signatures rested, so that it is kept once."""
        return self._digest(sha256, b"material")

    def check_value(self) -> bytes:
        """What tells this key from another one, and nothing else."""
        return self._digest(b"", b"check")

    def _digest(self, content: bytes, purpose: bytes) -> bytes:
        return blake2b(content, digest_size=DIGEST_SIZE, key=self.key, person=purpose).digest()


def _canonical(value: JsonValue) -> str:
    """The value as JSON of one spelling; most are plain texts, for which the encoder would take long."""
    return encode_basestring(value) if isinstance(value, str) else _SORTED.encode(value)
