"""One backup's file: which pages make up which files of the vault, and when.

    magic line ‖ header (a line of JSON) ‖ key (age file) ‖ body

The header is for whoever has no key: the site's name, number, time, and the identity's file, which is under the passphrase, so that a
passphrase is enough to restore. ``key`` is the chunk key, encrypted to the recipients. ``body`` is a nonce, then encrypted with
AES-256-GCM under a key derived from the chunk key, and bound to all that stands before it: a code (HMAC-SHA-256, by the vault's
authentication key) and the contents as JSON, compressed. So a vault reads its own backups by its chunk key, everybody else by age.
"""

import base64
import hashlib
import hmac
import io
import json
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from perdure_anchor.checkpoint import Origin, parse_origin
from perdure_anchor.errors import PerdureError
from perdure_anchor.strict_json import JsonValue, parse_json
from perdure_anchor.timestamp import MAX_SECONDS, format_seconds

from perdure_node.backup.errors import BackupDamaged, BackupForged, NewerBackup
from perdure_node.backup.folder import (
    SiteFolder,
    backup_name,
    digest_in,
    is_whole,
    reading,
    write_file,
)
from perdure_node.backup.keys import BackupKey, derived
from perdure_node.backup.pack import DIGEST_SIZE
from perdure_node.clock import Randomness
from perdure_node.encryption.age import AgeDamaged, decrypt_stream, encrypt_stream
from perdure_node.encryption.contents import DataKey
from perdure_node.encryption.hybrid import KEY_SIZE, PrivateKey
from perdure_node.encryption.identity import MAX_IDENTITY_SIZE
from perdure_node.errors import VaultDamaged

MAGIC = b"perdure-backup/1\n"
_ANY_VERSION = b"perdure-backup/"
_MAX_HEADER = 65_536
# a digest of 16 bytes for each MiB of the vault: enough for a vault of a terabyte, and forged ones do not fill the memory
_MAX_FILE = 64 << 20
_MAX_CONTENTS = 256 << 20
_CODE_SIZE = 32
# what a restored file may be called: in the vault's folder or one below it, and nothing that a shell or a terminal minds
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,100}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,100}){0,3}")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of the vault: its pages' digests lie in pages of their own, whose digests are ``groups``."""

    name: str
    size: int
    sha256: bytes
    groups: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Contents:
    """What a backup holds; ``records`` counts all that were ever added, ``log_size`` those in the log.

    ``previous`` is the file name of the backup before, None for the first one in its folder.
    """

    origin: Origin
    number: int
    taken_at: int
    records: int
    log_size: int
    previous: str | None
    files: tuple[FileEntry, ...]


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup's file as it can be read without a key. ``identity`` is the identity's file, under the passphrase."""

    path: Path
    origin: Origin
    number: int
    taken_at: int
    identity: bytes
    size: int
    key: bytes = field(repr=False)
    body: bytes = field(repr=False)
    bound: bytes = field(repr=False)

    @property
    def site_folder(self) -> SiteFolder:
        return SiteFolder(self.path.parent)


@dataclass(frozen=True, slots=True)
class OpenBackup:
    """A backup that was opened; ``is_authentic`` None: nothing tells whether it is the vault's own, for want of the passphrase."""

    backup: Backup
    chunk_key: bytes = field(repr=False)
    contents: Contents
    is_authentic: bool | None


def write_backup(
    site: SiteFolder, key: BackupKey, identity: bytes, contents: Contents, randomness: Randomness
) -> Path:
    """Write a backup's file; durable when it returns. All of its packs have to be durable before."""
    wrapped = io.BytesIO()
    encrypt_stream(io.BytesIO(key.chunk_key), wrapped, key.recipients)
    compressed = zlib.compress(_encode(contents), 6)
    sealed = _CODE_SIZE + len(compressed) + 28
    header = {
        "site": contents.origin.text,
        "number": contents.number,
        "taken_at": contents.taken_at,
        "identity": identity.decode("ascii"),
        "key_size": len(wrapped.getvalue()),
        "body_size": sealed,
    }
    public = MAGIC + json.dumps(header).encode() + b"\n" + wrapped.getvalue()
    bound = hashlib.sha256(public).digest()
    code = hmac.digest(key.authentication, bound + compressed, "sha256")
    body = _body_key(key.chunk_key).encrypt(code + compressed, bound, randomness)
    taken_at = format_seconds(contents.taken_at)
    return write_file(
        site.path,
        lambda _file, target: _write(target.write, public, body),
        lambda digest: backup_name(contents.number, taken_at, digest),
    )


def read_backup(path: Path) -> Backup:
    """Read what needs no key; raises `BackupDamaged` unless the file is whole, and `NewerBackup`.

    The name has to say what the header says, so that a copy under another number does not pass for a newer backup.
    """
    with reading(path) as file:
        raw = file.read(_MAX_FILE + 1)
    if raw.startswith(_ANY_VERSION) and not raw.startswith(MAGIC):
        raise NewerBackup(f"{path}: of a format that this Perdure does not know", hint="use a newer Perdure")
    if not is_whole(path) or not raw.startswith(MAGIC):
        raise BackupDamaged(f"{path}: not what its name says: changed, or copied by half")
    end = raw.find(b"\n", len(MAGIC), len(MAGIC) + _MAX_HEADER) + 1
    try:
        origin, number, taken_at, identity, key_size, body_size = _parse_header(raw[len(MAGIC) : end])
    except (PerdureError, ValueError):
        raise BackupDamaged(f"{path}: its header cannot be read") from None
    if path.name != backup_name(number, format_seconds(taken_at), digest_in(path)):
        raise BackupDamaged(f"{path}: its header says another number or time than its name")
    if len(raw) != end + key_size + body_size:
        raise BackupDamaged(f"{path}: {len(raw)} bytes, want {end + key_size + body_size}")
    middle = end + key_size
    bound = hashlib.sha256(raw[:middle]).digest()
    return Backup(path, origin, number, taken_at, identity, len(raw), raw[end:middle], raw[middle:], bound)


