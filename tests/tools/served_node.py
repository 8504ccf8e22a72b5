"""A node that is served in this process, on a free port, beside a devnet in a process of its own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
from perdure_anchor.trust_file import parse_trust_file
from perdure_devnet.info import TRUST_NAME
from perdure_devnet.network import partner_key, relay_key
from perdure_node.chain.anchor_chain import connect_to
from perdure_node.clock import system_clock
from perdure_node.gateway.folder import NewGateway, create_gateway
from perdure_node.gateway.settings import ListenSettings, NodeSettings, settings_for
from perdure_node.service.running import run_node
from perdure_node.site_keys.registration import register_site
from perdure_node.vault import Vault
from tools.site_network import CHEAP, PASSPHRASE, counted_bytes, new_vault

Change = Callable[[NodeSettings], NodeSettings]


def make_node(devnet: Path, url: str, folder: Path, change: Change = lambda settings: settings) -> None:
    """A node's folder, with the devnet's relay account, on a free port unless the settings are changed."""
    settings = replace(settings_for(url), listen=ListenSettings(port=0))
    new = NewGateway(
        (devnet / TRUST_NAME).read_bytes(), change(settings), PASSPHRASE, relay_key(devnet).private_key, CHEAP
    )
    create_gateway(folder, new, randomness=counted_bytes(b"node")).close()


@contextmanager
def served(folder: Path, client: Callable[[str], httpx.Client] | None = None) -> Iterator[httpx.Client]:
    """Serve a node's folder while the context lasts; a client for it."""
    ready: list[str] = []
    answered, stopping = threading.Event(), threading.Event()
    failed: list[BaseException] = []

    def note(url: str) -> None:
        ready.append(url)
        answered.set()

    def serve() -> None:
        try:
            run_node(folder, lambda: PASSPHRASE, clock=system_clock(), on_ready=note, stopping=stopping)
        except BaseException as error:  # noqa: BLE001  # raised where the test waits
            failed.append(error)
        finally:
            answered.set()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    answered.wait()
    if failed:
        raise failed[0]
    try:
        with client(ready[0]) if client else httpx.Client(base_url=ready[0], timeout=30) as opened:
            yield opened
    finally:
        stopping.set()
        thread.join()
    if failed:
        raise failed[0]


def registered_vault(devnet: Path, url: str, folder: Path, origin: str) -> Vault:
    """The vault of a new site, which its partner has registered."""
    vault = new_vault(devnet, folder, origin)
    trust = parse_trust_file((devnet / TRUST_NAME).read_bytes())
    with connect_to(trust, url, (), 60.0) as chain:
        register_site(
            vault, chain, partner_key(devnet, vault.origin.partner).private_key, clock=system_clock()
        )
    return vault
