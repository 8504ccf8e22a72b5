"""Sync: seal what waits, anchor it, and bring the evidence home, in linear steps that can all be repeated.

Each step leaves the vault so that the same steps, begun again after a kill, go on from there: what is sealed stays sealed, what
was signed is sent again, what is anchored is found by its digest, and what is at home is not asked for again.
"""

from perdure_anchor.hashes import Address
from perdure_anchor.key_rotation import SignedRotation
from perdure_contracts.registry import Head
from perdure_contracts.signer import LocalSigner

from perdure_node.chain.anchor_chain import AnchorChain, connect
from perdure_node.chain.errors import AnchorNotVerified, AnchorUnprovable, BlocksNotVerified
from perdure_node.chain.nudging import Nudge
from perdure_node.chain.relay_transactions import open_transaction, submitted_sizes
from perdure_node.chain.successors import check_nothing_left, successor_of
from perdure_node.chain.waiting import Waiting, wait_for
from perdure_node.clock import Clock
from perdure_node.evidence.anchors import StoredAnchor
from perdure_node.evidence.block_runs import learn_newest_block
from perdure_node.evidence.capture import capture
from perdure_node.evidence.following import follow_validators
from perdure_node.evidence.known_blocks import KnownBlock
from perdure_node.evidence.lost_evidence import fetch_lost_evidence, lost_sizes
from perdure_node.evidence.vault_anchors import VaultAnchors, complete_time_runs
from perdure_node.keys.keyring import KeyRing
from perdure_node.locks import sealer_lock
from perdure_node.log.queue_state import waiting_records
from perdure_node.log.reconciliation import open_reconciliation, settle_reconciliation
from perdure_node.log.sealing import seal_locked
from perdure_node.log.site_log import StoredCheckpoint, checkpoint_of_size, newest_checkpoint
from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.records import anchored_size, registered_size
from perdure_node.site_keys.checkpoint_signatures import signed_by
from perdure_node.site_keys.rotating import forget_replaced_keys
from perdure_node.site_keys.standing import RegistryKeys, last_known_keys, rotations_under_way
from perdure_node.syncing.plan import seals_at_sync
from perdure_node.syncing.registry_keys import bring_rotations, learn_site_keys, submit_signed
from perdure_node.syncing.result import SyncResult
from perdure_node.syncing.submission import (
    check_head,
    close_ended_transaction,
    settle_open_transaction,
    submit,
)
from perdure_node.vault import Vault

__all__ = ["AnchorChain", "SyncResult", "connect", "sync"]

DEFAULT_WAIT = 60.0


def sync(
    vault: Vault,
    chain: AnchorChain,
    keys: KeyRing,
    *,
    clock: Clock,
    wait: float = DEFAULT_WAIT,
    sealing: bool | None = None,
    progress: Progress = NO_PROGRESS,
) -> SyncResult:
    """Everything that there is to do; ``wait`` in seconds bounds all waiting for the chain together.

    ``sealing``: whether to seal what waits; None: as the site's policy says.

    Whatever it raises, nothing is lost, and the next sync goes on: `VaultBusy`, `WrongChain`, `WithoutContracts`, `RivalLog`, `LogClosed`,
    what `submit` and `capture` raise, and what the chain client raises.
    """
    with sealer_lock(vault.folder, clock):
        chain.check()
        known_block = _refreshed(vault, chain)
        _reconcile(vault, chain)  # before sealing: an old copy of the vault must not sign a rival log
        successor = successor_of(vault, chain)
        # what is sealed into a closed log can never be anchored; what waits, its successor can take over
        wanted = seals_at_sync(vault, clock) if sealing is None else sealing
        sealed = seal_locked(vault, keys, clock, progress) if wanted and successor is None else None
        waiting = wait_for(clock, wait, progress)
        to_rotate = rotations_under_way(vault.database)
        learn_site_keys(vault, chain, clock)
        if successor is None:
            anchored = _anchor(vault, chain, keys, waiting)
        else:
            anchored = _bring_home(vault, chain, keys, waiting)
        time_runs_open = complete_time_runs(vault, chain)
        if anchored:
            # the chain went on meanwhile: the next records shall name a block as young as can be
            known_block = _refreshed(vault, chain)
        if isinstance(known_block, BlocksNotVerified):
            raise known_block
        forgotten = [key.address for key in forget_replaced_keys(vault)]
        registry_keys = _known_keys(vault)
        rotated = _heard_of(to_rotate, registry_keys)
        _remember(vault, clock)
        if successor is not None:
            check_nothing_left(vault, chain, successor)
        left = waiting_records(vault.database)
    return SyncResult(
        sealed,
        tuple(anchored),
        time_runs_open,
        known_block,
        left,
        registry_keys,
        tuple(rotated),
        tuple(forgotten),
    )


def _known_keys(vault: Vault) -> RegistryKeys:
    known = last_known_keys(vault.database)
    assert known is not None, "it was learned before"
    return known


def _heard_of(rotations: list[SignedRotation], known: RegistryKeys) -> list[Address]:
    """The new keys of those rotations that the registry has been through by now, by us or by others."""
    new_keys = [each.rotation.new_key for each in rotations]
    return new_keys[: new_keys.index(known.key) + 1] if known.key in new_keys else []


