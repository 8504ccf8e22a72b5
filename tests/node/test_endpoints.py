"""Several nodes of the chain: who is pinned, what ends it, and which differences are an alarm."""

import threading

import pytest
from perdure_anchor.errors import ChainError
from perdure_anchor.hashes import to_hex
from perdure_contracts.access import EndpointAccess, TokenFileError
from perdure_contracts.rpc_errors import RpcBadAnswer, RpcRefused, RpcTimeout, RpcUnreachable
from perdure_node.chain.errors import NotFinalInTime
from perdure_node.endpoints.errors import EndpointsMisconfigured, NoEndpoint, NotCaughtUp
from perdure_node.endpoints.health import LONGEST_PAUSE
from perdure_node.endpoints.pool import EndpointPool
from simulated_chain import REGISTRY, tell
from tools.pooled_nodes import GONE, Network, pinned_by, served, trusting
from tools.scripted_node import Exchange, scripted_node

SLOW = RpcTimeout("no answer within 20 s")
NONSENSE = RpcBadAnswer("answer of the node: not JSON")


@pytest.fixture
def network() -> Network:
    return Network(trusting(tell().trust))


def failing_round(pool: EndpointPool, fault: Exception) -> None:
    with pytest.raises(type(fault)), pool.pinned():
        raise fault


class TestFailOver:
    def test_the_preferred_one_is_pinned(self, network):
        with network.pool() as pool:
            assert [pinned_by(pool) for _ in range(3)] == ["node-0"] * 3
            assert [each.is_pinned for each in pool.statuses()] == [True, False, False]

    @pytest.mark.parametrize("fault", [GONE, SLOW, NONSENSE])
    def test_a_node_at_fault_ends_the_round_and_the_next_one_is_asked_of_another(self, network, fault):
        with network.pool() as pool:
            failing_round(pool, fault)
            assert pinned_by(pool) == "node-1"

    def test_a_node_that_is_down_is_noticed_before_a_round_begins(self, network):
        network.nodes[0].down = GONE
        network.nodes[1].down = SLOW
        with network.pool() as pool:
            assert pinned_by(pool) == "node-2"
            first = pool.statuses()[0]
            assert first.fault is not None
            assert (first.fault.text, first.fault.hint) == (str(GONE), GONE.hint)
            assert not first.is_healthy

    def test_what_is_no_fault_of_the_node_changes_nothing(self, network):
        refused = RpcRefused("no", code=-32000, reason="no")
        with network.pool() as pool:
            for error in (NotFinalInTime("not yet"), refused, ValueError("ours")):
                failing_round(pool, error)
                assert pinned_by(pool) == "node-0"

    def test_back_to_the_preferred_one_when_its_pause_is_over(self, network):
        with network.pool() as pool:
            failing_round(pool, GONE)
            assert pinned_by(pool) == "node-1"
            network.pass_time(1)
            assert pinned_by(pool) == "node-0"

    def test_pauses_grow_while_a_node_only_answers_short_questions(self, network):
        pauses = []
        with network.pool() as pool:
            for _ in range(12):
                failing_round(pool, NONSENSE)
                pauses.append(pool.statuses()[0].paused_for)
                pool.cross_check()
                assert pinned_by(pool) == "node-1"
                network.pass_time(pauses[-1])
        assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]

    def test_a_round_that_works_makes_the_next_pause_short_again(self, network):
        with network.pool() as pool:
            for _ in range(5):
                failing_round(pool, GONE)
                network.pass_time(LONGEST_PAUSE)
            assert pinned_by(pool) == "node-0"
            failing_round(pool, GONE)
            assert pool.statuses()[0].paused_for == 1

    def test_a_node_that_did_not_answer_is_back_as_soon_as_it_answers(self, network):
        network.nodes[0].down = GONE
        with network.pool() as pool:
            for _ in range(6):
                pool.cross_check()
                network.pass_time(200)
            pool.cross_check()
            network.nodes[0].down = None
            assert pool.statuses()[0].paused_for > 10
            pool.cross_check()
            assert pool.statuses()[0].is_healthy
            assert pinned_by(pool) == "node-0"

    def test_one_outage_that_several_rounds_meet_counts_once(self, network):
        begun, over = threading.Event(), threading.Event()

        def another_round(pool: EndpointPool) -> None:
            with pytest.raises(RpcUnreachable), pool.pinned():
                begun.set()
                over.wait(30)
                raise GONE

        with network.pool() as pool:
            thread = threading.Thread(target=another_round, args=(pool,))
            thread.start()
            begun.wait(30)
            network.pass_time(3)
            failing_round(pool, GONE)
            over.set()
            thread.join()
            assert pool.statuses()[0].failures == 1

    def test_with_all_of_them_paused_one_is_tried_all_the_same(self, network):
        with network.pool() as pool:
            failing_round(pool, GONE)
            network.pass_time(0.25)
            failing_round(pool, GONE)
            network.pass_time(0.25)
            failing_round(pool, GONE)
            assert pinned_by(pool) == "node-0"

    def test_a_lone_node(self, network):
        network.nodes = network.nodes[:1]
        with network.pool() as pool:
            failing_round(pool, GONE)
            assert pinned_by(pool) == "node-0"
            network.nodes[0].down = SLOW
            with pytest.raises(RpcTimeout), pool.pinned():
                pass

    def test_nobody_there(self, network):
        for node in network.nodes:
            node.down = GONE
        with network.pool() as pool:
            network.pass_time(1)
            for _ in range(3):
                pool.cross_check()
            network.pass_time(LONGEST_PAUSE)
            with pytest.raises(NoEndpoint, match=r"http://node-0: no connection .*http://node-2: no conn"):
                pinned_by(pool)

    def test_after_a_failure_connections_and_files_are_new(self, network):
        with network.pool() as pool:
            pinned_by(pool)
            failing_round(pool, GONE)
            network.broken_files["node-0"] = TokenFileError("token file t: no such file")
            network.pass_time(1)
            assert pinned_by(pool) == "node-1"
            fault = pool.statuses()[0].fault
            assert fault is not None
            assert fault.text == "token file t: no such file"
            network.broken_files.clear()
            network.pass_time(2)
            assert pinned_by(pool) == "node-0"

    def test_files_that_cannot_be_read_are_told_at_once(self, network):
        network.broken_files["node-2"] = TokenFileError("token file t: no such file")
        with pytest.raises(TokenFileError):
            network.pool()

    def test_closing(self, network):
        pool = network.pool()
        pinned_by(pool)
        for _ in range(2):
            thread = threading.Thread(target=pinned_by, args=(pool,))
            thread.start()
            thread.join()
        # those of the first thread that ended were closed when the second one came
        assert [(node.opened, node.closed) for node in network.nodes] == [(4, 1)] * 3
        pool.close()
        assert [(node.opened, node.closed) for node in network.nodes] == [(4, 4)] * 3


