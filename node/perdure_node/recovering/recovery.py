"""Recovery: whatever parts of a site's log and records are left come together in one vault, which then goes on.

Who says what is true: the registry, asked by wire; else a bundle's final anchors; else a printed sheet; else a vault that extends
this one. Everybody else may fill in leaf hashes and records, which are believed where they fold to what is true.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from perdure_node.adopting.adoption import Adopted, adopt_locked, vault_log
from perdure_node.adopting.true_log import (
    KnownLog,
    common_prefix,
    is_claim,
    plan_adoption,
    with_leaves,
    with_signatures,
)
from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.clock import Clock, Randomness
from perdure_node.courier.bundle_file import Bundle
from perdure_node.errors import NoAuthority
from perdure_node.evidence.following import follow_validators
from perdure_node.evidence.vault_anchors import VaultAnchors
from perdure_node.keys.keyring import KeyRing
from perdure_node.locks import sealer_lock
from perdure_node.log.reconciliation import (
    Reason,
    open_reconciliation,
    require_reconciliation,
    settle_reconciliation,
)
from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.recovering.bundle_log import log_of_bundle
from perdure_node.recovering.chain_log import fetch_chain_log
from perdure_node.recovering.merging import Merged, check_same_site, merge_records
from perdure_node.recovering.people import People, bring_people, settle_people
from perdure_node.vault import Vault


@dataclass(frozen=True, slots=True)
class OtherVaultSource:
    """Another vault of the site, and the keys that open it."""

    vault: Vault
    keys: KeyRing


@dataclass(frozen=True, slots=True)
class Sources:
    """Who is asked; ``sheet`` is the log as a printed sheet has it."""

    chain: AnchorChain | None = None
    bundles: Sequence[Bundle] = ()
    vaults: Sequence[OtherVaultSource] = ()
    sheet: KnownLog | None = None


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a recovery did; ``source`` is who said what is true. ``merged`` are the records that came from other vaults.

    ``people`` are their operators and policy.
    """

    source: str
    adopted: Adopted
    merged: Merged
    people: People


def recover(
    vault: Vault,
    sources: Sources,
    *,
    clock: Clock,
    randomness: Randomness,
    keys: KeyRing | None = None,
    progress: Progress = NO_PROGRESS,
) -> Recovered:
    """Bring everything together; killed at any moment, the same again goes on.

    With ``keys``, which open the vault, the people of other vaults come into one that names nobody.

    Raises `NoAuthority`, `OtherVault`, `TrueLogBroken`, `AdoptionRefused`, what the sources raise, and `VaultBusy`.
    """
    for other in sources.vaults:
        check_same_site(vault, other.vault)
    with sealer_lock(vault.folder, clock):
        source, true = _true_log(vault, sources, progress)
        if sources.chain is None and open_reconciliation(vault.database) is None:
            # whoever was asked may be behind the registry
            with vault.database.transaction():
                require_reconciliation(vault.database, Reason.RECOVERED, int(clock.now()), randomness)
        merged, people = Merged(), People()
        for other in sources.vaults:
            if keys is not None:
                bring_people(vault, other.vault, keys)
            merged += merge_records(
                vault, other.vault, other.keys, clock=clock, randomness=randomness, progress=progress
            )
            people += settle_people(vault, other.vault)
        adopted = adopt_locked(vault, true, clock, source=source)
        if sources.chain is not None and open_reconciliation(vault.database) is not None:
            with vault.database.transaction():
                settle_reconciliation(vault.database)
    return Recovered(source, adopted, merged, people)


def _true_log(vault: Vault, sources: Sources, progress: Progress) -> tuple[str, KnownLog]:
    """Who says what is true, and the log, with what the others know of it."""
    own = vault_log(vault)
    trust = vault.trust
    if sources.chain is not None:
        sources.chain.check()
        follow_validators(VaultAnchors(vault), sources.chain)
        trust = sources.chain.trust
    bundles = [log_of_bundle(vault, bundle, trust) for bundle in sources.bundles]
    others = [vault_log(other.vault) for other in sources.vaults]
    source, true = _authority(vault, own, sources, bundles, others, progress)
    for log in (*bundles, *others):
        true = with_signatures(with_leaves(true, log.stretches), log)
    return source, _extended(true, own, others)


def _authority(
    vault: Vault,
    own: KnownLog,
    sources: Sources,
    bundles: Sequence[KnownLog],
    others: Sequence[KnownLog],
    progress: Progress,
) -> tuple[str, KnownLog]:
    if sources.chain is not None:
        known = {stored.digest for stored in own.checkpoints}
        log = fetch_chain_log(sources.chain, vault.origin.site, known, progress)
        return "the chain", log or KnownLog(0, is_registrys=True)
    if bundles:
        return "a gateway's mirror", max(bundles, key=lambda log: log.size)
    if sources.sheet is not None:
        return "a printed sheet", sources.sheet
    if not others:
        raise NoAuthority(
            "nothing says what the site's true log is",
            hint="ask the chain, or give a return bundle, another vault, or a printed sheet",
        )
    longest = max((own, *others), key=lambda log: log.size)
    for log in (own, *others):
        if common_prefix(log, longest) < log.size:
            raise NoAuthority(
                f"the vaults hold different histories of {vault.origin.text}, and nothing says which is the registry's",
                hint="ask the chain (leave out --offline), or give a return bundle of the gateway",
            )
    return "another vault", longest


def _extended(true: KnownLog, own: KnownLog, others: Sequence[KnownLog]) -> KnownLog:
    """The longest log that goes on from the true one, and from what this vault has sealed behind it.

    Another vault may have sealed more, and handed it out: nobody may sign a second checkpoint over the same leaves.
    """
    behind = own if _goes_on(own, true) else true
    longer = [log for log in others if _goes_on(log, true) and _goes_on(log, behind)]
    if not longer:
        return true
    return plan_adoption(max(longer, key=lambda log: log.size), true).log


def _goes_on(log: KnownLog, true: KnownLog) -> bool:
    return log.size > true.size and not is_claim(log, true) and common_prefix(log, true) == true.size
