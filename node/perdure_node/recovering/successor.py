"""Taking over what waits in the vault of a closed site: the successor's vault records it, seeds and slots unchanged.

A record's leaf does not name its site, so it stays what it was; its place is in the successor's log from now on. What was anchored in
the closed log stays there, with its evidence: nothing of it is touched.
"""

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.successors import successor_of
from perdure_node.clock import Clock, Randomness
from perdure_node.errors import OtherVault
from perdure_node.keys.keyring import KeyRing
from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.recovering.merging import Merged, merge_records
from perdure_node.site_keys.registration import is_registered
from perdure_node.vault import Vault


def take_over(
    vault: Vault,
    old: Vault,
    keys: KeyRing,
    chain: AnchorChain,
    *,
    clock: Clock,
    randomness: Randomness,
    progress: Progress = NO_PROGRESS,
) -> Merged:
    """Bring in what the closed log will never take; ``keys`` are the old vault's.

    Raises `OtherVault` unless the registry says that this vault's site continues the old one's, and what `merge_records` raises.
    """
    chain.check()
    is_registered(vault, chain)
    if old.trust.domain != vault.trust.domain or successor_of(old, chain) != vault.origin.site:
        raise OtherVault(
            f"the registry does not say that {old.origin.text} goes on as {vault.origin.text}",
            hint="the partner closes a log, and names its successor, once: `perdure consortium succeed`",
        )
    anchored = chain.registry.head(old.origin.site).size
    return merge_records(
        vault,
        old,
        keys,
        clock=clock,
        randomness=randomness,
        progress=progress,
        from_index=anchored,
    )