class TestRounds:
    def test_a_round_is_asked_of_one_node_whatever_happens_to_it(self, network):
        with network.pool() as pool, pool.pinned() as chain:
            network.nodes[0].head += 5
            network.nodes[0].down = GONE
            pool.cross_check()
            network.nodes[0].down = None
            assert pool.statuses()[0].paused_for
            for node in network.nodes:
                node.asked.clear()
            for number in range(10, 20):
                chain.blocks.header(number)
                chain.client.newest_block()
            assert len(network.nodes[0].asked) == 20
            assert not network.nodes[1].asked + network.nodes[2].asked

    def test_the_others_are_there_for_copies(self, network):
        network.nodes[1].down = GONE
        with network.pool() as pool:
            with pool.pinned() as chain:
                assert [str(each.rpc.endpoint) for each in chain.others] == ["http://node-2"]
            network.nodes[1].down = None
            pool.cross_check()
            with pool.pinned() as chain:
                assert [str(each.rpc.endpoint) for each in chain.others] == ["http://node-1", "http://node-2"]

    def test_blocks_of_the_round_before_are_forgotten(self, network):
        with network.pool() as pool:
            with pool.pinned() as chain:
                first = chain.blocks.header(20)
            network.nodes[0].forged_from = 20
            with pool.pinned() as chain:
                assert chain.blocks.header(20) != first

    def test_a_node_that_becomes_another_chains_is_noticed(self, network):
        """What is behind a URL can change."""
        with network.pool() as pool:
            pinned_by(pool)
            network.nodes[0].chain_id = 1
            network.pass_time(61)
            assert pinned_by(pool) == "node-1"
            fault = pool.statuses()[0].fault
            assert fault is not None
            assert fault.is_stranger


