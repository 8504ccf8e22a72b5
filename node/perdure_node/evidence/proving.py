"""Proving: evidence for a record, put together from what is at home. Needs no network, but the passphrase.

Evidence goes through the first anchored checkpoint that covers the record: the earliest time that can be shown. What it says
of the record is chosen here, slot by slot; whether it holds is for `perdure_anchor.verify` alone.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from itertools import chain

from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import MAX_HEADERS_SIZE, Evidence, Headers, Hops, SignedCheckpoint, Slot
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import UnknownLeaves, inclusion_proof, verify_inclusion
from perdure_anchor.operator_key import OPERATOR_TYPE
from perdure_anchor.record import DEFAULT_DISCLOSED, SLOTS
from perdure_anchor.verdict import Grade

from perdure_node.database import Database
from perdure_node.erasures import ERASURE_TYPE
from perdure_node.errors import NotAnchoredYet, UnknownSlot, VaultDamaged
from perdure_node.evidence.anchors import StoredAnchor, anchors_over
from perdure_node.evidence.hops import HopTable, hop_table
from perdure_node.evidence.known_blocks import KnownBlock, known_block
from perdure_node.keys.keyring import KeyRing
from perdure_node.log.gaps import log_fault
from perdure_node.log.site_log import StoredCheckpoint, checkpoint_of_size, first_checkpoint_over, node_source
from perdure_node.records import (
    EncryptedRecord,
    OpenedRecord,
    State,
    anchored_size,
    erased_digests,
    open_record,
)
from perdure_node.selectors import Selector, find_records
from perdure_node.vault import Vault

ALL_SLOTS = "all"


@dataclass(frozen=True, slots=True)
class Proof:
    """Evidence of one record, and what a file of it may be named after.

    ``index`` None: the record still waits; ``document_sha256`` None: it was erased.
    """

    evidence: Evidence
    index: int | None
    leaf_hash: Hash32
    document_sha256: Hash32 | None
    block_number: int | None

    @property
    def grade(self) -> Grade:
        """How far the evidence goes, if a verifier agrees; under a weak rule for quorums `verify` says less."""
        if self.block_number is not None:
            return Grade.FINAL
        return Grade.RECORDED if self.index is None else Grade.SIGNED


@dataclass(frozen=True, slots=True)
class SlotTexts:
    """What evidence can say of a record: its slots' digests in order, and the disclosures that open them; none once erased."""

    digests: Sequence[Hash32]
    disclosures: Sequence[str] = ()

    def shown(self, names: frozenset[str]) -> tuple[Slot, ...]:
        """The slots, of which ``names`` are disclosed."""
        texts = self.disclosures or (None,) * len(SLOTS)
        return tuple(
            Slot(text if name in names else None, digest)
            for name, text, digest in zip(SLOTS, texts, self.digests, strict=True)
        )


def slot_texts(record: EncryptedRecord, opened: OpenedRecord | None) -> SlotTexts:
    """What evidence can say of a record; ``opened`` None: it was erased. Raises `VaultDamaged`."""
    if opened is None:
        return SlotTexts(erased_digests(record))
    return SlotTexts(opened.slot_digests, opened.disclosures)


def disclosed_slots(disclose: Set[str] = frozenset(), hide: Set[str] = frozenset()) -> frozenset[str]:
    """The slots that evidence shows: the default ones and ``disclose`` (or all) without ``hide``. Raises `UnknownSlot`."""
    for name in sorted((disclose - {ALL_SLOTS}) | hide):
        if name not in SLOTS:
            raise UnknownSlot(f"slot: got {name[:40]!a}, want one of {', '.join(SLOTS)}")
    shown = frozenset(SLOTS) if ALL_SLOTS in disclose else DEFAULT_DISCLOSED | disclose
    return frozenset(shown - hide)


