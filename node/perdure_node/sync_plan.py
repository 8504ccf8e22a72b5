"""What a sync would do, as far as the vault knows it without asking the chain."""

from dataclasses import dataclass

from perdure_anchor.hashes import Hash32, checksum_address

from perdure_node.records import registered_size
from perdure_node.relay_transactions import open_transaction
from perdure_node.vault import Vault


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """``to_seal`` records wait; the log would then have ``size``, and ``to_anchor`` of its records are in no anchor yet.

    ``open_transaction`` is followed to its end first; ``relay`` is the account that would send.
    """

    to_seal: int
    size: int
    to_anchor: int
    open_transaction: Hash32 | None
    relay: str


def plan_sync(vault: Vault) -> SyncPlan:
    """What waits for the next sync; reads the vault only."""
    waiting = vault.database.number("SELECT count(*) FROM queue")
    size = vault.log_size + waiting
    transaction = open_transaction(vault.database)
    return SyncPlan(
        to_seal=waiting,
        size=size,
        to_anchor=size - registered_size(vault.database),
        open_transaction=None if transaction is None else transaction.hash,
        relay=checksum_address(vault.relay_address),
    )