class TestLag:
    def test_a_node_that_is_behind_is_passed_over_until_it_has_caught_up(self, network):
        network.nodes[0].head = 5
        network.pass_time(40)
        with network.pool(lag=10, stale=60) as pool:
            assert pinned_by(pool) == "node-1"
            status = pool.statuses()[0]
            assert (status.lag, status.head, status.fault) == (15, 5, None)
            network.nodes[0].head = 20
            assert pinned_by(pool) == "node-0"

    def test_it_is_better_than_none(self, network):
        network.nodes[0].head = 5
        network.pass_time(40)
        with network.pool() as pool:
            pinned_by(pool)
            network.nodes[1].down = network.nodes[2].down = GONE
            assert pinned_by(pool) == "node-0"

    def test_a_node_that_invents_blocks_does_not_make_the_others_late(self, network):
        inventor = network.nodes[2]
        inventor.invented = 10**9
        with network.pool() as pool:
            pool.cross_check()
            assert pinned_by(pool) == "node-0"

    def test_lagging_is_no_disagreement(self, network):
        network.nodes[0].head, network.nodes[1].head = 3, 11
        with network.pool() as pool:
            assert pool.cross_check().disagreements == ()

    def test_a_node_that_has_not_come_to_the_contracts(self, network):
        network.trust = trusting(
            network.trust,
            registry=network.trust.registry.__class__(REGISTRY, network.trust.registry.code_hash, 15),
        )
        network.nodes[0].head = 7
        network.nodes[0].codes[to_hex(REGISTRY)] = b""
        with network.pool() as pool:
            assert pool.cross_check().disagreements == ()
            assert pinned_by(pool) == "node-1"
            fault = pool.statuses()[0].fault
            assert fault is not None
            assert "at block 7, before the registry's 15" in fault.text
            assert not fault.is_stranger
            network.nodes = network.nodes[:1]
        with network.pool() as pool, pytest.raises(NotCaughtUp):
            pinned_by(pool)


class TestConfiguration:
    def test_none(self, network):
        network.nodes = []
        with pytest.raises(EndpointsMisconfigured, match="no endpoint"):
            network.pool()

    def test_one_twice(self, network):
        network.nodes = network.nodes[:1] * 2
        with pytest.raises(EndpointsMisconfigured, match="twice"):
            network.pool()

    def test_labels_hold_no_secret(self, network):
        secret = [EndpointAccess(f"http://user:hunter22@127.0.0.1:1/key-{number}") for number in range(2)]
        with EndpointPool(network.trust, secret, network.clock) as pool:
            labels = [each.label for each in pool.statuses()]
            assert labels == ["http://127.0.0.1:1 (#1)", "http://127.0.0.1:1 (#2)"]


def test_over_http(network: Network) -> None:
    """Real connections: one node hangs up in the middle of its second round, another is refused, the third one works."""
    first, third = served(network.nodes[0]), served(network.nodes[2])

    def hanging_up(exchange: Exchange) -> None:
        if exchange.document["method"] == "eth_getCode" and len(network.nodes[0].asked) > 20:
            exchange.hang_up()
        else:
            first(exchange)

    with scripted_node(hanging_up) as one, scripted_node(third) as three:
        urls = [one.url, "http://127.0.0.1:1", three.url]
        with EndpointPool(network.trust, [EndpointAccess(url) for url in urls], network.clock) as pool:
            with pool.pinned() as chain:
                assert str(chain.client.rpc.endpoint) == one.url
                assert len(chain.others) == 1
            with pytest.raises(ChainError), pool.pinned() as chain:
                for _ in range(10):
                    chain.check()
            with pool.pinned() as chain:
                assert str(chain.client.rpc.endpoint) == three.url
                chain.check()
            check = pool.cross_check()
            assert [each.fault is None for each in check.endpoints] == [False, False, True]