def prove(
    vault: Vault,
    keys: KeyRing,
    selector: Selector,
    *,
    disclose: Set[str] = frozenset(),
    hide: Set[str] = frozenset(),
    require: Grade = Grade.FINAL,
) -> Proof:
    """Evidence of at least the grade ``require`` for the record; of several for one document, the newest that reaches it.

    Raises `NoSuchRecord`, `NotAnchoredYet` and `UnknownSlot`, and what ``keys`` raise.
    """
    shown = disclosed_slots(disclose, hide)
    anchored = anchored_size(vault.database)
    found = [each for each in find_records(vault, selector) if not _is_gone(each, anchored)]
    record = next((each for each in found if _reached(each, anchored) >= require), None)
    if record is None:
        raise _not_yet(find_records(vault, selector)[0], anchored, require)
    return _prove(vault, keys, record, shown, may_show_own="extra" not in hide)


def _is_gone(record: EncryptedRecord, anchored: int) -> bool:
    return record.state(anchored).is_out


def _reached(record: EncryptedRecord, anchored: int) -> Grade:
    if record.index is None:
        return Grade.RECORDED
    return Grade.FINAL if record.index < anchored else Grade.SIGNED


def _not_yet(record: EncryptedRecord, anchored: int, require: Grade) -> NotAnchoredYet:
    state = record.state(anchored)
    if state.is_out:
        return NotAnchoredYet(
            f"record {record.leaf_hash.hex()} was {state.value} before it was sealed: there is no evidence of it",
            hint="record the document anew: `perdure add FILE`",
        )
    if state is State.AWAITING:
        return NotAnchoredYet(
            f"record {record.leaf_hash.hex()} waits for a second person to confirm it: there is no evidence of it yet",
            hint=f"`perdure confirm {record.leaf_hash.hex()}`, or `perdure reject`; `perdure status` names who can",
        )
    waits = "waits to be sealed" if state is State.WAITING else "is sealed, but its anchor is not at home"
    return NotAnchoredYet(
        f"record {record.leaf_hash.hex()} {waits}: evidence cannot show {require.text} yet",
        hint="`perdure sync` seals, anchors and brings the evidence home",
    )


def _prove(
    vault: Vault, keys: KeyRing, record: EncryptedRecord, shown: frozenset[str], *, may_show_own: bool
) -> Proof:
    opened = None if record.content is None else open_record(record, keys)
    # what evidence of an operator's record or of an erasure is there for is in this slot: his keys, or which leaf was erased
    if may_show_own and opened is not None and opened.text("document_type") in (OPERATOR_TYPE, ERASURE_TYPE):
        shown |= {"extra"}
    texts = slot_texts(record, opened)
    anchor, checkpoint = (None, None) if record.index is None else _signed_place(vault, record, record.index)
    evidence = evidence_of(
        vault,
        texts.shown(shown),
        checkpoint,
        anchor,
        after_block=None if opened is None or "after" not in shown else record.after_block,
        confirmed_block=None
        if opened is None or "confirmation" not in shown
        else confirmed_block(vault.database, record.sequence),
    )
    return Proof(
        evidence,
        record.index,
        record.leaf_hash,
        None if opened is None else opened.document_sha256,
        None if anchor is None else anchor.block_number,
    )


def _signed_place(
    vault: Vault, record: EncryptedRecord, index: int
) -> tuple[StoredAnchor | None, SignedCheckpoint]:
    """The record's place in the earliest checkpoint that shows it: an anchored one, if there is any.

    In a log with gaps a later one may do where an earlier does not; raises `UnknownLeaves` where none does.
    """
    unknown: UnknownLeaves | None = None
    for anchor in anchors_over(vault.database, index):
        try:
            return anchor, signed_through(vault, checkpoint_of(vault, anchor), record.leaf_hash, index)
        except UnknownLeaves as error:
            unknown = unknown or error
    if unknown is not None:
        raise unknown
    stored = first_checkpoint_over(vault, index)
    if stored is None:
        raise VaultDamaged(f"record {index} is sealed, but no checkpoint covers it")
    return None, signed_through(vault, stored, record.leaf_hash, index)


def signed_through(vault: Vault, stored: StoredCheckpoint, leaf_hash: Hash32, index: int) -> SignedCheckpoint:
    """The checkpoint with a sealed record's place in it; raises `VaultDamaged`, or `UnknownLeaves` where the log has gaps."""
    try:
        path = inclusion_proof(node_source(vault.database).at(stored.size), index, stored.size)
    except UnknownLeaves:
        raise
    except PerdureError as error:
        raise log_fault(error) from error
    return signed_checkpoint(stored, leaf_hash, index, path)


