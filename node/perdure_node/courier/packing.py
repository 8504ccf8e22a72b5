"""Packing: a site's checkpoints, the leaf hashes that its gateway lacks, and what the registry needs to take them, in one file.

No record's slots leave the vault this way. A bundle is noted as out before its file has its name: one that was noted and never left
looks like one that got lost.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from perdure_anchor.errors import PerdureError
from perdure_anchor.log import append_proof, decomposition, inclusion_proof

from perdure_node.clock import Clock, Randomness
from perdure_node.courier.bundle import (
    ID_SIZE,
    MAX_CHECKPOINTS,
    MAX_PROOFS,
    MAX_ROTATIONS,
    BundleHead,
    CarriedCheckpoint,
    CarriedProof,
    Kind,
    LeafRange,
    Request,
    end_of_leaves,
)
from perdure_node.courier.bundle_file import encode_bundle
from perdure_node.courier.bundle_head import bundle_id
from perdure_node.courier.heads import lacks_head
from perdure_node.courier.out import BundleOut, registry_view, store_out
from perdure_node.database import Database
from perdure_node.encryption.hybrid import PublicKey
from perdure_node.keys.keyring import KeyRing
from perdure_node.log.gaps import log_fault, log_gaps
from perdure_node.log.reconciliation import open_reconciliation
from perdure_node.log.site_log import StoredCheckpoint, checkpoints_above, nodes_at, read_tile
from perdure_node.records import anchored_size, registered_size
from perdure_node.site_keys.rotating import sign_for_registry
from perdure_node.site_keys.standing import rotations_under_way
from perdure_node.vault import Vault

_TILE_WIDTH = 256
_HASH_SIZE = 32
# tiles that are read at a time
_TILES = 256


@dataclass(frozen=True, slots=True)
class Packed:
    """A bundle that is ready to be written: what it holds, its id, and the file's bytes, piece by piece."""

    head: BundleHead
    id: bytes
    pieces: Iterator[bytes]


def pack(
    vault: Vault,
    label: str | None,
    *,
    clock: Clock,
    randomness: Randomness,
    leaves_from: int | None = None,
    answer_to: PublicKey | None = None,
    keys: KeyRing | None = None,
) -> Packed:
    """As `compose_bundle`, for a stick: durable as out when this returns."""
    packed = compose_bundle(
        vault, clock=clock, randomness=randomness, leaves_from=leaves_from, answer_to=answer_to, keys=keys
    )
    head = packed.head
    size = 0 if head.newest is None else head.newest.size
    begin = head.leaves.begin if head.leaves.count else size
    with vault.database.transaction():
        store_out(vault.database, BundleOut(packed.id, head.made_at, label, size, begin))
    return packed


def compose_bundle(
    vault: Vault,
    *,
    clock: Clock,
    randomness: Randomness,
    leaves_from: int | None = None,
    answer_to: PublicKey | None = None,
    keys: KeyRing | None = None,
) -> Packed:
    """A bundle of all that the registry, or the gateway, may lack.

    ``leaves_from`` is where its leaf hashes begin, by default where the gateway's mirror is known to end. The answer is encrypted
    ``answer_to``: to be given where the bundle will be encrypted too. Seals nothing. ``keys`` sign anew what the
    registry, as last told, would not take. Raises `VaultDamaged`, and with ``keys`` as `sign_for_registry`.
    """
    if keys is not None:
        sign_for_registry(vault, keys, _to_carry(vault), clock)
    try:
        head = _head(vault, int(clock.now()), randomness(ID_SIZE), leaves_from, answer_to)
    except PerdureError as error:
        raise log_fault(error) from error
    return Packed(head, bundle_id(head), encode_bundle(head, _leaf_pages(vault.database, head.leaves)))


def _head(
    vault: Vault, now: int, nonce: bytes, leaves_from: int | None, answer_to: PublicKey | None
) -> BundleHead:
    database = vault.database
    anchored = registered_size(database)
    carried = _to_carry(vault)
    due = open_reconciliation(database)
    return BundleHead(
        kind=Kind.OUTGOING,
        nonce=nonce,
        domain=vault.trust.domain,
        origin=vault.origin,
        made_at=now,
        leaves=_leaf_range(vault, carried, leaves_from),
        checkpoints=tuple(_carried(database, each) for each in carried),
        append_proofs=_proofs(vault, carried, anchored),
        rotations=tuple(rotations_under_way(database)[:MAX_ROTATIONS]),
        request=Request(
            anchored_size(database),
            # of a log that is not this vault's, all that is not certain to be the same
            anchored if due is not None or lacks_head(vault) else None,
            None if due is None else due.challenge,
            answer_to,
        ),
        answer=None,
    )


def _to_carry(vault: Vault) -> list[StoredCheckpoint]:
    """The newest covers all; the others may be on sticks, and one of them be the registry's head by now."""
    return checkpoints_above(vault, registered_size(vault.database))[-MAX_CHECKPOINTS:]


def _leaf_range(vault: Vault, carried: list[StoredCheckpoint], leaves_from: int | None) -> LeafRange:
    view = registry_view(vault.database)
    mirrored = 0 if view is None else view.mirrored
    begin = mirrored if leaves_from is None else leaves_from
    # of leaf hashes that are lost, none can be handed on
    begin = max([begin, *(gap.end for gap in log_gaps(vault.database))])
    end = end_of_leaves(begin, (each.size for each in carried))
    if end is None:
        return LeafRange(0, 0)
    nodes = nodes_at(vault.database, end)
    peaks = tuple(nodes(level, index) for level, index in decomposition(0, begin))
    return LeafRange(begin, end - begin, peaks)


def _carried(database: Database, stored: StoredCheckpoint) -> CarriedCheckpoint:
    path = inclusion_proof(nodes_at(database, stored.size), stored.size - 1, stored.size)
    return CarriedCheckpoint(stored.checkpoint, stored.signature, stored.last_slot_digests, path)


def _proofs(vault: Vault, carried: list[StoredCheckpoint], anchored: int) -> tuple[CarriedProof, ...]:
    """From each size that the registry may hold: what is anchored for certain, and all that was signed since."""
    if not carried:
        return ()
    newest = carried[-1].size
    nodes = nodes_at(vault.database, newest)
    sizes = [anchored, *(each.size for each in carried[:-1])]
    # the oldest, which is certain, and the youngest
    wanted = sizes if len(sizes) <= MAX_PROOFS else [sizes[0], *sizes[1 - MAX_PROOFS :]]
    return tuple(CarriedProof(size, append_proof(nodes, size, newest)) for size in wanted)


def _leaf_pages(database: Database, leaves: LeafRange) -> Iterator[bytes]:
    """The log's leaf hashes of a range, one after the other, many at a time."""
    first, last = leaves.begin // _TILE_WIDTH, -(-leaves.end // _TILE_WIDTH)
    for start in range(first, last if leaves.count else first, _TILES):
        stop = min(start + _TILES, last)
        octets = b"".join(read_tile(database, 0, index) for index in range(start, stop))
        begin = max(leaves.begin - start * _TILE_WIDTH, 0)
        end = leaves.end - start * _TILE_WIDTH
        yield octets[begin * _HASH_SIZE : end * _HASH_SIZE]
