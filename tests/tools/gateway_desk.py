"""A gateway in a test's network, and sticks: folders in which bundles lie."""

from collections.abc import Iterable
from pathlib import Path

from perdure_devnet.network import relay_key as devnet_relay_key
from perdure_node.courier.bundle import BundleHead
from perdure_node.courier.bundle_file import Bundle, load_bundle, write_bundle
from perdure_node.courier.packing import pack
from perdure_node.courier.receiving import Received, receive
from perdure_node.gateway.answering import answer, leaves_for_rivals
from perdure_node.gateway.delivery import Delivered, deliver
from perdure_node.gateway.folder import GatewayKeys, NewGateway, create_gateway, open_gateway
from perdure_node.gateway.settings import settings_for
from perdure_node.gateway.sites import site_of
from perdure_node.vault import Vault
from tools.site_desk import keys_of
from tools.site_network import CHEAP, PASSPHRASE, SiteNetwork, counted_bytes


class GatewayDesk:
    """A gateway as a test uses it."""

    def __init__(self, network: SiteNetwork, folder: Path, *, relay_key: bytes | None = None) -> None:
        self.network = network
        relay = relay_key or devnet_relay_key(network.directory).private_key
        new = NewGateway(network.trust_raw, settings_for("http://127.0.0.1:1"), PASSPHRASE, relay, CHEAP)
        self.gateway = create_gateway(folder, new, randomness=counted_bytes(b"gateway"))
        self.keys = GatewayKeys(self.gateway, lambda: PASSPHRASE)
        self._randomness = counted_bytes(b"answers")

    def reopen(self) -> None:
        """As the next process finds it."""
        self.gateway.close()
        self.gateway = open_gateway(self.gateway.folder)
        self.keys = GatewayKeys(self.gateway, lambda: PASSPHRASE)

    def deliver(self, *files: Path, wait: float = 60.0) -> Delivered:
        return self.deliver_bundles(*map(load_bundle, files), wait=wait)

    def deliver_bundles(self, *bundles: Bundle, wait: float = 60.0) -> Delivered:
        with self.network.anchor_chain() as chain:
            return deliver(self.gateway, chain, self.keys, bundles, clock=self.network.clock, wait=wait)

    def answer(self, file: Path, folder: Path) -> Path:
        """The return bundle for whoever packed the file."""
        head = load_bundle(file).head
        site = site_of(self.gateway.database, head.origin)
        assert site is not None
        assert head.request is not None
        with self.network.anchor_chain() as chain:
            told, pieces = answer(
                self.gateway,
                chain,
                site,
                head.request,
                leaves_from=leaves_for_rivals(self.gateway.database, site, head),
                clock=self.network.clock,
                randomness=self._randomness,
            )
            return written(folder, told, pieces)


def pack_to(vault: Vault, folder: Path, network: SiteNetwork, label: str | None = None) -> Path:
    """A stick with a new bundle on it."""
    packed = pack(
        vault,
        label,
        clock=network.clock,
        randomness=counted_bytes(b"%d" % len(list(folder.iterdir()))),
        keys=keys_of(vault),
    )
    return written(folder, packed.head, packed.pieces)


def receive_from(vault: Vault, file: Path, network: SiteNetwork) -> Received:
    return receive(vault, load_bundle(file), clock=network.clock)


def written(folder: Path, head: BundleHead, pieces: Iterable[bytes]) -> Path:
    file = folder / f"{len(list(folder.iterdir()))}-{head.kind.value}.bundle"
    write_bundle(file, pieces)
    return file
