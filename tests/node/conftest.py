from collections.abc import Iterator
from pathlib import Path

import pytest
from perdure_node.keys.keyring import KeyRing
from perdure_node.vault import Vault, open_vault
from tools.backups import backed_up
from tools.gateway_desk import GatewayDesk
from tools.numbered_vaults import readable_copy
from tools.site_desk import Site, add_numbers
from tools.site_network import PASSPHRASE, SiteNetwork, copied, found_network, new_vault, open_network


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network's folder, to be copied."""
    directory = tmp_path_factory.mktemp("network") / "chain"
    found_network(directory)
    return directory


@pytest.fixture(scope="session")
def registered(founded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a network and the vault of a site that is registered with it, to be copied."""
    folder = tmp_path_factory.mktemp("registered")
    directory = copied(founded, folder / "chain")
    with open_network(directory) as network, new_vault(directory, folder / "site" / ".perdure") as made:
        Site(network, made).register()
    return folder


@pytest.fixture
def network(registered: Path, tmp_path: Path) -> Iterator[SiteNetwork]:
    """A network of four validators, some seconds old."""
    with open_network(copied(registered / "chain", tmp_path / "chain")) as opened:
        yield opened


@pytest.fixture
def vault(registered: Path, tmp_path: Path) -> Iterator[Vault]:
    """The vault of a registered site."""
    folder = copied(registered / "site", tmp_path / "site")
    with open_vault(folder / ".perdure") as opened:
        yield opened


@pytest.fixture
def offline_vault(founded: Path, tmp_path: Path) -> Iterator[Vault]:
    """A vault for what needs no chain; its site is not registered."""
    with new_vault(founded, tmp_path / "offline" / ".perdure") as made:
        yield made


@pytest.fixture
def readable(offline_vault: Vault) -> Iterator[Path]:
    """A vault with records in every state but anchored, in a place that all users can reach."""
    with readable_copy(offline_vault) as folder:
        yield folder


@pytest.fixture
def keys(vault: Vault) -> KeyRing:
    return KeyRing(vault, lambda: PASSPHRASE)


@pytest.fixture
def site(network: SiteNetwork, vault: Vault) -> Site:
    return Site(network, vault)


@pytest.fixture
def stocked(site: Site) -> Site:
    """Records 1 to 5 are anchored in two checkpoints."""
    site.add(1, 2)
    site.sync()
    site.add(3, 4, 5)
    site.sync()
    return site


@pytest.fixture
def gateway(network: SiteNetwork, tmp_path: Path) -> Iterator[GatewayDesk]:
    """A gateway that knows nobody yet."""
    desk = GatewayDesk(network, tmp_path / "gateway")
    yield desk
    desk.gateway.close()


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    """A folder in which bundles lie."""
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


@pytest.fixture(name="two")
def two_backups(offline_vault: Vault, tmp_path: Path) -> Path:
    """A folder with two backups, the second of which needs a pack of its own and the first one's."""
    for number in range(2):
        add_numbers(offline_vault, number)
        backed_up(offline_vault, tmp_path / "stick")
    return tmp_path / "stick"
