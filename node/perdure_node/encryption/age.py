"""Files in the age format (age-encryption.org/v1), for what leaves the site: to recipients who can be offline, read by any age tool.

age's native recipients are X25519 keys, as the vault's identity and its recovery key are, so these are recipients as they stand:
their texts are Bech32 (BIP-173), with the prefixes ``age`` and ``age-secret-key-``. Both keys serve HPKE in the vault as well; the
two formats derive what they use from the shared secret under labels of their own. Other kinds of recipients (SSH keys, plugins,
passphrases) are left out. `pyrage` does the encryption, and is imported where it is used.
"""

from collections.abc import Iterable, Sequence
from typing import IO, Protocol

from perdure_anchor.errors import ConfigError, EncodingError, VerificationError

from perdure_node.encryption.hybrid import KEY_SIZE, PrivateKey, PublicKey

MAGIC = b"age-encryption.org/v1\n"
_RECIPIENT_PREFIX = "age"
_IDENTITY_PREFIX = "age-secret-key-"
_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_CHECKSUM_DIGITS = 6
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


class NotARecipient(ConfigError):
    """A text is no age recipient of the kind that Perdure encrypts to."""


class NotAnIdentity(ConfigError):
    """A text holds no age identity."""


class NotForThisKey(VerificationError):
    """A file was encrypted to other recipients than the keys that were tried."""


class AgeDamaged(EncodingError):
    """A file in the age format was changed, is not whole, or is none."""


class Source(Protocol):
    """What plaintext or ciphertext is read from."""

    def read(self, size: int = -1, /) -> bytes: ...


def recipient_text(key: PublicKey) -> str:
    """The key as an age recipient, ``age1...``, 62 characters."""
    return _bech32(_RECIPIENT_PREFIX, key)


def identity_text(key: PrivateKey) -> str:
    """The key as an age identity, ``AGE-SECRET-KEY-1...``: a secret."""
    return _bech32(_IDENTITY_PREFIX, key).upper()


def parse_recipient(text: str) -> PublicKey:
    """The inverse of `recipient_text`; raises `NotARecipient`."""
    octets = _unbech32(_RECIPIENT_PREFIX, text.strip())
    if octets is None or _is_of_small_order(octets):
        raise NotARecipient(
            f"recipient: got {text.strip()[:80]!a}, which is no X25519 recipient of age",
            hint="it begins with age1 and has 62 characters, as `age-keygen` shows it; compare it with the original",
        )
    return PublicKey(octets)


def parse_identities(text: str) -> list[PrivateKey]:
    """The identities in an identity file of age's: one a line, beside comments; raises `NotAnIdentity`."""
    lines = [line.strip() for line in text.splitlines()]
    found = [_unbech32(_IDENTITY_PREFIX, line) for line in lines if line and not line.startswith("#")]
    keys = [PrivateKey(octets) for octets in found if octets is not None]
    if not keys or len(keys) != len(found):
        raise NotAnIdentity(
            "identity file: it has a line that is no X25519 identity of age"
            if found
            else "identity file: no identity in it",
            hint="each line begins with AGE-SECRET-KEY-1, or with # for a comment, as `age-keygen` writes it",
        )
    return keys


def encrypt_stream(source: Source, target: IO[bytes], recipients: Sequence[PublicKey]) -> None:
    """Encrypt all of ``source`` to the recipients, any of whom can read it alone; raises `OSError` as source and target do."""
    import pyrage

    guarded = _Guarded(source, target)
    try:
        pyrage.encrypt_io(guarded, guarded, [_pyrage_recipient(key) for key in recipients])
    except (OSError, pyrage.EncryptError) as error:
        raise guarded.failure or ValueError(f"age: {error}") from error