def _reconcile(vault: Vault, chain: AnchorChain) -> None:
    """Raise `RivalLog` unless the registry's head is in the vault's log."""
    head = check_head(vault, chain)
    if open_reconciliation(vault.database) is not None:
        with vault.database.transaction():
            # what a sheet or another vault said to be anchored, and is not
            vault.database.execute("DELETE FROM anchored_elsewhere WHERE size > ?", head.size)
            settle_reconciliation(vault.database)


def _refreshed(vault: Vault, chain: AnchorChain) -> KnownBlock | BlocksNotVerified:
    """The newest final block, with its validators followed, or why there is none.

    Neither an old trust file nor a change that cannot be followed may keep a checkpoint from being anchored in time.
    """
    try:
        follow_validators(vault, chain)
        return learn_newest_block(vault, chain)
    except BlocksNotVerified as error:
        return error


def _anchor(vault: Vault, chain: AnchorChain, keys: KeyRing, waiting: Waiting) -> list[StoredAnchor]:
    """As `_anchor_and_capture`; an anchor that is not believed does not keep newer checkpoints out of the chain."""
    try:
        return _anchor_and_capture(vault, chain, keys, waiting)
    except (AnchorNotVerified, BlocksNotVerified):
        # an old trust file, mostly: it can be replaced later, the time of anchoring cannot
        _submit_newest(vault, chain, keys, waiting)
        raise


def _submit_newest(vault: Vault, chain: AnchorChain, keys: KeyRing, waiting: Waiting) -> None:
    """See to it that the registry has the newest checkpoint, and fetch nothing."""
    settle_open_transaction(vault, chain, waiting)
    bring_rotations(vault, chain, keys, waiting)
    newest = newest_checkpoint(vault)
    if newest is not None:
        submit_signed(vault, chain, keys, newest, waiting)


def _anchor_and_capture(
    vault: Vault, chain: AnchorChain, keys: KeyRing, waiting: Waiting
) -> list[StoredAnchor]:
    """Bring home the anchors that are out there, then anchor the newest checkpoint unless one of them covers it.

    What others have anchored is taken first: a transaction of ours that hangs shall not keep it out. One whose checkpoint is at
    home already is looked at, but not waited for.
    """
    anchored = _bring_home(vault, chain, keys, waiting)
    close_ended_transaction(vault, chain)
    bring_rotations(vault, chain, keys, waiting)
    newest = newest_checkpoint(vault)
    if newest is None or newest.size <= registered_size(vault.database):
        return anchored
    if open_transaction(vault.database) is not None:
        settle_open_transaction(vault, chain, waiting)
        anchored += _capture_all(vault, chain, keys, waiting)
    if newest.size > registered_size(vault.database):
        submitted = submit_signed(vault, chain, keys, newest, waiting)
        anchored.append(_capture(vault, chain, keys, submitted, waiting))
    return anchored


def _bring_home(vault: Vault, chain: AnchorChain, keys: KeyRing, waiting: Waiting) -> list[StoredAnchor]:
    """The anchors that are out there, and those whose evidence was lost."""
    anchored = _capture_all(vault, chain, keys, waiting)
    return anchored + fetch_lost_evidence(
        vault, chain, keys, lambda stored: _capture(vault, chain, keys, stored, waiting)
    )


def _capture_all(vault: Vault, chain: AnchorChain, keys: KeyRing, waiting: Waiting) -> list[StoredAnchor]:
    head = check_head(vault, chain)
    return [
        _capture(vault, chain, keys, stored, waiting) for stored in _anchored_elsewhere(vault, chain, head)
    ]


def _anchored_elsewhere(vault: Vault, chain: AnchorChain, head: Head) -> list[StoredCheckpoint]:
    """Checkpoints that the registry knows and whose evidence is not at home: from a killed sync, or relayed by others."""
    at_home = anchored_size(vault.database)
    sizes = sorted({*submitted_sizes(vault.database, at_home), head.size} - {*lost_sizes(vault)})
    found = []
    for size in sizes:
        stored = checkpoint_of_size(vault, size) if size > at_home else None
        status = None if stored is None else chain.registry.anchor_status(stored.digest)
        if stored is not None and status is not None:
            found.append(signed_by(vault, stored, status.signer))
    return found


def _capture(
    vault: Vault, chain: AnchorChain, keys: KeyRing, stored: StoredCheckpoint, waiting: Waiting
) -> StoredAnchor:
    home = VaultAnchors(vault)
    nudge = Nudge(chain, lambda: LocalSigner(keys.relay_key()) if keys.is_unlocked else None, waiting.clock)
    try:
        return capture(home, chain, nudge, stored, waiting)
    except AnchorUnprovable:
        # whoever relayed it can have buried the event; the registry confirms a known checkpoint to anybody
        settle_open_transaction(vault, chain, waiting)
        submit(vault, chain, keys, stored, waiting, again=True)
        return capture(home, chain, nudge, stored, waiting)


def _remember(vault: Vault, clock: Clock) -> None:
    with vault.database.transaction():
        vault.database.execute(
            "INSERT INTO last_sync (only, finished_at) VALUES (1, ?) "
            "ON CONFLICT (only) DO UPDATE SET finished_at = excluded.finished_at",
            int(clock.now()),
        )
