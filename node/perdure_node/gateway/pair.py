"""Who of several relays of one partner submits a checkpoint first: rendezvous hashing, so that nobody has to agree on anything.

Each knows all accounts and computes the same order for each checkpoint. Who is not the first waits, looks at the registry, and submits
what is not there yet: so a relay that is dead delays checkpoints, and keeps none back. While transactions of another one wait in the
node's pool, it is not dead, but the chain slow, and the wait is longer. Should two submit all the same, the registry answers the second
one without changing anything.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from perdure_anchor.hashes import Address, Hash32, sha256

# seconds: a few blocks of most chains
PATIENCE = 30.0
# so many times as long is waited for one whose transactions are on their way
BUSY_FACTOR = 10


def submission_order(digest: Hash32, accounts: Iterable[Address]) -> list[Address]:
    """The accounts (each named once) in the order in which they submit the checkpoint with this EIP-712 digest."""
    return sorted(set(accounts), key=lambda account: sha256(digest + account))


@dataclass(frozen=True, slots=True)
class Pair:
    """The relay accounts that share the work, ours too; each waits ``patience`` seconds for each account before it in the order."""

    accounts: tuple[Address, ...]
    patience: float = PATIENCE

    def before(self, digest: Hash32, account: Address) -> list[Address]:
        """Whose turn comes before an account's; nobody's before a stranger's."""
        order = submission_order(digest, self.accounts)
        return order[: order.index(account)] if account in order else []

    def wait_of(self, digest: Hash32, account: Address) -> float:
        """How many seconds after a checkpoint has come an account submits it, unless the registry has it then; 0 for the first."""
        return self.patience * len(self.before(digest, account))


ALONE = Pair(())
"""Nobody to share the work with."""
