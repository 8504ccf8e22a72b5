"""Sites whose log was closed by their partner, and the sites in which they go on (AnchorRegistry.sol, ``succeed``)."""

from perdure_anchor.hashes import Hash32, to_hex

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.errors import LogClosed
from perdure_node.records import registered_size
from perdure_node.vault import Vault


def successor_of(vault: Vault, chain: AnchorChain) -> Hash32 | None:
    """The site in which the vault's log goes on, None while it is open."""
    state = chain.registry.site(vault.origin.site)
    return None if state is None else state.successor


def site_name(chain: AnchorChain, site: Hash32) -> str:
    """A site's name as it was registered, or its hash where the node has no such event."""
    deployed = chain.trust.registry.deployment_block
    for registered in chain.registry.fetch_registrations(deployed, chain.client.head_number()):
        if registered.site == site:
            return registered.origin
    return to_hex(site)


def check_nothing_left(vault: Vault, chain: AnchorChain, successor: Hash32) -> None:
    """Raise `LogClosed` if records wait that this log can never take; their vault keeps them."""
    waiting = vault.database.number("SELECT count(*) FROM queue")
    unanchored = vault.log_size - registered_size(vault.database)
    if waiting + unanchored == 0:
        return
    name = site_name(chain, successor)
    raise LogClosed(
        f"the log of {vault.origin.text} is closed, and goes on as {name}: {waiting + unanchored} records of this vault are in no "
        "anchor, and never will be under this name",
        hint=f"in the vault of {name}: `perdure recover --successor-of {vault.folder}` takes them over",
    )
