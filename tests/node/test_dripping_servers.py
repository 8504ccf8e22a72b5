"""A chain's node, a witness, or a gateway that sends a byte a moment for ever: whoever asks it goes on elsewhere, and can be stopped."""

import threading

import pytest
from perdure_contracts.access import EndpointAccess
from perdure_contracts.connection import ServerConnection
from perdure_contracts.rpc_errors import RpcTimeout
from perdure_node.by_node.client import NodeClient
from perdure_node.by_node.errors import NodeUnreachable
from perdure_node.endpoints.pool import EndpointLimits, EndpointPool
from perdure_node.witness.peers import HttpPeer, PeerUnreachable
from simulated_chain import tell
from tools.dripping_server import BODY, HANDSHAKE, HEADERS, dripping_server
from tools.pooled_nodes import Network, served, trusting
from tools.scripted_node import Exchange, scripted_node

DRIPS = pytest.mark.parametrize("at_once", [HEADERS, BODY, HANDSHAKE], ids=["headers", "body", "handshake"])


def url_of(place: str, at_once: bytes) -> str:
    return f"{'https' if at_once is HANDSHAKE else 'http'}://{place}"


@DRIPS
def test_the_pool_asks_another_node(at_once: bytes) -> None:
    network = Network(trusting(tell().trust))
    with dripping_server(at_once) as place, scripted_node(served(network.nodes[1])) as sound:
        endpoints = [EndpointAccess(url_of(place, at_once)), EndpointAccess(sound.url)]
        limits = EndpointLimits(wait=0.3)
        with (
            EndpointPool(network.trust, endpoints, network.clock, limits) as pool,
            pool.pinned() as chain,
        ):
            assert str(chain.client.rpc.endpoint) == sound.url
            assert pool.statuses()[0].fault is not None


def test_a_node_that_begins_to_drip_ends_the_round() -> None:
    network = Network(trusting(tell().trust))
    sound, drips = served(network.nodes[0]), False

    def answer(exchange: Exchange) -> None:
        if not drips:
            sound(exchange)
            return
        exchange.wfile.write(HEADERS)
        while not network_is_done.wait(0.05):
            exchange.wfile.write(b"a")

    network_is_done = threading.Event()
    with scripted_node(answer) as one, scripted_node(served(network.nodes[1])) as two:
        endpoints = [EndpointAccess(one.url), EndpointAccess(two.url)]
        with EndpointPool(network.trust, endpoints, network.clock, EndpointLimits(wait=0.5)) as pool:
            try:
                with pytest.raises(RpcTimeout), pool.pinned() as chain:
                    assert str(chain.client.rpc.endpoint) == one.url
                    drips = True
                    chain.check()
            finally:
                network_is_done.set()
            with pool.pinned() as chain:
                assert str(chain.client.rpc.endpoint) == two.url


@DRIPS
def test_a_witness_leaves_its_peer(at_once: bytes) -> None:
    with dripping_server(at_once) as place:
        url = url_of(place, at_once)
        with ServerConnection(EndpointAccess(url), timeout=5.0, headers={}) as connection:
            peer = HttpPeer("south", f"{url}/v1", connection, patience=0.3)
            with pytest.raises(PeerUnreachable):
                peer.get("a/b/checkpoint", 1 << 20)


@DRIPS
def test_a_site_leaves_its_node(at_once: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure_node.by_node.client._GRACE", 0.3)
    with (
        dripping_server(at_once) as place,
        NodeClient(EndpointAccess(url_of(place, at_once)), timeout=0.3) as client,
        pytest.raises(NodeUnreachable),
    ):
        client.is_ready()
