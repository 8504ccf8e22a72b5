"""Whether a bundle shows what it says, as far as arithmetic can tell: roots, paths, proofs. Pure; who signed is for others to judge."""

from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import (
    CompactRange,
    leaf_hash,
    peaks_from_append_proof,
    root_from_peaks,
    verify_inclusion,
)
from perdure_anchor.record import leaf_from_digests

from perdure_node.courier.bundle import BundleHead, CarriedCheckpoint
from perdure_node.courier.bundle_file import Bundle
from perdure_node.courier.errors import LeavesMismatch, NotExtending


def check_last_records(head: BundleHead) -> None:
    """Raise `LeavesMismatch` unless each checkpoint's last record is in the log that it is of."""
    for carried in head.checkpoints:
        check_last_record(carried)


def check_last_record(carried: CarriedCheckpoint) -> None:
    """Raise `LeavesMismatch` unless the checkpoint's last record is in its log."""
    checkpoint = carried.checkpoint
    name = leaf_hash(leaf_from_digests(carried.last_slot_digests))
    try:
        verify_inclusion(name, checkpoint.size - 1, checkpoint.size, carried.last_path, checkpoint.root)
    except PerdureError as error:
        raise LeavesMismatch(f"checkpoint of size {checkpoint.size}: its last record: {error}") from error


def check_proofs(head: BundleHead) -> None:
    """Raise `NotExtending` unless each append proof leads to the newest checkpoint.

    From what it leads, the registry tells: its own root is compared there.
    """
    newest = head.newest
    for carried in head.append_proofs:
        if newest is None or carried.old_size >= newest.size:
            raise NotExtending(f"append proof from {carried.old_size}: leads to no checkpoint")
        old_peaks = carried.hashes[: carried.old_size.bit_count()]
        try:
            peaks = peaks_from_append_proof(
                carried.old_size, root_from_peaks(old_peaks), newest.size, carried.hashes
            )
        except PerdureError as error:
            raise NotExtending(f"append proof from {carried.old_size}: {error}") from error
        if root_from_peaks(peaks) != newest.checkpoint.root:
            raise NotExtending(
                f"append proof from {carried.old_size}: does not lead to the newest checkpoint"
            )


def check_leaves(bundle: Bundle) -> None:
    """Raise `LeavesMismatch` unless the leaf hashes, behind the peaks, give the root of every checkpoint among them.

    They end with one of the bundle's checkpoints, by its form, so that none of them is unsigned.
    """
    leaves = bundle.head.leaves
    grown = CompactRange(0, leaves.begin, leaves.peaks)
    for carried in bundle.head.checkpoints:
        if not leaves.begin < carried.size <= leaves.end:
            continue
        for page in bundle.leaf_hashes(grown.end, carried.size):
            grown = grown.extended(page)
        check_root(carried, grown.root)


def check_root(carried: CarriedCheckpoint, root: Hash32) -> None:
    """Raise `LeavesMismatch` unless the root that leaf hashes give is the one that the checkpoint signs."""
    if root != carried.checkpoint.root:
        raise LeavesMismatch(
            f"leaf hashes: they do not give the root that the checkpoint of size {carried.size} signs"
        )
