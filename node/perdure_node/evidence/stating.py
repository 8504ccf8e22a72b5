"""Stating: which records a stretch of the log holds, put together from what is at home. Needs no network, but the passphrase.

A statement goes through the newest anchored checkpoint: so its reader learns how far the log had come when it was last anchored.
Whether it holds is for `perdure_anchor.verify_statement` alone.
"""

from collections.abc import Set
from dataclasses import dataclass

from perdure_anchor.errors import ConfigError, PerdureError, VerificationError
from perdure_anchor.evidence import Slot
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import UnknownLeaves
from perdure_anchor.statement import MAX_LEAVES, StatedCheckpoint, Statement, nodes_around, root_around

from perdure_node.errors import NotAnchoredYet, VaultDamaged
from perdure_node.evidence.anchors import StoredAnchor, newest_anchors_over
from perdure_node.evidence.hops import hop_table
from perdure_node.evidence.proving import checkpoint_of, disclosed_slots, slot_texts
from perdure_node.keys.keyring import KeyRing
from perdure_node.log.gaps import log_fault
from perdure_node.log.site_log import StoredCheckpoint, node_source
from perdure_node.progress import Progress
from perdure_node.records import anchored_size, open_record, records_in_log
from perdure_node.vault import Vault

# without it a correction could be kept from the reader
ALWAYS_SHOWN = "supersedes"


class RangeTooLong(ConfigError):
    """A statement of so many leaves would be larger than a reader takes."""


class RangeEmpty(ConfigError):
    """A range that ends before it begins."""


class LeavesLost(VerificationError):
    """Some leaves of the range have no record in this vault, so they cannot be stated."""


@dataclass(frozen=True, slots=True)
class Stated:
    """A statement, and how many of its leaves disclose nothing because they were erased."""

    statement: Statement
    erased: int


def make_statement(
    vault: Vault,
    keys: KeyRing,
    begin: int,
    end: int,
    progress: Progress,
    *,
    disclose: Set[str] = frozenset(),
    hide: Set[str] = frozenset(),
) -> Stated:
    """A statement of the leaves [begin, end), all anchored; ``disclose`` and ``hide`` as in `perdure_node.evidence.proving.prove`.

    Raises `RangeEmpty`, `RangeTooLong`, `NotAnchoredYet`, `LeavesLost`, `UnknownSlot`, and what ``keys`` raise.
    """
    _check_range(vault, begin, end)
    shown = disclosed_slots(disclose, hide) | {ALWAYS_SHOWN}
    checkpoint, anchor, around = _place(vault, begin, end)
    leaves, names, erased = _leaves(vault, keys, begin, end, shown, progress)
    signed = checkpoint.checkpoint
    statement = Statement(
        vault.trust.domain,
        vault.origin,
        begin,
        end,
        tuple(leaves),
        *around,
        StatedCheckpoint(signed.size, signed.root, signed.sealed_at, checkpoint.signature),
        anchor.proof,
        hop_table(vault.database, vault.trust).leading_through(anchor.block_number),
    )
    if root_around(statement, names) != signed.root:
        raise VaultDamaged(
            f"log: the leaves {begin} to {end - 1} do not give the root of the log of {signed.size}",
            hint="`perdure audit` says what is damaged; restore the vault from a backup",
        )
    return Stated(statement, erased)


def _check_range(vault: Vault, begin: int, end: int) -> None:
    if not 0 <= begin < end:
        raise RangeEmpty(f"range {begin}-{end - 1}: ends before it begins")
    if end - begin > MAX_LEAVES:
        raise RangeTooLong(
            f"range {begin}-{end - 1}: {end - begin} leaves, a statement has at most {MAX_LEAVES}",
            hint=f"split it: {begin}-{begin + MAX_LEAVES - 1}, then from {begin + MAX_LEAVES} on",
        )
    anchored = anchored_size(vault.database)
    if end > anchored:
        last = f"leaf {anchored - 1} is the last one whose" if anchored else "no"
        raise NotAnchoredYet(
            f"range {begin}-{end - 1}: {last} anchor is at home; the log has {vault.log_size} leaves",
            hint="`perdure sync` seals, anchors and brings the evidence home",
        )


_Around = tuple[tuple[Hash32, ...], tuple[Hash32, ...]]


def _place(vault: Vault, begin: int, end: int) -> tuple[StoredCheckpoint, StoredAnchor, _Around]:
    """The newest anchored checkpoint for which all nodes around the range are known."""
    source, unknown = node_source(vault.database), None
    for anchor in newest_anchors_over(vault.database, end - 1):
        try:
            around = nodes_around(source.at(anchor.size), begin, end, anchor.size)
        except UnknownLeaves as error:
            unknown = unknown or error
        except PerdureError as error:
            raise log_fault(error) from error
        else:
            return checkpoint_of(vault, anchor), anchor, around
    assert unknown is not None, "the range is anchored"
    raise unknown


def _leaves(
    vault: Vault, keys: KeyRing, begin: int, end: int, shown: frozenset[str], progress: Progress
) -> tuple[list[tuple[Slot, ...]], list[Hash32], int]:
    """The leaves' slots, their leaf hashes, and how many were erased."""
    leaves: list[tuple[Slot, ...]] = []
    names: list[Hash32] = []
    erased = 0
    progress.stage("read", end - begin)
    for record in records_in_log(vault.database, begin, end):
        if record.index != begin + len(leaves):
            break
        erased += record.content is None
        opened = None if record.content is None else open_record(record, keys)
        leaves.append(slot_texts(record, opened).shown(shown))
        names.append(record.leaf_hash)
        progress.advance(len(leaves))
    if len(leaves) != end - begin:
        raise LeavesLost(
            f"leaf {begin + len(leaves)}: the log has it, but this vault has no record of it",
            hint="a backup may have it: `perdure recover --from VAULT` takes it in; or state the ranges on both sides of it",
        )
    return leaves, names, erased
