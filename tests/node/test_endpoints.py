"""Several nodes of the chain: who is pinned, what ends it, and which differences are an alarm."""

import threading

import pytest
from perdure_anchor.errors import ChainError
from perdure_anchor.hashes import to_hex
from perdure_contracts.access import EndpointAccess, TokenFileError
from perdure_contracts.rpc_errors import RpcBadAnswer, RpcRefused, RpcTimeout, RpcUnreachable
from perdure_contracts.transactions import WrongChain
from perdure_node.chain.errors import NotFinalInTime, WithoutContracts
from perdure_node.endpoints.errors import EndpointsDisagree, EndpointsMisconfigured, NoEndpoint, NotCaughtUp
from perdure_node.endpoints.health import LONGEST_PAUSE
from perdure_node.endpoints.pool import EndpointPool
from simulated_chain import REGISTRY, tell
from tools.pooled_nodes import Network, Node, served, trusting
from tools.scripted_node import Exchange, scripted_node

GONE = RpcUnreachable("no connection to http://node: refused", sent=False, hint="is it running?")
SLOW = RpcTimeout("no answer within 20 s")
NONSENSE = RpcBadAnswer("answer of the node: not JSON")


@pytest.fixture
def network() -> Network:
    return Network(trusting(tell().trust))


def pinned_by(pool: EndpointPool) -> str:
    """Which node a round is asked of."""
    with pool.pinned() as chain:
        return str(chain.client.rpc.endpoint).removeprefix("http://")


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


class TestDisagreement:
    def test_another_final_block_stops_all_rounds(self, network):
        network.nodes[2].forged_from = 10
        with network.pool() as pool:
            with pytest.raises(
                EndpointsDisagree, match=r"block 18: http://node-0: 0x.*http://node-2: 0x"
            ) as caught:
                pinned_by(pool)
            assert "take it out" in (caught.value.hint or "")
            (disagreement,) = pool.cross_check().disagreements
            assert disagreement.matter == ("block", 18)
            assert len(set(disagreement.answers.values())) == 2
            assert set(disagreement.answers) == {f"http://node-{number}" for number in range(3)}

    def test_the_majority_is_not_believed_either(self, network):
        network.nodes[1].forged_from = network.nodes[2].forged_from = 10
        with network.pool() as pool, pytest.raises(EndpointsDisagree):
            pinned_by(pool)

    def test_a_lie_below_the_head_of_a_node_that_is_behind(self, network):
        """Two that are level are compared there, and not only where the last one is."""
        network.nodes[0].head = 4
        network.nodes[2].forged_from = 15
        with network.pool() as pool, pytest.raises(EndpointsDisagree, match="block 18"):
            pinned_by(pool)

    def test_other_seals_on_the_same_block_are_none(self, network):
        network.nodes[1].other_seals = True
        with network.pool() as pool:
            assert network.nodes[0].raw_header(18) != network.nodes[1].raw_header(18)
            assert pool.cross_check().disagreements == ()

    def test_the_name_is_computed_and_not_taken_from_the_node(self, network):
        """The forged header comes with the true hash."""
        network.nodes[1].forged_from = 18
        assert network.nodes[1].block(18) == network.nodes[0].block(18)
        with network.pool() as pool:
            assert pool.cross_check().disagreements

    def test_other_code_of_the_registry(self, network):
        network.nodes[0].codes[to_hex(REGISTRY)] = b"another registry"
        with network.pool() as pool, pytest.raises(EndpointsDisagree, match="registry's code: "):
            pinned_by(pool)

    def test_no_code_where_others_have_some(self, network):
        network.nodes[0].codes[to_hex(REGISTRY)] = b""
        with network.pool() as pool, pytest.raises(EndpointsDisagree, match="http://node-0: no code"):
            pinned_by(pool)

    def test_it_is_resolved_when_all_that_disagreed_agree(self, network):
        network.nodes[2].forged_from = 10
        with network.pool() as pool:
            pool.cross_check()
            network.nodes[2].forged_from = None
            assert pool.cross_check().disagreements == ()
            assert pinned_by(pool) == "node-0"

    def test_falling_silent_resolves_nothing(self, network):
        network.nodes[2].forged_from = 10
        with network.pool() as pool:
            pool.cross_check()
            network.nodes[2].down = GONE
            network.grow(10)
            assert len(pool.cross_check().disagreements) == 1
            with pytest.raises(EndpointsDisagree):
                pinned_by(pool)

    def test_the_block_in_dispute_is_asked_for_again(self, network):
        """A node that lied about one block, and is right about the newest, has not taken its lie back."""
        network.nodes[2].forged_from = 10
        with network.pool() as pool:
            pool.cross_check()
            network.grow(10)
            network.nodes[2].forged_from = None
            network.nodes[2].instead["debug_getRawHeader"] = lambda number: to_hex(
                Node("liar", forged_from=18 if int(number, 16) == 18 else None).raw_header(int(number, 16))
            )
            assert [each.matter for each in pool.cross_check().disagreements] == [("block", 18)]

    def test_a_liar_does_not_make_checks_longer_and_longer(self, network):
        network.nodes[2].forged_from = 1
        with network.pool() as pool:
            for _ in range(40):
                pool.cross_check()
                network.grow(2)
            assert len(pool.cross_check().disagreements) <= 10

    def test_without_the_liar_in_the_configuration(self, network):
        network.nodes[2].forged_from = 10
        network.nodes = network.nodes[:2]
        with network.pool() as pool:
            assert pinned_by(pool) == "node-0"

    def test_a_running_round_is_not_broken_off(self, network):
        with network.pool() as pool, pool.pinned() as chain:
            network.nodes[2].forged_from = 10
            pool.cross_check()
            assert chain.client.newest_block()[0] == 20

    @pytest.mark.parametrize(
        "answer",
        [None, "0x", "0xc0", 7, to_hex(Node("other").raw_header(3)), RpcRefused("no", code=1, reason="no")],
    )
    def test_a_node_that_withholds_a_block_is_at_fault(self, network, answer):
        def instead(number: str) -> object:
            if isinstance(answer, Exception):
                raise answer
            return answer

        network.nodes[0].instead["debug_getRawHeader"] = instead
        with network.pool() as pool:
            check = pool.cross_check()
            assert check.disagreements == ()
            assert check.endpoints[0].fault is not None
            assert pinned_by(pool) == "node-1"


