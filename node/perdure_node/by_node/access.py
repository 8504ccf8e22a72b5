"""The nodes of a vault, by its settings or by a URL that was given instead."""

from collections.abc import Sequence
from pathlib import Path

from perdure_contracts.access import EndpointAccess
from perdure_contracts.endpoint import parse_endpoint

from perdure_node.by_node.client import TIMEOUT, NodeClient
from perdure_node.by_node.nodes import Nodes
from perdure_node.config import VaultConfig, node_url
from perdure_node.vault import Vault
from perdure_node.waiting import Waiting

# seconds: who will not wait for blocks still wants answers, and a bundle has to be checked
SHORTEST_SILENCE = 10.0


def open_nodes(vault: Vault, waiting: Waiting, urls: Sequence[str] = ()) -> Nodes:
    """The nodes of the vault's settings, or those at ``urls``; nothing is asked yet. Raises `ConfigError`s about URLs and files."""
    timeout = min(TIMEOUT, max(waiting.seconds, SHORTEST_SILENCE))
    accesses = [node_access(vault, url) for url in urls or vault.config.node_urls]
    clients = [NodeClient(each, timeout=timeout, monotonic=waiting.clock.monotonic) for each in accesses]
    return Nodes(clients, vault.trust, vault.database, waiting)


def node_access(vault: Vault, url: str) -> EndpointAccess:
    """How a node lets the site in; token and certificate are for the servers of the settings, and go to no other."""
    checked, config = node_url(url), vault.config
    if not is_configured(config, checked):
        return EndpointAccess(checked, None, _file(vault, config.node_ca), None)
    return EndpointAccess(
        checked,
        _file(vault, config.node_token_file),
        _file(vault, config.node_ca),
        _file(vault, config.node_certificate),
    )


def is_configured(config: VaultConfig, url: str) -> bool:
    """Whether the settings have a node on this server."""
    servers = {parse_endpoint(each, "node url").origin for each in config.node_urls}
    return parse_endpoint(url, "node url").origin in servers


def _file(vault: Vault, name: str) -> Path | None:
    return vault.folder / name if name else None
