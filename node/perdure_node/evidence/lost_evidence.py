"""Evidence that was lost with a vault: anchors that the registry has, and whose proof is fetched again while nodes still have it.

Only what serves a record is asked for. What no node can show any more stays noted, and a later anchor covers the records.
"""

from collections.abc import Callable

from perdure_anchor.errors import ChainError

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.evidence.anchors import StoredAnchor
from perdure_node.evidence.shown_leaves import find_shown_leaf
from perdure_node.keys.keyring import KeyRing
from perdure_node.log.site_log import StoredCheckpoint, checkpoint_of_size
from perdure_node.vault import Vault

Capture = Callable[[StoredCheckpoint], StoredAnchor]


def fetch_lost_evidence(
    vault: Vault, chain: AnchorChain, keys: KeyRing, capture: Capture
) -> list[StoredAnchor]:
    """Bring home again what can be; the anchors that came."""
    found = []
    sizes = lost_sizes(vault)
    for size in sizes:
        stored = checkpoint_of_size(vault, size)
        first = 0 if size == sizes[-1] else _size_before(vault, size)
        if stored is None or not find_shown_leaf(vault, keys, stored, first):
            continue
        if chain.registry.anchor_status(stored.digest) is None:
            # whoever said so was wrong; it is anchored like any other then
            forget_lost(vault, size)
            continue
        try:
            found.append(capture(stored))
        except ChainError:
            # receipts that are pruned, mostly: the next sync asks again, maybe another node
            continue
        forget_lost(vault, size)
    return found


def lost_sizes(vault: Vault) -> list[int]:
    """The sizes of checkpoints that the registry has, without evidence at home."""
    return [size for (size,) in vault.database.rows("SELECT size FROM anchored_elsewhere ORDER BY size")]


def forget_lost(vault: Vault, size: int) -> None:
    """The evidence came home, or there is none."""
    with vault.database.transaction():
        vault.database.execute("DELETE FROM anchored_elsewhere WHERE size = ?", size)


def _size_before(vault: Vault, size: int) -> int:
    """Up to where earlier anchors cover the log."""
    return vault.database.number(
        "SELECT max(size) FROM (SELECT size FROM anchored_elsewhere UNION ALL SELECT size FROM anchor) WHERE size < ?",
        size,
    )
