"""What the operator is told of the chain's nodes."""

from dataclasses import replace
from pathlib import Path

import pytest
from perdure_contracts.rpc_errors import RpcUnreachable
from perdure_node.endpoints.pool import EndpointPool
from perdure_node.gateway.folder import open_gateway
from perdure_node.gateway.settings import EndpointSettings, NodeSettings
from perdure_node.service.alarms import Alarm, AlarmName
from perdure_node.service.endpoints import EndpointsWorker
from perdure_node.service.state import new_state
from simulated_chain import tell
from tools.pooled_nodes import Network, trusting
from tools.served_node import make_node

GONE = RpcUnreachable("no connection", sent=False, hint="is it running?")


class Watched:
    """Three nodes, and the board."""

    def __init__(self, pool: EndpointPool, network: Network) -> None:
        self.network = network
        self.state = new_state(network.clock)
        self.board = self.state.alarms
        self.worker = EndpointsWorker(pool, self.state, lag_blocks=10)

    def looks(self, times: int = 1) -> list[tuple[AlarmName, str]]:
        """What is raised after so many steps."""
        for _ in range(times):
            self.network.pass_time(self.worker.step())
        return [(each.name, each.subject) for each in self.board.raised()]

    def the_alarm(self) -> Alarm:
        (alarm,) = self.board.raised()
        return alarm


@pytest.fixture
def watched():
    network = Network(trusting(tell().trust))
    with network.pool() as pool:
        yield Watched(pool, network)


def test_all_is_well(watched):
    assert watched.looks(3) == []
    assert [(each.endpoint, each.head, each.error) for each in watched.state.endpoints] == [
        (f"http://node-{number}", 20, None) for number in range(3)
    ]


def test_a_node_that_is_gone_for_longer_than_a_moment(watched):
    watched.network.nodes[1].down = GONE
    assert watched.looks(2) == []
    assert watched.looks() == [(AlarmName.ENDPOINT_UNREACHABLE, "http://node-1")]
    assert (watched.the_alarm().message, watched.the_alarm().remedy) == ("no connection", "is it running?")
    watched.network.nodes[1].down = None
    assert watched.looks() == []


def test_a_node_of_another_chain(watched):
    watched.network.nodes[2].chain_id = 1
    assert watched.looks(4) == [(AlarmName.WRONG_CHAIN, "http://node-2")]
    watched.network.nodes[2].chain_id = watched.network.nodes[0].chain_id
    assert watched.looks() == []


def test_a_node_that_is_behind(watched):
    watched.network.nodes[0].head = 9
    assert watched.looks() == [(AlarmName.LAG, "http://node-0")]
    assert watched.the_alarm().message.startswith("http://node-0 is 11 blocks behind")
    watched.network.nodes[0].head = 11
    assert watched.looks() == []


def test_nodes_that_disagree(watched):
    watched.network.nodes[0].forged_from = 10
    assert watched.looks(2) == [(AlarmName.DISAGREEMENT, "block 18")]
    assert "http://node-0: 0x" in watched.the_alarm().message
    assert "node.toml" in (watched.the_alarm().remedy or "")
    watched.network.nodes[0].forged_from = None
    watched.board.raise_(AlarmName.DISAGREEMENT, "what somebody else found", "follower")
    assert watched.looks() == [(AlarmName.DISAGREEMENT, "follower")]


def test_the_files_that_node_toml_names_lie_in_its_folder(tmp_path: Path, founded: Path) -> None:
    def with_files(settings: NodeSettings) -> NodeSettings:
        endpoint = EndpointSettings("https://node.invalid", "t", "/etc/ca.pem", "ours.pem")
        return replace(settings, endpoint=(endpoint, EndpointSettings("http://127.0.0.1:1")))

    folder = tmp_path / "node"
    make_node(founded, "http://127.0.0.1:1", folder, with_files)
    with open_gateway(folder) as gateway:
        first, second = gateway.endpoints()
    assert first.token_file == folder / "t"
    assert first.authorities == Path("/etc/ca.pem")
    assert first.client_certificate == folder / "ours.pem"
    assert (second.token_file, second.authorities, second.client_certificate) == (None, None, None)
