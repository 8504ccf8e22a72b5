"""The nodes of a vault, by its settings or by a URL that was given instead."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from perdure_anchor.errors import ChainError
from perdure_anchor.trust import TrustFile
from perdure_contracts.access import EndpointAccess
from perdure_contracts.endpoint import parse_endpoint

from perdure_node.by_node.client import TIMEOUT, NodeClient
from perdure_node.by_node.nodes import Nodes
from perdure_node.chain.waiting import Waiting
from perdure_node.config import VaultConfig, node_url
from perdure_node.files import named_file
from perdure_node.vault import Vault

# seconds: who will not wait for blocks still wants answers, and a bundle has to be checked
SHORTEST_SILENCE = 10.0


def open_nodes(vault: Vault, waiting: Waiting, urls: Sequence[str] = ()) -> Nodes:
    """The nodes of the vault's settings, or those at ``urls``; nothing is asked yet. Raises `ConfigError`s about URLs and files."""
    timeout = min(TIMEOUT, max(waiting.seconds, SHORTEST_SILENCE))
    config, folder = vault.config, vault.folder
    accesses = [node_access(config, folder, url) for url in urls or config.node_urls]
    clients = [NodeClient(each, timeout=timeout, monotonic=waiting.clock.monotonic) for each in accesses]
    return Nodes(clients, vault.trust, vault.database, waiting)


def node_access(config: VaultConfig, folder: Path, url: str) -> EndpointAccess:
    """How a node lets the site in; token and certificate are for the servers of the settings, and go to no other.

    ``folder`` is the vault's, beside which the settings name files.
    """
    checked = node_url(url)
    authorities = named_file(folder, config.node_ca) if checked.startswith("https:") else None
    if not is_configured(config, checked):
        return EndpointAccess(checked, None, authorities, None)
    return EndpointAccess(
        checked,
        named_file(folder, config.node_token_file),
        named_file(folder, config.node_ca),
        named_file(folder, config.node_certificate),
    )


def is_configured(config: VaultConfig, url: str) -> bool:
    """Whether the settings have a node on this server."""
    servers = {parse_endpoint(each, "node url").origin for each in config.node_urls}
    return parse_endpoint(url, "node url").origin in servers


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a node said when it was first asked; ``trouble`` None if it answered as it should."""

    node: str
    is_ready: bool
    trouble: ChainError | None


def greet(config: VaultConfig, folder: Path, trust: TrustFile) -> list[Greeting]:
    """Ask each node of the settings whether it works, and for this consortium; for a vault that is about to be made.

    Raises `OtherConsortium`, `NodeDenied` or another `ConfigError`.
    """
    return [_greeting(node_access(config, folder, url), trust) for url in config.node_urls]


def _greeting(access: EndpointAccess, trust: TrustFile) -> Greeting:
    with NodeClient(access, timeout=SHORTEST_SILENCE) as client:
        try:
            client.check_consortium(trust)
            return Greeting(str(client), client.is_ready(), None)
        except ChainError as error:
            return Greeting(str(client), False, error)
