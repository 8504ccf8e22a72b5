"""A gateway's folder: made whole, opened again, with a key of its own or one that a Web3Signer has."""

import stat
from pathlib import Path

import pytest
from perdure_anchor.hashes import checksum_address, keccak256
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_node.errors import SettingsError, VaultExists, VaultNotFound, WrongPassphrase
from perdure_node.gateway.folder import Gateway, GatewayKeys, NewGateway, create_gateway, open_gateway
from perdure_node.gateway.settings import (
    EndpointSettings,
    NodeSettings,
    PeerSettings,
    RelaySettings,
    encode_settings,
    parse_settings,
    settings_for,
)
from perdure_node.log.sealing import seal
from tools.gateway_desk import GatewayDesk, pack_to, receive_from
from tools.site_desk import Site, add_numbers, keys_of
from tools.site_network import CHEAP, PASSPHRASE, SiteNetwork, counted_bytes
from tools.web3signer import running_web3signer

RELAY = keccak256(b"a relay's key in a test")


def made(network: SiteNetwork, folder: Path, key: bytes | None = RELAY, **settings: str) -> Gateway:
    new = NewGateway(
        network.trust_raw,
        settings_for("http://127.0.0.1:1", relay=RelaySettings(**settings)),
        PASSPHRASE,
        key,
        CHEAP,
    )
    return create_gateway(folder, new, randomness=counted_bytes())


def test_only_its_owner_reads_it(network: SiteNetwork, tmp_path: Path) -> None:
    made(network, tmp_path / "gateway").close()
    for path in (tmp_path / "gateway", *(tmp_path / "gateway").iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    for path in (tmp_path / "gateway").iterdir():
        assert RELAY not in path.read_bytes()
        assert RELAY.hex().encode() not in path.read_bytes()


def test_it_is_opened_again_with_its_key(network: SiteNetwork, tmp_path: Path) -> None:
    made(network, tmp_path / "gateway").close()
    with open_gateway(tmp_path / "gateway") as gateway:
        assert GatewayKeys(gateway, lambda: PASSPHRASE).relay().address == address_from_private_key(RELAY)
        with pytest.raises(WrongPassphrase):
            GatewayKeys(gateway, lambda: "another").relay()
        assert RELAY.hex() not in repr(GatewayKeys(gateway, lambda: PASSPHRASE))
    with pytest.raises(VaultExists):
        made(network, tmp_path / "gateway")
    with pytest.raises(VaultNotFound):
        open_gateway(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "endpoint = 3\n",
        "[endpoint]\nurl = 'x'\n",
        "[[endpoint]]\n",
        "[[endpoint]]\nurl = 3\n",
        "[[endpoint]]\nurl = 'x'\nother = 'y'\n",
        "[[endpoint]]\nurl = '\\u0007'\nca = \"\\u0007\"\n",
        "[[endpoint]]\nurl = 'x'\n[other]\n",
        "[[endpoint]]\nurl = 'x'\n[chain]\nwait = true\n",
        "[[endpoint]]\nurl = 'x'\n[chain]\nwait = -1\n",
        "[[endpoint]]\nurl = 'x'\n[chain]\nwait = nan\n",
        "[[endpoint]]\nurl = 'x'\n[listen]\nport = 65536\n",
        "[[endpoint]]\nurl = 'x'\n[access]\nreading = 'opne'\n",
        "[[endpoint]]\nurl = 'x'\n[access]\nmetrics = 1\n",
        "[[endpoint]]\nurl = 'x'\n[access]\nproxy_addresses = 'x'\n",
        "endpoint\n",
    ],
)
def test_settings_that_cannot_be_used_are_named(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^node\.toml: "):
        parse_settings(text.encode())


def test_settings_come_back_as_they_were() -> None:
    settings = NodeSettings(
        endpoint=(EndpointSettings("http://a:1/ö", "token", "ca", "cert"), EndpointSettings("http://b")),
        relay=RelaySettings("http://signer", "0x00", "t", "ca", "cert"),
        peer=(PeerSettings("https://c"),),
    )
    assert parse_settings(encode_settings(settings)) == settings


def test_a_web3signer_signs_for_the_relay(site: Site, tmp_path: Path) -> None:
    """A whole delivery, whose key never is in the gateway's folder."""
    stick = tmp_path / "stick"
    stick.mkdir()
    add_numbers(site.vault, 1, clock=site.network.clock)
    seal(site.vault, keys_of(site.vault), site.network.clock)
    with running_web3signer(RELAY) as server:
        desk = GatewayDesk(site.network, tmp_path / "other")
        account = checksum_address(address_from_private_key(RELAY))
        desk.gateway = made(site.network, tmp_path / "gateway", None, signer_url=server.url, account=account)
        desk.keys = GatewayKeys(desk.gateway, lambda: PASSPHRASE)
        out = pack_to(site.vault, stick, site.network)
        assert desk.deliver(out).unfinished == ()
        assert receive_from(site.vault, desk.answer(out, stick), site.network).anchored == (1,)
        desk.keys.close()
    assert not (tmp_path / "gateway" / "relay.key").exists()
