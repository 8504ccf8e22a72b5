"""Records out of another vault of the same site: a backup, a restored copy, what was saved from a broken disk.

Each is opened with that vault's keys and encrypted anew with this one's: both have keys of their own. A record keeps its slots and its
seed, so its leaf stays what it was, and its place in the log is found by its leaf hash. What this vault has already is left alone.
"""

from dataclasses import dataclass

from perdure_anchor.hashes import Hash32
from perdure_anchor.record import SLOTS, Record, encode_record

from perdure_node.clock import Clock, Randomness
from perdure_node.data_keys import OWNER
from perdure_node.database import Database
from perdure_node.encryption.contents import decrypt_content, encrypt_content
from perdure_node.encryption.lookup import DIGEST_SIZE
from perdure_node.errors import OtherVault
from perdure_node.keyring import KeyRing
from perdure_node.known_blocks import KnownBlock, known_block, known_block_id, store_known_block
from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.records import FINISHED, EncryptedRecord, erased_digests, open_record, select_records
from perdure_node.signatures.material_store import (
    LockedFile,
    keep_locked,
    locked,
    named_material,
    read_material,
)
from perdure_node.signatures.verdicts import Material
from perdure_node.stored_lists import split_hashes
from perdure_node.vault import Vault

# what the site adds to a record by itself; the others are its owner's words
# what is none of the owner's words
_NOT_SAID = ("recorded_at", "after", "confirmation", "signature")
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Merged:
    """``added`` records came, and wait until their places are found; ``there`` were in the vault already."""

    added: int
    there: int
    withdrawn: int


def check_same_site(vault: Vault, other: Vault) -> None:
    """Raise `OtherVault` unless both are of one site in one registry."""
    if (other.origin, other.trust.domain) != (vault.origin, vault.trust.domain):
        raise OtherVault(
            f"{other.folder}: is a vault of {other.origin.text}, or of another registry: want one of {vault.origin.text}",
            hint="records of another site belong into that site's log; a successor takes over what waits: --successor-of",
        )


def merge_records(
    vault: Vault,
    other: Vault,
    keys: KeyRing,
    *,
    clock: Clock,
    randomness: Randomness,
    progress: Progress = NO_PROGRESS,
    from_index: int = 0,
) -> Merged:
    """Bring in the records that this vault lacks, in their order; ``keys`` are the other vault's.

    They go into the queue, or stay withdrawn, until `perdure_node.adoption` finds their places. A run that was broken off goes on.
    Those that have a place before ``from_index`` in the other's log stay behind, and so do withdrawn ones unless it is 0. Raises `WrongPassphrase` and `VaultDamaged`.
    """
    total = other.database.number("SELECT count(*) FROM record")
    progress.stage("read records", total, "records")
    added = there = withdrawn = done = last = 0
    condition = f"WHERE {FINISHED} AND record.sequence > ? ORDER BY record.sequence LIMIT ?"
    while found := select_records(other.database, condition, last, _PAGE):
        last = found[-1].sequence
        lacking = [each for each in found if not _has(vault.database, each.leaf_hash)]
        there += len(found) - len(lacking)
        if from_index:
            lacking = [each for each in lacking if _is_wanted(each, from_index)]
        copier = _Copier(vault, other, keys, clock, randomness)
        with_places = [(each, copier.copied(each)) for each in lacking]
        with vault.database.transaction():
            for record, copy in with_places:
                withdrawn += not copy.store(
                    vault.database, waits=not record.is_withdrawn or record.index is not None
                )
        added += len(lacking)
        done += len(found)
        progress.advance(done)
    return Merged(added, there, withdrawn)


def _is_wanted(record: EncryptedRecord, from_index: int) -> bool:
    return not record.is_withdrawn if record.index is None else record.index >= from_index


def _has(database: Database, name: Hash32) -> bool:
    return database.row("SELECT 1 FROM record WHERE leaf_hash = ?", name) is not None


@dataclass(frozen=True, slots=True)
class _Copy:
    """A record as this vault will store it; ``content`` is None once it is erased."""

    leaf_hash: Hash32
    document: bytes
    words: bytes | None
    after_block: KnownBlock | None
    content: tuple[int, bytes] | None
    erased: bytes | None
    material: tuple[LockedFile, ...] = ()

    def store(self, database: Database, *, waits: bool) -> bool:
        """Inside a transaction of the caller's; whether it waits now."""
        if self.after_block is not None:
            store_known_block(database, self.after_block)
        words = self.words
        if words is not None and database.row(
            "SELECT 1 FROM record WHERE document = ? AND words = ?", self.document, words
        ):
            # the same was said in both vaults: two leaves, of which neither may get lost
            words = self.leaf_hash[:DIGEST_SIZE]
        sequence = database.insert(
            "INSERT INTO record (document, words, leaf_hash, operator, after_block, import_run) VALUES (?, ?, ?, ?, ?, NULL)",
            self.document,
            words,
            self.leaf_hash,
            OWNER,
            known_block_id(database, None if self.after_block is None else self.after_block.hash),
        )
        if self.content is not None:
            database.execute(
                "INSERT INTO content (sequence, data_key, encrypted) VALUES (?, ?, ?)",
                sequence,
                *self.content,
            )
            keep_locked(database, sequence, self.material)
        else:
            database.execute(
                "INSERT INTO erased (sequence, slot_digests) VALUES (?, ?)", sequence, self.erased
            )
        if waits:
            database.execute("INSERT INTO queue (sequence) VALUES (?)", sequence)
        return waits


class _Copier:
    """Reads records of one vault, and makes them another one's."""

    def __init__(
        self, vault: Vault, other: Vault, keys: KeyRing, clock: Clock, randomness: Randomness
    ) -> None:
        self._vault, self._other, self._keys = vault, other, keys
        self._clock, self._randomness = clock, randomness

    def copied(self, record: EncryptedRecord) -> _Copy:
        """Raises `VaultDamaged` unless the record gives its leaf hash."""
        if record.content is None:
            digests = b"".join(erased_digests(record))
            assert len(split_hashes(digests)) == len(SLOTS), "they were seen to give the leaf hash"
            return _Copy(record.leaf_hash, self._randomness(DIGEST_SIZE), None, None, None, digests)
        opened = open_record(record, self._keys)
        number, encrypted = record.content
        _, seed = decrypt_content(self._keys.data_key(number), encrypted, record.leaf_hash)
        key = self._vault.current_data_key.take(self._clock, self._randomness)
        slots = opened.record
        given = {name: value for name, value in slots.values.items() if name not in _NOT_SAID}
        lookup = self._vault.lookup_key
        return _Copy(
            record.leaf_hash,
            lookup.of_document(opened.document_sha256),
            None if record.is_withdrawn else lookup.of_words(given),
            known_block(self._other.database, record.after_block),
            (
                key.number,
                encrypt_content(key, encode_record(slots), seed, record.leaf_hash, self._randomness),
            ),
            None,
            locked(lookup, key, self._material(slots), self._randomness),
        )

    def _material(self, slots: Record) -> list[Material]:
        """What the check of the record's signatures rested on, as far as the other vault has it."""
        other = self._other
        named = named_material(slots.value("signature"))
        return list(read_material(other.database, other.lookup_key, self._keys, named)) if named else []
