"""Records out of another vault of the same site: a backup, a restored copy, what was saved from a broken disk.

Each is opened with that vault's keys and encrypted anew with this one's: both have keys of their own. A record keeps its slots and its
seed, so its leaf stays what it was, and its place in the log is found by its leaf hash. One that waits for a second person goes on
waiting for him. What this vault has already stays as it is, but for what was confirmed or taken back in the other one meanwhile. Then
comes what was done to records (`perdure_node.recovering.lives`).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from perdure_anchor.hashes import Hash32
from perdure_anchor.record import SLOTS, Record, encode_record

from perdure_node.clock import Clock, Randomness
from perdure_node.database import Database
from perdure_node.encryption.contents import decrypt_content, encrypt_content
from perdure_node.encryption.lookup import DIGEST_SIZE
from perdure_node.errors import OtherVault
from perdure_node.evidence.known_blocks import (
    KnownBlock,
    keep_known_block,
    known_block,
    known_block_id,
    store_known_block,
)
from perdure_node.keys.keyring import KeyRing
from perdure_node.operators.confirming import Completed, replace_drafts
from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.recording import Awaits
from perdure_node.records import (
    FINISHED,
    EncryptedRecord,
    erased_digests,
    note_queue_change,
    open_record,
    select_records,
    store_awaiting,
    store_supersession,
)
from perdure_node.recovering.lives import Lives, merge_lives
from perdure_node.recovering.people import Counterparts
from perdure_node.recovering.tally import Tally
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

# what is none of the owner's words
_NOT_SAID = ("recorded_at", "after", "confirmation", "signature")
_PAGE = 500


@dataclass(slots=True)
class Merged(Tally):
    """``added`` records came, and wait until their places are found; ``there`` were in the vault already.

    ``withdrawn`` came as such, or were taken back there and waited here; ``awaiting`` came, and wait for a second person.
    ``signed`` stayed behind: people signed them for the log of another site.
    """

    added: int = 0
    there: int = 0
    withdrawn: int = 0
    awaiting: int = 0
    signed: int = 0
    lives: Lives = field(default_factory=Lives)


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

    They go into the queue, go on waiting for a second person, or stay withdrawn, until `perdure_node.adopting.adoption` finds their places. A run that was broken off goes on.
    Those that have a place before ``from_index`` in the other's log stay behind, and so do withdrawn ones unless it is 0. Raises `WrongPassphrase` and `VaultDamaged`.
    """
    total = other.database.number("SELECT count(*) FROM record")
    progress.stage("read records", total, "records")
    merged, people, done, last = Merged(), Counterparts(vault, other), 0, 0
    condition = f"WHERE {FINISHED} AND record.sequence > ? ORDER BY record.sequence LIMIT ?"
    while found := select_records(other.database, condition, last, _PAGE):
        last = found[-1].sequence
        lacking = [each for each in found if not _is_here(vault.database, other.database, each)]
        merged.there += len(found) - len(lacking)
        if from_index:
            lacking = [each for each in lacking if _is_wanted(each, from_index)]
        copier = _Copier(vault, other, keys, people, clock, randomness)
        copies = [copy for each in lacking if (copy := copier.copied(each)) is not None]
        merged.signed += len(lacking) - len(copies)
        with vault.database.transaction():
            for copy in copies:
                copy.store(vault.database)
            merged.withdrawn += _take_back(vault.database, other.database, found)
        merged.added += len(copies)
        merged.withdrawn += sum(copy.is_withdrawn for copy in copies)
        merged.awaiting += sum(copy.awaits is not None for copy in copies)
        done += len(found)
        progress.advance(done)
    merged.lives = merge_lives(vault, other, keys, people, clock=clock, randomness=randomness)
    return merged


def _take_back(database: Database, other: Database, found: Sequence[EncryptedRecord]) -> int:
    """Let what was withdrawn or rejected in the other vault wait here no more; inside a transaction of the caller's."""
    taken = 0
    for record in found:
        if not record.is_withdrawn or record.index is not None:
            continue
        for name in (record.leaf_hash, *_drafts(other, record)):
            row = database.row("SELECT sequence FROM record WHERE leaf_hash = ?", name)
            if row is not None:
                left = database.execute("DELETE FROM queue WHERE sequence = ?", row[0])
                left += database.execute("DELETE FROM awaiting WHERE sequence = ?", row[0])
                if left:
                    database.execute("UPDATE record SET words = NULL WHERE sequence = ?", row[0])
                taken += left
    if taken:
        note_queue_change(database)
    return taken


