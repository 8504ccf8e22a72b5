"""What a sync would do, as far as the vault knows it without asking the chain."""

from dataclasses import dataclass

from perdure_anchor.hashes import Hash32, checksum_address

from perdure_node.chain.relay_transactions import open_transaction
from perdure_node.clock import Clock
from perdure_node.log.queue_state import read_queue, waiting_records
from perdure_node.records import registered_size
from perdure_node.seal_policy import Occasion
from perdure_node.site_keys.standing import rotations_under_way
from perdure_node.vault import Vault


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """``to_seal`` records would be sealed, ``to_leave`` go on waiting; then ``to_anchor`` of the log's ``size`` have no anchor at home.

    ``open_transaction`` is followed to its end first; ``relay`` is the account that would send.
    ``rotations`` of the site's key would be brought to the registry before the checkpoint.
    """

    to_seal: int
    to_leave: int
    size: int
    to_anchor: int
    open_transaction: Hash32 | None
    relay: str
    rotations: int = 0


def seals_at_sync(vault: Vault, clock: Clock) -> bool:
    """Whether the site's policy has a sync seal what waits now."""
    return read_queue(vault.database).due(vault.config.seal, clock, Occasion.SYNC) is not None


def plan_sync(vault: Vault, clock: Clock, sealing: bool | None = None) -> SyncPlan:
    """What waits for the next sync, called with the same ``sealing``; reads the vault only."""
    waiting = waiting_records(vault.database)
    to_seal = waiting if (seals_at_sync(vault, clock) if sealing is None else sealing) else 0
    size = vault.log_size + to_seal
    transaction = open_transaction(vault.database)
    return SyncPlan(
        to_seal=to_seal,
        to_leave=waiting - to_seal,
        size=size,
        to_anchor=size - registered_size(vault.database),
        open_transaction=None if transaction is None else transaction.hash,
        relay=checksum_address(vault.relay_address),
        rotations=len(rotations_under_way(vault.database)),
    )