class TestStrangers:
    @pytest.mark.parametrize("change", [{"chain_id": 1}, {"genesis": b"\7" * 32}])
    def test_a_node_of_another_chain_is_set_aside(self, network, change):
        """Which chain is meant the trust file says: there is nothing to choose, so the others go on."""
        for name, value in change.items():
            setattr(network.nodes[0], name, value)
        with network.pool() as pool:
            assert pinned_by(pool) == "node-1"
            check = pool.cross_check()
            assert [each.matter for each in check.disagreements] == [("chain", None)]
            assert [each.fault is not None and each.fault.is_stranger for each in check.endpoints] == [
                True,
                False,
                False,
            ]
            assert check.endpoints[0].lag is None

    def test_nobody_is_behind_a_stranger(self, network):
        network.nodes[2].head = 100
        with network.pool() as pool:
            assert pool.cross_check().endpoints[0].lag == 80
            network.nodes[2].chain_id = 1
            assert pool.cross_check().endpoints[0].lag == 0

    def test_its_blocks_are_not_compared(self, network):
        network.nodes[0].chain_id, network.nodes[0].forged_from = 1, 1
        network.nodes[0].codes[to_hex(REGISTRY)] = b""
        with network.pool() as pool:
            assert pinned_by(pool) == "node-1"

    def test_none_of_the_pinned_chain(self, network):
        for node in network.nodes:
            node.chain_id = 1
        with network.pool() as pool:
            network.pass_time(LONGEST_PAUSE)
            with pytest.raises(WrongChain):
                pinned_by(pool)

    def test_all_agree_on_other_code_than_the_pinned(self, network):
        for node in network.nodes:
            node.codes[to_hex(REGISTRY)] = b"another registry"
        with network.pool() as pool, pytest.raises(WithoutContracts):
            pinned_by(pool)


class TestPulse:
    def test_a_chain_that_goes_on(self, network):
        with network.pool(silence=30) as pool:
            for _ in range(5):
                pulse = pool.cross_check().pulse
                assert pulse is not None
                assert (pulse.is_halted, pulse.clock_ahead, pulse.age) == (False, None, 0)
                network.grow(10)

    def test_a_chain_that_halts_and_goes_on(self, network):
        with network.pool(silence=30) as pool:
            halted = []
            for _ in range(5):
                pulse = pool.cross_check().pulse
                assert pulse is not None
                halted.append(pulse.is_halted)
                network.pass_time(10)
            assert halted == [False, False, False, False, True]
            network.pass_time(-50)
            network.grow(25)
            pulse = pool.cross_check().pulse
            assert pulse is not None
            assert not pulse.is_halted

    def test_a_chain_that_had_halted_before_we_came(self, network):
        network.pass_time(100)
        with network.pool(silence=30) as pool:
            first = pool.cross_check().pulse
            network.pass_time(10)
            pulse = pool.cross_check().pulse
            assert first is not None
            assert pulse is not None
            assert not first.is_halted, "it can be that a node catches up"
            assert pulse.is_halted
            assert (pulse.age, pulse.silent_for) == (110, 110)

    def test_without_a_given_time_nothing_is_a_halt(self, network):
        with network.pool() as pool:
            pool.cross_check()
            network.pass_time(10**6)
            pulse = pool.cross_check().pulse
            assert pulse is not None
            assert not pulse.is_halted

    def test_our_clock_is_behind(self, network):
        network.wrong_by = -7
        with network.pool(clock_allowance=5) as pool:
            pulse = pool.cross_check().pulse
            assert pulse is not None
            assert pulse.clock_ahead == -7

    def test_our_clock_is_ahead_and_the_chain_has_not_halted(self, network):
        network.wrong_by = 3600
        with network.pool(silence=30) as pool:
            pool.cross_check()
            network.grow(5)
            pulse = pool.cross_check().pulse
            assert pulse is not None
            assert not pulse.is_halted
            assert pulse.clock_ahead == pytest.approx(3600, abs=10)

    def test_nodes_that_catch_up_are_no_matter_of_clocks(self, network):
        network.pass_time(500)
        with network.pool(silence=30) as pool:
            pool.cross_check()
            for node in network.nodes:
                node.head += 50
            network.pass_time(10)
            pulse = pool.cross_check().pulse
            assert pulse is not None
            assert not pulse.is_halted
            assert pulse.clock_ahead is None

    def test_a_head_that_was_invented_says_nothing_once_it_is_gone(self, network):
        with network.pool(silence=30) as pool:
            network.nodes[2].invented = 10**6
            pool.cross_check()
            network.nodes[2].invented = None
            for _ in range(10):
                network.grow(5)
                pulse = pool.cross_check().pulse
                assert pulse is not None
                assert (pulse.number, pulse.is_halted) == (network.nodes[0].head, False)
                assert pulse.clock_ahead is None

    def test_nobody_answers(self, network):
        for node in network.nodes:
            node.down = GONE
        with network.pool() as pool:
            assert pool.cross_check().pulse is None


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
