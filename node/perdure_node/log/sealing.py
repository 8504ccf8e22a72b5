"""Sealing: the waiting records get their places in the log, and the site's key signs a checkpoint over it.

The log's new hashes are computed beside the database, which others may add to meanwhile. Tiles, places and the signed checkpoint
are then one transaction: after a kill either all of them are there or none, and sealing again is right in both cases.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from perdure_anchor.checkpoint import Checkpoint, checkpoint_digest, sign_checkpoint
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import EMPTY_ROOT, append_to_tiles, root_at

from perdure_node.clock import Clock
from perdure_node.database import Database
from perdure_node.errors import VaultBusy, VaultDamaged
from perdure_node.keys.keyring import KeyRing
from perdure_node.locks import sealer_lock
from perdure_node.log.gaps import log_fault
from perdure_node.log.queue_state import read_queue, waiting_records
from perdure_node.log.reconciliation import check_reconciled
from perdure_node.log.site_log import (
    StoredCheckpoint,
    newest_checkpoint,
    node_source,
    nodes_at,
    store_checkpoint,
    tile_reader,
    write_tiles,
)
from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.records import erased_digests, open_record, record_by_sequence
from perdure_node.seal_policy import Due, Occasion
from perdure_node.vault import Vault

# how many leaf hashes are in memory at a time; whole tiles, so that each is hashed once
_PAGE = 1 << 16
# how often a seal begins again because records were withdrawn under it
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Sealed:
    """A seal's result: the log grew from ``previous_size`` to ``size``; ``sealed_at`` in seconds is the site's clock."""

    previous_size: int
    size: int
    root: Hash32
    sealed_at: int


@dataclass(frozen=True, slots=True)
class _Batch:
    """What a seal will store: ``last`` is the last sequence number that it takes, ``change`` the queue's count of changes."""

    previous_size: int
    size: int
    root: Hash32
    tiles: dict[tuple[int, int], bytes]
    last: int
    change: int


def seal(vault: Vault, keys: KeyRing, clock: Clock, progress: Progress = NO_PROGRESS) -> Sealed | None:
    """Seal what waits, in the order in which it was added; None if nothing waits.

    Raises `VaultBusy` if another process seals, `NotReconciled`, `WrongPassphrase`, or `VaultDamaged` if the log is not what was
    signed.
    """
    with sealer_lock(vault.folder, clock):
        return seal_locked(vault, keys, clock, progress)


def seal_if_due(
    vault: Vault, keys: KeyRing, clock: Clock, progress: Progress = NO_PROGRESS
) -> tuple[Due | None, Sealed | None]:
    """Seal what waits if the site's policy says so without a sync, and why; raises as `seal`."""
    with sealer_lock(vault.folder, clock):
        due = read_queue(vault.database).due(vault.config.seal, clock, Occasion.ALONE)
        return due, None if due is None else seal_locked(vault, keys, clock, progress)


def seal_locked(vault: Vault, keys: KeyRing, clock: Clock, progress: Progress = NO_PROGRESS) -> Sealed | None:
    """As `seal`, for whoever holds the sealer's lock."""
    for _ in range(_ATTEMPTS):
        if not vault.database.number("SELECT 1 FROM queue LIMIT 1"):
            return None
        check_reconciled(vault.database)
        key = keys.site_key()
        batch = _batch(vault, progress)
        checkpoint = Checkpoint(vault.origin.site, batch.size, batch.root, int(clock.now()))
        stored = _signed(vault, checkpoint, key, _slot_digests(vault, batch.last, keys))
        if batch.size - batch.previous_size > _PAGE:
            progress.stage("store", None)
        if _store(vault.database, batch, stored):
            return Sealed(batch.previous_size, batch.size, batch.root, checkpoint.sealed_at)
    raise VaultBusy("records were withdrawn again and again while they were sealed")


def _batch(vault: Vault, progress: Progress) -> _Batch:
    """The log with all that waits now; stores nothing."""
    database = vault.database
    previous_size = size = _checked_size(vault)
    change = database.number("SELECT count FROM queue_change")
    progress.stage("seal", waiting_records(database), "records")
    tiles: dict[tuple[int, int], bytes] = {}

    stored = tile_reader(database)

    def read(level: int, index: int) -> bytes:
        return tiles.get((level, index)) or stored(level, index)

    end = 0
    for end, leaf_hashes in _waiting(database):  # noqa: B007  # where it ended is what counts
        tiles.update(
            {(tile.level, tile.index): tile.octets for tile in append_to_tiles(read, size, leaf_hashes)}
        )
        size += len(leaf_hashes)
        progress.advance(size - previous_size)
    return _Batch(
        previous_size, size, root_at(node_source(database, read).at(size), size), tiles, end, change
    )


def _waiting(database: Database) -> Iterator[tuple[int, list[Hash32]]]:
    """The leaf hashes that wait, in order, a page at a time, each with the last one's sequence number."""
    last = 0
    while rows := database.rows(
        "SELECT queue.sequence, leaf_hash FROM queue JOIN record ON record.sequence = queue.sequence "
        "WHERE queue.sequence > ? ORDER BY queue.sequence LIMIT ?",
        last,
        _PAGE,
    ):
        last = rows[-1][0]
        yield last, [Hash32(row[1]) for row in rows]


def _store(database: Database, batch: _Batch, checkpoint: StoredCheckpoint) -> bool:
    """Put the batch into the log, unless records left the queue, or came into its middle, since it was read."""
    with database.transaction():
        if database.number("SELECT count FROM queue_change") != batch.change:
            return False
        write_tiles(database, batch.tiles)
        added = database.execute(
            "INSERT INTO entry (log_index, sequence) SELECT row_number() OVER (ORDER BY sequence) - 1 + ?, sequence "
            "FROM queue WHERE sequence <= ? ORDER BY sequence",
            batch.previous_size,
            batch.last,
        )
        assert added == batch.size - batch.previous_size, (
            "the queue grows at its end only, or counts a change"
        )
        database.execute("DELETE FROM queue WHERE sequence <= ?", batch.last)
        store_checkpoint(database, checkpoint)
    return True


def _signed(
    vault: Vault, checkpoint: Checkpoint, key: bytes, last_slot_digests: tuple[Hash32, ...]
) -> StoredCheckpoint:
    domain = vault.trust.domain
    signature = sign_checkpoint(domain, checkpoint, key)
    return StoredCheckpoint(checkpoint, signature, checkpoint_digest(domain, checkpoint), last_slot_digests)


def _slot_digests(vault: Vault, sequence: int, keys: KeyRing) -> tuple[Hash32, ...]:
    """The slot digests of the batch's last record; none if it went meanwhile, which the batch's change then tells."""
    record = record_by_sequence(vault.database, sequence)
    if record is None:
        return ()
    if record.content is None:
        return erased_digests(record)
    return tuple(open_record(record, keys).slot_digests)


def _checked_size(vault: Vault) -> int:
    """The log's size, once its tiles have been seen to hold what the newest checkpoint signed.

    A damaged log must not be signed over: the registry would keep its root for ever.
    """
    newest = newest_checkpoint(vault)
    size, want = (0, EMPTY_ROOT) if newest is None else (newest.size, newest.checkpoint.root)
    try:
        root = root_at(nodes_at(vault.database, size), size)
    except PerdureError as error:
        raise log_fault(error) from error
    if root != want:
        raise VaultDamaged(
            f"log: its {size} leaves have the root {root.hex()}, the newest checkpoint says {want.hex()}",
            hint="restore the vault from a backup",
        )
    return size
