"""A consortium on the devnet: partners with a folder and a key each, steps that are signed offline, and what is refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from perdure_anchor.trust_file import parse_trust_file
from tools.chains_under_test import DEVNET, chain_under_test
from tools.consortium_story import Founded, decide


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chain_under_test(DEVNET, tmp_path_factory.mktemp("devnet")) as chain:
        yield chain.client.rpc.endpoint.url


@pytest.fixture
def founded(url: str, tmp_path: Path) -> Founded:
    return Founded(tmp_path, url)


def test_what_the_trust_file_says(founded: Founded) -> None:
    trust = parse_trust_file(founded.trust_file.read_bytes())
    assert trust.name == "Ports of the North"
    assert [partner.name for partner in trust.partners] == ["acme", "globex", "initech"]
    assert [partner.account for partner in trust.partners] == [desk.address for desk in founded.desks[:3]]
    (epoch,) = trust.epochs
    assert (epoch.from_block, epoch.client, len(epoch.validators)) == (
        trust.consortium.deployment_block,
        "devnet",
        4,
    )
    code, out, _ = founded.globex.run("trust", "check", str(founded.trust_file), "--rpc", founded.url)
    assert code == 0, out


def test_admit_and_expel(founded: Founded) -> None:
    decide(founded)
