"""Several nodes of the chain compared: which differences stop all rounds, and when the chain itself has halted."""

import pytest
from perdure_anchor.hashes import to_hex
from perdure_contracts.rpc_errors import RpcRefused
from perdure_contracts.transactions import WrongChain
from perdure_node.chain.errors import WithoutContracts
from perdure_node.endpoints.errors import EndpointsDisagree
from perdure_node.endpoints.health import LONGEST_PAUSE
from simulated_chain import REGISTRY, tell
from tools.pooled_nodes import GONE, Network, Node, pinned_by, trusting


@pytest.fixture
def network() -> Network:
    return Network(trusting(tell().trust))


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
