"""Proving: evidence for a record, put together from what is at home. Needs neither network nor passphrase.

Evidence goes through the first anchored checkpoint that covers the record: the earliest time that can be shown. What it says
of the record is chosen here, slot by slot; whether it holds is for `perdure_anchor.verify` alone.
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass

from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import AnchorProof, Evidence, SignedCheckpoint, Slot
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import TileSource, inclusion_proof, inclusion_proofs, verify_inclusion
from perdure_anchor.record import DEFAULT_DISCLOSED, SLOTS, disclosure_digest
from perdure_anchor.verdict import Grade

from perdure_node.anchors import StoredAnchor, anchored_size, anchors, first_anchor_over
from perdure_node.errors import NotAnchoredYet, UnknownSlot, VaultDamaged
from perdure_node.known_blocks import known_block
from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.records import StoredRecord, records_in_log
from perdure_node.selectors import Selector, find_records
from perdure_node.site_log import StoredCheckpoint, checkpoint_of_size, first_checkpoint_over, node_source
from perdure_node.vault import Vault

ALL_SLOTS = "all"


@dataclass(frozen=True, slots=True)
class Proof:
    """Evidence of one record, and what a file of it may be named after; ``index`` None: the record still waits."""

    evidence: Evidence
    index: int | None
    leaf_hash: Hash32
    document_sha256: Hash32
    document_name: str | None
    block_number: int | None


def disclosed_slots(disclose: Set[str] = frozenset(), hide: Set[str] = frozenset()) -> frozenset[str]:
    """The slots that evidence shows: the default ones and ``disclose`` (or all) without ``hide``. Raises `UnknownSlot`."""
    for name in sorted((disclose - {ALL_SLOTS}) | hide):
        if name not in SLOTS:
            raise UnknownSlot(f"slot: got {name[:40]!a}, want one of {', '.join(SLOTS)}")
    shown = frozenset(SLOTS) if ALL_SLOTS in disclose else DEFAULT_DISCLOSED | disclose
    return frozenset(shown - hide)


def prove(
    vault: Vault,
    selector: Selector,
    *,
    disclose: Set[str] = frozenset(),
    hide: Set[str] = frozenset(),
    require: Grade = Grade.FINAL,
) -> Proof:
    """Evidence of at least the grade ``require`` for the record; of several for one document, the newest that reaches it.

    Raises `NoSuchRecord`, `NotAnchoredYet` and `UnknownSlot`.
    """
    shown = disclosed_slots(disclose, hide)
    found = find_records(vault.database, selector)
    record = next((record for record in found if _reached(vault, record) >= require), None)
    if record is None:
        raise _not_yet(found[0], require)
    return _prove(vault, record, shown)


def count_provable(vault: Vault) -> int:
    """How many records have evidence up to finality."""
    return anchored_size(vault.database)


def prove_all(
    vault: Vault,
    *,
    disclose: Set[str] = frozenset(),
    hide: Set[str] = frozenset(),
    progress: Progress = NO_PROGRESS,
) -> Iterator[Proof]:
    """Evidence of every anchored record, in the order of the log, its inclusion proofs made in one pass."""
    shown = disclosed_slots(disclose, hide)
    progress.stage("prove", count_provable(vault))
    source, begin = node_source(vault.database), 0
    for anchor in list(anchors(vault.database)):
        checkpoint = _checkpoint_of(vault, anchor)
        paths = _paths(source, begin, anchor.size)
        records = records_in_log(vault.database, begin, anchor.size)
        for record, path in zip(records, paths, strict=True):
            signed = _signed(checkpoint, record, path)
            yield _proof(vault, record, shown, signed, anchor)
            progress.advance(signed.index + 1)
        begin = anchor.size


def _paths(source: TileSource, begin: int, end: int) -> Iterator[tuple[Hash32, ...]]:
    """The inclusion proofs of the leaves begin to end - 1 in the log of ``end``; raises `VaultDamaged`."""
    try:
        yield from inclusion_proofs(source.at(end), begin, end, end)
    except PerdureError as error:
        raise _damaged(error) from error


def _reached(vault: Vault, record: StoredRecord) -> Grade:
    if record.index is None:
        return Grade.RECORDED
    return Grade.FINAL if record.index < anchored_size(vault.database) else Grade.SIGNED


def _not_yet(record: StoredRecord, require: Grade) -> NotAnchoredYet:
    state = "waits to be sealed" if record.index is None else "is sealed, but its anchor is not at home"
    return NotAnchoredYet(
        f"record {record.leaf_hash.hex()} {state}: evidence cannot show {require.text} yet",
        hint="`perdure sync` seals, anchors and brings the evidence home",
    )


def _prove(vault: Vault, record: StoredRecord, shown: frozenset[str]) -> Proof:
    if record.index is None:
        return _proof(vault, record, shown, None, None)
    anchor = first_anchor_over(vault.database, record.index)
    checkpoint = (
        first_checkpoint_over(vault, record.index) if anchor is None else _checkpoint_of(vault, anchor)
    )
    if checkpoint is None:
        raise VaultDamaged(f"record {record.index} is sealed, but no checkpoint covers it")
    return _proof(vault, record, shown, signed_through(vault, checkpoint, record), anchor)


def signed_through(vault: Vault, stored: StoredCheckpoint, record: StoredRecord) -> SignedCheckpoint:
    """The checkpoint with the sealed record's place in it; raises `VaultDamaged`."""
    assert record.index is not None
    try:
        path = inclusion_proof(node_source(vault.database).at(stored.size), record.index, stored.size)
    except PerdureError as error:
        raise _damaged(error) from error
    return _signed(stored, record, path)


