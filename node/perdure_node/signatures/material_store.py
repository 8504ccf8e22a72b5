"""The files on which checks of signatures rested, kept in the vault: each once, encrypted, for as long as a record rests on it.

They are what lets anybody repeat a check in ten years, when nobody answers any more for the certificates of today. They are as
confidential as what records say: a certificate names who signed.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from perdure_anchor.hashes import Hash32, sha256
from perdure_anchor.strict_json import JsonValue

from perdure_node.clock import Randomness
from perdure_node.database import Database
from perdure_node.encryption.contents import NONCE_SIZE, DataKey
from perdure_node.encryption.lookup import LookupKey
from perdure_node.errors import VaultDamaged
from perdure_node.records import ReadingKeys
from perdure_node.signatures.verdicts import Material, MaterialKind

_INFO: Final = b"perdure material v1\n"


class LockedFile(NamedTuple):
    """A file as a vault keeps it: its keyed digest, the number of its data key, and the ciphertext."""

    name: bytes
    data_key: int
    encrypted: bytes


def store_material(
    database: Database,
    lookup: LookupKey,
    key: DataKey,
    sequence: int,
    files: Iterable[Material],
    randomness: Randomness,
) -> None:
    """Keep the files for a record, inside a transaction of the caller's."""
    keep_locked(database, sequence, locked(lookup, key, files, randomness))


def locked(
    lookup: LookupKey, key: DataKey, files: Iterable[Material], randomness: Randomness
) -> tuple[LockedFile, ...]:
    """The files as a vault keeps them."""
    names = ((lookup.of_material(file.sha256), file.octets) for file in files)
    return tuple(
        LockedFile(name, key.number, key.encrypt(octets, _INFO + name, randomness)) for name, octets in names
    )


def keep_locked(database: Database, sequence: int, files: Iterable[LockedFile]) -> None:
    """Keep the files for a record, each that is there already as it is, inside a transaction of the caller's."""
    for file in files:
        row = database.row("SELECT number FROM material WHERE name = ?", file.name)
        number = (
            row[0]
            if row is not None
            else database.insert("INSERT INTO material (name, data_key, encrypted) VALUES (?, ?, ?)", *file)
        )
        database.execute(
            "INSERT OR IGNORE INTO record_material (sequence, material) VALUES (?, ?)", sequence, number
        )


def copy_material(database: Database, old: int, new: int) -> None:
    """Let a record rest on what another one rests on too, inside a transaction of the caller's."""
    database.execute(
        "INSERT OR IGNORE INTO record_material (sequence, material) SELECT ?, material FROM record_material WHERE sequence = ?",
        new,
        old,
    )


def forget_material(database: Database, sequence: int) -> list[bytes]:
    """Let a record rest on nothing, and forget what no other rests on, inside a transaction of the caller's.

    Returns what must be in no file then: the nonces, without which no ciphertext opens, and the files' keyed digests.
    """
    rows = database.rows(
        "SELECT number, name, substr(encrypted, 1, ?) FROM material JOIN record_material ON material = number "
        "WHERE sequence = ? AND NOT EXISTS (SELECT 1 FROM record_material AS other "
        "WHERE other.material = number AND other.sequence <> ?)",
        NONCE_SIZE,
        sequence,
        sequence,
    )
    database.execute("DELETE FROM record_material WHERE sequence = ?", sequence)
    database.execute_each("DELETE FROM material WHERE number = ?", [(number,) for number, _, _ in rows])
    return [bytes(remains) for _, name, nonce in rows for remains in (name, nonce)]


def read_material(
    database: Database, lookup: LookupKey, keys: ReadingKeys, named: Mapping[Hash32, MaterialKind]
) -> Iterator[Material]:
    """Those of the named files that the vault has; raises `VaultDamaged`, or what ``keys`` raise."""
    if not database.has_table("material"):
        return
    for digest, kind in named.items():
        name = lookup.of_material(digest)
        row = database.row("SELECT data_key, encrypted FROM material WHERE name = ?", name)
        if row is not None:
            octets = keys.data_key(row[0]).decrypt(row[1], _INFO + name)
            if sha256(octets) != digest:
                raise VaultDamaged(
                    "a file on which a check of signatures rested is another one",
                    hint="restore the vault from a backup",
                )
            yield Material(kind, digest, octets)


def named_material(slot: JsonValue) -> dict[Hash32, MaterialKind]:
    """The files that a slot `signature` names, in its order; what has no form that is known is passed over."""
    listed = slot.get("material") if isinstance(slot, dict) else None
    if not isinstance(listed, dict):
        return {}
    named: dict[Hash32, MaterialKind] = {}
    for kind in MaterialKind:
        digests = listed.get(kind.value)
        for text in digests if isinstance(digests, list) else []:
            if (digest := _digest(text)) is not None:
                named.setdefault(digest, kind)
    return named


def _digest(text: JsonValue) -> Hash32 | None:
    try:
        octets = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        return None
    return Hash32(octets) if len(octets) == 32 else None
