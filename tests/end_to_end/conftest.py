"""One devnet for all, and for each test a desk: a folder from which `perdure` is run as a process of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tools.desk import Desk
from tools.running_devnet import running_devnet


@pytest.fixture(scope="package")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a devnet that makes a block a second; tests leave it running."""
    directory = tmp_path_factory.mktemp("network") / "chain"
    with running_devnet(directory):
        yield directory


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk without a vault."""
    return Desk(tmp_path / "desk")


@pytest.fixture
def site(desk: Desk, chain: Path, request: pytest.FixtureRequest) -> Desk:
    """A desk whose site is registered, under a name of its own; a contract lies on it."""
    name = "".join(character for character in request.node.name if character.isalnum()).lower()[-32:]
    desk.run("init", f"acme/{name}", "--devnet", str(chain))
    desk.write("contract.txt", "a contract\n")
    return desk
