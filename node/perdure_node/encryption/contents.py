"""A record's content on the disk: its filled slots and its seed, encrypted with a data key (AES-256-GCM, NIST SP 800-38D).

The plaintext is the seed, then the slots as one JSON object. The leaf hash is associated data, so that no content opens in the
place of another record's. The nonce is random; a data key serves far fewer than the 2^32 contents that this allows.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from perdure_anchor.hashes import Hash32
from perdure_anchor.record import SEED_SIZE

from perdure_node.clock import Randomness
from perdure_node.errors import VaultDamaged

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

DATA_KEY_SIZE = 32
NONCE_SIZE = 12


@dataclass(frozen=True)
class DataKey:
    """A key for contents, known in the vault by its ``number``."""

    number: int
    key: bytes = field(repr=False)

    def encrypt(self, plaintext: bytes, associated: bytes, randomness: Randomness) -> bytes:
        """The nonce, the ciphertext and its tag."""
        nonce = randomness(NONCE_SIZE)
        return nonce + self._cipher.encrypt(nonce, plaintext, associated)

    def decrypt(self, stored: bytes, associated: bytes) -> bytes:
        """The inverse of `encrypt`; raises `VaultDamaged`."""
        from cryptography.exceptions import InvalidTag

        try:
            # not copied: a search decrypts much at a time
            return self._cipher.decrypt(stored[:NONCE_SIZE], memoryview(stored)[NONCE_SIZE:], associated)
        except (InvalidTag, ValueError, TypeError):
            raise VaultDamaged(
                "what the vault keeps of a record was changed, or is another record's",
                hint="restore the vault from a backup",
            ) from None

    @cached_property
    def _cipher(self) -> "AESGCM":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(self.key)

    def __getstate__(self) -> tuple[int, bytes]:
        """Other processes make the cipher anew."""
        return (self.number, self.key)

    def __setstate__(self, state: tuple[int, bytes]) -> None:
        self.__dict__.update(number=state[0], key=state[1])


def encrypt_content(
    key: DataKey, slots: str, seed: bytes, leaf_hash: Hash32, randomness: Randomness
) -> bytes:
    """The slots (as JSON) and the seed of the record with this leaf hash, as the vault stores them."""
    return key.encrypt(seed + slots.encode(), leaf_hash, randomness)


def decrypt_content(key: DataKey, stored: bytes, leaf_hash: Hash32) -> tuple[str, bytes]:
    """The slots as JSON, and the seed; raises `VaultDamaged`."""
    plaintext = key.decrypt(stored, leaf_hash)
    return plaintext[SEED_SIZE:].decode(errors="replace"), plaintext[:SEED_SIZE]