def open_with_chunk_key(backup: Backup, chunk_key: bytes, authentication: bytes | None) -> OpenBackup:
    """Open a backup; ``authentication`` is the vault's, None if it is not known. Raises `BackupDamaged` or `BackupForged`."""
    try:
        plaintext = _body_key(chunk_key).decrypt(backup.body, backup.bound)
    except VaultDamaged:
        raise BackupDamaged(f"{backup.path}: changed since it was written, or of another key") from None
    code, compressed = plaintext[:_CODE_SIZE], plaintext[_CODE_SIZE:]
    if authentication is not None and not hmac.compare_digest(
        code, hmac.digest(authentication, backup.bound + compressed, "sha256")
    ):
        raise BackupForged(
            f"{backup.path}: not made by this vault: somebody made it who knows its public key",
            hint="take another backup, and find out who can write to the folder",
        )
    try:
        contents = _parse(parse_json(_decompressed(compressed), "backup"))
    except (PerdureError, ValueError, zlib.error):
        raise BackupDamaged(f"{backup.path}: its contents are not those of a backup") from None
    if (contents.origin, contents.number, contents.taken_at) != (
        backup.origin,
        backup.number,
        backup.taken_at,
    ):
        raise BackupDamaged(f"{backup.path}: its header says something else than its contents")
    return OpenBackup(backup, chunk_key, contents, None if authentication is None else True)


def open_with_identities(
    backup: Backup, identities: Sequence[PrivateKey], authentication: bytes | None
) -> OpenBackup:
    """Open a backup with a recipient's private key; raises as `open_with_chunk_key`, and `NotForThisKey`."""
    target = io.BytesIO()
    try:
        decrypt_stream(io.BytesIO(backup.key), target, identities)
    except AgeDamaged as error:
        raise BackupDamaged(f"{backup.path}: {error}") from None
    if len(target.getvalue()) != KEY_SIZE:
        raise BackupDamaged(f"{backup.path}: its key has not {KEY_SIZE} bytes")
    return open_with_chunk_key(backup, target.getvalue(), authentication)


def _write(write: Callable[[bytes], int], *parts: bytes) -> None:
    for part in parts:
        write(part)


def _body_key(chunk_key: bytes) -> DataKey:
    return DataKey(0, derived(chunk_key, b"perdure backup body v1"))


def _decompressed(compressed: bytes) -> bytes:
    inflater = zlib.decompressobj()
    plaintext = inflater.decompress(compressed, _MAX_CONTENTS)
    if not inflater.eof or inflater.unused_data:
        raise ValueError("not one whole stream")
    return plaintext


def _encode(contents: Contents) -> bytes:
    members = {
        "site": contents.origin.text,
        "number": contents.number,
        "taken_at": contents.taken_at,
        "records": contents.records,
        "log_size": contents.log_size,
        "previous": contents.previous,
        "files": [
            {
                "name": each.name,
                "size": each.size,
                "sha256": each.sha256.hex(),
                "groups": base64.b64encode(b"".join(each.groups)).decode(),
            }
            for each in contents.files
        ],
    }
    return json.dumps(members).encode()


def _parse_header(raw: bytes) -> tuple[Origin, int, int, bytes, int, int]:
    match parse_json(raw, "backup"):
        case {
            "site": str(site),
            "number": int(number),
            "taken_at": int(taken_at),
            "identity": str(identity),
            "key_size": int(key_size),
            "body_size": int(body_size),
        } if (
            min(number, taken_at, key_size, body_size) >= 0
            and taken_at <= MAX_SECONDS
            and len(identity) <= MAX_IDENTITY_SIZE
        ):
            return parse_origin(site), number, taken_at, identity.encode(), key_size, body_size
    raise ValueError("not a header")


def _parse(value: JsonValue) -> Contents:
    match value:
        case {
            "site": str(site),
            "number": int(number),
            "taken_at": int(taken_at),
            "records": int(records),
            "log_size": int(log_size),
            "previous": str() | None as previous,
            "files": list(files),
        }:
            entries = tuple(_parse_entry(each) for each in files)
            return Contents(parse_origin(site), number, taken_at, records, log_size, previous, entries)
    raise ValueError("not the contents of a backup")


def _parse_entry(value: JsonValue) -> FileEntry:
    match value:
        case {"name": str(name), "size": int(size), "sha256": str(digest), "groups": str(groups)} if (
            FILE_NAME.fullmatch(name) and size >= 0
        ):
            octets = base64.b64decode(groups, validate=True)
            parts = [octets[at : at + DIGEST_SIZE] for at in range(0, len(octets), DIGEST_SIZE)]
            if len(octets) % DIGEST_SIZE == 0:
                return FileEntry(name, size, bytes.fromhex(digest), tuple(parts))
    raise ValueError("not a file of a backup")
