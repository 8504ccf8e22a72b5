"""Asking each node what it is and which blocks it has, and keeping what does not fit together until it is resolved."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from perdure_anchor.errors import ChainError, ConfigError, PerdureError
from perdure_anchor.hashes import Hash32, to_hex
from perdure_anchor.trust import TrustFile
from perdure_contracts.transactions import WrongChain

from perdure_node.endpoints.comparing import (
    CHAIN,
    CODE,
    Disagreement,
    Matter,
    View,
    block_matter,
    common_blocks,
    compare,
    fetch_named_block,
    fetch_view,
    standing,
)
from perdure_node.endpoints.connections import Connections
from perdure_node.endpoints.pulse import Pulse, PulseWatch

Value = TypeVar("Value")

# a node that lies anew each time shall not make each check longer than the one before: rounds are stopped as it is
_MOST_DISPUTED_BLOCKS: Final = 8


class CrossChecking:
    """The comparisons so far; ``labels`` name the nodes by their position. Use it from one thread at a time."""

    def __init__(
        self, trust: TrustFile, labels: Sequence[str], silence: float, clock_allowance: float
    ) -> None:
        self._trust, self._labels = trust, labels
        self._watch = PulseWatch(silence, clock_allowance)
        self._newest: tuple[int, int] | None = None
        self.disagreements: list[Disagreement] = []

    def run(
        self, connections: Connections, answered: Callable[[int, int, int], None]
    ) -> dict[int, PerdureError]:
        """Ask and compare; gives what is wrong with single nodes. ``answered`` hears of each that is of our chain, and of its head."""
        faults: dict[int, PerdureError] = {}
        views = self._views(connections, faults)
        ours = {position: view for position, view in views.items() if view.is_of(self._trust)}
        for position in views.keys() - ours.keys():
            faults[position] = self._stranger(self._labels[position], views[position])
        blocks = self._blocks(connections, ours, faults)
        for position, view in ours.items():
            if position not in faults:
                answered(position, view.head, view.head_time)
        self._newest = max(((view.head, view.head_time) for view in ours.values()), default=None)
        self._compare(views, ours, blocks)
        return faults

    def pulse(self, now: float, monotonic: float) -> Pulse | None:
        """Whether the chain goes on, by the newest block of the last run; None if no node of the chain answered."""
        return None if self._newest is None else self._watch.observe(*self._newest, now, monotonic)

    def _views(self, connections: Connections, faults: dict[int, PerdureError]) -> dict[int, View]:
        views = {}
        for position in range(len(self._labels)):
            try:
                views[position] = fetch_view(connections.client(position), self._trust)
            except (ChainError, ConfigError) as fault:
                faults[position] = fault
        return views

    def _blocks(
        self, connections: Connections, views: Mapping[int, View], faults: dict[int, PerdureError]
    ) -> dict[int, dict[int, Hash32]]:
        """The blocks' names by number and position; a node without a block that it should have is at fault."""
        disputed = {each.matter[1] for each in self.disagreements}
        numbers = {*common_blocks(views.values(), self._trust), *(disputed - {None})}
        found: dict[int, dict[int, Hash32]] = {number: {} for number in sorted(filter(None, numbers))}
        for position, view in views.items():
            client = connections.client(position)
            try:
                for number, names in found.items():
                    if number <= view.head:
                        names[position] = fetch_named_block(client, self._trust, number)
            except ChainError as fault:
                faults[position] = fault
        return found

    def _compare(
        self,
        views: Mapping[int, View],
        ours: Mapping[int, View],
        blocks: Mapping[int, Mapping[int, Hash32]],
    ) -> None:
        by_label = {number: self._labelled(names) for number, names in blocks.items()}
        found = compare(self._labelled(views), self._labelled(ours), by_label)
        spoke: dict[Matter, Iterable[str]] = {
            CHAIN: self._labelled(views),
            CODE: [self._labels[position] for position, view in ours.items() if view.code is not None],
        }
        spoke |= {block_matter(number): names for number, names in by_label.items()}
        self.disagreements = standing(self.disagreements, found, spoke)[: _MOST_DISPUTED_BLOCKS + 2]

    def _labelled(self, by_position: Mapping[int, Value]) -> dict[str, Value]:
        return {self._labels[position]: value for position, value in by_position.items()}

    def _stranger(self, label: str, view: View) -> WrongChain:
        return WrongChain(
            f"the node at {label} is on another chain: its id is {view.chain_id} and its genesis block "
            f"{to_hex(view.genesis)}, want {self._trust.chain_id} and {to_hex(self._trust.genesis_hash)}",
            hint="take it out of the configuration, or give the url of a node of the consortium's chain",
        )
