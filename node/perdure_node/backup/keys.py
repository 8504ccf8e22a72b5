"""What a vault's backups are encrypted with: a chunk key, kept beside the vault so that a nightly job needs no passphrase.

``backup.json`` lies in the vault's folder, readable by its owner. Whoever has it reads the pages of all backups made with it: the
vault's files, in which records are encrypted once more. A recipient who is left out would know the chunk key from before, so
there is a new one then, and with it a new folder for its backups. The authentication key is derived from the identity's private
key: a backup that bears its code was made by somebody who had the vault, not by whoever knows a public key.
"""

import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from perdure_anchor.errors import PerdureError
from perdure_anchor.strict_json import parse_json

from perdure_node.backup.errors import BackupKeyMissing
from perdure_node.clock import Randomness
from perdure_node.encryption.age import parse_recipient, recipient_text
from perdure_node.encryption.hybrid import KEY_SIZE, PrivateKey, PublicKey, public_key_of
from perdure_node.files import write_whole

BACKUP_KEY_FILE = "backup.json"
_FORMAT = "perdure-backup-key/1"
_TAG_SIZE = 4
_MAX_SIZE = 65_536


@dataclass(frozen=True, slots=True)
class BackupKey:
    """``tag`` names the folder of the backups that are made with ``chunk_key``; ``recipients`` have it."""

    identity: PublicKey
    authentication: bytes = field(repr=False)
    chunk_key: bytes = field(repr=False)
    tag: str
    recipients: tuple[PublicKey, ...]

    def for_recipients(self, recipients: Sequence[PublicKey], randomness: Randomness) -> "BackupKey":
        """The key for these recipients: another one if somebody is left out who had it."""
        if set(self.recipients) <= set(recipients):
            return replace(self, recipients=tuple(recipients))
        return _new(self.identity, self.authentication, recipients, randomness)


def new_backup_key(
    private_key: PrivateKey, recipients: Sequence[PublicKey], randomness: Randomness
) -> BackupKey:
    """A new key for the vault with this identity."""
    return _new(public_key_of(private_key), authentication_key(private_key), recipients, randomness)


def authentication_key(private_key: PrivateKey) -> bytes:
    """What tells a vault's own backups from those of somebody who knows its public keys only, 32 bytes."""
    return derived(private_key, b"perdure backup authentication v1")


def derived(key: bytes, purpose: bytes, salt: bytes = b"") -> bytes:
    """A key of 32 bytes for one purpose: HKDF-SHA256 (RFC 5869) with one block of output."""
    return hmac.digest(hmac.digest(salt or bytes(KEY_SIZE), key, "sha256"), purpose + b"\1", "sha256")


def read_backup_key(folder: Path) -> BackupKey | None:
    """The vault's key, None if there is none; raises `BackupKeyMissing` for a file that is not what it should be."""
    path = folder / BACKUP_KEY_FILE
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_SIZE)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, (error.strerror or "it cannot be read").lower()) from None
    try:
        return _parse(raw)
    except (PerdureError, ValueError):
        raise _unreadable(path, f"not a file of the format {_FORMAT}") from None


def write_backup_key(folder: Path, key: BackupKey) -> None:
    """Keep the key; durable when it returns."""
    members = {
        "format": _FORMAT,
        "identity": key.identity.hex(),
        "authentication": key.authentication.hex(),
        "chunk_key": key.chunk_key.hex(),
        "tag": key.tag,
        "recipients": [recipient_text(each) for each in key.recipients],
    }
    write_whole(folder / BACKUP_KEY_FILE, (json.dumps(members, indent=1) + "\n").encode())


def _new(
    identity: PublicKey, authentication: bytes, recipients: Sequence[PublicKey], randomness: Randomness
) -> BackupKey:
    return BackupKey(
        identity, authentication, randomness(KEY_SIZE), randomness(_TAG_SIZE).hex(), tuple(recipients)
    )


def _parse(raw: bytes) -> BackupKey:
    match parse_json(raw, "backup key"):
        case {
            "format": "perdure-backup-key/1",
            "identity": str(identity),
            "authentication": str(authentication),
            "chunk_key": str(chunk_key),
            "tag": str(tag),
            "recipients": list(recipients),
        }:
            keys = [bytes.fromhex(each) for each in (identity, authentication, chunk_key)]
            if [len(each) for each in keys] == [KEY_SIZE] * 3 and len(bytes.fromhex(tag)) == _TAG_SIZE:
                texts = tuple(parse_recipient(str(each)) for each in recipients)
                return BackupKey(PublicKey(keys[0]), keys[1], keys[2], bytes.fromhex(tag).hex(), texts)
    raise ValueError("not a backup key")


def _unreadable(path: Path, reason: str) -> BackupKeyMissing:
    return BackupKeyMissing(
        f"{path}: {reason}",
        hint="delete it: the next backup makes a new one, asks for the passphrase, and begins anew in a folder of its own",
    )