def signed_checkpoint(
    stored: StoredCheckpoint, leaf_hash: Hash32, index: int, path: tuple[Hash32, ...]
) -> SignedCheckpoint:
    """Raises `VaultDamaged` if the path leads elsewhere: a stored hash that was changed shows nowhere else."""
    checkpoint = stored.checkpoint
    try:
        verify_inclusion(leaf_hash, index, checkpoint.size, path, checkpoint.root)
    except PerdureError as error:
        raise log_fault(error) from error
    return SignedCheckpoint(
        checkpoint.size, checkpoint.root, checkpoint.sealed_at, stored.signature, index, path
    )


def evidence_of(
    vault: Vault,
    slots: tuple[Slot, ...],
    checkpoint: SignedCheckpoint | None,
    anchor: StoredAnchor | None,
    *,
    after_block: int | None = None,
    confirmed_block: int | None = None,
) -> Evidence:
    """Evidence that goes as far as its parts do; the blocks are the ids of the known ones that the shown slots name."""
    if anchor is None:
        return Evidence(vault.trust.domain, vault.origin, slots, checkpoint, None, None)
    # without the slot the headers would prove nothing
    database, hops = vault.database, hop_table(vault.database, vault.trust)
    bounds = lower_bounds(
        hops,
        older_than(anchor, known_block(database, after_block)),
        older_than(anchor, known_block(database, confirmed_block)),
        anchor,
    )
    return Evidence(
        vault.trust.domain,
        vault.origin,
        slots,
        checkpoint,
        anchor.proof,
        bounds.not_before,
        bounds.hops,
        bounds.confirmed,
    )


def confirmed_block(database: Database, sequence: int) -> int | None:
    """The id of the known block that a record's confirmation names; None for none."""
    if not database.has_table("awaiting"):
        return None
    row = database.row("SELECT confirmed_block FROM record WHERE sequence = ?", sequence)
    return None if row is None else row[0]


def older_than(anchor: StoredAnchor, block: KnownBlock | None) -> KnownBlock | None:
    """The block, unless it bounds nothing: on a chain that began anew, a block that was known can be younger than the anchor."""
    return None if block is None or block.number >= anchor.block_number else block


@dataclass(frozen=True, slots=True)
class LowerBounds:
    """Runs of headers through the blocks that a record and its confirmation name, and the hops to all validators concerned."""

    not_before: Headers | None
    confirmed: Headers | None
    hops: Hops


def lower_bounds(
    table: HopTable, block: KnownBlock | None, confirmed: KnownBlock | None, anchor: StoredAnchor
) -> LowerBounds:
    """The headers of the known blocks that a record and its confirmation name, and the fewest hops to their validators and the anchor's.

    Without a block where all of it would be more than evidence can hold: a record without a lower bound is better than none.
    Where both name one block, one run serves both.
    """
    if block is not None and confirmed is not None and confirmed.hash == block.hash:
        confirmed = None
    for first, second in ((block, confirmed), (block, None), (None, confirmed)):
        named = [each for each in (first, second) if each is not None]
        hops = table.leading_through(*sorted(each.number for each in named), anchor.block_number)
        headers = chain.from_iterable(each.headers for each in named)
        parts = (*anchor.proof.headers, *headers, *chain.from_iterable(hops))
        if named and sum(map(len, parts)) <= MAX_HEADERS_SIZE:
            return LowerBounds(
                None if first is None else first.headers, None if second is None else second.headers, hops
            )
    return LowerBounds(None, None, table.leading_through(anchor.block_number))


def checkpoint_of(vault: Vault, anchor: StoredAnchor) -> StoredCheckpoint:
    """The checkpoint that an anchor is about; raises `VaultDamaged` where it is gone."""
    checkpoint = checkpoint_of_size(vault, anchor.size)
    if checkpoint is None:
        raise VaultDamaged(
            f"the checkpoint of {anchor.size}, which is anchored, is gone",
            hint="restore the vault from a backup",
        )
    return checkpoint
