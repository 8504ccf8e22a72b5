"""Sites that are brought back: copies of a vault, an empty one with the site's key, recovering, and a successor."""

import os
import shutil
from pathlib import Path
from typing import Any

from perdure_contracts.signer import LocalSigner
from perdure_contracts.transactions import Patience, transact
from perdure_node.keys.keyring import KeyRing
from perdure_node.recovering.recovery import OtherVaultSource, Recovered, Sources, recover
from perdure_node.vault import NewVault, Vault, create_vault, open_vault
from tools.site_desk import Site
from tools.site_network import CHEAP, counted_bytes


def copy_of(site: Site, folder: Path) -> Site:
    """A backup that is made now."""
    shutil.copytree(site.vault.folder, folder)
    return Site(site.network, open_vault(folder))


def bring_back(
    site: Site,
    *others: Site,
    offline: bool = False,
    **sources: Any,
) -> Recovered:
    vaults = [OtherVaultSource(other.vault, other.keys) for other in others]
    chain = None if offline else site.network.anchor_chain(site.vault.trust)
    return recover(
        site.vault,
        Sources(chain, vaults=vaults, **sources),
        clock=site.network.clock,
        randomness=os.urandom,
        keys=site.keys,
    )


def empty_vault(site: Site, folder: Path) -> Site:
    """A new vault of the same site with its key, as a sheet brings it back."""
    new = NewVault(
        origin=site.vault.origin,
        trust_raw=site.vault.trust_raw,
        rpc_url="http://127.0.0.1:1",
        passphrase="another passphrase",
        relay_private_key=site.keys.relay_key(),
        site_private_key=site.keys.site_key(),
        kdf=CHEAP,
    )
    vault = create_vault(folder, new, clock=site.network.clock, randomness=counted_bytes(b"new"))
    made = Site(site.network, vault)
    made.keys = KeyRing(vault, lambda: "another passphrase")
    return made


def succeed(site: Site, new: Vault) -> None:
    with site.network.anchor_chain() as chain:
        clock = site.network.clock
        patience = Patience(sleep=clock.sleep, clock=clock.monotonic)
        signer = LocalSigner(site.network.partner_private_key("acme"))
        call = chain.registry.succeed_call(site.vault.origin.site, new.origin.site)
        transact(chain.client, signer, call, chain_id=chain.trust.chain_id, patience=patience)
