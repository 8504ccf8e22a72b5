"""A site without a chain client: what it hands to a node over HTTP comes back as evidence."""

import os
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from perdure_node.clock import system_clock
from perdure_node.courier.bundle_file import read_bundle
from perdure_node.courier.packing import pack
from perdure_node.courier.receiving import Received, receive
from perdure_node.errors import VaultBusy, WrongPassphrase
from perdure_node.evidence.proving import prove
from perdure_node.gateway.settings import EndpointSettings, NodeSettings
from perdure_node.log.sealing import seal
from perdure_node.selectors import parse_selector
from perdure_node.service.running import run_node
from perdure_node.vault import Vault
from tools.running_devnet import running_devnet
from tools.served_node import make_node, registered_vault, served
from tools.site_desk import add_numbers, document, keys_of, verdict_on

pytestmark = pytest.mark.slow

PATIENCE = 90.0


@pytest.fixture(scope="module")
def devnet(tmp_path_factory: pytest.TempPathFactory):
    directory = tmp_path_factory.mktemp("served") / "chain"
    with running_devnet(directory) as url:
        yield directory, url


def handed_in(node: httpx.Client, vault: Vault) -> dict[str, object]:
    packed = pack(vault, None, clock=system_clock(), randomness=os.urandom, keys=keys_of(vault))
    answer = node.post(
        "/v1/bundles", content=b"".join(packed.pieces), headers={"content-type": "application/octet-stream"}
    )
    assert answer.status_code == 202, answer.text
    return answer.json()


def brought_home(node: httpx.Client, vault: Vault, size: int) -> Received:
    """What the node returns once the log of this size has its evidence there."""
    deadline = time.monotonic() + PATIENCE
    while True:
        # the registry has the checkpoint before its block is final, and the evidence is at hand
        answer = node.get(f"/v1/sites/{vault.origin.text}/return")
        assert answer.status_code == 200, answer.text
        received = receive(vault, read_bundle(answer.content), clock=system_clock())
        if size in received.anchored:
            return received
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_what_a_site_hands_in_comes_back_as_evidence(devnet: tuple[Path, str], tmp_path: Path) -> None:
    directory, url = devnet
    vault = registered_vault(directory, url, tmp_path / "site", "acme/rotterdam")
    make_node(directory, url, tmp_path / "node")
    add_numbers(vault, 1, 2, 3)
    seal(vault, keys_of(vault), system_clock())
    with served(tmp_path / "node") as node:
        assert handed_in(node, vault)["was_there"] is False
        assert brought_home(node, vault, 3).anchored == (3,)
        assert node.get("/ready").json()["ok"] is True
    evidence = prove(vault, keys_of(vault), parse_selector(document(2).sha256.hex())).evidence
    assert verdict_on(evidence, vault.trust, 2).ok
    vault.close()


def test_the_preferred_endpoint_is_dead(devnet: tuple[Path, str], tmp_path: Path) -> None:
    def two_endpoints(settings: NodeSettings) -> NodeSettings:
        return replace(settings, endpoint=(EndpointSettings("http://127.0.0.1:1"), *settings.endpoint))

    directory, url = devnet
    make_node(directory, url, tmp_path / "node", two_endpoints)
    with registered_vault(directory, url, tmp_path / "site", "acme/leiden") as vault:
        add_numbers(vault, 1, 2)
        seal(vault, keys_of(vault), system_clock())
        with served(tmp_path / "node") as node:
            handed_in(node, vault)
            assert brought_home(node, vault, 2).anchored == (2,)


def test_only_one_process_serves_a_folder(devnet: tuple[Path, str], tmp_path: Path) -> None:
    make_node(*devnet, tmp_path / "node")
    with (
        served(tmp_path / "node"),
        pytest.raises(VaultBusy, match="serves this node"),
    ):
        run_node(tmp_path / "node", lambda: "", clock=system_clock())


def test_a_wrong_passphrase_is_told_before_it_serves(devnet: tuple[Path, str], tmp_path: Path) -> None:
    make_node(*devnet, tmp_path / "node")
    with pytest.raises(WrongPassphrase):
        run_node(tmp_path / "node", lambda: "another", clock=system_clock())
