"""What a sync did, whichever way it went."""

from dataclasses import dataclass

from perdure_anchor.hashes import Address

from perdure_node.evidence.anchors import StoredAnchor
from perdure_node.evidence.known_blocks import KnownBlock
from perdure_node.log.sealing import Sealed
from perdure_node.site_keys.standing import RegistryKeys


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What one sync did: what it sealed, the anchors that it brought home, and how many time runs stay open.

    ``registry_keys`` is what the registry says of the site's keys, ``rotated`` the keys that it was told of, ``forgotten`` those
    whose private halves are not needed any more, and were destroyed.
    ``waiting`` counts the records that it left unsealed, as the policy or whoever called it wanted. ``known_block`` None: none is
    known yet, which only a node without a chain leaves so.
    """

    sealed: Sealed | None
    anchored: tuple[StoredAnchor, ...]
    time_runs_open: int
    known_block: KnownBlock | None
    waiting: int
    registry_keys: RegistryKeys
    rotated: tuple[Address, ...] = ()
    forgotten: tuple[Address, ...] = ()
