"""How the servers that node.toml names let us in: one way for chains' nodes, other nodes, and the Web3Signer.

Nothing is asked, and no file is read. Files are named from the folder on that has node.toml.
"""

from pathlib import Path

from perdure_contracts.access import EndpointAccess

from perdure_node.files import named_file
from perdure_node.gateway.settings import EndpointSettings, PairSettings, PeerSettings, RelaySettings


def access_of(folder: Path, settings: EndpointSettings | PeerSettings | PairSettings) -> EndpointAccess:
    """What lets us in to a node of the chain, or to another node."""
    return EndpointAccess(
        settings.url,
        named_file(folder, settings.token_file),
        named_file(folder, settings.ca),
        named_file(folder, settings.certificate),
    )


def signer_access_of(folder: Path, settings: RelaySettings) -> EndpointAccess:
    """What lets us in to the Web3Signer of the settings, which name one."""
    return EndpointAccess(
        settings.signer_url,
        named_file(folder, settings.signer_token_file),
        named_file(folder, settings.signer_ca),
        named_file(folder, settings.signer_certificate),
    )
