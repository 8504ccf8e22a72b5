"""A site's keys, rotated and set as its partner would."""

from collections.abc import Callable

from perdure_anchor.hashes import Address
from perdure_contracts.registry import RegistryContract
from perdure_contracts.signer import LocalSigner
from perdure_contracts.transactions import ContractCall, Patience, transact
from perdure_node.clock import Randomness
from perdure_node.keys.signing_keys import site_keys
from perdure_node.log.site_log import StoredCheckpoint, newest_checkpoint
from perdure_node.site_keys.rotating import rotate_site_key
from perdure_node.site_keys.standing import (
    RegistryKeys,
    StoredRotation,
    last_known_keys,
)
from perdure_node.vault import Vault
from tools.site_desk import Site
from tools.site_network import counted_bytes

DAY = 86_400
GRACE = 90 * DAY


def rotate(site: Site, seed: str, grace: int = GRACE) -> Address:
    """The new key of a rotation that is signed and waits to be sent."""
    return rotated(site, seed, grace).rotation.new_key


def rotated(site: Site, seed: str, grace: int = GRACE) -> StoredRotation:
    """A rotation that is signed and waits to be sent."""
    return rotate_site_key(
        site.vault, site.keys, clock=site.network.clock, randomness=randomness(seed), grace_period=grace
    )


def randomness(seed: str) -> Randomness:
    """The same bytes in each run."""
    return counted_bytes(seed.encode())


def by_partner(site: Site, build: Callable[[RegistryContract], ContractCall], partner: str = "acme") -> None:
    """A transaction of the site's partner, or of another one."""
    with site.network.anchor_chain() as chain:
        signer = LocalSigner(site.network.partner_private_key(partner))
        clock = site.network.clock
        patience = Patience(sleep=clock.sleep, clock=clock.monotonic)
        transact(
            chain.client, signer, build(chain.registry), chain_id=chain.trust.chain_id, patience=patience
        )


def revoke(site: Site) -> None:
    """The partner takes the site's key out of force."""
    by_partner(site, lambda registry: registry.revoke_key_call(site.vault.origin.site))


def set_key(site: Site, key: Address, grace: int = 0) -> None:
    """The partner sets the site's key; the one before counts for ``grace`` seconds more."""
    by_partner(site, lambda registry: registry.rotate_key_call(site.vault.origin.site, key, grace))


def newest(site: Site) -> StoredCheckpoint:
    """The newest checkpoint of the vault."""
    stored = newest_checkpoint(site.vault)
    assert stored is not None
    return stored


def known(site: Site) -> RegistryKeys:
    """What the vault last heard of the registry's keys."""
    found = last_known_keys(site.vault.database)
    assert found is not None
    return found


def held(vault: Vault) -> list[bool]:
    """Of each key of the vault whether it is still there."""
    return [key.is_held for key in site_keys(vault.database)]
