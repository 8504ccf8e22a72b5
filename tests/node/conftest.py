from collections.abc import Iterator
from pathlib import Path

import pytest
from perdure_node.keystore import KeyRing
from perdure_node.registration import register_site
from perdure_node.vault import Vault
from tools.site_network import PASSPHRASE, SiteNetwork, copy_network, found_network, new_vault, open_network


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("network") / "chain"
    found_network(directory)
    return directory


@pytest.fixture
def network(founded: Path, tmp_path: Path) -> Iterator[SiteNetwork]:
    """A network of four validators, some seconds old."""
    with open_network(copy_network(founded, tmp_path / "chain")) as opened:
        yield opened


@pytest.fixture
def vault(network: SiteNetwork, tmp_path: Path) -> Iterator[Vault]:
    """The vault of a registered site."""
    with network.vault(tmp_path / "site" / ".perdure") as made:
        with network.anchor_chain() as chain:
            register_site(made, chain, network.partner_private_key(), clock=network.clock)
        yield made


@pytest.fixture
def offline_vault(founded: Path, tmp_path: Path) -> Iterator[Vault]:
    """A vault for what needs no chain; its site is not registered."""
    with new_vault(founded, tmp_path / "offline" / ".perdure") as made:
        yield made


@pytest.fixture
def keys(vault: Vault) -> KeyRing:
    return KeyRing(vault, lambda: PASSPHRASE)
