"""The registry's own word: that its log of the site is the beginning of the vault's, that it knows the anchors, and which key it names."""

from perdure_anchor.hashes import checksum_address

from perdure_node.anchor_chain import AnchorChain
from perdure_node.audit.findings import Found
from perdure_node.chain_errors import RivalLog
from perdure_node.errors import VaultDamaged
from perdure_node.signing_keys import newest_site_key
from perdure_node.submission import check_head
from perdure_node.vault import Vault

# anchors that are asked for in one request
_AT_ONCE = 100


def check_registry(vault: Vault, chain: AnchorChain, found: Found) -> int:
    """Hold the vault against the registry; how many anchors were asked for. Raises what the chain client does."""
    chain.check()
    try:
        check_head(vault, chain)
    except RivalLog as error:
        found.add("registry_rival", str(error))
    except VaultDamaged as error:
        found.add("log_damaged", f"at the registry's head: {error}")
    rows = vault.database.rows(
        "SELECT size, digest FROM checkpoint WHERE size IN (SELECT size FROM anchor) ORDER BY size"
    )
    for begin in range(0, len(rows), _AT_ONCE):
        page = rows[begin : begin + _AT_ONCE]
        statuses = chain.registry.anchor_statuses([digest for _, digest in page])
        for (size, _), status in zip(page, statuses, strict=True):
            if status is None:
                found.add("registry_lacks_anchor", f"the checkpoint of {size}")
    _check_key(vault, chain, found)
    return len(rows)


def _check_key(vault: Vault, chain: AnchorChain, found: Found) -> None:
    state, newest = chain.registry.site(vault.origin.site), newest_site_key(vault.database)
    if state is None:
        found.add("site_key_unknown", f"the registry does not know {vault.origin.text}")
        return
    if state.compromised_since is not None or state.key is None:
        found.add("site_key_revoked", "by the registry, asked now")
    if state.key is not None and newest.address not in (state.key, state.previous_key):
        found.add(
            "site_key_unknown",
            f"{checksum_address(newest.address)} signs here, the registry names {checksum_address(state.key)}",
        )
