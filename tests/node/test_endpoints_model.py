"""Random lives of three nodes: whatever fails, lags or lies, and in whatever order, the pool keeps its promises."""

import os

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from perdure_anchor.errors import PerdureError
from perdure_contracts.rpc_errors import RpcBadAnswer, RpcTimeout, RpcUnreachable
from perdure_node.endpoints.errors import EndpointsDisagree
from perdure_node.endpoints.health import LONGEST_PAUSE
from simulated_chain import CHAIN_ID, tell
from tools.pooled_nodes import MOST_BLOCKS, Network, Node, trusting

FAULTS = (RpcUnreachable("gone", sent=False), RpcTimeout("slow"), RpcBadAnswer("nonsense"))
NODES = st.integers(0, 2)


class Pooled(RuleBasedStateMachine):
    """What is compared with: who is sound at the moment, and since when all are."""

    def __init__(self) -> None:
        super().__init__()
        self.network = Network(trusting(tell().trust))
        self.pool = self.network.pool()
        self.disputed = False

    def teardown(self) -> None:
        self.pool.close()
        assert all(node.opened == node.closed for node in self.network.nodes)

    def sound(self, node: Node) -> bool:
        return node.down is None and node.chain_id == CHAIN_ID and node.forged_from is None

    @rule(position=NODES, fault=st.sampled_from(FAULTS))
    def goes_down(self, position: int, fault: PerdureError) -> None:
        self.network.nodes[position].down = fault

    @rule(position=NODES)
    def comes_up(self, position: int) -> None:
        self.network.nodes[position].down = None

    @rule(position=NODES, chain_id=st.sampled_from([1, CHAIN_ID]))
    def is_of(self, position: int, chain_id: int) -> None:
        self.network.nodes[position].chain_id = chain_id

    @rule(position=NODES, since=st.sampled_from([None, None, 1, 30]))
    def lies(self, position: int, since: int | None) -> None:
        self.network.nodes[position].forged_from = since

    @precondition(lambda self: max(node.head for node in self.network.nodes) < MOST_BLOCKS - 10)
    @rule(blocks=st.integers(1, 5), behind=st.sets(NODES, max_size=2))
    def chain_grows(self, blocks: int, behind: set[int]) -> None:
        self.network.pass_time(2 * blocks)
        for position, node in enumerate(self.network.nodes):
            node.head += 0 if position in behind else blocks

    @rule(seconds=st.sampled_from([0.5, 3, 40, LONGEST_PAUSE]))
    def time_passes(self, seconds: float) -> None:
        self.network.pass_time(seconds)

    @rule()
    def compared(self) -> None:
        before = (
            {each.matter: set(each.answers) for each in self.pool.last_check.disagreements}
            if self.pool.last_check
            else {}
        )
        check = self.pool.cross_check()
        answering = {status.label for status in check.endpoints if status.fault is None}
        left = {each.matter for each in check.disagreements}
        for matter, parties in before.items():
            assert matter in left or parties <= answering | self.strangers(), "resolved without its parties"
        liars = [self.network.nodes[each].forged_from is not None for each in range(3)]
        if not any(liars):
            assert all(each.matter in before for each in check.disagreements if each.stops_rounds)

    def strangers(self) -> set[str]:
        return {f"http://{node.name}" for node in self.network.nodes if node.chain_id != CHAIN_ID}

    @rule(ends=st.sampled_from([None, None, *FAULTS]))
    def a_round(self, ends: PerdureError | None) -> None:
        for node in self.network.nodes:
            node.asked.clear()
        error = self.fault_of_a_round(ends)
        if isinstance(error, EndpointsDisagree):
            assert any(each.stops_rounds for each in self.pool.last_check.disagreements)  # type: ignore[union-attr]
        elif error is not None and error is not ends:
            assert not any(map(self.sound, self.network.nodes)) or self.all_that_are_sound_are_paused()

    def fault_of_a_round(self, ends: PerdureError | None) -> PerdureError | None:
        try:
            with self.pool.pinned() as chain:
                self.in_round(chain.client.rpc.node, chain, ends)  # type: ignore[attr-defined]
        except PerdureError as error:
            return error
        return None

    def in_round(self, node: Node, chain: object, ends: PerdureError | None) -> None:
        assert node.down is None
        others = [each for each in self.network.nodes if each is not node]
        asked = [len(each.asked) for each in others]
        for number in range(3):
            chain.blocks.header(number)  # type: ignore[attr-defined]
        assert [len(each.asked) for each in others] == asked, "a round has asked two nodes"
        if ends is not None:
            raise ends

    def all_that_are_sound_are_paused(self) -> bool:
        statuses = self.pool.statuses()
        return all(
            status.paused_for > 0
            for status, node in zip(statuses, self.network.nodes, strict=True)
            if self.sound(node)
        )

    @invariant()
    def nothing_is_left_alone_for_longer_than_said(self) -> None:
        assert all(status.paused_for <= LONGEST_PAUSE for status in self.pool.statuses())

    @rule()
    def all_is_well_again(self) -> None:
        """Once all nodes are sound, level, and their pauses are over, the preferred one is pinned again."""
        newest = max(node.head for node in self.network.nodes)
        for node in self.network.nodes:
            node.down, node.chain_id, node.forged_from, node.head = None, CHAIN_ID, None, newest
        self.network.pass_time(LONGEST_PAUSE)
        assert not [each for each in self.pool.cross_check().disagreements if each.stops_rounds]
        with self.pool.pinned() as chain:
            assert chain.client.rpc.node is self.network.nodes[0]  # type: ignore[attr-defined]


TORTURE = int(os.environ.get("PERDURE_TORTURE", 0))
Pooled.TestCase.settings = settings(
    max_examples=TORTURE or 50, stateful_step_count=30, deadline=None, derandomize=not TORTURE
)
TestPooled = Pooled.TestCase