def decrypt_stream(source: Source, target: IO[bytes], identities: Iterable[PrivateKey]) -> None:
    """The inverse of `encrypt_stream`, with any of the identities.

    Raises `NotForThisKey`, `AgeDamaged`, and `OSError` as source and target do. What was written to the target before it raised
    is the beginning of the plaintext at best, and not to be used.
    """
    import pyrage

    guarded = _Guarded(source, target)
    keys = [pyrage.x25519.Identity.from_str(identity_text(key)) for key in identities]
    try:
        pyrage.decrypt_io(guarded, guarded, keys)
    except (OSError, pyrage.DecryptError) as error:
        if guarded.failure is not None:
            raise guarded.failure from error
        if "no matching keys" in str(error).lower():
            raise NotForThisKey("it was encrypted to other recipients than this key") from None
        raise AgeDamaged(f"age: changed, or not whole: {str(error)[:200].lower()}") from None


def _is_of_small_order(octets: bytes) -> bool:
    """Whether every secret shared with this key is zero: nobody has its private key, and age's library would panic."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

    try:
        # of any private key
        X25519PrivateKey.from_private_bytes(b"\1" * KEY_SIZE).exchange(
            X25519PublicKey.from_public_bytes(octets)
        )
    except ValueError:
        return True
    return False


def _pyrage_recipient(key: PublicKey) -> object:
    import pyrage

    recipient: object = pyrage.x25519.Recipient.from_str(recipient_text(key))
    return recipient


class _Guarded:
    """Both ends of a stream; keeps the operating system's refusals, which pyrage would pass on as texts."""

    def __init__(self, source: Source, target: IO[bytes]) -> None:
        self._source = source
        self._target = target
        self.failure: OSError | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            return self._source.read(size)
        except OSError as error:
            self.failure = error
            raise

    def write(self, octets: bytes) -> int:
        try:
            return self._target.write(octets)
        except OSError as error:
            self.failure = error
            raise

    def flush(self) -> None:
        try:
            self._target.flush()
        except OSError as error:
            self.failure = error
            raise


def _bech32(prefix: str, octets: bytes) -> str:
    digits = _regrouped(octets, 8, 5)
    remainder = _polymod([*_expanded(prefix), *digits, *[0] * _CHECKSUM_DIGITS]) ^ 1
    checksum = [remainder >> 5 * (_CHECKSUM_DIGITS - 1 - place) & 31 for place in range(_CHECKSUM_DIGITS)]
    return f"{prefix}1{''.join(_ALPHABET[digit] for digit in (*digits, *checksum))}"


def _unbech32(prefix: str, text: str) -> bytes | None:
    """The key in the text, None unless it is the one text of that key, in small letters or in capitals."""
    plain = text.lower()
    if text not in (plain, plain.upper()) or not plain.startswith(f"{prefix}1"):
        return None
    digits = [_ALPHABET.find(letter) for letter in plain[len(prefix) + 1 :]]
    octets = bytes(_regrouped(digits[:-_CHECKSUM_DIGITS], 5, 8)[:KEY_SIZE]) if -1 not in digits else b""
    # the last digit has bits that say nothing; written anew, every other spelling differs
    return octets if len(octets) == KEY_SIZE and _bech32(prefix, octets) == plain else None


def _regrouped(values: Iterable[int], size: int, wanted: int) -> list[int]:
    """Groups of ``size`` bits as groups of ``wanted`` bits, the last one filled up with zeros."""
    collected = bits = 0
    groups = []
    for value in values:
        collected = (collected << size | value) & 0xFFFF
        bits += size
        while bits >= wanted:
            bits -= wanted
            groups.append(collected >> bits & (1 << wanted) - 1)
    return [*groups, collected << wanted - bits & (1 << wanted) - 1] if bits else groups


def _expanded(prefix: str) -> list[int]:
    return [*(ord(letter) >> 5 for letter in prefix), 0, *(ord(letter) & 31 for letter in prefix)]


def _polymod(values: Iterable[int]) -> int:
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(_GENERATORS):
            checksum ^= generator if top >> place & 1 else 0
    return checksum