def _drafts(database: Database, record: EncryptedRecord) -> tuple[Hash32, ...]:
    """The leaf hashes that a record had before it was confirmed."""
    if not database.has_table("draft"):
        return ()
    rows = database.rows("SELECT leaf_hash FROM draft WHERE sequence = ?", record.sequence)
    return tuple(Hash32(name) for (name,) in rows)


def _is_wanted(record: EncryptedRecord, from_index: int) -> bool:
    return not record.is_withdrawn if record.index is None else record.index >= from_index


def _is_here(database: Database, other: Database, record: EncryptedRecord) -> bool:
    """Whether there is such a record, by the leaf hash that it has or had before it was confirmed.

    One that was confirmed in both vaults, and has a place in no log there, need not come: once is enough.
    """
    query = "SELECT 1 FROM record WHERE leaf_hash = ?1 UNION ALL SELECT 1 FROM draft WHERE leaf_hash = ?1"
    if database.row(query, record.leaf_hash) is not None:
        return True
    return record.index is None and any(
        database.row("SELECT 1 FROM draft WHERE leaf_hash = ?", draft) is not None
        for draft in _drafts(other, record)
    )


@dataclass(frozen=True, slots=True)
class _Copy:
    """A record as this vault will store it; ``content`` is None once it is erased.

    ``drafts`` are the leaf hashes that it had before it was confirmed.
    """

    leaf_hash: Hash32
    document: bytes
    is_withdrawn: bool
    waits: bool
    recorder: int
    words: bytes | None = None
    blocks: tuple[KnownBlock | None, KnownBlock | None] = (None, None)
    content: tuple[int, bytes] | None = None
    erased: bytes | None = None
    material: tuple[LockedFile, ...] = ()
    supersedes: Hash32 | None = None
    awaits: Awaits | None = None
    drafts: tuple[Hash32, ...] = ()

    def store(self, database: Database) -> None:
        """Inside a transaction of the caller's."""
        after, confirmed = self.blocks
        if after is not None:
            store_known_block(database, after)
        if self._is_completed(database, confirmed):
            return
        words = self.words
        if words is not None and database.row(
            "SELECT 1 FROM record WHERE document = ? AND words = ?", self.document, words
        ):
            # the same was said in both vaults: two leaves, of which neither may get lost
            words = self.leaf_hash[:DIGEST_SIZE]
        sequence = database.insert(
            "INSERT INTO record (document, words, leaf_hash, operator, after_block, confirmed_block, import_run) "
            "VALUES (?, ?, ?, ?, ?, ?, NULL)",
            self.document,
            words,
            self.leaf_hash,
            self.recorder,
            known_block_id(database, None if after is None else after.hash),
            keep_known_block(database, confirmed),
        )
        self._store_content(database, sequence)
        for draft in self.drafts:
            database.execute(
                "INSERT OR IGNORE INTO draft (leaf_hash, sequence) VALUES (?, ?)", draft, sequence
            )
        if self.awaits is not None:
            store_awaiting(database, sequence, self.awaits)
        elif self.waits:
            database.execute("INSERT INTO queue (sequence) VALUES (?)", sequence)

    def _store_content(self, database: Database, sequence: int) -> None:
        if self.content is None:
            database.execute(
                "INSERT INTO erased (sequence, slot_digests) VALUES (?, ?)", sequence, self.erased
            )
            return
        database.execute(
            "INSERT INTO content (sequence, data_key, encrypted) VALUES (?, ?, ?)", sequence, *self.content
        )
        keep_locked(database, sequence, self.material)
        if self.supersedes is not None:
            store_supersession(database, sequence, self.supersedes)

    def _is_completed(self, database: Database, confirmed: KnownBlock | None) -> bool:
        """Whether it was there, and what a second person signed in the other vault took its place.

        It waited for him, or had been confirmed here too and was in no log yet, as in the other one it is.
        """
        if self.content is None or not self.waits:
            return False
        for draft in self.drafts:
            row = database.row(
                "SELECT record.sequence, record.leaf_hash FROM record JOIN awaiting USING (sequence) WHERE record.leaf_hash = ?1 "
                "UNION ALL SELECT record.sequence, record.leaf_hash FROM draft JOIN record USING (sequence) "
                "JOIN queue USING (sequence) WHERE draft.leaf_hash = ?1 AND sequence NOT IN (SELECT sequence FROM entry)",
                draft,
            )
            if row is not None:
                database.execute("DELETE FROM queue WHERE sequence = ?", row[0])
                completed = Completed(row[0], Hash32(row[1]), self.leaf_hash, self.content, confirmed)
                replace_drafts(database, [completed])
                note_queue_change(database)
                return True
        return False


