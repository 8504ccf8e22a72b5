"""The leaf by which an anchor is verified: `verify` judges evidence of a record, and shows nothing of it here.

It is the checkpoint's last leaf, whose slot digests are kept with each seal. After a loss these can be gone, or its place cannot
be proven: then any other record serves whose place can. Where there is none, nobody needs the evidence.
"""

from dataclasses import dataclass

from perdure_anchor.evidence import SignedCheckpoint
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import UnknownLeaves, inclusion_proof, leaf_hash
from perdure_anchor.record import leaf_from_digests

from perdure_node.evidence.proving import signed_through
from perdure_node.keys.keyring import KeyRing
from perdure_node.log.site_log import StoredCheckpoint, node_source
from perdure_node.records import erased_digests, open_record, record_by_index
from perdure_node.stored_lists import split_hashes
from perdure_node.vault import Vault

# records that are tried; next to a gap there are some whose place cannot be proven, but not many
_MOST_TRIED = 2000


@dataclass(frozen=True, slots=True)
class ShownLeaf:
    """A leaf's slot digests, and its place in the checkpoint."""

    slot_digests: tuple[Hash32, ...]
    signed: SignedCheckpoint


def shown_leaf(vault: Vault, stored: StoredCheckpoint) -> ShownLeaf | None:
    """The leaf that serves for a checkpoint, as far as it is known without reading records; raises `VaultDamaged`."""
    if stored.last_slot_digests:
        try:
            return _shown(vault, stored, stored.size - 1, stored.last_slot_digests)
        except UnknownLeaves:
            pass
    row = vault.database.row("SELECT log_index, slot_digests FROM shown_leaf WHERE size = ?", stored.size)
    return None if row is None else _shown(vault, stored, row[0], split_hashes(row[1]))


def find_shown_leaf(vault: Vault, keys: KeyRing, stored: StoredCheckpoint, first: int = 0) -> bool:
    """Whether a leaf serves for the checkpoint, the one at ``first`` or a later one; it is remembered."""
    if shown_leaf(vault, stored) is not None:
        return True
    index = _provable_index(vault, stored.size, first)
    record = None if index is None else record_by_index(vault.database, index)
    if record is None:
        return False
    digests = (
        erased_digests(record) if record.content is None else tuple(open_record(record, keys).slot_digests)
    )
    with vault.database.transaction():
        vault.database.execute(
            "INSERT OR REPLACE INTO shown_leaf (size, log_index, slot_digests) VALUES (?, ?, ?)",
            stored.size,
            index,
            b"".join(digests),
        )
    return True


def _provable_index(vault: Vault, size: int, first: int) -> int | None:
    node_at = node_source(vault.database).at(size)
    rows = vault.database.rows(
        "SELECT log_index FROM entry WHERE log_index >= ? AND log_index < ? ORDER BY log_index DESC LIMIT ?",
        first,
        size,
        _MOST_TRIED,
    )
    for (index,) in rows:
        try:
            inclusion_proof(node_at, index, size)
        except UnknownLeaves:
            continue
        return int(index)
    return None


def _shown(vault: Vault, stored: StoredCheckpoint, index: int, digests: tuple[Hash32, ...]) -> ShownLeaf:
    name = leaf_hash(leaf_from_digests(digests))
    return ShownLeaf(digests, signed_through(vault, stored, name, index))