def evidence_of(
    vault: Vault,
    record: StoredRecord,
    shown: frozenset[str],
    checkpoint: SignedCheckpoint | None,
    anchor: AnchorProof | None,
) -> Evidence:
    """Evidence that shows the slots ``shown``, and goes as far as its parts do."""
    return Evidence(
        domain=vault.trust.domain,
        origin=vault.origin,
        slots=_slots(record, shown),
        checkpoint=checkpoint,
        anchor=anchor,
        # below an anchor nothing can be said of time
        not_before=_not_before(vault, record) if anchor is not None and "after" in shown else None,
    )


def _checkpoint_of(vault: Vault, anchor: StoredAnchor) -> StoredCheckpoint:
    checkpoint = checkpoint_of_size(vault, anchor.size)
    assert checkpoint is not None, "the schema keeps anchors of known checkpoints only"
    return checkpoint


def _signed(stored: StoredCheckpoint, record: StoredRecord, path: tuple[Hash32, ...]) -> SignedCheckpoint:
    """Raises `VaultDamaged` if the path leads elsewhere: a stored hash that was changed shows nowhere else."""
    checkpoint, index = stored.checkpoint, record.index
    assert index is not None
    try:
        verify_inclusion(record.leaf_hash, index, checkpoint.size, path, checkpoint.root)
    except PerdureError as error:
        raise _damaged(error) from error
    return SignedCheckpoint(
        checkpoint.size, checkpoint.root, checkpoint.sealed_at, stored.signature, index, path
    )


def _damaged(error: PerdureError) -> VaultDamaged:
    return VaultDamaged(f"log: {error}", hint="restore the vault from a backup")


def _proof(
    vault: Vault,
    record: StoredRecord,
    shown: frozenset[str],
    checkpoint: SignedCheckpoint | None,
    anchor: StoredAnchor | None,
) -> Proof:
    evidence = evidence_of(vault, record, shown, checkpoint, None if anchor is None else anchor.proof)
    name = record.record.value("document_name")
    return Proof(
        evidence,
        record.index,
        record.leaf_hash,
        record.document_sha256,
        name if isinstance(name, str) else None,
        None if anchor is None else anchor.block_number,
    )


def _slots(record: StoredRecord, shown: frozenset[str]) -> tuple[Slot, ...]:
    texts = zip(SLOTS, record.disclosures, strict=True)
    return tuple(Slot(text if name in shown else None, disclosure_digest(text)) for name, text in texts)


def _not_before(vault: Vault, record: StoredRecord) -> tuple[bytes, ...] | None:
    """The headers that end at the block that the record names; without the slot they would prove nothing."""
    block = None if record.after is None else known_block(vault.database, record.after)
    return None if block is None else block.headers