class _Copier:
    """Reads records of one vault, and makes them another one's."""

    def __init__(
        self,
        vault: Vault,
        other: Vault,
        keys: KeyRing,
        people: Counterparts,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._vault, self._other, self._keys, self._people = vault, other, keys, people
        self._clock, self._randomness = clock, randomness

    def copied(self, record: EncryptedRecord) -> _Copy | None:
        """None for what people signed for another site's log, where it would show nothing; raises `VaultDamaged` unless the record gives its leaf hash."""
        waits = not record.is_withdrawn or record.index is not None
        recorder, confirmed = self._beside(record)
        if record.content is None:
            digests = b"".join(erased_digests(record))
            assert len(split_hashes(digests)) == len(SLOTS), "they were seen to give the leaf hash"
            return _Copy(
                record.leaf_hash,
                self._randomness(DIGEST_SIZE),
                record.is_withdrawn,
                waits,
                recorder,
                erased=digests,
            )
        opened = open_record(record, self._keys)
        slots = opened.record
        if slots.value("confirmation") is not None and self._vault.origin != self._other.origin:
            return None
        number, encrypted = record.content
        _, seed = decrypt_content(self._keys.data_key(number), encrypted, record.leaf_hash)
        key = self._vault.current_data_key.take(self._clock, self._randomness)
        given = {name: value for name, value in slots.values.items() if name not in _NOT_SAID}
        lookup, supersedes = self._vault.lookup_key, opened.text("supersedes")
        content = encrypt_content(key, encode_record(slots), seed, record.leaf_hash, self._randomness)
        return _Copy(
            record.leaf_hash,
            lookup.of_document(opened.document_sha256),
            record.is_withdrawn,
            waits,
            recorder,
            words=None if record.is_withdrawn else lookup.of_words(given),
            blocks=(known_block(self._other.database, record.after_block), confirmed),
            content=(key.number, content),
            material=locked(lookup, key, self._material(slots), self._randomness),
            supersedes=None if supersedes is None else Hash32(bytes.fromhex(supersedes)),
            awaits=self._awaits(record),
            drafts=_drafts(self._other.database, record),
        )

    def _beside(self, record: EncryptedRecord) -> tuple[int, KnownBlock | None]:
        """Who recorded it, as this vault counts people, and the block that its confirmation names."""
        database = self._other.database
        block = "confirmed_block" if database.has_table("awaiting") else "NULL"
        row = database.row(f"SELECT operator, {block} FROM record WHERE sequence = ?", record.sequence)  # noqa: S608  # constants
        assert row is not None, "just read"
        return self._people.of(row[0]), known_block(database, row[1])

    def _awaits(self, record: EncryptedRecord) -> Awaits | None:
        database = self._other.database
        if not database.has_table("awaiting"):
            return None
        row = database.row("SELECT recorder, since, roles FROM awaiting WHERE sequence = ?", record.sequence)
        return None if row is None else Awaits(self._people.named(row[0]), row[1], tuple(json.loads(row[2])))

    def _material(self, slots: Record) -> list[Material]:
        """What the check of the record's signatures rested on, as far as the other vault has it."""
        other = self._other
        named = named_material(slots.value("signature"))
        return list(read_material(other.database, other.lookup_key, self._keys, named)) if named else []
