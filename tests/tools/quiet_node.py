"""A node's folder without a chain: for what looks at folder, settings and state only."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from perdure_anchor.hashes import keccak256
from perdure_node.gateway.folder import NewGateway, create_gateway
from perdure_node.gateway.settings import ListenSettings, NodeSettings, settings_for
from tools.site_network import CHEAP, PASSPHRASE, counted_bytes
from tools.story import STORY, TRUST

# nobody listens there
URL = "http://127.0.0.1:1"
RELAY_KEY = keccak256(b"a relay's key in a test")


def quiet_folder(
    folder: Path, change: Callable[[NodeSettings], NodeSettings] = lambda settings: settings
) -> Path:
    """A new node's folder, under the trust file of the story."""
    settings = replace(settings_for(URL), listen=ListenSettings(port=0))
    new = NewGateway((STORY / TRUST).read_bytes(), change(settings), PASSPHRASE, RELAY_KEY, CHEAP)
    create_gateway(folder, new, randomness=counted_bytes(b"quiet")).close()
    return folder
