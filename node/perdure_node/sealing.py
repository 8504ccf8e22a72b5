"""Sealing: the waiting records get their places in the log, and the site's key signs a checkpoint over it.

Leaves, tiles, indices and the signed checkpoint are one transaction: after a kill either all of them are there or none, and
sealing again is right in both cases.
"""

from dataclasses import dataclass
from itertools import count

from perdure_anchor.checkpoint import Checkpoint, checkpoint_digest, sign_checkpoint
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import EMPTY_ROOT, append_to_tiles, root_at
from perdure_anchor.secp256k1 import address_from_private_key

from perdure_node.clock import Clock
from perdure_node.errors import KeystoreError, VaultDamaged
from perdure_node.keystore import KeyRing
from perdure_node.locks import sealer_lock
from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.site_log import (
    StoredCheckpoint,
    newest_checkpoint,
    nodes_at,
    read_tile,
    store_checkpoint,
    write_tiles,
)
from perdure_node.vault import Vault


@dataclass(frozen=True, slots=True)
class Sealed:
    """A seal's result: the log grew from ``previous_size`` to ``size``; ``sealed_at`` in seconds is the site's clock."""

    previous_size: int
    size: int
    root: Hash32
    sealed_at: int


def seal(vault: Vault, keys: KeyRing, clock: Clock, progress: Progress = NO_PROGRESS) -> Sealed | None:
    """Seal what waits, in the order in which it was added; None if nothing waits.

    Raises `VaultBusy` if another process seals, `WrongPassphrase`, or `VaultDamaged` if the log is not what was signed.
    """
    with sealer_lock(vault.folder, clock):
        return seal_locked(vault, keys, clock, progress)


def seal_locked(vault: Vault, keys: KeyRing, clock: Clock, progress: Progress = NO_PROGRESS) -> Sealed | None:
    """As `seal`, for whoever holds the sealer's lock."""
    if vault.database.row("SELECT 1 FROM record WHERE log_index IS NULL LIMIT 1") is None:
        return None
    key = keys.site_key()
    if address_from_private_key(key) != vault.site_address:
        raise KeystoreError("site key: another one than this vault's")
    with vault.database.transaction():
        return _seal_waiting(vault, key, int(clock.now()), progress)


def _seal_waiting(vault: Vault, key: bytes, sealed_at: int, progress: Progress) -> Sealed:
    database = vault.database
    waiting = list(
        database.rows("SELECT sequence, leaf_hash FROM record WHERE log_index IS NULL ORDER BY sequence")
    )
    progress.stage("seal", len(waiting))
    previous_size = _checked_size(vault)
    leaf_hashes = [Hash32(row[1]) for row in waiting]
    tiles = append_to_tiles(
        lambda level, index: read_tile(database, level, index), previous_size, leaf_hashes
    )
    write_tiles(database, list(tiles))
    database.execute_each(
        "UPDATE record SET log_index = ? WHERE sequence = ?",
        ((index, row[0]) for index, row in zip(count(previous_size), waiting, strict=False)),
    )
    size = previous_size + len(waiting)
    root = root_at(nodes_at(database, size), size)
    store_checkpoint(database, _signed(vault, Checkpoint(vault.origin.site, size, root, sealed_at), key))
    progress.advance(len(waiting))
    return Sealed(previous_size, size, root, sealed_at)


def _signed(vault: Vault, checkpoint: Checkpoint, key: bytes) -> StoredCheckpoint:
    domain = vault.trust.domain
    return StoredCheckpoint(
        checkpoint, sign_checkpoint(domain, checkpoint, key), checkpoint_digest(domain, checkpoint)
    )


def _checked_size(vault: Vault) -> int:
    """The log's size, once its tiles have been seen to hold what the newest checkpoint signed.

    A damaged log must not be signed over: the registry would keep its root for ever.
    """
    newest = newest_checkpoint(vault)
    size, want = (0, EMPTY_ROOT) if newest is None else (newest.size, newest.checkpoint.root)
    try:
        root = root_at(nodes_at(vault.database, size), size)
    except PerdureError as error:
        raise VaultDamaged(f"log: {error}", hint="restore the vault from a backup") from error
    if root != want:
        raise VaultDamaged(
            f"log: its {size} leaves have the root {root.hex()}, the newest checkpoint says {want.hex()}",
            hint="restore the vault from a backup",
        )
    return size
