"""What the looks at the chain say of its pace and of this machine's clock: whether it stands still, and whose time is wrong.

A look that sees the same block as before says that the chain stands still only as far as the machine's monotonic clock has run, which
nobody sets. A block is never from the future: if it seems to be, our clock is behind. If a block that has just come seems old, our clock is
ahead, or the chain client is still catching up, when its blocks' times come nearer to ours with each look.
"""

from dataclasses import dataclass

from perdure_node.clock import told_time
from perdure_node.gateway.settings import NodeSettings
from perdure_node.service.state import ChainView

# a proposer that is down costs a round or two, each longer than the one before
_PERIODS_TO_HALT = 6
_SHORTEST_HALT = 30.0


@dataclass(frozen=True, slots=True)
class Look:
    """A look at the newest block, ``at`` a moment of the monotonic clock; ``age`` of the block by our clock, in seconds."""

    at: float
    head: int
    age: float


class ChainPace:
    """Takes the views as they come; one thread's."""

    def __init__(self, settings: NodeSettings) -> None:
        self._period, self._skew = settings.chain.period, settings.alarms.clock_skew_seconds
        self._seen_at: float | None = None
        self._last: Look | None = None
        self._moved: Look | None = None
        self.halt: str | None = None
        self.skew: str | None = None

    def take(self, view: ChainView, monotonic: float) -> None:
        """Judge a view, unless it is the one that was judged before."""
        if (
            view.head is None
            or view.head_time is None
            or view.seen_at is None
            or view.seen_at == self._seen_at
        ):
            return
        self._seen_at = view.seen_at
        look = Look(monotonic, view.head, view.seen_at - view.head_time)
        if self._last is None or self._last.head != look.head:
            self.skew = self._skew_of(look)
            self._moved = look
        self.halt = self._halt_of(look, view.head_time)
        self._last = look

    def _halt_of(self, look: Look, head_time: int) -> str | None:
        still = look.at - (self._moved or look).at
        if not self._period or still <= max(_SHORTEST_HALT, _PERIODS_TO_HALT * self._period):
            return None
        return f"no block for {still:.0f} s: the newest is {look.head}, of {told_time(head_time)}"

    def _skew_of(self, look: Look) -> str | None:
        """Of a block that came since the last look, or, for the first look, only whether it is from the future."""
        if look.age < -self._skew:
            return f"this machine's clock is {-look.age:.0f} s behind the chain's newest block"
        before, moved = self._last, self._moved
        if before is None or moved is None:
            return self.skew
        ahead = look.age - (look.at - before.at) - self._period
        comes_nearer = moved.age - look.age > self._period + (look.at - moved.at)
        if ahead <= self._skew or comes_nearer:
            return None
        return f"this machine's clock is {ahead:.0f} s or more ahead of the chain's newest block"
