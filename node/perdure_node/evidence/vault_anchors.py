"""The anchors of a vault's own log: where `perdure_node.evidence.capture` keeps what it brings home."""

from perdure_anchor.evidence import Evidence
from perdure_anchor.trust import TrustFile

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.database import Database
from perdure_node.errors import VaultDamaged
from perdure_node.evidence.anchors import StoredAnchor, anchors_with_open_run, store_anchor
from perdure_node.evidence.capture import complete_time_run
from perdure_node.evidence.proving import SlotTexts, checkpoint_of, evidence_of
from perdure_node.evidence.shown_leaves import shown_leaf
from perdure_node.log.site_log import StoredCheckpoint
from perdure_node.vault import Vault


class VaultAnchors:
    """The `perdure_node.evidence.capture.AnchorHome` of a vault."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    @property
    def database(self) -> Database:
        return self._vault.database

    @property
    def trust(self) -> TrustFile:
        return self._vault.trust

    def evidence_of_last(self, stored: StoredCheckpoint, anchor: StoredAnchor) -> Evidence:
        """Of another record than the last where that cannot be shown; raises `VaultDamaged` where none can."""
        shown = shown_leaf(self._vault, stored)
        if shown is None:
            raise VaultDamaged(f"log: no record under the checkpoint of size {stored.size} can be shown")
        slots = SlotTexts(shown.slot_digests).shown(frozenset())
        return evidence_of(self._vault, slots, shown.signed, anchor)

    def keep(self, stored: StoredCheckpoint, anchor: StoredAnchor) -> None:
        assert stored.size == anchor.size, "an anchor is of its checkpoint"
        store_anchor(self.database, anchor)


def complete_time_runs(vault: Vault, chain: AnchorChain) -> int:
    """Add the headers for which anchors at home still wait, as far as the chain has come; returns how many stay open."""
    home = VaultAnchors(vault)
    return sum(
        complete_time_run(home, chain, checkpoint_of(vault, anchor), anchor).time_run_open
        for anchor in anchors_with_open_run(vault.database)
    )
