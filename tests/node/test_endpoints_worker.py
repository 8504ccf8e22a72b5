"""What the operator is told of the chain's nodes."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from perdure_contracts.rpc_errors import RpcUnreachable
from perdure_node.clock import system_clock
from perdure_node.endpoints.pool import EndpointLimits, EndpointPool
from perdure_node.gateway.folder import open_gateway
from perdure_node.gateway.settings import ChainSettings, EndpointSettings, NodeSettings
from perdure_node.service import endpoints as service_endpoints
from perdure_node.service.alarms import Alarm, AlarmName
from perdure_node.service.endpoints import EndpointsWorker, open_pool
from perdure_node.service.state import new_state
from simulated_chain import tell
from tools.pooled_nodes import Network, Node, trusting
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


HALT, CLOCK = (AlarmName.HALT, ""), (AlarmName.CLOCK_SKEW, "chain")


class TestPace:
    """A minute without a block is a halt. Each look is 15 s after the one before; block 20 is of the moment at which all starts."""

    @pytest.fixture
    def watched(self):
        network = Network(trusting(tell().trust))
        with network.pool(silence=60, clock_allowance=30) as pool:
            yield Watched(pool, network)

    def test_a_chain_that_goes_on(self, watched):
        for _ in range(10):
            assert watched.looks() == []
            grow_to_now(watched.network.nodes, watched)

    def test_a_chain_that_halts(self, watched):
        watched.looks()
        watched.network.grow()
        watched.looks()
        assert watched.looks(4) == []
        assert watched.looks() == [HALT]
        assert watched.the_alarm().message == "no block for 75 s: the newest is 21, of 2026-01-01T00:00:42Z"
        assert watched.the_alarm().remedy == "ask the other partners whether their validators run"
        grow_to_now(watched.network.nodes, watched)
        assert watched.looks() == []

    def test_a_chain_that_had_halted_before_we_came(self, watched):
        watched.network.pass_time(600)
        assert watched.looks() == []
        assert watched.looks() == [HALT]
        assert watched.the_alarm().message.startswith("no block for 615 s: the newest is 20, of ")

    def test_one_node_that_stands_still_is_no_halt(self, watched):
        first, *others = watched.network.nodes
        for _ in range(10):
            assert watched.looks() in ([], [(AlarmName.LAG, "http://node-0")])
            grow_to_now(others, watched)
        assert first.head == 20

    def test_a_chain_that_nobody_can_ask_is_not_said_to_halt_nor_to_go_on(self, watched):
        watched.looks()
        for node in watched.network.nodes:
            node.down = GONE
        assert HALT not in watched.looks(20)
        for node in watched.network.nodes:
            node.down = None
        assert HALT in watched.looks(2)
        for node in watched.network.nodes:
            node.down = GONE
        assert HALT in watched.looks(2)

    def test_a_clock_that_is_behind(self, watched):
        watched.network.wrong_by = -29
        assert watched.looks() == []
        watched.network.wrong_by = -47
        watched.network.grow()
        assert watched.looks() == [CLOCK]
        assert watched.the_alarm().message == "this machine's clock is 32 s behind the chain's newest block"
        watched.network.wrong_by = 0
        assert watched.looks() == []

    def test_a_clock_that_is_ahead(self, watched):
        watched.network.wrong_by = 100
        assert watched.looks() == [], "it can be that the node catches up"
        watched.network.grow()
        assert watched.looks() == [CLOCK]
        told = "this machine's clock is 98 s or more ahead of the chain's newest block"
        assert watched.the_alarm().message == told
        assert watched.looks() == [CLOCK], "nothing is new"
        watched.network.wrong_by = 0
        watched.network.grow()
        assert watched.looks() == []

    def test_nodes_that_catch_up_are_no_wrong_clock_and_no_halt(self, watched):
        watched.network.pass_time(2000)
        for _ in range(3):
            for node in watched.network.nodes:
                node.head += 30
            assert watched.looks() == []

    def test_a_time_that_no_date_can_be_written_for(self, watched):
        for node in watched.network.nodes:
            node.instead["eth_getBlockByNumber"] = of_a_time(node, (1 << 64) - 1)
        assert watched.looks() == [CLOCK]
        assert set(watched.looks(10)) == {HALT, CLOCK}
        messages = {each.name: each.message for each in watched.board.raised()}
        assert messages[AlarmName.HALT].endswith("of second 18446744073709551615 since 1970")


def grow_to_now(nodes: list[Node], watched: Watched) -> None:
    for node in nodes:
        node.head = 20 + int(watched.network.time - 1000) // 2


def of_a_time(node: Node, seconds: int) -> Callable[..., Any]:
    """Answers with blocks that say to be of this time."""

    def answer(*params: Any) -> Any:
        number = node.head if params[0] == "latest" else int(params[0], 16)
        return node.block(number) | {"timestamp": hex(seconds)}

    return answer


@pytest.mark.parametrize(("period", "silence"), [(10.0, 60.0), (1.0, 30.0), (0.0, math.inf)])
def test_how_long_without_a_block_is_a_halt(
    tmp_path: Path, founded: Path, monkeypatch: pytest.MonkeyPatch, period: float, silence: float
) -> None:
    given: list[EndpointLimits] = []
    monkeypatch.setattr(
        service_endpoints, "EndpointPool", lambda _trust, _endpoints, _clock, limits: given.append(limits)
    )
    folder = tmp_path / "node"
    make_node(
        founded,
        "http://127.0.0.1:1",
        folder,
        lambda settings: replace(settings, chain=ChainSettings(period=period)),
    )
    with open_gateway(folder) as gateway:
        open_pool(gateway, system_clock())
    assert given[0].silence == silence


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
