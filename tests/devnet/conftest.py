from collections.abc import Iterator
from pathlib import Path

import pytest
from tools.devnets import Devnet, Running, open_devnet, running_devnet


@pytest.fixture
def devnet(tmp_path: Path) -> Iterator[Devnet]:
    with open_devnet(tmp_path / "chain.sqlite") as opened:
        yield opened


@pytest.fixture
def other(tmp_path: Path, devnet: Devnet) -> Iterator[Devnet]:
    """Another node of the same network, by the same clock, with the genesis block only."""
    with open_devnet(tmp_path / "other.sqlite", devnet.clock) as opened:
        yield opened


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A network with its contracts, answering over HTTP; blocks on demand."""
    with running_devnet(tmp_path_factory.mktemp("network") / "chain") as network:
        yield network
