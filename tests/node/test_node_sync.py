"""A site that syncs by a node: no chain client, and nothing that the node says is believed without proof."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from perdure_node.by_node.access import open_nodes
from perdure_node.by_node.contacts import contacts
from perdure_node.by_node.errors import NotAnchoredInTime
from perdure_node.by_node.syncing import NodeSyncResult, sync_by_node
from perdure_node.chain.waiting import wait_for
from perdure_node.clock import system_clock
from perdure_node.courier.errors import SiteNotRegistered
from perdure_node.courier.out import bundles_out
from perdure_node.evidence.proving import prove
from perdure_node.selectors import parse_selector
from perdure_node.vault import Vault
from tools.running_devnet import running_devnet
from tools.served_node import make_node, registered_vault, served
from tools.site_desk import add_numbers, document, keys_of, verdict_on
from tools.site_network import new_vault

PATIENCE = 90.0
CLOCK = system_clock()


@pytest.fixture(scope="module")
def devnet(tmp_path_factory: pytest.TempPathFactory):
    directory = tmp_path_factory.mktemp("network") / "chain"
    with running_devnet(directory) as url:
        yield directory, url


@pytest.fixture
def registered(devnet: tuple[Path, str], tmp_path: Path, request: pytest.FixtureRequest):
    name = "".join(character for character in request.node.name if character.isalnum()).lower()[-32:]
    with registered_vault(*devnet, tmp_path / "site", f"acme/{name}") as vault:
        yield vault


def sync(vault: Vault, *urls: str, wait: float = PATIENCE, sealing: bool | None = None) -> NodeSyncResult:
    vault.config = replace(vault.config, node_urls=urls)
    with open_nodes(vault, wait_for(CLOCK, wait)) as nodes:
        return sync_by_node(vault, nodes, keys_of(vault), randomness=os.urandom, sealing=sealing)


def sizes(result: NodeSyncResult) -> Sequence[int]:
    return [anchor.size for anchor in result.done.anchored]


def is_proved(vault: Vault, number: int) -> bool:
    evidence = prove(vault, keys_of(vault), parse_selector(document(number).sha256.hex())).evidence
    return verdict_on(evidence, vault.trust, number).ok


def test_a_site_anchors_by_a_node(devnet: tuple[Path, str], registered: Vault, tmp_path: Path) -> None:
    make_node(*devnet, tmp_path / "node")
    with served(tmp_path / "node") as node:
        url = str(node.base_url)
        first = sync(registered, url)
        assert (first.handed_in, first.done.anchored, first.done.sealed) == (True, (), None)
        assert first.done.known_block is not None
        add_numbers(registered, 1, 2, 3)
        assert sizes(sync(registered, url)) == [3]
        add_numbers(registered, 4)
        second = sync(registered, url)
        assert sizes(second) == [4]
        third = sync(registered, url)
        assert (third.handed_in, third.done.anchored, third.done.waiting) == (False, (), 0)
    assert is_proved(registered, 2)
    assert is_proved(registered, 4)
    assert bundles_out(registered.database) == []
    (contact,) = contacts(registered.database).values()
    assert (contact.handed_size, contact.failure) == (4, None)


def test_what_was_handed_in_comes_home_later(
    devnet: tuple[Path, str], registered: Vault, tmp_path: Path
) -> None:
    make_node(*devnet, tmp_path / "node")
    add_numbers(registered, 1)
    with served(tmp_path / "node") as node:
        with pytest.raises(NotAnchoredInTime):
            sync(registered, str(node.base_url), wait=0)
        assert registered.log_size == 1
        result = sync(registered, str(node.base_url))
        assert (sizes(result), result.done.sealed, result.handed_in) == ([1], None, False)


def test_the_partner_is_told_what_to_run(devnet: tuple[Path, str], tmp_path: Path) -> None:
    make_node(*devnet, tmp_path / "node")
    with (
        new_vault(devnet[0], tmp_path / "site", "acme/unregistered") as vault,
        served(tmp_path / "node") as node,
    ):
        add_numbers(vault, 1)
        with pytest.raises(SiteNotRegistered) as refused:
            sync(vault, str(node.base_url))
        assert "register-site acme/unregistered 0x" in (refused.value.hint or "")
        assert vault.log_size == 0
